"""Which member of a deployment answers: one that lags is not waited for where another can be asked.

A read that must be of a certain moment waits, on a member that has not come to that moment yet, until it has.  After a
while the same read is sent to another member too, the primary last, and the first answer counts; the slow member is
left alone for some time.

A read whose answer nobody needs any more stays where it was sent, and holds a connection there for as long as one may
take: no more than a few wait at a member that does not answer.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
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
_OWED: Final = 8  # reads that wait at one member without need


class Members:
    """What is known of how soon the members of a deployment answer."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._resting: dict[Member, float] = {}
        self._told: dict[Member, float] = {}
        self._under_way: set[Route] = set()

    async def first(self, send: Callable[[Route], Awaitable[T]], unbroken: Callable[[Awaitable[T]], Awaitable[T]]) -> T:
        """The first answer to a read, sent to one member after the other as long as none comes.

        `unbroken` sees to it that answers which come too late are received all the same.
        """

        async def noted(route: Route) -> T:
            self._under_way.add(route)
            try:
                return await send(route)
            finally:
                self._under_way.discard(route)

        route = self._route()
        asked = {asyncio.ensure_future(unbroken(noted(route))): route}
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
                if not done and route.taken[0] and (another := self._another(asked.values())) is not None:
                    self._leave_alone(route)
                    route = another
                    asked[asyncio.ensure_future(unbroken(noted(route)))] = route
        finally:
            for task in asked:
                task.cancel()

    def _route(self) -> Route:
        """The way of a read that is sent for the first time."""
        for avoided in self._avoidable(self._owing()):
            if (others := self._driver.others(avoided)) != "none":
                return Route(avoided=avoided, primary=bool(avoided) and others == "primary")
        return Route()

    def _another(self, routes: Iterable[Route]) -> Route | None:
        """The way to somebody else; None where there is nobody, or nobody who would rather answer."""
        taken, owing = frozenset(route.taken for route in routes), self._owing()
        since = min((owing[member][0] for member in taken if member in owing), default=math.inf)
        taken |= {member for member, times in owing.items() if len(times) >= _OWED and times[0] < since}
        for avoided in self._avoidable(owing):
            if (others := self._driver.others(avoided | taken)) != "none":
                return Route(avoided=avoided | taken, primary=others == "primary")
        return None

    def _owing(self) -> dict[Member, list[float]]:
        """The members that owe answers, each with the times at which it was asked: who owes longest comes first."""
        owing: dict[Member, list[float]] = {}
        overdue = time.monotonic() - _WAIT
        for route in sorted(self._under_way, key=lambda route: route.sent):
            if route.sent < overdue:
                owing.setdefault(route.taken, []).append(route.sent)
        return owing

    def _avoidable(self, owing: Iterable[Member]) -> Iterator[frozenset[Member]]:
        """Whom to avoid, if there is anybody else; each time fewer: at last only who owes an answer longest, or none.

        Who rests may have been slow for a while only, which is better than to wait for one that lags.
        """
        now = time.monotonic()
        self._resting = {member: until for member, until in self._resting.items() if until > now}
        owed = list(owing)
        yield frozenset((*self._resting, *owed))
        for number in range(len(owed), -1, -1):
            yield frozenset(owed[:number])

    def _leave_alone(self, route: Route) -> None:
        member, now = route.taken, time.monotonic()
        if now >= self._told.get(member, 0.0):
            told = fields(member=":".join(map(str, member)), seconds=_WAIT)
            log.warning("a member of the database has not answered: others are asked for a while", extra=told)
            self._told[member] = now + _REST
        self._resting[member] = now + _REST
