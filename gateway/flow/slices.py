"""Slices of a part: one short `find` each, and what to do where its documents do not fit one reply.

A slice that does not fit is halved; a biosample that does not fit is walked by `_id` within it.  Nothing is kept open
between two reads, so any of them can be asked again.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from gateway import codec, spans
from gateway.db.handover_ids import ListedDocuments, narrowing
from gateway.db.reader import DatasetReader
from gateway.db.replies import Page, Reply
from gateway.db.retry import RetryPolicy
from gateway.download_types import Condition, Part, both
from gateway.errors import BadDocument
from gateway.flow.read_limit import Read, ReadLimit
from gateway.flow.scheduling import EncodeScheduler
from gateway.flow.slice_sizes import PartReading
from gateway.metrics import Spent
from gateway.rows import Array, Rows
from gateway.tasks import cancelled

__all__ = ["Slices", "once"]

# A slice that brings this many times the rows aimed at is asked for again, in halves.
_OVERSHOOT: Final = 4
# Replies of a biosample walked by `_id` aim at this many bytes: one is received while another is encoded, and the text
# of a third is delivered.
_WALK_BYTES: Final = 4 * 1024 * 1024
_WALK_ROWS: Final = 40_000

T = TypeVar("T")


@dataclass(slots=True)
class _Piece:
    """Documents of some biosamples: their page, the key of the last where it was asked for, their rows if it has not
    kept them.
    """

    page: Page
    last: Any = None
    rows: Rows | None = None


_Read = Callable[[Condition, int], Awaitable[_Piece]]


class Slices:
    """Reads and encodes slices for one pass.  `executor` encodes what was not encoded where it was read."""

    def __init__(
        self,
        reader_of: Callable[[Part], DatasetReader],
        executor: Executor,
        scheduler: EncodeScheduler,
        retry: RetryPolicy,
        spent: Spent,
        *,
        limit: ReadLimit,
        listed: Callable[[Part], ListedDocuments | None],
    ) -> None:
        self._listed = listed
        self._reader_of = reader_of
        self._executor = executor
        self._scheduler = scheduler
        self._retry = retry
        self._spent = spent
        self._limit = limit
        self._passed: dict[int, tuple[int, int]] = {}
        self._narrowers: dict[int, tuple[Part, Condition]] = {}  # one for each part: they may name thousands of ids

    def _condition(self, part: Part, ids: list[str]) -> Condition:
        chosen: Condition = {part.key: ids[0] if len(ids) == 1 else {"$in": ids}}
        return both([chosen, self._narrowed(part, ids)])

    def _narrowed(self, part: Part, ids: Sequence[str]) -> Condition:
        """What narrows the documents of some biosamples."""
        narrower, listed = self.narrower(part), self.listed(part, ids)
        return both([narrower, listed]) if listed else narrower

    def listed(self, part: Part, ids: Sequence[str]) -> Condition:
        """What narrows the documents of some biosamples to those that a handover lists, if that does."""
        return narrowing(part, ids, self._listed(part))

    def narrower(self, part: Part) -> Condition:
        """The condition on the documents of a part, whatever biosample they are of."""
        known = self._narrowers.get(id(part))
        if known is None:
            own = part.selection.rows if part.collection == part.selection.entity else {}
            spared = part.unread and self._reader_of(part).spares_what_is_left_out
            found = both([own, part.narrow, part.unread if spared else {}])
            # With the part, so that no other has its identity.
            known = self._narrowers[id(part)] = part, found
        return known[1]

    def passed(self, part: Part) -> tuple[int, int]:
        """How many biosamples of a part were delivered, and how many documents."""
        return self._passed.get(id(part), (0, 0))

    def delivered(self, part: Part, ids: list[str], rows: int) -> None:
        """Remember how many documents of a part some biosamples had."""
        samples, documents = self.passed(part)
        self._passed[id(part)] = samples + len(ids), documents + rows
        self._reader_of(part).delivered(part.source, part.key, ids, self._narrowed(part, ids), rows)

    def _place(self, part: Part) -> AbstractAsyncContextManager[Read]:
        """What a read of documents waits for: what is small, a window or a first slice, for nothing."""
        small = part.limit or not self._retry.committed
        return (self._limit.small if small else self._limit.slice)((part.source, "documents"))

    def _traced(self) -> AbstractContextManager[None]:
        """What reads are done within: of the many behind the first byte only the sum is traced."""
        return spans.quietly(quiet=self._retry.committed)

    async def page(self, reading: PartReading, ids: list[str]) -> Page:
        """The documents of some biosamples, as one reply has them."""
        limit = reading.sizer.rows * _OVERSHOOT
        return await self._page(reading.part, self._condition(reading.part, ids), limit, hint=reading.hint)

    async def _page(
        self, part: Part, condition: Condition, limit: int, *, sort: str | None = None, hint: str | None = None
    ) -> Page:
        async with self._place(part) as read:
            began = time.monotonic()
            with self._traced():
                page = await self._reader_of(part).page(
                    part.source, condition, projection=part.projection, limit=limit, sort=sort, hint=hint
                )
            read.size = page.size
            self._spent.read(time.monotonic() - began)
        return page

    async def fetch(self, reading: PartReading, ids: list[str]) -> Rows | Page:
        """The rows of some biosamples, encoded; or the page itself if it does not hold them all."""
        part = reading.part

        def shape(reply: Reply, encoding: Spent) -> tuple[Rows | Page, int]:
            # The encoder counts as it goes: looking through the batch for its size costs as much as receiving it.
            with encoding.encodes():
                rows = None if reply.full else self._scheduler.tried(part.encode, [reply.batch])
            if rows is not None and rows.matched < reply.limit:
                return rows, len(reply.batch)
            seen = reply.look()
            # A slice that does not fit is asked for again: what there is of it is not kept.
            return reply.page() if seen.complete else seen, len(reply.batch)

        limit = reading.sizer.rows * _OVERSHOOT
        condition = self._condition(part, ids)
        landed, size, taken = await self._shaped(part, condition, shape, limit, hint=reading.hint)
        reading.sizer.took(len(ids), taken)
        reading.sizer.weighed(len(ids), size)
        if isinstance(landed, Page) and landed.complete:
            reading.sizer.interpreted()
            with self._spent.encodes():
                return await self._scheduler.interpreted(part.encode, landed.arrays)
        return landed

    async def _shaped(
        self,
        part: Part,
        condition: Condition,
        shape: Callable[[Reply, Spent], tuple[T, int]],
        limit: int,
        **more: str | None,
    ) -> tuple[T, int, float]:
        """What is made of a reply in the thread that read it, with the reply's size, and the seconds it took."""
        encoding = Spent()
        async with self._place(part) as read:
            began = time.monotonic()
            with self._traced():
                landed, size = await self._reader_of(part).read(
                    part.source,
                    condition,
                    lambda reply: shape(reply, encoding),
                    projection=part.projection,
                    limit=limit,
                    **more,
                )
            read.size = size
            taken = time.monotonic() - began
        self._spent.read(taken - encoding.encoding)
        self._spent.encoding += encoding.encoding
        return landed, size, taken

    async def encode(
        self, part: Part, arrays: list[Array], start: int = 0, stop: int | None = None, *, urgent: bool = False
    ) -> Rows:
        """Encoded documents; the urgent ones come first."""
        with self._spent.encodes():
            return await self._scheduler.encoded(self._executor, part.encode, arrays, start, stop, urgent=urgent)

    async def arrays(self, reading: PartReading, ids: list[str], page: Page) -> AsyncGenerator[list[Array], None]:
        """All documents of some biosamples, in as many pieces as they need: halves, or a walk within the only one.

        Who has encoded a piece clears it, so that it is not in memory for as long as its text is.
        """
        async with aclosing(self._pieces(reading, ids, page, partial(self._kept, reading.part))) as pieces:
            async for piece in pieces:
                yield piece.page.arrays

    async def rows(self, reading: PartReading, ids: list[str], page: Page) -> AsyncGenerator[Rows, None]:
        """The rows of all of them, encoded by the threads that read where the core can."""
        part = reading.part
        async with aclosing(self._pieces(reading, ids, page, partial(self._encoded, part))) as pieces:
            async for piece in pieces:
                rows = await self.encode(part, piece.page.arrays) if piece.rows is None else piece.rows
                piece.page.arrays.clear()
                yield rows

    async def _pieces(
        self, reading: PartReading, ids: list[str], page: Page, read: _Read
    ) -> AsyncGenerator[_Piece, None]:
        if page.complete:
            yield _Piece(page)
            return
        page.arrays.clear()  # asked for again
        if len(ids) == 1:
            async with aclosing(self._walk(reading, ids[0], page, read)) as pieces:
                async for piece in pieces:
                    yield piece
        else:
            for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
                landed = await self._retry(partial(self.page, reading, half))
                async with aclosing(self._pieces(reading, half, landed, read)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def _walk(
        self, reading: PartReading, biosample: str, seen: Page, read: _Read
    ) -> AsyncGenerator[_Piece, None]:
        """The documents of one biosample, by `_id`; the next page is on its way while one is encoded and delivered."""
        known = max(1, seen.count)
        most = min(_WALK_ROWS, reading.sizer.rows * _OVERSHOOT)
        aim = _WALK_BYTES if reading.part.fold is None else _WALK_BYTES // 2  # what folds hold is beside it
        limit = max(reading.sizer.rows, min(aim * known // max(1, seen.size), most))
        limit = reading.sizer.within(limit, known)
        base = self._condition(reading.part, [biosample])
        condition, first = base, True
        last: Any = None
        task = asyncio.ensure_future(read(condition, limit))
        try:
            while True:
                piece = await self._retry(once(task, partial(read, condition, limit)))
                if piece.page.count:
                    before, last = last, piece.last
                    if before is not None and not _advances(before, last, first=first):
                        raise BadDocument(f"the database gave the documents behind {_shown(last)} again and again")
                following = self._following(last, piece.page, first=first)
                if following:
                    condition, first = both([base, following]), piece.page.complete
                    task = asyncio.ensure_future(read(condition, limit))
                yield piece
                if not following:
                    return
        finally:
            await cancelled(task)

    def _following(self, last: Any, page: Page, *, first: bool) -> Condition:
        """What is still to be read of a biosample behind `last`, after this page of its walk; nothing after the last.

        `$gt` sees ids of one type only, so a walk that is through with a type goes on with the types above it; the
        `first` page of such a stretch had no lower bound within a type.
        """
        if not page.complete:
            return {"_id": codec.following(last)}
        later = codec.types_after(last)
        return {"_id": {"$type": list(later)}} if later and not first else {}

    async def _kept(self, part: Part, condition: Condition, limit: int) -> _Piece:
        """A page of a walk."""
        page = await self._page(part, condition, limit, sort="_id")
        return _Piece(page, codec.last_id(page.arrays[-1]) if page.arrays else None)

    async def _encoded(self, part: Part, condition: Condition, limit: int) -> _Piece:
        """The same, encoded by the thread that read it where the core can."""

        def shape(reply: Reply, encoding: Spent) -> tuple[_Piece, int]:
            with encoding.encodes():
                rows = self._scheduler.tried(part.encode, [reply.batch])
            if rows is None:
                page = reply.page()
            else:
                complete = not reply.full and rows.matched < reply.limit
                page = Page([], complete, rows.matched, len(reply.batch))
            return _Piece(page, codec.last_id(reply.batch) if page.count else None, rows), page.size

        piece, _, _ = await self._shaped(part, condition, shape, limit, sort="_id")
        return piece

    async def has_more(self, part: Part, ids: list[str], rows: int) -> bool:
        """Whether some biosamples have more documents of a part than so many."""
        count = self._reader_of(part).count_of
        return await count(part.source, part.key, ids, self._narrowed(part, ids), most=rows + 1) > rows

    async def count(self, part: Part, ids: list[str]) -> int:
        """How many documents of a part some biosamples have."""
        count = partial(self._reader_of(part).count_of, part.source, part.key, ids, self._narrowed(part, ids))
        async with self._limit.small((part.source, "count")) as read:
            read.size = rows = await self._retry(count)
        self.delivered(part, ids, rows)
        return rows


def _advances(before: Any, last: Any, *, first: bool) -> bool:
    """Whether a walk goes on: to another key, or, where the `first` page behind a type was asked for, a later type."""
    later = len(codec.types_after(last)) < len(codec.types_after(before))
    return later if first else not codec.is_same(last, before)


def _shown(key: Any) -> str:
    return repr(key)[:100]


def once(task: "asyncio.Task[T]", again: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """A read whose first try is under way already."""
    tries = iter([task])

    async def read() -> T:
        started = next(tries, None)
        return await (started if started is not None else again())

    return read
