"""How many slices all passes together read at once, so that small reads beside them stay quick.

A slice takes a place before it is sent and gives it back when its reply is there; places are had in the order in which
they are asked for.  Small reads (of pages, and the first slice of a pass) take none and never wait.  How many places
there are is not set but found, as TCP finds its window: one more with each read that comes in good time, half of them
when reads become slow.  In good time is what takes less than twice as long as reads of its kind take beside only `few`
slices, on average.

There are two such bounds.  While a page waits, small reads are the measure, and `few` is one slice: what a page takes
beside one slice may double, not more.  While none does, slices themselves are the measure, and `few` is what one pass
has under way: more than that is worth having as long as slices do not just wait for one another.  So a pass alone is
never held up, and a page that comes after a while finds no long line.

A pass that begins is a dozen small reads, and many that begin at once would be the crowd that pages wait behind before
anything was measured: so of whole passes only as many begin at once as a pass has slices under way.  One whose
beginning takes long does not keep the next waiting for it.

Always: no slice waits while there is a free place; no more places are taken than the bound was when the last of them
was had; there is one at least, so that nobody waits for ever; a read that fails or is given up gives its place back.
Memory is a number for each kind of read, of which there are some dozens a collection, and a future for each that waits.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

__all__ = ["Bound", "Read", "ReadLimit"]

# A read has become slow when it takes so many times as long as it did: what pages and slices may lose by fairness.
_SLOW: Final = math.log(2)
# What is usual, and what is now, are averages over so many reads, as TCP's are.
_AVERAGED: Final = 8
# Seconds that a pass which begins keeps others waiting, at most.
_BEGINNING: Final = 0.2
# Seconds after which what is usual is learnt anew, beside few slices: databases and networks change.
_RENEWED: Final = 60.0


@dataclass(slots=True)
class Read:
    """A read under way.  `size` says what it brought, which tells kinds of reads apart; None: nothing is learnt."""

    size: int | None = None


class Bound:
    """A number of slices, from `few` to `most`, found by how long reads take beside them."""

    def __init__(self, few: int, most: int) -> None:
        self._few = min(few, most)
        self._most = most
        self._size = float(self._few)
        self._usual: dict[Hashable, tuple[float, int]] = {}  # logarithms of seconds, and reads seen
        self._slowness = 0.0
        self._cut = self._renewal = -math.inf

    @property
    def size(self) -> int:
        """The number as it is now."""
        return int(self._size)

    def heard(self, kind: Hashable, began: float, ended: float, beside: int, *, wanted: bool) -> None:
        """Take note of a read of some kind that went well beside so many slices; `wanted`: more of them wait."""
        if ended >= self._renewal:
            self._size, self._slowness, self._renewal = float(self._few), 0.0, ended + _RENEWED
        spent = math.log(max(ended - began, 1e-6))
        if beside <= self._few:
            usual, seen = self._usual.get(kind, (spent, 0))
            seen = min(seen + 1, _AVERAGED)
            self._usual[kind] = usual + (spent - usual) / seen, seen
        elif kind not in self._usual or began < self._cut:  # of no known kind, or beside more than there are now
            return
        else:
            self._slowness += (spent - self._usual[kind][0] - self._slowness) / _AVERAGED
            if self._slowness > _SLOW:
                self._size, self._slowness, self._cut = max(self._few, self._size / 2), 0.0, ended
                return
        if wanted:
            self._size = min(self._most, self._size + 1 / self._size)


class ReadLimit:
    """Places for the slices of all passes of a process, on one event loop."""

    def __init__(self, few: int, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`few` slices are those of a pass that is alone, and there are never more than `most`."""
        self._beside_pages = Bound(1, most)
        self._alone = Bound(few, most)
        self._clock = clock
        self._pages = 0
        self._taken = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._beginnings = asyncio.Semaphore(few)

    @property
    def places(self) -> int:
        """How many slices may be under way now."""
        alone = self._alone.size
        return min(alone, self._beside_pages.size) if self._pages else alone

    @property
    def taken(self) -> int:
        """How many are."""
        return self._taken

    @contextmanager
    def page(self) -> Iterator[None]:
        """Let fewer slices be sent for the block: somebody waits for a page."""
        self._pages += 1
        try:
            yield
        finally:
            self._pages -= 1
            self._call_next()

    @asynccontextmanager
    async def chunk(self, *, whole: bool, first: bool) -> AsyncIterator[None]:
        """For a block that makes a chunk: of a page, or of a whole pass, whose first one may have to wait its turn."""
        if not whole:
            with self.page():
                yield
        elif first:
            await self._beginnings.acquire()
            given_back = asyncio.get_running_loop().call_later(_BEGINNING, self._beginnings.release)
            try:
                yield
            finally:
                if asyncio.get_running_loop().time() < given_back.when():
                    given_back.cancel()
                    self._beginnings.release()
        else:
            yield

    @asynccontextmanager
    async def small(self, kind: Hashable) -> AsyncIterator[Read]:
        """Measure a small read, which is the block; it waits for nothing."""
        read, began, before = Read(), self._clock(), self._taken
        yield read
        beside = max(before, self._taken)
        if read.size is not None and self._pages and before and self._taken:
            self._heard(self._beside_pages, (kind, read.size.bit_length()), began, beside)

    @asynccontextmanager
    async def slice(self, kind: Hashable) -> AsyncIterator[Read]:
        """Wait for a place, and hold it for the block, which reads a slice."""
        await self._stand_in_line()
        try:
            read, began, before, pages = Read(), self._clock(), self._taken, self._pages
            yield read
            beside = max(before, self._taken)
            if read.size is not None and not pages and not self._pages:
                self._heard(self._alone, (kind, read.size.bit_length()), began, beside)
        finally:
            self._give_back()

    def _heard(self, bound: Bound, kind: Hashable, began: float, beside: int) -> None:
        bound.heard(kind, began, self._clock(), beside, wanted=bool(self._line))
        self._call_next()

    async def _stand_in_line(self) -> None:
        if not self._line and self._taken < self.places:
            self._taken += 1
            return
        called = asyncio.get_running_loop().create_future()
        self._line.append(called)
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():  # it was our turn
                self._give_back()
            elif called in self._line:
                self._line.remove(called)
            raise

    def _give_back(self) -> None:
        self._taken -= 1
        self._call_next()

    def _call_next(self) -> None:
        while self._line and self._taken < self.places:
            called = self._line.popleft()
            if not called.done():
                self._taken += 1
                called.set_result(None)
