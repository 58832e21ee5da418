"""PyMongo's asynchronous client as the driver, for the day that motor, which is past its end of fixes, breaks."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pymongo import AsyncMongoClient

from gateway.db.driver import RAW, Command, Connection, Member, RawReply, at_member
from gateway.threads import give_way

__all__ = ["PymongoDriver"]

T = TypeVar("T")


class PymongoDriver:
    """A client of one deployment, made inside the running event loop."""

    def __init__(self, connection: Connection) -> None:
        """Replies are read by the event loop and shaped by threads."""
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(connection.uri, **connection.options)
        self._shapers = ThreadPoolExecutor(connection.size, thread_name_prefix="shape", initializer=give_way)

    async def reply(
        self, database: str, command: Command, shape: Callable[[RawReply], T], member: Member | None = None
    ) -> T:
        """What `shape` makes of the reply, in a thread."""
        preference = self._client.read_preference
        with at_member(member) as route:
            reply = await self._client[database].command(dict(command), read_preference=preference, codec_options=RAW)
        found = RawReply(bytes(reply.raw), route.taken)
        return await asyncio.get_running_loop().run_in_executor(self._shapers, shape, found)

    async def batches(self, database: str, command: Command, size: int) -> AsyncGenerator[list[dict[str, Any]], None]:
        """The documents of a cursor, which is walked where it was opened."""
        preference = self._client.read_preference
        async with await self._client[database].cursor_command(dict(command), read_preference=preference) as cursor:
            while batch := await cursor.to_list(size):
                yield batch

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
        self._shapers.shutdown(wait=False, cancel_futures=True)
