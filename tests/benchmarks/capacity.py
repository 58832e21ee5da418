"""What one host can carry, in processor seconds: what it makes, what it delivers of what is kept, small pages.

    python -m tests.benchmarks.capacity [ROWS]         (default: 1000000)

With one worker and with two, four clients each time.  Rates are those of this machine, upstream and clients on it, too;
processor seconds are the gateway's alone, and hardly depend on how busy the machine is: a core has one a second.
"""

import sys
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory

from psutil import Process

from tests.benchmarks.clients import Read, cpu, curl, many, path, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay

__all__ = ["run"]

_CLIENTS = 4
_TRANSFERS = 3  # of each client, of what is kept
_PAGES = 100  # of each client


def _family(process: Process) -> float:
    """Processor seconds of a process and its workers."""
    return sum(map(cpu, (process, *process.children(recursive=True))))


def _measured(gateway: served, read: Callable[[], Read]) -> tuple[float, float]:
    """The seconds until each client has read once, and the gateway's processor seconds meanwhile."""
    used = _family(gateway.watched)
    seconds, _ = many(_CLIENTS, read)
    return seconds, _family(gateway.watched) - used


def _made(uri: str, cohort: Cohort, workers: int) -> Iterator[tuple[str, ...]]:
    """Passes, one a client: rows."""
    with served(uri, cohort, workers=workers) as gateway:
        for word in ("pgxseg", "pgxseg.gz", "jsonl"):
            address = path(cohort).replace("output=pgxseg", f"output={word}")
            curl(gateway.port, address)
            seconds, used = _measured(gateway, lambda a=address: curl(gateway.port, a))
            rows = _CLIENTS * cohort.rows / 1e6
            yield f"made, {word}", str(workers), f"{rows / seconds:.2f} million rows", f"{used / rows:.2f} a million"
        address = f"/beacon/g_variants?biosampleIds=pgxbs-00000001&limit=5&datasetIds={cohort.name}"

        def pages() -> Read:
            for _ in range(_PAGES):
                assert gateway.ask(address).status == 200
            return Read(0, 0, 0)

        seconds, used = _measured(gateway, pages)
        count = _CLIENTS * _PAGES
        yield "pages of 5", str(workers), f"{count / seconds:,.0f} pages", f"{1000 * used / count:.2f} a thousand"


def _kept(uri: str, cohort: Cohort, workers: int, folder: str) -> Iterator[tuple[str, ...]]:
    """What the spool has: bytes."""
    with served(uri, cohort, workers=workers, spool=folder) as gateway:
        for _ in range(_CLIENTS):  # until all workers are up
            curl(gateway.port, path(cohort).replace("output=pgxseg", "output=igv"))
        address, used = path(cohort), _family(gateway.watched)
        size = raw(gateway.port, address).size
        spent = _family(gateway.watched) - used
        yield "made and kept", str(workers), "", f"{1e6 * spent / cohort.rows:.2f} a million rows"

        def again() -> Read:
            for _ in range(_TRANSFERS):
                found = curl(gateway.port, address)
            return found

        seconds, used = _measured(gateway, again)
        sent = _CLIENTS * _TRANSFERS * size / 1e9
        yield "delivered from disk", str(workers), f"{1000 * sent / seconds:,.0f} MB", f"{used / sent:.2f} a GB"


def run(rows: int = 1_000_000) -> None:
    """Measure and print."""
    cohort = Cohort.of(rows)
    with Replay() as replay:
        lines = [line for workers in (1, 2) for line in _lines(replay.uri, cohort, workers)]
    table("capacity", ("", "workers", "a second, here", "processor seconds"), lines)


def _lines(uri: str, cohort: Cohort, workers: int) -> Iterator[tuple[str, ...]]:
    yield from _made(uri, cohort, workers)
    with TemporaryDirectory() as folder:
        yield from _kept(uri, cohort, workers, folder)


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
