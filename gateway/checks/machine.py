"""This machine: packages, engine, files that may be open, and the folder of exports."""

import fcntl
import os
import platform
import resource
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from gateway import __version__, codec
from gateway.checks.findings import Finding, fail, ok, warning
from gateway.config import Config
from gateway.spool.files import Files
from gateway.spool.private import private_folder
from gateway.spool.room import Room

__all__ = ["check_machine"]

_OTHER_FILES: Final = 256  # beside one connection a client


def check_machine(config: Config) -> list[Finding]:
    """All that does not need the database."""
    return [_packages(), _engine(), _files(config), *_spool(config)]


def _packages() -> Finding:
    try:
        stated = metadata.requires("pgx-gateway") or []
    except metadata.PackageNotFoundError:
        return warning("versions", f"pgx-gateway {__version__} runs without being installed: packages are not compared")
    wrong = [told for text in stated if (told := _misses(text))]
    if wrong:
        return fail("versions", f"not as pgx-gateway needs them: {'; '.join(wrong)}", "pip install --upgrade .")
    return ok("versions", f"pgx-gateway {__version__}, Python {platform.python_version()}, and all packages it needs")


def _misses(text: str) -> str | None:
    """What an installed package is not, of what is required."""
    try:
        required = Requirement(text)
    except InvalidRequirement:
        return None
    if required.marker and not required.marker.evaluate({"extra": ""}):
        return None
    try:
        version = metadata.version(required.name)
    except metadata.PackageNotFoundError:
        return f"{required.name} is missing"
    fits = required.specifier.contains(version, prereleases=True)
    return None if fits else f"{required.name} {version} is not {required.specifier}"


def _engine() -> Finding:
    if codec.IMPLEMENTATION == "python":
        text = "the Python engine serves, which is slow; with a C++ compiler the installation builds the compiled one"
        return warning("engine", text, "apt-get install g++ python3-dev && pip install --force-reinstall --no-deps .")
    return ok("engine", "the compiled one")


def _files(config: Config) -> Finding:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = config.max_clients + _OTHER_FILES
    if most != resource.RLIM_INFINITY and most < needed:
        text = f"{most} may be open in a process, too few for max_clients {config.max_clients}, which needs {needed}"
        return warning("open files", text, f"ulimit -n {needed}")
    return ok("open files", "as many as max_clients needs")


# --- the folder of exports -------------------------------------------------------------------------------------------


def _spool(config: Config) -> list[Finding]:
    if config.no_spool:
        return [ok("spool", "none: exports are delivered directly, and cannot be resumed")]
    if not config.spool:
        return [warning("spool", "there is no home to keep exports in: they are delivered directly; `spool` names one")]
    path = Path(config.spool)
    if not path.exists():
        return [_to_be_made(path)]
    try:
        real = private_folder(path, trusting=config.trust_local_users)
        with tempfile.TemporaryFile(dir=real) as probe:
            probe.write(b"\0")
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return [fail("spool", f"{path} cannot be used: {error.strerror or error}")]
    return [ok("spool", f"{real} can be written, by this user alone"), _room(real, config.spool_quota)]


def _to_be_made(path: Path) -> Finding:
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        return fail(
            "spool", f"{path} is not there, and this user cannot make it in {above}", f"install -d -m 700 {path}"
        )
    return ok("spool", f"{path} will be made")


def _room(path: Path, quota: int) -> Finding:
    try:
        room = Room(Files(path), quota)
        room.measure()
        used, free = room.usage(), shutil.disk_usage(path).free
    except OSError as error:
        return fail("spool room", f"{path}: {error.strerror or error}")
    text = f"{_told(used)} used of a quota of {_told(room.quota)}, {_told(free)} free on the disk"
    if used + free < room.quota:
        return warning("spool room", f"{text}: the disk is full before the quota is")
    return ok("spool room", text)


def _told(size: int) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size:,} TiB"
