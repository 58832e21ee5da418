"""`pgx-gateway import`: its options, what it says, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest
from pymongo.database import Database

from gateway.demo.store import Store

SEG = """ID\tchrom\tloc.start\tloc.end\tnum.mark\tseg.mean
T1\t1\t10001\t2000000\t120\t-0.12
T1\t8\t127000001\t128000000\t60\t1.5
T2\t9\t21000001\t22000000\t44\tNA
"""


@pytest.fixture
def command(store: Store, dataset: "Database[dict[str, object]]", tmp_path: Path):
    def command(text: str, *options: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "tumours.seg"
        file.write_text(text)
        line = [sys.executable, "-m", "gateway", "import", str(file), "--mongo-uri", store.uri, *options]
        return subprocess.run([*line, "--dataset", dataset.name], capture_output=True, text=True, check=False)

    return command


def test_what_gave_no_variant_is_counted_and_told(command):
    done = command(SEG)
    assert done.returncode == 0, done.stderr
    assert "1 variants of 2 biosamples" in done.stdout
    assert "  1 rows without a variant: log2 is neither above --gain-above nor below --loss-below" in done.stdout
    assert "  1 rows without a variant: no log2" in done.stdout
    assert "positions count from 1" in done.stdout


def test_thresholds_and_neutral_segments_are_options(command):
    assert "2 variants" in command(SEG, "--gain-above", "0.1", "--loss-below", "-0.1").stdout
    assert "2 variants" in command(SEG, "--keep-neutral").stdout
    for wrong in (["--gain-above", "nan"], ["--gain-above", "x"], ["--gain-above=-1", "--loss-below=0"]):
        done = command(SEG, *wrong)
        assert done.returncode == 2
        assert wrong[0].partition("=")[0] in done.stderr


@pytest.mark.parametrize("more", [[], ["--skip-bad"]])
def test_what_is_not_understood_never_ends_well(command, more):
    for text in ("<html>\n", SEG.replace("seg.mean", "x"), "s\t1\t5\t9\t.\n"):
        done = command(text, *more)
        assert done.returncode == 1
        assert "tumours.seg:" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
