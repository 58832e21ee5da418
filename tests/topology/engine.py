"""The embedded database behind a topology: commands go to it, over connections that are kept."""

import asyncio
import re
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument

from tests.topology.failures import Refused
from tests.topology.wire import RAW, message

__all__ = ["Engine", "plain"]

_ALL: Final = 1_000_000
_NAME: Final = re.compile(r"t[0-9a-f]{8}_(\S+?)\.\d+(?![\w.])")


def plain(text: str) -> str:
    """A message without names from behind the scenes, which are made by `States`."""
    return _NAME.sub(r"\1", text)


class Engine:
    """Asks the embedded database."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, database: str, command: dict[str, Any]) -> RawBSONDocument:
        """The reply; raises Refused for an error."""
        pair = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = pair
        try:
            writer.write(message(command | {"$db": database}))
            await writer.drain()
            size = int.from_bytes(await reader.readexactly(4), "little")
            data = await reader.readexactly(size - 4)
        except BaseException:
            writer.transport.abort()
            raise
        self._idle.append(pair)
        reply: RawBSONDocument = bson.decode(data[17:], RAW)  # after the rest of the header, flags and a section's kind
        if not reply["ok"]:
            raise Refused(int(reply.get("code", 1)), plain(str(reply.get("errmsg"))))
        return reply

    async def drain(self, database: str, command: dict[str, Any]) -> list[RawBSONDocument]:
        """All documents of a cursor."""
        sized = {"cursor": {"batchSize": _ALL}} if "aggregate" in command else {"batchSize": _ALL}
        cursor = (await self.ask(database, command | sized))["cursor"]
        found = list(cursor["firstBatch"])
        collection = next(iter(command.values()))
        while cursor["id"]:
            more = {"getMore": bson.Int64(cursor["id"]), "collection": collection, "batchSize": _ALL}
            cursor = (await self.ask(database, more))["cursor"]
            found += cursor["nextBatch"]
        return found

    def close(self) -> None:
        """Leave the database alone."""
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()
