"""Seconds of the database that a pass may spend on what it selects, before its first byte.

Counted are the reads themselves, also those that run at once; looked at before each of them: one alone may take as long
as any read may.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from gateway.errors import TooCostly

__all__ = ["Allowance", "spent"]


class Allowance:
    """So many seconds; 0: any number."""

    def __init__(self, seconds: float) -> None:
        self._most = seconds
        self._spent = 0.0

    @contextmanager
    def selecting(self) -> Iterator[None]:
        """Count the reads of the block, those of tasks that it starts too."""
        before = _CURRENT.set(self if self._most else None)
        try:
            yield
        finally:
            _CURRENT.reset(before)

    def lift(self) -> None:
        """The first byte is there: what is read from now on is not counted, whoever began with it."""
        self._most = math.inf

    def require(self) -> None:
        """Raise TooCostly if all of it is spent."""
        if self._spent >= self._most:
            why = f"what this request selects takes more than {self._most:g} seconds of the database to find"
            raise TooCostly(f"{why}: ask with fewer, or other, filters", parameter="filters")

    def spend(self, seconds: float) -> None:
        """Take from it."""
        self._spent += seconds


_CURRENT: Final[ContextVar[Allowance | None]] = ContextVar("allowance", default=None)


@contextmanager
def spent() -> Iterator[None]:
    """Count the block as a read of the pass that selects now, if one does; TooCostly if it may read no more."""
    allowance = _CURRENT.get()
    if allowance is None:
        yield
        return
    allowance.require()
    began = time.monotonic()
    try:
        yield
    finally:
        allowance.spend(time.monotonic() - began)
