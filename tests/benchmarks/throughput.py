"""End to end beside its ceilings: the bare drain of the same slices, and a server that writes ready-made chunks.

    python -m tests.benchmarks.throughput [ROWS [REPEATS]]         (default: 1000000 5)

Runs are interleaved and medians shown.  `gateway` is the engine installed; `stub N` a gateway whose encoder returns
ready-made bytes after N microseconds a row: what the pipeline alone can do.  Processor seconds are the server's.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from tempfile import TemporaryDirectory

from gateway import codec
from tests.benchmarks.clients import Ceiling, Read, cpu, curl, median, path, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay

__all__ = ["run"]

Figures = tuple[float, float, float]  # rows a second, MB a second, processor seconds for a million rows
_FLIGHTS = 4
_SLOW = 1_000_000 // 5  # rows for an engine that is not compiled


def drained(uri: str, cohort: Cohort, mode: str, rows: int = 5_000) -> Figures:
    """One bare drain, by slices of so many rows, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.drain", uri, cohort.name, str(_FLIGHTS), str(rows), mode]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found["rows"], found["mb"], found["cpu"]


def transferred(server: Ceiling | served, read: Callable[[int, str], Read], address: str, rows: int) -> Figures:
    """One transfer over HTTP."""
    process = server.watched if isinstance(server, served) else server.process
    used = cpu(process)
    found = read(server.port, address)
    return rows / found.seconds, found.size / found.seconds / 1e6, (cpu(process) - used) / rows * 1e6


def spooled(uri: str, cohort: Cohort) -> Figures:
    """The first transfer of an export from a gateway with an empty spool."""
    with TemporaryDirectory() as folder, served(uri, cohort, flights=_FLIGHTS, spool=folder) as gateway:
        return transferred(gateway, curl, path(cohort), cohort.rows)


def _ways(stack: ExitStack, uri: str, rows: int) -> dict[str, Callable[[], Figures]]:
    """What is measured, by name."""
    cohort = Cohort.of(rows)
    own = cohort if codec.IMPLEMENTATION != "python" else Cohort.of(min(rows, _SLOW))
    ready = stack.enter_context(Ceiling("ready"))
    ways: dict[str, Callable[[], Figures]] = {
        "drain": lambda: drained(uri, cohort, "plain"),
        "drain, memory kept": lambda: drained(uri, cohort, "kept"),
    }
    for name, stub, some in (("gateway", None, own), ("stub 0", 0.0, cohort), ("stub 0.3", 0.3, cohort)):
        gateway = stack.enter_context(served(uri, some, stub=stub, flights=_FLIGHTS))
        raw(gateway.port, path(some))  # warm
        for client, read in (("curl", curl), ("raw", raw)):
            ways[f"{name}, {client}"] = lambda g=gateway, r=read, c=some: transferred(g, r, path(c), c.rows)
    # A folder of its own each time: the pass is written to it, and the client follows.
    ways["gateway, spool, curl"] = lambda: spooled(uri, own)
    for chunk in (64, 256):
        address = f"/?size={rows * 81}&chunk={chunk * 1024}"
        for client, read in (("curl", curl), ("raw", raw)):
            name = f"ready {chunk} KiB, {client}"
            ways[name] = lambda r=read, a=address: transferred(ready, r, a, rows)
    return ways


def run(rows: int = 1_000_000, repeats: int = 5) -> None:
    """Measure and print."""
    found: dict[str, list[Figures]] = defaultdict(list)
    with Replay() as replay, ExitStack() as stack:
        ways = _ways(stack, replay.uri, rows)
        for _ in range(repeats):
            for name, measure in ways.items():
                found[name].append(measure())
    figures = {name: tuple(median(one[at] for one in runs) for at in range(3)) for name, runs in found.items()}
    drain = figures["drain"][0]
    table(
        f"Throughput: {rows:,} rows, {codec.IMPLEMENTATION} engine, {_FLIGHTS} flights, medians of {repeats}",
        ("what", "rows/s", "of drain", "MB/s", "CPU s / M rows", "rows/s of a core"),
        [
            (name, f"{speed:,.0f}", f"{speed / drain:.0%}", f"{size:,.0f}", f"{used:.3f}", f"{1e6 / used:,.0f}")
            for name, (speed, size, used) in figures.items()
        ],
    )


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
