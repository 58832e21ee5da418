"""A gateway whose encoder returns ready-made bytes: what the pipeline costs without an engine.

    python -m tests.benchmarks.stub serve …         (as `python -m gateway serve`)

`STUB_COST` (0) is what a row costs the encoder nonetheless, in microseconds of processor time, without the GIL.
"""

import hashlib
import os
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from gateway import cli, codec
from gateway.rows import Rows

_COST: Final = float(os.environ.get("STUB_COST", "0")) / 1e6
_LINE: Final = b"pgxbs-00000000\t12\t21500001\t21967753\t-0.3481\tDEL\t.\t.\tEFO:0030067\tlow-level loss\n"
_WORK: Final = memoryview(bytes(64 * 1024 * 1024))


def _seconds_a_byte() -> float:
    """Processor seconds that hashing a byte takes, at best."""
    found, some = [], _WORK[: 1024 * 1024]
    for _ in range(9):
        began = time.thread_time()
        hashlib.blake2b(some)
        found.append(time.thread_time() - began)
    return min(found) / len(some)


_SECONDS_A_BYTE: Final = _seconds_a_byte()
_ID: Final = b"\x07_id\0"
_lines: dict[int, bytes] = {}
_counts: dict[int, int] = {}
_counted = codec.count


def split_reply(raw: bytes | memoryview) -> tuple[int, memoryview]:
    """The cursor id and the batch of a reply of the replay upstream."""
    view = memoryview(raw)
    at = 4 + len(b"\x03cursor\0")
    (inner,) = struct.unpack_from("<i", view, at)
    start = at + 4 + 1 + len(b"firstBatch\0")
    (size,) = struct.unpack_from("<i", view, start)
    # The number of the cursor follows: type, `id`, value.
    (cursor,) = struct.unpack_from("<q", view, start + size + 4)
    assert start + size <= at + inner
    return cursor, view[start : start + size]


def count(array: bytes | memoryview) -> int:
    """The number of documents, counted once for arrays of a length: those of the replay upstream then hold as many."""
    size = len(array)
    if size not in _counts:
        # Lists of ids alone have no `_id`.
        _counts[size] = bytes(array).count(_ID) or _counted(array)
    return _counts[size]


def rows(arrays: Sequence[bytes | memoryview], columns: Any, key: str, start: int = 0, stop: int | None = None) -> Rows:
    """As many lines as there are documents."""
    matched = sum(count(array) for array in arrays)
    many = len(range(matched)[start:stop])
    if _COST:
        # One call, because an engine lets go of the GIL once a batch.
        hashlib.blake2b(_WORK[: int(_COST * many / _SECONDS_A_BYTE)])
    if many not in _lines:
        _lines[many] = _LINE * many
    return Rows(_lines[many], many, matched)


if __name__ == "__main__":
    codec.sure_rows, codec.rows, codec.count, codec.split_reply = rows, rows, count, split_reply
    codec.IMPLEMENTATION = "stub"
    sys.exit(cli.main())
