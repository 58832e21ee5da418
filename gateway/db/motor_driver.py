"""Motor as the driver: sole owner of motor.

Commands are sent and waited for in threads of our own, through motor's client, whose pool and server selection are thus
shared: motor's own threads, five a processor, would be the limit where the database is slow.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient

from gateway.db.driver import RAW, Command, Connection, Member, RawReply, at_member
from gateway.threads import give_way

__all__ = ["MotorDriver"]

T = TypeVar("T")


class MotorDriver:
    """A client of one deployment, made inside the running event loop."""

    def __init__(self, connection: Connection) -> None:
        """There is a thread that reads for each connection."""
        self._motor: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(connection.uri, **connection.options)
        self._client: MongoClient[dict[str, Any]] = self._motor.delegate
        self._readers = ThreadPoolExecutor(connection.size, thread_name_prefix="read", initializer=give_way)

    async def _in_reader(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def reply(
        self, database: str, command: Command, shape: Callable[[RawReply], T], member: Member | None = None
    ) -> T:
        """What `shape` makes of the reply: read and shaped in one go by the same thread."""
        preference = self._client.read_preference

        def work() -> T:
            with at_member(member) as route:
                reply = self._client[database].command(dict(command), read_preference=preference, codec_options=RAW)
            return shape(RawReply(bytes(reply.raw), route.taken))

        return await self._in_reader(work)

    async def batches(self, database: str, command: Command, size: int) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The documents of a cursor, which is walked where it was opened."""
        preference = self._client.read_preference
        run = partial(self._client[database].cursor_command, dict(command), read_preference=preference)
        cursor = await self._in_reader(run)
        try:
            while batch := await self._in_reader(lambda: list(islice(cursor, size))):
                yield batch
        finally:
            await self._in_reader(cursor.close)

    async def close(self) -> None:
        """Close all connections."""
        self._motor.close()
        self._readers.shutdown(wait=False, cancel_futures=True)
