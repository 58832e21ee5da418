"""The compiled engine is an option: built where it can be, done without where not; a setting turns it off."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAYS_WHICH = "from gateway import codec; print(codec.IMPLEMENTATION)"


def run(*arguments: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        arguments, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_compiled_engine_is_built_and_serves():
    pytest.importorskip("gateway.codec._c")
    assert run(sys.executable, "-c", SAYS_WHICH, GATEWAY_NO_EXTENSIONS="") == "compiled"


def test_the_python_engine_serves_where_it_is_asked_for():
    assert run(sys.executable, "-c", SAYS_WHICH, GATEWAY_NO_EXTENSIONS="1") == "python"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the build needs, without anything built."""
    copy = tmp_path_factory.mktemp("source")
    built = shutil.ignore_patterns("*.so", "*.pyd", "_c.cpp", "__pycache__")
    shutil.copytree(ROOT / "gateway", copy / "gateway", ignore=built)
    for path in ROOT.iterdir():
        if path.name in {"pyproject.toml", "README.md", "LICENSE"}:
            shutil.copy(path, copy)
    return copy


def test_without_a_compiler_the_install_succeeds_and_the_python_engine_serves(source: Path, tmp_path: Path):
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-index", "--no-build-isolation")
    run(*pip, "--no-deps", "--wheel-dir", tmp_path, ".", cwd=source, CC="/bin/false", CXX="/bin/false")
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    assert not list(unpacked.rglob("_c.*so"))
    assert not list(unpacked.rglob("*.cpp"))
    assert run(sys.executable, "-c", SAYS_WHICH, cwd=unpacked, PYTHONPATH=str(unpacked)) == "python"


def test_the_source_archive_holds_the_sources_of_the_engine(source: Path, tmp_path: Path):
    build = f"from setuptools import build_meta; print(build_meta.build_sdist({str(tmp_path)!r}))"
    run(sys.executable, "-c", build, cwd=source)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    expected = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "gateway" / "codec").rglob("*")
        if path.suffix in {".py", ".pyi", ".pyx", ".hpp"}
    }
    assert expected <= names
    assert len(expected) >= 12
