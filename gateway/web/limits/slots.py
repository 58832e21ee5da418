"""Admission: how many of a kind there may be at once, of all clients together and of each.

Who comes beyond that is told to come again, not made to wait.  Where all places are taken, a pass that nobody follows
any more gives its place to who comes: it was begun, and left, and can be made again.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import Busy, TooManyRequests
from gateway.spool.making import Pass
from gateway.web.limits.addresses import current

__all__ = ["Slots"]


class Slots:
    """A number of places, taken and given back on one event loop; `each` client has so many at most, 0: all."""

    def __init__(self, places: int, what: str, *, limit: str = "", each: int = 0) -> None:
        """`what` tells clients, and `limit` counters, what there are places for."""
        self.places = places
        self.each = each
        self.what = what
        self.limit = limit or what
        self.taken = 0
        self._of: Counter[str] = Counter()
        self._passes: dict[Pass, str] = {}
        self._emptied = asyncio.Event()

    @contextmanager
    def take(self, held: Pass | None = None) -> Iterator[None]:
        """Hold a place for the block; Busy if there is none, TooManyRequests if the client has all that it may."""
        client = current.get()
        if self.each and client and self._of[client] >= self.each and not self._made_way(client):
            why = f"{self.each} {self.what} of yours run already, as many as one address may have at once"
            raise TooManyRequests(f"{why}; try again when one is done", limit=f"{self.limit} of a client")
        if self.taken >= self.places and not self._made_way():
            raise Busy(
                f"all {self.places} {self.what} that there may be at once are taken; try again soon", limit=self.limit
            )
        self.taken += 1
        self._of[client] += 1
        if held is not None:
            self._passes[held] = client
        try:
            yield
        finally:
            # Who gave way has given its place back already.
            if held is None or self._passes.pop(held, None) is not None:
                self._give_back(client)

    def _give_back(self, client: str) -> None:
        self.taken -= 1
        self._of[client] -= 1
        if not self._of[client]:
            del self._of[client]
        if not self.taken:
            self._emptied.set()

    def _made_way(self, client: str | None = None) -> bool:
        """Whether somebody, or somebody of a client, gave way: the one that nobody has followed for longest."""
        left = [one for one, of in self._passes.items() if not one.users and client in (None, of)]
        if not left:
            return False
        held = min(left, key=lambda one: one.left)
        self._give_back(self._passes.pop(held))
        held.give_way()
        return True

    async def empty(self) -> None:
        """Wait until no place is taken."""
        while self.taken:
            self._emptied.clear()
            await self._emptied.wait()
