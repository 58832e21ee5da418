"""A driver that notes what it is asked, so that the very commands that downloads send can be explained afterwards."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

import bson
from bson.timestamp import Timestamp

from gateway.db.clients import client
from gateway.db.driver import Command, Connection, Cursor, Driver, Member, Others, RawReply, Route, Stream, Topology

__all__ = ["Inspector"]

T = TypeVar("T")

_READS: Final = frozenset({"find", "aggregate", "count"})


class Inspector:
    """The driver that the settings name, with a list of the `reads` that were sent by it: database and command."""

    def __init__(self, connection: Connection) -> None:
        self._driver: Driver = client(connection)
        self.reads: list[tuple[str, Command]] = []

    def _note(self, database: str, command: Command) -> None:
        if next(iter(command)) in _READS:
            self.reads.append((database, command))

    async def answer(self, database: str, command: Command) -> dict[str, Any]:
        """The whole reply to a command of the operator's; raises what the driver raises."""
        return await self._driver.reply(database, command, lambda reply: bson.decode(reply.raw), Route(freshest=True))

    async def reply(
        self, database: str, command: Command, shape: Callable[[RawReply], T], route: Route | None = None
    ) -> T:
        """As the driver."""
        self._note(database, command)
        return await self._driver.reply(database, command, shape, route)

    async def opened(self, database: str, command: Command, route: Route | None = None) -> Cursor:
        """As the driver."""
        self._note(database, command)
        return await self._driver.opened(database, command, route)

    def watch(
        self, database: str, pipeline: Sequence[Command], since: Timestamp, until: Timestamp, route: Route
    ) -> AbstractAsyncContextManager[Stream]:
        """As the driver."""
        return self._driver.watch(database, pipeline, since, until, route)

    @property
    def topology(self) -> Topology:
        """As the driver."""
        return self._driver.topology

    def others(self, avoided: frozenset[Member]) -> Others:
        """As the driver."""
        return self._driver.others(avoided)

    async def close(self) -> None:
        """As the driver."""
        await self._driver.close()
