"""Waiting inside a topology: for a condition, at most until a deadline; and a lock that readers share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.topology.failures import expired

__all__ = ["Bell", "SharedLock", "now", "sleep_until"]


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


async def sleep_until(seconds: float, deadline: float | None) -> None:
    """Sleep; raises Refused (MaxTimeMSExpired) at the deadline if that comes first."""
    end = now() + seconds
    if deadline is not None and deadline < end:
        await asyncio.sleep(max(0.0, deadline - now()))
        raise expired()
    await asyncio.sleep(seconds)


class Bell:
    """Rings when anything changed; who waits looks again."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Something changed."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def wait(self, true: Callable[[], object], deadline: float | None = None) -> bool:
        """Whether the condition came to hold before the deadline."""
        while not true():
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await asyncio.wait_for(waiting, None if deadline is None else deadline - now())
            except TimeoutError:
                return bool(true())
            finally:
                self._waiting.discard(waiting)
        return True


class SharedLock:
    """Many readers or one writer; a writer that waits goes before readers that come later."""

    def __init__(self) -> None:
        self._readers = 0
        self._writing = asyncio.Lock()
        self._free = asyncio.Event()
        self._free.set()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Read."""
        async with self._writing:
            self._readers += 1
            self._free.clear()
        try:
            yield
        finally:
            self._readers -= 1
            if not self._readers:
                self._free.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Write."""
        async with self._writing:
            await self._free.wait()
            yield
