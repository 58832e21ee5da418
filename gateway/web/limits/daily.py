"""The bytes that a client may have in a day, where a gateway limits them: by calendar days of UTC, in each process.

Who has had them is refused what it asks for next, until midnight; what runs is not cut.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from gateway.errors import TooManyRequests
from gateway.web.limits.addresses import current

__all__ = ["DailyBytes"]

_DAY: Final = 86_400
_CLIENTS: Final = 100_000  # of which it is known; those that came first are forgotten


class DailyBytes:
    """So many bytes a day for each client; 0: any number."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._day = 0
        self._had: dict[str, int] = {}
        self._running: dict[Callable[[], int], str] = {}

    @contextmanager
    def having(self, sent: Callable[[], int]) -> Iterator[None]:
        """Count what is `sent` so far, for the block; TooManyRequests if the client has had all that it may."""
        client = current.get()
        if not self._most or not client:
            yield
            return
        self._refuse_if_over(client)
        self._running[sent] = client
        try:
            yield
        finally:
            del self._running[sent]
            self._had[client] = self._had.get(client, 0) + sent()
            if len(self._had) > _CLIENTS:
                del self._had[next(iter(self._had))]

    def _refuse_if_over(self, client: str) -> None:
        day, seconds = divmod(self._clock(), _DAY)
        if day != self._day:
            self._day = int(day)
            self._had.clear()
        had = self._had.get(client, 0) + sum(sent() for sent, of in self._running.items() if of == client)
        if had >= self._most:
            error = TooManyRequests(
                f"your address has had {self._most} bytes today, as many as one may in a day (UTC)",
                limit="bytes of a client",
            )
            error.retry_after = int(_DAY - seconds) + 1
            raise error
