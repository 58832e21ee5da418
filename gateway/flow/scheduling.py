"""Who encodes when, so that the event loop is never far behind, and nothing quick stands behind something slow.

Encoders of the core run beside the interpreter, as fast as a processor can.  More of them than processors only stand in
each other's way; and while several downloads are under way there are always some to be encoded, so one processor is
left to the event loop, which serves them all, and to pages.

What needs the interpreter is done in one thread: a second one would not make it faster, and the event loop would stand
in a longer line for the interpreter.  Who waits for it waits on the event loop, in order, pages before slices; no
thread waits that others need.
"""

import asyncio
import heapq
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from typing import Final

from gateway import codec, metrics
from gateway.db import reply_buffers
from gateway.metrics import timed
from gateway.rows import Array, Encode, Rows
from gateway.threads import give_back, give_way

__all__ = ["EncodeScheduler", "beside"]


_REST: Final = 1.0  # seconds


def _give_back() -> None:
    codec.forget()
    reply_buffers.forget()
    give_back()


def beside(encode: Encode) -> Encode | None:
    """What an encoder can do beside the interpreter, as it says; None: nothing."""
    sure: Encode | None = getattr(encode, "sure", encode)
    return sure


def _interpreted(encode: Encode, arrays: Sequence[Array], start: int, stop: int | None) -> Rows:
    with timed(metrics.ENCODING_SECONDS, "interpreted"):
        return encode(arrays, start=start, stop=stop)


class EncodeScheduler:
    """Lets encoders work in turn; `passing` is said of each download under way, `close` at the end."""

    def __init__(self, most: int) -> None:
        """At most so many encoders of the core are at work at once."""
        self._most = most
        self._taken = 0
        self._passes = 0
        lock = threading.Lock()
        self._free, self._free_for_urgent = threading.Condition(lock), threading.Condition(lock)
        self._urgent = 0  # that wait for a turn
        self._pages = ThreadPoolExecutor(most, "page")
        self._interpreter = ThreadPoolExecutor(1, "interpret", initializer=give_way)
        self._interpreting = False
        self._line: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._rested = 0.0

    def close(self) -> None:
        """Wait for nobody."""
        self._interpreter.shutdown(wait=False, cancel_futures=True)
        self._pages.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Count a download for the block."""
        self._passes += 1
        try:
            yield
        finally:
            with self._free:
                self._passes -= 1
                self._call_one()
            self._rest()

    def _rest(self) -> None:
        """Give what downloads leave back to the system, where none is under way any more: the next may be another kind.

        Not after each of many small ones: it takes some milliseconds.
        """
        if not self._passes and time.monotonic() - self._rested > _REST:
            self._rested = time.monotonic()
            with suppress(RuntimeError):  # closed
                self._interpreter.submit(_give_back)

    # --- in threads --------------------------------------------------------------------------------------------------

    def tried(
        self, encode: Encode, arrays: Sequence[Array], start: int = 0, stop: int | None = None, *, urgent: bool = False
    ) -> Rows | None:
        """What the encoder makes of the arrays beside the interpreter, urgent ones first; None: it needs that."""
        sure = beside(encode)
        if sure is None:
            return None
        with self._turn(urgent=urgent), timed(metrics.ENCODING_SECONDS, "rows"):
            return sure(arrays, start=start, stop=stop)

    @property
    def several(self) -> bool:
        """Whether more than one download is under way."""
        return self._passes > 1

    @property
    def _limit(self) -> int:
        return max(1, self._most - 1) if self.several else self._most

    @contextmanager
    def _turn(self, *, urgent: bool) -> Iterator[None]:
        with self._free:
            if urgent:
                self._urgent += 1
                self._free_for_urgent.wait_for(lambda: self._taken < self._most)
                self._urgent -= 1
                self._taken += 1
                self._call_one()  # there may be another
            else:
                self._free.wait_for(lambda: self._taken < self._limit and not self._urgent)
                self._taken += 1
        try:
            yield
        finally:
            with self._free:
                self._taken -= 1
                self._call_one()

    def _call_one(self) -> None:
        if self._urgent and self._taken < self._most:
            self._free_for_urgent.notify()
        elif self._taken < self._limit:
            self._free.notify()

    # --- on the event loop -------------------------------------------------------------------------------------------

    async def encoded(
        self,
        executor: Executor,
        encode: Encode,
        arrays: Sequence[Array],
        start: int = 0,
        stop: int | None = None,
        *,
        urgent: bool = False,
    ) -> Rows:
        """What the encoder makes of the arrays, from a thread of the executor or that of the interpreter."""
        found: Rows | None = None
        if beside(encode) is not None:
            work = partial(self.tried, encode, arrays, start, stop, urgent=urgent)
            # Pages have threads of their own: the others may all be busy with folds.
            found = await asyncio.get_running_loop().run_in_executor(self._pages if urgent else executor, work)
        return await self.interpreted(encode, arrays, start, stop, urgent=urgent) if found is None else found

    async def interpreted(
        self, encode: Encode, arrays: Sequence[Array], start: int = 0, stop: int | None = None, *, urgent: bool = False
    ) -> Rows:
        """What the encoder makes of the arrays with the interpreter; the urgent ones come first."""
        loop = asyncio.get_running_loop()
        reference: Encode = getattr(encode, "reference", encode)
        await self._stand_in_line(loop, urgent=urgent)
        try:
            return await loop.run_in_executor(self._interpreter, partial(_interpreted, reference, arrays, start, stop))
        finally:
            self._call_next()

    async def _stand_in_line(self, loop: asyncio.AbstractEventLoop, *, urgent: bool) -> None:
        if not self._interpreting:
            self._interpreting = True
            return
        called = loop.create_future()
        heapq.heappush(self._line, (not urgent, next(self._numbers), called))
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():  # it was our turn
                self._call_next()
            raise

    def _call_next(self) -> None:
        while self._line:
            _, _, called = heapq.heappop(self._line)
            if not called.done():
                called.set_result(None)
                return
        self._interpreting = False
