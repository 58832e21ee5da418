"""Which member of a deployment answers: one that lags is not waited for where another can be asked.

A read that must be of a certain moment waits, on a member that has not come to that moment yet, until it has.  After a
while the same read is sent to another member too, the primary last, and the first answer counts; the slow member is
left alone for some time.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

from gateway.db.driver import Driver, Member, Route
from gateway.logs import fields

__all__ = ["Members"]

log = logging.getLogger("gateway.db")

T = TypeVar("T")

# A slice is planned to take less.
_WAIT: Final = 1.5  # seconds
_REST: Final = 30.0
_MOST: Final = 4  # members asked for one read


class Members:
    """What is known of how soon the members of a deployment answer."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._resting: dict[Member, float] = {}

    def resting(self) -> frozenset[Member]:
        """The members that are left alone now."""
        now = time.monotonic()
        self._resting = {member: until for member, until in self._resting.items() if until > now}
        return frozenset(self._resting)

    async def first(self, send: Callable[[Route], Awaitable[T]], unbroken: Callable[[Awaitable[T]], Awaitable[T]]) -> T:
        """The first answer to a read, sent to one member after the other as long as none comes.

        `unbroken` sees to it that answers which come too late are received all the same.
        """
        route = self._route(self.resting())
        asked = {asyncio.ensure_future(unbroken(send(route))): route}
        try:
            while True:
                # Whoever else there is may not be known yet.
                waiting = _WAIT if len(asked) < _MOST else None
                done, _ = await asyncio.wait(asked, timeout=waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if task.exception() is None or len(asked) == 1:
                        if len(asked) > 1:  # who answers what others have not is well
                            self._resting.pop(asked[task].taken, None)
                        return task.result()
                    del asked[task]
                # Of one that has not been sent yet nobody knows whom it waits for.
                if not done and route.taken[0] and (avoided := self._untried(asked.values())) is not None:
                    self._leave_alone(route)
                    route = self._route(avoided)
                    asked[asyncio.ensure_future(unbroken(send(route)))] = route
        finally:
            for task in asked:
                task.cancel()

    def _untried(self, routes: Iterable[Route]) -> frozenset[Member] | None:
        """Whom to avoid so that somebody else is asked; None where there is nobody else."""
        taken = frozenset(route.taken for route in routes)
        # Who rests may have been slow for a while only: better than to wait for one that lags.
        for avoided in (taken | self.resting(), taken):
            if self._driver.others(avoided) != "none":
                return avoided
        return None

    def _route(self, avoided: frozenset[Member]) -> Route:
        return Route(avoided=avoided, primary=bool(avoided) and self._driver.others(avoided) == "primary")

    def _leave_alone(self, route: Route) -> None:
        member = route.taken
        if member[0] and member not in self._resting:
            told = fields(member=":".join(map(str, member)), seconds=_WAIT)
            log.warning("a member of the database has not answered: others are asked for a while", extra=told)
        self._resting[member] = time.monotonic() + _REST
