"""Compression of pgxseg text, as downloads are compressed, beside a gigabit line and a plain copy.

    python -m tests.benchmarks.compression [ROWS]         (default: 200000)

One thread at work, in memory that is kept as in the gateway; the ceiling that matters is the line: 125 MB/s of what
leaves.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import bson

from gateway import codec
from gateway.demo.cohort import documents
from gateway.flow.compression import CODINGS, compressed
from gateway.formats.pgxseg import COLUMNS
from gateway.web.process import keep_freed_memory
from tests.benchmarks.clients import median, table
from tests.benchmarks.cohort import array

__all__ = ["run"]

_CHUNK: Final = 400_000
_GIGABIT: Final = 125e6  # bytes a second
_REPEATS: Final = 5


def text(rows: int) -> bytes:
    """Rows of pgxseg: the demo's cohort again and again, which is longer than any of the compressors looks back."""
    batch = array([bson.encode(document) for name, document in documents(200) if name == "variants"])
    once = codec.rows([batch], COLUMNS, "biosample_id")
    return once.data * max(1, rows // once.rows)


async def squeeze(data: bytes, coding: str) -> tuple[float, int]:
    """Processor seconds that compressing takes, and the bytes that come of it."""

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), _CHUNK):
            yield data[at : at + _CHUNK]

    with ThreadPoolExecutor(1) as executor:
        began = time.process_time()
        size = sum([len(piece) async for piece in compressed(chunks(), coding, executor)])
        return time.process_time() - began, size


def run(rows: int = 200_000) -> None:
    """Measure and print."""
    keep_freed_memory()
    data = text(rows)
    began = time.process_time()
    bytes(bytearray(data))
    copied = (time.process_time() - began) / 2
    lines = [("plain copy", f"{len(data) / copied / 1e6:,.0f}", "1.0", "")]
    for coding in CODINGS:
        found = [asyncio.run(squeeze(data, coding)) for _ in range(_REPEATS)]
        seconds, size = median(one[0] for one in found), found[0][1]
        lines.append(
            (
                coding,
                f"{len(data) / seconds / 1e6:,.0f}",
                f"{len(data) / size:.1f}",
                f"{size / seconds / _GIGABIT:.0%} out, {len(data) / seconds / _GIGABIT:.0%} in",
            )
        )
    table(
        f"Compression of {len(data) / 1e6:.0f} MB of pgxseg, one core, medians of {_REPEATS}",
        ("coding", "MB/s in", "times smaller", "of a gigabit line"),
        lines,
    )


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
