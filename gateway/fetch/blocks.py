"""The rest of a complete export over several connections: blocks are asked for ahead, and written in order.

What is written is the beginning of the file at any time, as with one connection: a run that was killed is gone on with
by any other, and the checksum is made as the bytes come.  Blocks that are ahead are in memory: `AHEAD` a connection.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.fetch.part import Sink
from gateway.tasks import cancelled

__all__ = ["AHEAD", "Block", "bring"]

AHEAD: Final = 2
"""Blocks a connection, so that a slow one does not stop the others at once."""
_BLOCK: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class Block:
    """Bytes `start` to `stop` of the file, and what of them has come."""

    start: int
    stop: int
    data: bytearray = field(default_factory=bytearray)

    @property
    def at(self) -> int:
        """The first byte that is missing."""
        return self.start + len(self.data)


async def bring(sink: Sink, size: int, connections: int, pull: Callable[[Block], Awaitable[None]]) -> None:
    """Add what a sink lacks of `size` bytes; `pull` fills a block, and its errors end the others."""
    free = asyncio.Semaphore(connections)
    ahead: deque[asyncio.Task[Block]] = deque()

    async def pulled(block: Block) -> Block:
        async with free:
            await pull(block)
        return block

    begun = sink.size
    try:
        while sink.size < size:
            while begun < size and len(ahead) < AHEAD * connections:
                block = Block(begun, min(begun + _BLOCK, size))
                ahead.append(asyncio.create_task(pulled(block)))
                begun = block.stop
            running = [task for task in ahead if not task.done()]
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # whichever failed ends all now
            while ahead and ahead[0].done():
                await asyncio.to_thread(sink.add, bytes(ahead.popleft().result().data))
    finally:
        await cancelled(*ahead)
