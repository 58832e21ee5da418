"""Tasks that nobody may be waiting for any more: how they ended, and the end of those that are not needed."""

import asyncio
from typing import Any

__all__ = ["cancelled", "failure"]


def failure(task: "asyncio.Future[Any]") -> BaseException | None:
    """What a task that is done failed with; of one that was cancelled None.

    Who has asked this has seen it: asyncio complains at the end of tasks whose failure nobody looked at.
    """
    return None if task.cancelled() else task.exception()


async def cancelled(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks, and wait until they have ended, however they do."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
