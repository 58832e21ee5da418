"""The times of a cluster: up to when all writes are safe, and whether that is all that was written."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import bson

from gateway.db.driver import RawReply

__all__ = ["settled_time", "times_told"]

_AGREED: Final = 0.005  # seconds until the members of a replica set have agreed on a write, or so
_TIMES_ASKED: Final = 40


def times_told(reply: RawReply) -> tuple[Any, Any]:
    """What a reply to `isMaster` says: the time up to which all writes are safe, and that of the last; else None."""
    said = bson.decode(reply.raw)
    newest = said.get("$clusterTime", {}).get("clusterTime")
    last = said.get("lastWrite", {})
    safe = last.get("majorityOpTime", {}).get("ts")
    if newest and safe and said.get("ismaster"):
        return safe, last.get("opTime", {}).get("ts", newest)
    return newest, newest


async def settled_time(times: Callable[[], Awaitable[tuple[Any, Any]]]) -> tuple[Any, bool]:
    """The time up to which all writes are safe, and whether that is all that was written until now.

    Waits a little for members to agree: numbers that a server keeps count what is not safe yet, too.
    """
    safe, written = await times()
    for _ in range(_TIMES_ASKED):
        if safe is None or safe >= written:
            return safe, True
        await asyncio.sleep(_AGREED)
        safe, _ = await times()
    return safe, safe >= written
