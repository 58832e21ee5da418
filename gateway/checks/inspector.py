"""A driver that notes what it is asked, so that the very commands that downloads send can be explained afterwards."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

import bson
from bson.errors import BSONError
from bson.timestamp import Timestamp
from pymongo.errors import PyMongoError

from gateway.db.clients import client
from gateway.db.driver import Command, Connection, Cursor, Driver, Member, Others, RawReply, Route, Stream, Topology
from gateway.db.failures import translated
from gateway.errors import GatewayError

__all__ = ["Inspector", "reason"]

T = TypeVar("T")

_READS: Final = frozenset({"find", "aggregate", "count"})


def reason(error: GatewayError) -> str:
    """Why, in the driver's own words, which name hosts: for the operator alone.  Up to where they repeat themselves."""
    text = str(error.__cause__ or error)
    for end in (", Timeout:", ", full error", " (configured", " to execute command"):
        text = text.split(end, maxsplit=1)[0]
    return text


class Inspector:
    """The driver that the settings name, with a list of the `reads` that were sent by it: database and command."""

    def __init__(self, connection: Connection) -> None:
        self._driver: Driver = client(connection)
        self.reads: list[tuple[str, Command]] = []

    def _note(self, database: str, command: Command) -> None:
        if next(iter(command)) in _READS:
            self.reads.append((database, command))

    async def answer(self, database: str, command: Command) -> dict[str, Any]:
        """The whole reply to a command that is no read of data."""
        try:
            return await self._driver.reply(
                database, command, lambda reply: bson.decode(reply.raw), Route(freshest=True)
            )
        except (PyMongoError, BSONError) as error:
            raise translated(error) from error

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
