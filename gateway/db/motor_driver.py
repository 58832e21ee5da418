"""Motor as the driver: sole owner of motor.

Commands are sent and waited for in threads of our own, through motor's client, whose pool and server selection are thus
shared: motor's own threads, five a processor, would be the limit where the database is slow.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any, Final, TypeVar

import pymongo
from bson.timestamp import Timestamp
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient
from pymongo.change_stream import ChangeStream
from pymongo.client_session import ClientSession
from pymongo.command_cursor import CommandCursor
from pymongo.read_concern import ReadConcern

from gateway.db.driver import (
    AWAIT_MILLISECONDS,
    RAW,
    Command,
    Connection,
    Cursor,
    Member,
    Others,
    RawReply,
    Route,
    Stream,
    Topology,
    others,
)
from gateway.db.reply_buffers import lent
from gateway.threads import give_way

__all__ = ["MotorDriver"]

T = TypeVar("T")

# Of PyMongo: those whose connections are known to be received from in our way.
_VERSIONS: Final = ((4, 20),)


def _receiving() -> dict[str, Any]:
    """The option that has replies received into memory that is used again; other versions do it in their own way."""
    if pymongo.version_tuple[:2] not in _VERSIONS:
        return {}
    return {"_pool_class": import_module("gateway.db.receiving").ReusingPool}


class _Cursor:
    def __init__(
        self, in_reader: Callable[[Callable[[], Any]], Awaitable[Any]], cursor: CommandCursor[dict[str, Any]]
    ) -> None:
        self._in_reader = in_reader
        self._cursor = cursor

    async def batch(self, size: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._in_reader(partial(self._next, size))
        return found

    def _next(self, size: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while not found and self._cursor.alive:  # a batch of nothing is not the end
            found = self._cursor.to_list(size)
        return found

    async def close(self) -> None:
        if self._cursor.cursor_id:
            await self._in_reader(self._cursor.close)
        else:
            self._cursor.close()  # no word to the server


class _Stream:
    def __init__(
        self,
        in_reader: Callable[[Callable[[], Any]], Awaitable[Any]],
        stream: ChangeStream[dict[str, Any]],
        session: ClientSession,
    ) -> None:
        self._in_reader = in_reader
        self._stream = stream
        self._session = session

    async def event(self) -> bool:
        return await self._in_reader(self._stream.try_next) is not None

    @property
    def token(self) -> Mapping[str, Any] | None:
        return self._stream.resume_token

    def close(self) -> None:
        self._stream.close()
        self._session.end_session()


class MotorDriver:
    """A client of one deployment, made inside the running event loop."""

    def __init__(self, connection: Connection) -> None:
        """There is a thread that reads for each connection."""
        self._motor: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            connection.uri, **connection.options, **_receiving()
        )
        self._client: MongoClient[dict[str, Any]] = self._motor.delegate
        self._readers = ThreadPoolExecutor(connection.size, thread_name_prefix="read", initializer=give_way)

    async def _in_reader(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def reply(
        self, database: str, command: Command, shape: Callable[[RawReply], T], route: Route | None = None
    ) -> T:
        """What `shape` makes of the reply: read and shaped in one go by the same thread."""
        way = route or Route()
        preference = way.preference(self._client.read_preference)

        def work() -> T:
            with lent():
                with way.followed():
                    reply = self._client[database].command(dict(command), read_preference=preference, codec_options=RAW)
                return shape(RawReply(reply.raw, way.taken))

        return await self._in_reader(work)

    async def opened(self, database: str, command: Command, route: Route | None = None) -> Cursor:
        """The cursor that a command opens."""
        way = route or Route()
        preference = way.preference(self._client.read_preference)

        def work() -> _Cursor:
            with way.followed():
                cursor = self._client[database].cursor_command(dict(command), read_preference=preference)
            return _Cursor(self._in_reader, cursor)

        return await self._in_reader(work)

    @asynccontextmanager
    async def watch(
        self, database: str, pipeline: Sequence[Command], since: Timestamp, until: Timestamp, route: Route
    ) -> AsyncGenerator[Stream, None]:
        """A change stream, read in threads."""

        def opened() -> _Stream:
            session = self._client.start_session(causal_consistency=True)
            session.advance_operation_time(until)
            majority = self._client.get_database(database, read_concern=ReadConcern("majority"))
            with route.followed():
                stream = majority.watch(
                    pipeline, start_at_operation_time=since, max_await_time_ms=AWAIT_MILLISECONDS, session=session
                )
            return _Stream(self._in_reader, stream, session)

        stream = await self._in_reader(opened)
        try:
            yield stream
        finally:
            await self._in_reader(stream.close)

    @property
    def topology(self) -> Topology:
        """What the members have said of the deployment, lately."""
        return Topology.of(self._client.topology_description)

    def others(self, avoided: frozenset[Member]) -> Others:
        """Who could be asked instead of these members."""
        return others(self._client.topology_description, self._client.read_preference, avoided)

    async def close(self) -> None:
        """Close all connections."""
        self._motor.close()
        self._readers.shutdown(wait=False, cancel_futures=True)
