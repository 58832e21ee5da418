"""Memory that large replies are received into, used again and again.

What is lent is taken back at the end of a block, so a reply is looked at within it and not kept.  The system gives it,
not the allocator, between whose smaller blocks buffers of megabytes would leave holes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from mmap import mmap
from typing import Final

from gateway.db.driver import REUSED
from gateway.memory import mapped

__all__ = ["borrowing", "forget", "lent"]


class _Kept:
    """Buffers that nobody uses now: as many as there are flights of a pass, none larger than a slice is meant to be."""

    _MOST: Final = 4
    _STEP: Final = 256 * 1024

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[mmap] = []

    def take(self, size: int) -> mmap:
        with self._lock:
            for at, buffer in enumerate(self._free):
                if len(buffer) >= size:
                    return self._free.pop(at)
            if len(self._free) == self._MOST:
                del self._free[0]  # too small for what comes now
        wanted = -(-size // self._STEP) * self._STEP if size <= REUSED else size
        return mapped(wanted)

    def give(self, buffer: mmap) -> None:
        with self._lock:
            if len(self._free) < self._MOST and len(buffer) <= REUSED:
                self._free.append(buffer)

    def forget(self) -> None:
        with self._lock:
            self._free.clear()


_kept: Final = _Kept()
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
