"""What a pass does when the database goes away.

Before its first byte nothing is tried again: the client hears 503 at once and can come again.  After it, a read is
tried again with growing pauses until the retry window is over; reads are idempotent, so the client sees a pause and
nothing else.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import stamina

from gateway import metrics
from gateway.db.allowance import Allowance
from gateway.errors import DatabaseDown, DatabaseSlow
from gateway.logs import fields
from gateway.metrics import Spent

__all__ = ["RetryPolicy"]

log = logging.getLogger("gateway.flow")

T = TypeVar("T")

_FIRST_PAUSE = 0.1  # seconds
_LONGEST_PAUSE = 5.0


class RetryPolicy:
    """Retries of one pass, and what it may spend before its first byte.  `committed` says that this is out."""

    def __init__(self, window: float, allowance: Allowance | None = None, spent: Spent | None = None) -> None:
        """Try for `window` seconds; tries are counted in `spent`, too."""
        self._window = window
        self.allowance = allowance or Allowance(0)
        self._spent = spent or Spent()
        self.committed = False

    def selecting(self) -> AbstractContextManager[None]:
        """For the block that finds out what the pass selects."""
        return self.allowance.selecting()

    async def __call__(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, tried again for `window` seconds of an outage if the pass is committed."""
        try:
            return await work()
        except (DatabaseDown, DatabaseSlow):
            if not self.committed or self._window <= 0:
                raise
            log.warning("the database is lost in mid-stream; trying again", extra=fields(seconds=self._window))
        async for attempt in stamina.retry_context(
            on=(DatabaseDown, DatabaseSlow),
            attempts=None,
            timeout=self._window,
            wait_initial=_FIRST_PAUSE,
            wait_max=_LONGEST_PAUSE,
        ):
            with attempt:
                metrics.DATABASE_RETRIES.add(1)
                self._spent.retries += 1
                return await work()
        raise AssertionError("a retry ends with a result or an exception")
