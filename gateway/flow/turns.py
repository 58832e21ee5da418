"""Who encodes when, so that the event loop is never far behind.

Encoders run without the interpreter, as fast as a processor can.  More of them than processors only stand in each
other's way; and while several downloads are under way there are always some to be encoded, so one processor is left to
the event loop, which serves them all.  Encoders that need the interpreter have turns of their own, one at a time: fast
ones do not wait for them here.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from gateway.model import Encode

__all__ = ["Turns", "give_way"]

# Levels: a third of the processor's time against a thread that does not give way.
_NICER: Final = 5


def give_way() -> None:
    """Let the calling thread do its work when the others, the event loop's and other programs', have done theirs."""
    if sys.platform == "linux":  # elsewhere threads have no priorities of their own
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)


class Turns:
    """`with turns.of(encode):` is a turn of a thread; `with turns.passing():` on the event loop is a download."""

    def __init__(self, most: int) -> None:
        """At most so many threads have a turn at once."""
        self._most = most
        self._taken = 0
        self._passes = 0
        self._free = threading.Condition()

    @property
    def _limit(self) -> int:
        return self._most if self._passes < 2 else max(1, self._most - 1)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Count a download for the block."""
        self._passes += 1
        try:
            yield
        finally:
            with self._free:
                self._passes -= 1
                self._free.notify()

    @contextmanager
    def of(self, encode: Encode) -> Iterator[None]:
        """Wait until the encoder may work, and let no more than so many others work during the block."""
        if getattr(encode, "interpreted", False):
            yield
            return
        with self._free:
            while self._taken >= self._limit:
                self._free.wait()
            self._taken += 1
        try:
            yield
        finally:
            with self._free:
                self._taken -= 1
                self._free.notify()
