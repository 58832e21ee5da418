"""The gateway beside what one would write first, on the same upstream and HTTP stack.

    python -m tests.benchmarks.peers [ROWS [REPEATS]]         (default: 200000 3)

Each way runs in a process of its own, so that its peak memory is its own.  `find_one` reads fewer rows: it takes that
long.  First byte is that of the body: an answer's headers alone are of no use to anyone.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

from gateway import codec
from tests.benchmarks.apps import WAYS
from tests.benchmarks.clients import Ceiling, Read, cpu, median, path, peak, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay

__all__ = ["run"]

_FEW = 10_000
_NAMES = {
    "one": "find_one a variant",
    "list": "a list, joined in memory",
    "each": "async for, a write a line",
    "thousand": "async for, a write a 1,000",
}


def measured(
    server: AbstractContextManager[Ceiling | served], address: str, rows: int, repeats: int
) -> tuple[float, float, float, float]:
    """Rows a second, first byte, processor seconds for a million rows: medians; and peak memory."""
    with server as running:
        process = running.watched if isinstance(running, served) else running.process
        used = cpu(process)
        found: list[Read] = [raw(running.port, address) for _ in range(repeats)]
        used = (cpu(process) - used) / repeats
        speed = median(rows / one.seconds for one in found)
        return speed, median(one.first for one in found), used / rows * 1e6, peak(process)


def run(rows: int = 200_000, repeats: int = 3) -> None:
    """Measure and print."""
    cohort, few = Cohort.of(rows), Cohort.of(min(rows, _FEW))
    with Replay() as replay:
        figures = {}
        for way in WAYS:
            some = few if way == "one" else cohort
            app = Ceiling("apps", replay.uri)
            figures[_NAMES[way]] = measured(app, f"/{way}?dataset={some.name}", some.rows, repeats)
        engines: list[tuple[str, float | None]] = [(f"gateway, {codec.IMPLEMENTATION} engine", None)]
        engines += [("gateway, stub of 0.3 us a row", 0.3)] if codec.IMPLEMENTATION == "python" else []
        for name, stub in engines:
            gateway: Callable[[], served] = lambda s=stub: served(replay.uri, cohort, stub=s)  # noqa: E731
            figures[name] = measured(gateway(), path(cohort), cohort.rows, repeats)
    each = figures[_NAMES["each"]][0]
    table(
        f"Beside what one would write first: {rows:,} rows, medians of {repeats}",
        ("way", "rows/s", "of `async for`", "first body byte", "CPU s / M rows", "peak RSS"),
        [
            (name, f"{speed:,.0f}", f"{speed / each:.2f}", f"{1000 * first:,.0f} ms", f"{used:.2f}", f"{size:,.0f} MB")
            for name, (speed, first, used, size) in figures.items()
        ],
    )


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
