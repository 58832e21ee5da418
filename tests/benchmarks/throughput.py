"""End to end beside its ceilings: the bare drain of the same slices, and a server that writes ready-made chunks.

    python -m tests.benchmarks.throughput [ROWS [REPEATS]]         (default: 1000000 5)
    python -m tests.benchmarks.throughput --uri URI --dataset NAME [REPEATS]       (all that is stored)

Runs are interleaved and medians shown.  `gateway` is the engine installed; `stub N` a gateway whose encoder returns
ready-made bytes after N microseconds a row: what the pipeline alone can do.  Processor seconds are the server's; of a
stored dataset, those of the database are told, too.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from gateway import codec
from tests.benchmarks.clients import Ceiling, Read, cpu, curl, median, path, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay

__all__ = ["run"]

Figures = tuple[float, float, float]  # rows a second, MB a second, processor seconds for a million rows
_FLIGHTS = 4
_SLICE = 10_000  # rows, as the gateway reads
_SLOW = 1_000_000 // 5  # rows for an engine that is not compiled


def drained(uri: str, dataset: Cohort | str, mode: str, rows: int = 5_000) -> Figures:
    """One bare drain, by slices of so many rows, in a process of its own."""
    name = dataset if isinstance(dataset, str) else dataset.name
    command = [sys.executable, "-m", "tests.benchmarks.drain", uri, name, str(_FLIGHTS), str(rows), mode]
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


# --- what a real server stores --------------------------------------------------------------------------------------


def _database_seconds(database: Database[dict[str, Any]]) -> float:
    """Processor seconds that the server has used."""
    info = database.command("serverStatus")["extra_info"]
    return float(info["user_time_us"] + info["system_time_us"]) / 1e6


def run_stored(uri: str, dataset: str, repeats: int = 3) -> None:
    """Measure all that is stored in a dataset, and print."""
    address = f"/beacon/variants?allData=true&output=pgxseg&datasetIds={dataset}"
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    with MongoClient[dict[str, Any]](uri) as client, served(uri, dataset, flights=_FLIGHTS) as gateway:
        database = client[dataset]
        rows = database.variants.estimated_document_count()
        ways: dict[str, Callable[[], Figures]] = {
            "drain": lambda: drained(uri, dataset, "plain", _SLICE),
            "gateway, curl": lambda: transferred(gateway, curl, address, rows),
            "gateway, raw": lambda: transferred(gateway, raw, address, rows),
        }
        for _ in range(repeats):
            for name, measure in ways.items():
                used = _database_seconds(database)
                figures = measure()
                times = 2 if name == "drain" else 1  # it reads all twice
                found[name].append((*figures, (_database_seconds(database) - used) / times / rows * 1e6))
    medians = {name: [median(one[at] for one in runs) for at in range(4)] for name, runs in found.items()}
    drain = medians["drain"][0]
    table(
        f"Throughput of {dataset}: {rows:,} rows, {_FLIGHTS} flights, medians of {repeats}",
        ("what", "rows/s", "of drain", "MB/s", "CPU s / M rows", "of the database"),
        [
            (name, f"{speed:,.0f}", f"{speed / drain:.0%}", f"{size:,.0f}", f"{used:.3f}", f"{theirs:.3f}")
            for name, (speed, size, used, theirs) in medians.items()
        ],
    )


def main(words: list[str]) -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.throughput")
    parser.add_argument("--uri", help="a MongoDB; without one the replay upstream is started")
    parser.add_argument("--dataset", default="pages", help="the database of the dataset")
    parser.add_argument("numbers", type=int, nargs="*", metavar="NUMBER", help="[ROWS] REPEATS")
    given = parser.parse_args(words)
    if given.uri:
        run_stored(given.uri, given.dataset, *given.numbers)
    else:
        run(*given.numbers)


if __name__ == "__main__":
    main(sys.argv[1:])
