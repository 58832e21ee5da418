"""Checks that complete data is what was written: it is read, and its SHA-256 compared with the one it had.

Before the first byte of an export is delivered by a process, when its file has changed, and now and then.  A disk that
lost power may have a tail of zeros, somebody may have written to the file: without this its old digest would be sent
with other bytes, for ever.
"""

import asyncio
import hashlib
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from typing import Any, Final

from gateway.logs import fields
from gateway.spool.disk import Disk
from gateway.spool.files import Fingerprint
from gateway.spool.folder import Sum, give_back
from gateway.tasks import cancelled

__all__ = ["Checker", "Inspector"]

log = logging.getLogger("gateway.spool")

# Bytes between which a check lets others have its thread: some ten milliseconds.
_STRETCH: Final = 8 * 1024 * 1024
_BUFFER: Final = 1024 * 1024
# How often a file may change under a check before it counts as damaged: nobody has to touch it at all.
_TRIES: Final = 3


class Checker:
    """Checks of complete data: one of a file at a time, for all who wait for it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._running: dict[tuple[Fingerprint, str], asyncio.Task[Fingerprint | None]] = {}

    async def check(self, digest: str, file: FileIO, known: Sum) -> Fingerprint | None:
        """The fingerprint that an open file had while its data was found right; None if it is damaged."""
        key = Fingerprint.of(file), known.sha256
        task = self._running.get(key)
        if task is None:
            # A file of the task's own: who asked may leave, and others wait.
            own = FileIO(os.dup(file.fileno()))
            task = self._running[key] = asyncio.create_task(self._check(digest, own, known))
            task.add_done_callback(lambda _: self._running.pop(key))
        return await asyncio.shield(task)

    async def _check(self, digest: str, file: FileIO, known: Sum) -> Fingerprint | None:
        began = time.monotonic()
        with file:
            try:
                found = await self.slowly(file, known, 0)
            except OSError as error:
                log.warning("an export cannot be read", extra=fields(digest=digest, reason=error))
                return None
            if found is not None:
                await self._disk.writing(partial(self._disk.folder.vouch, digest, found, known))
                seconds = round(time.monotonic() - began, 3)
                log.info("checked", extra=fields(digest=digest, bytes=known.size, seconds=seconds))
        return found

    async def slowly(self, file: FileIO, known: Sum, rate: int) -> Fingerprint | None:
        """The same for who has the file to himself, at so many bytes a second; 0 is as fast as it goes."""
        for _ in range(_TRIES):
            before = Fingerprint.of(file)
            if before.size != known.size or await self._hash(file, known.size, rate) != known.sha256:
                return None
            if Fingerprint.of(file) == before:
                return before
        return None

    async def _hash(self, file: FileIO, size: int, rate: int) -> str:
        found = hashlib.sha256()
        # Pages that are read for this alone need not stay (Linux 6.3).
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_NOREUSE)
        for at in range(0, size, _STRETCH):
            began = time.monotonic()
            await self._disk.checking(partial(_add, found, file.fileno(), at, min(_STRETCH, size - at)))
            if rate:
                await asyncio.sleep(max(0.0, _STRETCH / rate - (time.monotonic() - began)))
        return found.hexdigest()

    async def close(self) -> None:
        """Give up what runs."""
        await cancelled(*self._running.values())


def _add(found: Any, descriptor: int, at: int, length: int) -> None:
    """Add a stretch of a file to a hash; what is missing at its end makes it another."""
    buffer = memoryview(bytearray(min(_BUFFER, length)))
    while length > 0 and (got := os.preadv(descriptor, [buffer[: min(_BUFFER, length)]], at)):
        found.update(buffer[:got])
        at, length = at + got, length - got


@dataclass(slots=True)
class Inspector:
    """Checks complete exports in the background, one at a time among all processes on the folder.

    Each is read once in `every` seconds, no faster than `rate` bytes a second; `pause` is between looks for what is
    due.
    """

    disk: Disk
    checker: Checker
    every: float = 6 * 3600.0
    rate: int = 64 * 1024 * 1024
    pause: float = 60.0
    _tried: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Look through the folder, until cancelled."""
        while True:
            await asyncio.sleep(self.pause)
            try:
                await self._round()
            except OSError as error:
                log.warning("the spool cannot be looked through", extra=fields(reason=error))

    async def _round(self) -> None:
        folder = self.disk.folder
        lock = folder.inspection()  # not from a thread: who is cancelled meanwhile would never let it go
        if lock is None:
            return
        try:
            while digest := await self.disk.writing(partial(folder.due, self.every, self._tried)):
                self._tried[digest] = time.time()
                await self._inspect(digest)
            self._tried = {digest: at for digest, at in self._tried.items() if at > time.time() - self.every}
        finally:
            lock.release()

    async def _inspect(self, digest: str) -> None:
        folder = self.disk.folder
        kept = await self.disk.opening(partial(folder.kept, digest, use=False), give_back)
        if kept is None:
            await self._clear(digest)
            return
        with kept.file:
            found = None
            with suppress(OSError):  # what cannot be read cannot be delivered
                found = await self.checker.slowly(kept.file, kept.sum, self.rate)
            if found is None:
                await self.disk.writing(partial(folder.condemn, digest, kept.fingerprint.inode))
            else:
                await self.disk.writing(partial(folder.vouch, digest, found, kept.sum))

    async def _clear(self, digest: str) -> None:
        """Have data removed that is not complete."""
        give_back(await self.disk.opening(partial(self.disk.folder.claim, digest), give_back))
