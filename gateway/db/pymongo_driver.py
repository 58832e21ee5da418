"""PyMongo's asynchronous client as the driver, for the day that motor, which is past its end of fixes, breaks."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bson.timestamp import Timestamp
from pymongo import AsyncMongoClient
from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
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
from gateway.threads import give_way

__all__ = ["PymongoDriver"]

T = TypeVar("T")


class _Cursor:
    def __init__(self, cursor: AsyncCommandCursor[dict[str, Any]]) -> None:
        self._cursor = cursor

    async def batch(self, size: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while not found and self._cursor.alive:  # a batch of nothing is not the end
            found = await self._cursor.to_list(size)
        return found

    async def close(self) -> None:
        await self._cursor.close()


class _Stream:
    def __init__(self, stream: AsyncChangeStream[dict[str, Any]]) -> None:
        self._stream = stream

    async def event(self) -> bool:
        return await self._stream.try_next() is not None

    @property
    def token(self) -> Mapping[str, Any] | None:
        return self._stream.resume_token


class PymongoDriver:
    """A client of one deployment, made inside the running event loop."""

    def __init__(self, connection: Connection) -> None:
        """Replies are read by the event loop and shaped by threads."""
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(connection.uri, **connection.options)
        self._shapers = ThreadPoolExecutor(connection.size, thread_name_prefix="shape", initializer=give_way)

    async def reply(
        self, database: str, command: Command, shape: Callable[[RawReply], T], route: Route | None = None
    ) -> T:
        """What `shape` makes of the reply, in a thread."""
        way = route or Route()
        preference = way.preference(self._client.read_preference)
        with way.followed():
            reply = await self._client[database].command(dict(command), read_preference=preference, codec_options=RAW)
        found = RawReply(reply.raw, way.taken)
        return await asyncio.get_running_loop().run_in_executor(self._shapers, shape, found)

    async def opened(self, database: str, command: Command, route: Route | None = None) -> Cursor:
        """The cursor that a command opens."""
        way = route or Route()
        preference = way.preference(self._client.read_preference)
        with way.followed():
            return _Cursor(await self._client[database].cursor_command(dict(command), read_preference=preference))

    @asynccontextmanager
    async def watch(
        self, database: str, pipeline: Sequence[Command], since: Timestamp, until: Timestamp, route: Route
    ) -> AsyncGenerator[Stream, None]:
        """A change stream."""
        majority = self._client.get_database(database, read_concern=ReadConcern("majority"))
        async with self._client.start_session(causal_consistency=True) as session:
            session.advance_operation_time(until)
            with route.followed():
                opened = await majority.watch(
                    pipeline, start_at_operation_time=since, max_await_time_ms=AWAIT_MILLISECONDS, session=session
                )
            async with opened as stream:
                yield _Stream(stream)

    @property
    def topology(self) -> Topology:
        """What the members have said of the deployment, lately."""
        return Topology.of(self._client.topology_description)

    def others(self, avoided: frozenset[Member]) -> Others:
        """Who could be asked instead of these members."""
        return others(self._client.topology_description, self._client.read_preference, avoided)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
        self._shapers.shutdown(wait=False, cancel_futures=True)
