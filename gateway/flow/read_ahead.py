"""Work in steps, of which the next is under way while what the last one brought is worked on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import TypeVar

from gateway.tasks import cancelled

__all__ = ["ahead", "steps"]

T = TypeVar("T")


async def steps(step: Callable[[], Awaitable[T | None]]) -> AsyncGenerator[T, None]:
    """What a step brings, again and again, up to one that brings nothing; what is under way is given up by `aclose`."""
    task = asyncio.ensure_future(step())
    try:
        while (found := await task) is not None:
            task = asyncio.ensure_future(step())
            yield found
    finally:
        await cancelled(task)


def ahead(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same items, each asked for when the one before it is given; close this before them."""
    return steps(partial(anext, items, None))
