"""Admission: how many passes, and how many clients, at once.

Who comes beyond that is told to come again, not made to wait.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import Busy

__all__ = ["Slots"]


class Slots:
    """A number of places, taken and given back on one event loop."""

    def __init__(self, places: int, what: str) -> None:
        self.places = places
        self.what = what
        self.taken = 0
        self._emptied = asyncio.Event()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place for the block; Busy if there is none."""
        if self.taken >= self.places:
            raise Busy(f"all {self.places} {self.what} that there may be at once are taken; try again soon")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
            if not self.taken:
                self._emptied.set()

    async def empty(self) -> None:
        """Wait until no place is taken."""
        while self.taken:
            self._emptied.clear()
            await self._emptied.wait()
