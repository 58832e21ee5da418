"""A page: rows `skip` to `skip + limit` of a part, whose biosamples before the window are counted, not read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Final

from gateway.db.retry import RetryPolicy
from gateway.db.sample_ids import SampleIds
from gateway.flow.page_memory import PageMemory, Place
from gateway.flow.slice_sizes import PartReading
from gateway.flow.slices import Slices
from gateway.rows import Rows, Tally, in_slices

__all__ = ["PageWindow"]

_IDS_A_COUNT: Final = 400
_COUNTS_AT_ONCE: Final = 4
# Slices that are asked whether there is a row behind the page.
_PEEKS: Final = 3


class PageWindow:
    """The rows of one page, read slice by slice, one at a time."""

    def __init__(
        self, reading: PartReading, sample_ids: SampleIds, slices: Slices, memory: PageMemory, retry: RetryPolicy
    ) -> None:
        self._reading = reading
        self._sample_ids = sample_ids
        self._slices = slices
        self._memory = memory
        self._retry = retry
        self._key = memory.rows_key(reading.part)

    async def pieces(self, tally: Tally) -> AsyncGenerator[Rows, None]:
        """The rows, encoded; with the last of them the tally says whether there are more, and at the end how many."""
        reading, part, sample_ids = self._reading, self._reading.part, self._sample_ids
        with self._retry.selecting():
            place = await self._seek(part.skip)
        reading.position, before = place.position, place.rows
        skip, left = part.skip - before, part.limit
        while left > 0 and await sample_ids.more(reading.position):
            self._memory.passed(self._key, Place(before, reading.position))
            ids = sample_ids.ids[reading.position : reading.position + reading.sizer.width()]
            reading.position += len(ids)
            page = await self._retry(partial(self._slices.page, reading, ids))
            found, complete = 0, page.complete
            async with aclosing(self._slices.arrays(reading, ids, page)) as pieces:
                async for arrays in pieces:
                    rows = await self._slices.encode(part, arrays, skip, skip + left, urgent=True)
                    arrays.clear()
                    behind = rows.matched > skip + left
                    skip, left, found = max(0, skip - rows.matched), left - rows.rows, found + rows.matched
                    if left <= 0:
                        tally.more = behind or await self._is_more(part.skip + part.limit - before, ids, complete)
                        yield rows
                        return
                    yield rows
            self._slices.delivered(part, ids, found)
            reading.sizer.learn(len(ids), found)
            before += found
        tally.more = False
        if part.count:  # who comes to the end has counted all
            tally.total = before
            self._memory.counted(self._key, before)

    async def _is_more(self, passed: int, ids: list[str], complete: bool) -> bool:
        """Whether there is a row behind the last one, as far as a few reads tell: if they do not, there may be one.

        The last one is the `passed` of a slice; one that is not complete was not read to its end.
        """
        if not complete and await self._retry(partial(self._slices.has_more, self._reading.part, ids, passed)):
            return True
        position = self._reading.position
        for _ in range(_PEEKS):
            if not await self._sample_ids.more(position):
                return False
            some = self._sample_ids.ids[position : position + _IDS_A_COUNT]
            if await self._retry(partial(self._slices.has_more, self._reading.part, some, 0)):
                return True
            position += len(some)
        return True

    # --- where it begins ---------------------------------------------------------------------------------------------

    async def _seek(self, skip: int) -> Place:
        """A place with no more than `skip` rows before it, and so near that reading on from it costs no more."""
        place = self._memory.place(self._key, skip)
        near = self._reading.density * self._reading.sizer.width()
        while place.rows + near < skip and await self._sample_ids.more(place.position):
            ids = self._sample_ids.ids[place.position : place.position + self._expected(skip - place.rows)]
            chunks = list(in_slices(ids, self._reading.sizer.widest))
            for chunk, rows in zip(chunks, await asyncio.gather(*map(self._count, chunks)), strict=True):
                if place.rows + rows > skip:
                    return await self._within(chunk, skip, place)
                place = Place(place.rows + rows, place.position + len(chunk))
                self._memory.passed(self._key, place)
        return place

    def _expected(self, rows: int) -> int:
        """How many biosamples have so many rows, more or less; no more than may be counted at once."""
        most = _COUNTS_AT_ONCE * self._reading.sizer.widest
        return max(1, min(most, int(rows / self._reading.density) if self._reading.density else most))

    async def _within(self, ids: list[str], skip: int, place: Place) -> Place:
        """The same within a slice that reaches beyond it, by halves."""
        fine = max(1, self._reading.sizer.width())
        while len(ids) > fine:
            half = ids[: len(ids) // 2]
            rows = await self._count(half)
            if place.rows + rows > skip:
                ids = half
            else:
                place, ids = Place(place.rows + rows, place.position + len(half)), ids[len(half) :]
                self._memory.passed(self._key, place)
        return place

    async def _count(self, ids: list[str]) -> int:
        return await self._slices.count(self._reading.part, ids)
