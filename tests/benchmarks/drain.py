"""The bare drain: the same reads as the gateway's, by the gateway's driver, thrown away.

    python -m tests.benchmarks.drain URI DATASET [FLIGHTS [ROWS [kept]]]

Prints, as JSON, rows a second, MB a second and processor seconds for a million rows.  It is the ceiling of what a
gateway on this driver can deliver; `kept` sets the allocator up as the gateway does.  What is one biosample's and fits
no reply is walked by `_id`, reply after reply: one drain has one such walk under way, as a pass has.  All is read twice
and the second time is told, so that an upstream that keeps what it made has it.  A dataset that is no cohort of the
replay upstream is read as it is stored, all of it, by the index of biosamples.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from pymongo import MongoClient

from gateway import codec
from gateway.db.clients import client
from gateway.db.driver import Connection, RawReply
from gateway.formats.pgxseg import COLUMNS
from gateway.web.process import keep_freed_memory
from tests.benchmarks.cohort import Cohort, biosample_id

__all__ = ["PROJECTION", "Held"]

PROJECTION: Final = dict.fromkeys(
    sorted({cell.path.partition(".0.")[0] for column in COLUMNS for cell in column.cells} | {"_id"}), 1
)
_OVERSHOOT: Final = 4  # a reply has so many times the rows aimed at, at most
_WALKED: Final = 4 * 1024 * 1024  # bytes of a reply of a walk


@dataclass(frozen=True, slots=True)
class Held:
    """What is read: a dataset, the ids of its biosamples, how many variants each has, and the index to read by."""

    name: str
    ids: Sequence[str]
    variants: int
    hint: str = ""

    @property
    def rows(self) -> int:
        """All variants."""
        return len(self.ids) * self.variants

    @classmethod
    def named(cls, uri: str, name: str) -> Self:
        """A cohort of the replay upstream, or what is stored under that name, with equally many variants of each."""
        if cohort := Cohort.named(name):
            return cls(name, [biosample_id(number) for number in range(cohort.biosamples)], cohort.variants)
        with MongoClient[dict[str, Any]](uri) as client:
            ids = sorted(one["id"] for one in client[name].biosamples.find({}, {"_id": 0, "id": 1}))
            variants, rest = divmod(client[name].variants.estimated_document_count(), len(ids))
        assert not rest, f"the biosamples of {name} do not have equally many variants"
        return cls(name, ids, variants, "biosample_id_1")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of a reply that was thrown away."""

    rows: int
    size: int
    last: Any


def _seen(reply: RawReply) -> _Seen:
    cursor, batch = codec.split_reply(reply.raw)
    assert not cursor, "a cursor was left open"
    rows = codec.count(batch)
    return _Seen(rows, len(batch), codec.last_id(batch) if rows else None)


class _Drain:
    """Reads a whole dataset again and again."""

    def __init__(self, uri: str, held: Held, flights: int, rows: int) -> None:
        self._driver = client(Connection(uri=uri, timeout=120, size=64))
        self._held = held
        self._flights = flights
        self._most = rows * _OVERSHOOT
        self._width = max(1, rows // held.variants)
        self._walking = asyncio.Lock()
        self.size = 0

    async def _find(self, ids: list[str], limit: int, **more: Any) -> _Seen:
        key = more.pop("_id", {"$not": {"$gt": 0}})
        condition = {"biosample_id": ids[0] if len(ids) == 1 else {"$in": ids}, "_id": key}
        command = {"find": "variants", "filter": condition, "projection": PROJECTION, **more}
        limits: dict[str, Any] = {"limit": limit, "batchSize": limit, "maxTimeMS": 120_000}
        if self._held.hint:
            limits["hint"] = self._held.hint
        seen = await self._driver.reply(self._held.name, {**command, **limits}, _seen)
        self.size += seen.size
        return seen

    async def _some(self, ids: list[str]) -> None:
        """All documents of some biosamples."""
        if len(ids) * self._held.variants < self._most:
            await self._find(ids, self._most)
            return
        async with self._walking:
            first = await self._find(ids, self._most)  # as a slice that does not fit is read
            limit = min(self._most, _WALKED * first.rows // first.size)
            page = await self._find(ids, limit, sort={"_id": 1})
            while page.rows == limit:
                page = await self._find(ids, limit, sort={"_id": 1}, _id={"$gt": page.last})

    async def _every(self, slices: Iterator[int]) -> None:
        for first in slices:
            await self._some(list(self._held.ids[first : first + self._width]))

    async def once(self) -> None:
        """Read it all."""
        self.size = 0
        slices = iter(range(0, len(self._held.ids), self._width))
        await asyncio.gather(*(self._every(slices) for _ in range(self._flights)))

    async def close(self) -> None:
        await self._driver.close()


async def drain(uri: str, held: Held, flights: int, rows: int) -> dict[str, float]:
    """Read a whole dataset, `flights` slices of `rows` at once."""
    draining = _Drain(uri, held, flights, rows)
    await draining.once()
    began, used = time.perf_counter(), time.process_time()
    await draining.once()
    seconds, used = time.perf_counter() - began, time.process_time() - used
    await draining.close()
    return {"rows": held.rows / seconds, "mb": draining.size / seconds / 1e6, "cpu": used / held.rows * 1e6}


def main() -> None:
    """Drain and print the figures."""
    uri, name, *words = sys.argv[1:]
    if "kept" in words:
        keep_freed_memory()
    numbers = [int(word) for word in words if word.isdigit()]
    flights, rows = numbers + [4, 5_000][len(numbers) :]
    print(json.dumps(asyncio.run(drain(uri, Held.named(uri, name), flights, rows))))


if __name__ == "__main__":
    main()
