"""Memory that large replies are received into, used again and again.

What is lent is taken back at the end of a block, so a reply is looked at within it and not kept.  The system gives it,
not the allocator, between whose smaller blocks buffers of megabytes would leave holes.
"""

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from mmap import mmap
from typing import Final

from gateway.db.driver import REUSED
from gateway.memory import mapped

__all__ = ["Buffers", "borrowing", "forget", "lent"]


class Buffers:
    """Buffers that nobody uses now, smallest first: as many as there are flights of a pass, the largest there were.

    None is larger than a slice is meant to be.
    """

    MOST: Final = 4
    _STEP: Final = 256 * 1024

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[mmap] = []

    def take(self, size: int) -> mmap:
        """A buffer of at least so many bytes."""
        with self._lock:
            at = bisect_left(self._free, size, key=len)
            if at < len(self._free):
                return self._free.pop(at)
        wanted = -(-size // self._STEP) * self._STEP if size <= REUSED else size
        return mapped(wanted)

    def give(self, buffer: mmap) -> None:
        """Take one back."""
        if len(buffer) > REUSED:
            return
        with self._lock:
            insort(self._free, buffer, key=len)
            # What comes next is as large as what came last: small ones of the beginning are in the way.
            del self._free[: -self.MOST]

    @property
    def size(self) -> int:
        """The bytes of those that are kept."""
        with self._lock:
            return sum(map(len, self._free))

    def forget(self) -> None:
        """Keep none."""
        with self._lock:
            self._free.clear()


_kept: Final = Buffers()
_borrowed: ContextVar[list[mmap] | None] = ContextVar("borrowed", default=None)


@contextmanager
def lent() -> Iterator[None]:
    """Let replies to commands of the block with RAW as codec options lie in buffers until its end, no longer."""
    borrowed: list[mmap] = []
    token = _borrowed.set(borrowed)
    try:
        yield
    finally:
        _borrowed.reset(token)
        for buffer in borrowed:
            _kept.give(buffer)


def forget() -> None:
    """Keep no buffer that nobody uses now."""
    _kept.forget()


def borrowing() -> Callable[[int], mmap] | None:
    """What gives the block of `lent` that this is in a buffer of at least so many bytes; None outside of one."""
    borrowed = _borrowed.get()
    if borrowed is None:
        return None

    def take(size: int) -> mmap:
        borrowed.append(_kept.take(size))
        return borrowed[-1]

    return take
