"""The bare drain: the same slices as the gateway's, as `find` commands with raw replies, thrown away.

    python -m tests.benchmarks.drain URI DATASET [FLIGHTS [ROWS [kept]]]

Prints, as JSON, rows a second, MB a second and processor seconds for a million rows.  It is the ceiling of what a
gateway on this driver can deliver; `kept` sets the allocator up as the gateway does.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient

from gateway.formats.pgxseg import COLUMNS
from gateway.web.process import keep_freed_memory
from tests.benchmarks.cohort import Cohort, biosample_id

__all__ = ["PROJECTION"]

PROJECTION: Final = dict.fromkeys(
    sorted({cell.path.partition(".0.")[0] for column in COLUMNS for cell in column.cells} | {"_id"}), 1
)
_RAW: Final[CodecOptions[Any]] = CodecOptions(document_class=RawBSONDocument)
_WARM: Final = 8


async def drain(uri: str, cohort: Cohort, flights: int, rows: int) -> dict[str, float]:
    """Read a whole cohort, `flights` slices of `rows` at once."""
    database = AsyncIOMotorClient[dict[str, Any]](uri, maxPoolSize=64)[cohort.name]
    width = max(1, rows // cohort.variants)
    received = 0

    async def read(slices: Iterator[int]) -> None:
        nonlocal received
        for first in slices:
            ids = [biosample_id(number) for number in range(first, min(first + width, cohort.biosamples))]
            condition = {"biosample_id": {"$in": ids}, "_id": {"$not": {"$gt": 0}}}
            command = {"find": "variants", "filter": condition, "projection": PROJECTION}
            limits = {"limit": rows * 4, "batchSize": rows * 4, "maxTimeMS": 120_000}
            reply = await database.command({**command, **limits}, codec_options=_RAW)
            received += len(reply.raw)

    def every() -> Iterator[int]:
        return iter(range(0, cohort.biosamples, width))

    warm = iter(list(every())[:_WARM])
    await asyncio.gather(*(read(warm) for _ in range(flights)))
    received, began, used = 0, time.perf_counter(), time.process_time()
    slices = every()
    await asyncio.gather(*(read(slices) for _ in range(flights)))
    seconds, used = time.perf_counter() - began, time.process_time() - used
    return {"rows": cohort.rows / seconds, "mb": received / seconds / 1e6, "cpu": used / cohort.rows * 1e6}


def main() -> None:
    """Drain once and print the figures."""
    uri, name, *words = sys.argv[1:]
    if "kept" in words:
        keep_freed_memory()
    cohort = Cohort.named(name)
    assert cohort is not None, f"{name} is not the name of a cohort"
    numbers = [int(word) for word in words if word.isdigit()]
    flights, rows = numbers + [4, 5_000][len(numbers) :]
    print(json.dumps(asyncio.run(drain(uri, cohort, flights, rows))))


if __name__ == "__main__":
    main()
