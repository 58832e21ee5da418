"""Cursors: opened by the member that answers first, walked where they live, closed whatever happens.

A cursor whose first reply is whole costs one round trip, and closing it none.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Any, Final, TypeVar

from gateway.db.driver import Command, Cursor, Route
from gateway.db.observing import observed
from gateway.tasks import failure

__all__ = ["Unbroken", "all_of", "batches", "opened"]

T = TypeVar("T")

_MORE: Final[Command] = {"getMore": 0}

Unbroken = Callable[[Awaitable[Any]], Awaitable[Any]]
"""Awaits work that runs to its end even if the caller is cancelled."""


async def opened(
    open_at: Callable[[Route], Awaitable[Cursor]],
    first: Callable[[Callable[[Route], Awaitable[None]]], Awaitable[None]],
    unbroken: Unbroken,
) -> Cursor:
    """The cursor of the member that answers `first`; of those that come later, or for nobody, none stays open."""
    taken: list[Cursor] = []
    left = False

    async def take(route: Route) -> None:
        cursor = await open_at(route)
        if taken or left:
            await cursor.close()
        else:
            taken.append(cursor)

    try:
        await first(take)
    except BaseException:
        left = True
        for cursor in taken:
            await unbroken(cursor.close())
        raise
    return taken[0]


async def batches(cursor: Cursor, size: int, unbroken: Unbroken) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The documents of a cursor, `size` at a time; it is closed at the end, or when the caller leaves."""
    reading: asyncio.Future[list[dict[str, Any]]] | None = None

    async def close() -> None:
        if reading is not None:  # a read under way must end before its cursor can be closed
            await asyncio.wait([reading])
            failure(reading)  # seen; the caller has had it
        await cursor.close()

    asking: AbstractContextManager[None] = nullcontext()  # the first came with the cursor
    try:
        while True:
            with asking:
                reading = asyncio.ensure_future(cursor.batch(size))
                found = await asyncio.shield(reading)
            if not found:
                return
            yield found
            asking = observed(_MORE)
    finally:
        await unbroken(close())


async def all_of(cursor: Cursor, size: int, unbroken: Unbroken) -> list[dict[str, Any]]:
    """All documents of a cursor."""
    async with aclosing(batches(cursor, size, unbroken)) as found:
        return [document async for batch in found for document in batch]
