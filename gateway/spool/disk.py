"""A folder's blocking work, done in threads."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from typing import Final, TypeVar

from aiofiles.os import wrap

from gateway.spool.folder import Folder
from gateway.threads import give_way

__all__ = ["Disk"]

T = TypeVar("T")

_pread = wrap(os.pread)
_THREADS: Final = 8
# Checks are all processor: more of them at once would take it from the loop.
_CHECKERS: Final = 2


@dataclass(slots=True)
class Disk:
    """A folder, and threads to work in it."""

    folder: Folder
    # Disks make writers wait; readers, mostly of what is in memory, must not wait with them.
    _readers: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, _THREADS, "spool-read"))
    _writers: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, _THREADS, "spool-write"))
    _checkers: ThreadPoolExecutor = field(
        default_factory=partial(ThreadPoolExecutor, _CHECKERS, "spool-check", initializer=give_way)
    )

    async def reading(self, work: Callable[[], T]) -> T:
        """The result of short work on files, from a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def pread(self, file: FileIO, length: int, offset: int) -> bytes:
        """Some bytes of a file, whatever its position."""
        return await _pread(file.fileno(), length, offset, executor=self._readers)

    async def writing(self, work: Callable[[], T]) -> T:
        """The same for work that must be over before its files may be closed: who is cancelled waits for it."""
        return await _over(self._writers, work)

    async def opening(self, work: Callable[[], T], undo: Callable[[T], object]) -> T:
        """The same for work that opens files or takes locks: who is cancelled meanwhile has that undone."""
        return await _over(self._writers, work, undo)

    async def checking(self, work: Callable[[], T]) -> T:
        """The same for work that is much to compute."""
        return await _over(self._checkers, work)

    def close(self) -> None:
        """End the threads."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._writers.shutdown(wait=True)
        self._checkers.shutdown(wait=True)


async def _over(pool: ThreadPoolExecutor, work: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
    future = asyncio.get_running_loop().run_in_executor(pool, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        failed = future.cancelled() or future.exception()  # seen
        if undo is not None and not failed:
            undo(future.result())
        raise
