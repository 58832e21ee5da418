"""The clients that people leave alone overnight, each run until it says that it is done: wget, curl and our own."""

import asyncio
import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gateway.fetch import transfer
from gateway.fetch.progress import Progress
from tests.cutter import Fate

__all__ = ["CLIENTS", "cuts", "fetch_here", "sha256"]

_TRIES: Final = 200
_SECONDS: Final = 120.0


def sha256(path: Path) -> str:
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cuts(seed: int, size: int, *, most: int = 4, resets: bool = False) -> Iterator[Fate]:
    """Up to `most` connections, at least one, that end at a random byte; those that follow are left alone.

    Only by `resets` where wget follows an export in the making: it takes a plain close within a chunk for the end.
    """
    chance = random.Random(seed)
    for _ in range(chance.randint(1, most)):
        yield Fate("reset" if resets else chance.choice(("reset", "reset", "close")), chance.randrange(size))


def _until_done(command: list[str], target: Path, *, anew: frozenset[int] = frozenset()) -> None:
    """Run a command until it succeeds; after the exit codes in `anew` without the file that it could not go on with."""
    end, said = time.monotonic() + _SECONDS, ""
    for _ in range(_TRIES):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode == 0:
            return
        said = f"exit code {done.returncode}: {done.stderr[-500:]}"
        assert time.monotonic() < end, said
        if done.returncode in anew:
            target.unlink(missing_ok=True)
        time.sleep(0.05)
    raise AssertionError(f"{command[0]} was not done after {_TRIES} tries; the last ended with {said}")


def wget(url: str, target: Path) -> None:
    """`wget -c`, which tries again by itself."""
    options = ["--tries=20", "--waitretry=0.1", "--timeout=30", "--retry-connrefused"]
    _until_done(["wget", "-nv", "-c", *options, "-O", str(target), url], target)


def curl(url: str, target: Path) -> None:
    """`curl -C -` in a loop, as its manual has it."""
    # 33: the server cannot go on from there.
    _until_done(["curl", "-sS", "--fail", "-C", "-", "-o", str(target), url], target, anew=frozenset({33}))


def fetch(url: str, target: Path) -> None:
    """`pgx-gateway fetch`, once: it goes on by itself."""
    command = [sys.executable, "-m", "gateway", "fetch", "--quiet", "--give-up=60", "-o", str(target), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * _SECONDS, check=False)
    assert done.returncode == 0, done.stderr


def fetch_here(url: str, target: Path) -> None:
    """The same without a process of its own, which takes its time to start."""
    done = asyncio.run(
        transfer.fetch(transfer.FetchOptions(url=url, output=str(target), give_up=60), Progress(quiet=True))
    )
    assert done.verified


CLIENTS: Final[dict[str, Callable[[str, Path], None]]] = {"wget -c": wget, "curl -C -": curl, "fetch": fetch}
