"""One export as a process sees it: produced here, or followed as another process produces it, or complete.

The first to ask for an export gets its lock and produces it, in a task of its own that goes on when clients leave.
All others follow: those of this process hear of each chunk, those of other processes look at the file.  A writer that
died is replaced by one of those who followed it: an export is the same bytes each time, so the new one starts over, and
followers wait until it has come to where they are.
"""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import ExitStack, aclosing, suppress
from functools import partial
from io import FileIO
from typing import Final

from gateway import metrics
from gateway.errors import Busy, DatasetChanged, GatewayError, TooManyRequests, refusal
from gateway.logs import fields
from gateway.rows import NotToBeKept, Tally, delivered
from gateway.spool.askers import Askers
from gateway.spool.checking import Checker
from gateway.spool.disk import Disk
from gateway.spool.files import Fingerprint
from gateway.spool.folder import Kept, Lock, Note, Sum, Unchecked, give_back
from gateway.spool.making import Charge, Making, Progress, Slot, Unspooled
from gateway.spool.sent import Sent
from gateway.spool.writer import UNKEPT, Writer

__all__ = ["Export"]

log = logging.getLogger("gateway.spool")

_PIECE: Final = 256 * 1024
# What those at the head of a growing export get without a look at the file.
_NEWEST: Final = 4 * 1024 * 1024
_NEWEST_CHUNKS: Final = 64
# Looking at what another process writes, seconds.
_SOON, _LATER, _SLOWER = 0.05, 0.25, 1.3


class Export:
    """One export as this process sees it.  Made by `Spool.join`."""

    def __init__(self, disk: Disk, checker: Checker, making: Making, slot: Slot) -> None:
        self._disk = disk
        self._checker = checker
        self._making = making
        self._slot = slot
        self._changed = asyncio.Event()
        self._newest: deque[tuple[int, bytes]] = deque(maxlen=_NEWEST_CHUNKS)
        # The one that is read, and those that were replaced under readers: a read may still be under way in them.
        self._files: list[FileIO] = []
        self._size = 0
        self._sent = Sent(disk)
        self._tallies: list[Tally] = []
        self._noted: Note | None = None
        # What the file was like when its data was found right; and what it should be while that is looked into.
        self._fingerprint: Fingerprint | None = None
        self._stated: Sum | None = None
        self._damaged = False
        self.askers = Askers()
        self.users = 0
        self.left = time.monotonic()
        self.begun = False
        self.to_be_kept = True
        self.sum: Sum | None = None
        self.beside: Mapping[str, bytes] = {}  # what was made with it here
        self.error: Exception | None = None
        self.task = asyncio.create_task(self._run())

    # --- for followers -----------------------------------------------------------------------------------------------

    @property
    def digest(self) -> str:
        """The name of its bytes."""
        return self._making.digest

    def give_way(self) -> None:
        """Give up the pass, which nobody follows; who asks for the export from now on begins another."""
        log.info("gave way: nobody follows it, and others wait", extra=fields(digest=self.digest))
        self.error = Busy("this download was given up for others; ask again")
        self.task.cancel()

    @property
    def progress(self) -> Progress:
        """Rows and bytes so far."""
        if known := self.sum or self._stated:
            return Progress(known.rows, known.size)
        # What the file says, so that all processes say the same.
        size = os.fstat(self.file.fileno()).st_size if self._files else 0
        rows = delivered(self._tallies) or (self._noted.rows if self._noted else 0)
        return Progress(rows, size)

    @property
    def file(self) -> FileIO:
        """The file that is read."""
        return self._files[-1]

    @property
    def changed(self) -> bool:
        """Whether something was done to the file since its data was found right."""
        return self._fingerprint is not None and not self._fingerprint.fits(self.file)

    async def sure(self) -> None:
        """Be sure that what was read is right: if the file has changed, it is checked again.  Raises if it is not."""
        if self.sum is not None and self.changed and not self._damaged:
            found = await self._checker.check(self._making.digest, self.file, self.sum)
            if found is not None:
                self._fingerprint = found
            elif not self._damaged:
                self._damaged = True
                self.error = DatasetChanged("the export was damaged on the disk; ask again: it is made anew")
                self._size = 0
                inode = Fingerprint.of(self.file).inode
                with suppress(OSError):  # who asks next finds it damaged as well, and hears of this
                    await self._disk.writing(partial(self._disk.folder.condemn, self._making.digest, inode))
        if self._damaged and self.error is not None:
            raise self.error

    async def last(self, start: int, stop: int) -> bytes:
        """The last bytes that somebody reads of a complete export, once it is known that all before were right, too."""
        rest = b""
        while start + len(rest) < stop:
            piece = await self.read(start + len(rest), stop - start - len(rest))
            if not piece:
                raise DatasetChanged("an export is shorter than it was")
            rest += piece
        await self.sure()
        return rest

    async def begins(self) -> None:
        """Wait until it is known who writes the export, and that it can be found by others."""
        await self._until(lambda: self.begun)

    async def finished(self) -> Sum:
        """Wait for the end of the pass.  Raises what it failed with, or Unspooled."""
        await self._until(lambda: self.sum is not None)
        assert self.sum is not None  # noqa: S101 - for the type checker
        return self.sum

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            if self.error is not None:
                raise self.error
            await self._changed.wait()

    async def read(self, offset: int, most: int = _PIECE) -> bytes:
        """Some bytes from an offset, as soon as there are any; none at the end of a complete export only."""
        while offset >= self._size:
            if self.error is not None:
                raise self.error
            if self.sum is not None:
                return b""
            await self._changed.wait()
        for start, chunk in reversed(self._newest):
            if start <= offset < start + len(chunk):
                piece = chunk[offset - start : offset - start + most]
                self._sent.reached(offset + len(piece))
                return piece
            if start < offset:
                break
        # File and size belong together: both may be replaced while a thread reads.
        file, length = self.file, min(most, self._size - offset)
        try:
            data = await self._disk.pread(file, length, offset)
            # Afterwards, so that what was read before somebody wrote is known to be right.
            await self.sure()
            self._sent.reached(offset + len(data))
            if file is not self.file:  # it was replaced meanwhile
                await self._sent.compare(self.file, self._size)
        except OSError as error:
            raise Unspooled(f"an export cannot be read: {error}") from error
        if not data:
            # Nobody knows what else was done to it: what was sent is not gone on with.
            raise DatasetChanged("an export is shorter than it was")
        return data

    async def begins_with(self, data: bytes, offset: int) -> bool:
        """Whether this is what was read from an offset on, as far as anything was.  Raises SystemRefused."""
        try:
            return await self._sent.holds(self.file, self._size, data, offset)
        except OSError as error:
            raise refusal(error, "what was sent, to compare what follows with it") from error

    # --- the task ----------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        try:
            await self._make()
        except (Unspooled, OSError) as error:
            self.error = error if isinstance(error, Unspooled) else Unspooled(str(error))
            told = fields(digest=self._making.digest, reason=error.__cause__ or error)
            log.warning("an export is not kept", extra=told)
        except GatewayError as error:
            self.error = error
        except asyncio.CancelledError:
            self.error = self.error or ConnectionResetError("the gateway is stopping")
        except Exception as error:
            metrics.INTERNAL_ERRORS.add(1)
            log.exception("an export failed", extra=fields(digest=self._making.digest))
            self.error = error
        finally:
            self._newest.clear()
            self._tell()

    async def _make(self) -> None:
        folder, digest = self._disk.folder, self._making.digest
        pause, told = _SOON, False
        while True:
            got = await self._disk.opening(partial(folder.claim, digest), give_back)
            if not told:
                result = "kept" if isinstance(got, Kept | Unchecked) else "made" if got is not None else "followed"
                metrics.SPOOL_USES.add(1, result)
                told = True
            if isinstance(got, Kept):
                await self._remember()
                await self._have(got, got.fingerprint)
                return
            if isinstance(got, Unchecked):
                got = await self._check(got)
                if got is None:
                    return
            if got is not None and await self._produced(got):
                return
            await self._watch()
            await asyncio.sleep(pause)
            pause = min(pause * _SLOWER, _LATER)

    async def _have(self, kept: Kept, fingerprint: Fingerprint) -> None:
        """Let followers read a complete export."""
        await self._show(kept.file, kept.sum.size)
        self._fingerprint = fingerprint
        self.sum = kept.sum
        self._begin()

    async def _check(self, got: Unchecked) -> Lock | None:
        """Check what is complete; the right to write it anew if it is damaged."""
        kept, digest = got.kept, self._making.digest
        with ExitStack() as undone:
            undone.callback(got.lock.release)
            undone.callback(kept.file.close)
            await self._remember()
            self._stated = kept.sum
            self._begin()
            found = await self._checker.check(digest, kept.file, kept.sum)
            self._stated = None
            if found is None:
                condemn = partial(self._disk.folder.condemn, digest, kept.fingerprint.inode, locked=True)
                await self._disk.writing(condemn)
                undone.pop_all()
                kept.file.close()
                return got.lock
            undone.pop_all()
        got.lock.release()
        await self._have(kept, found)
        return None

    async def _remember(self) -> int:
        return await self._disk.writing(partial(self._disk.folder.remember, self._making.digest, self._making.record))

    def _begin(self) -> None:
        self.begun = True
        self._tell()

    async def _show(self, file: FileIO, size: int) -> None:
        """Let followers read a file up to a size.

        One that takes the place of another must be the same as far as somebody has read, or DatasetChanged is raised.
        """
        if not self._files or self._files[-1] is not file:
            if self._files:
                self._sent.replaced(self.file, self._size, file)
            self._newest.clear()
            self._files.append(file)
            self._size = 0
        await self._sent.compare(file, size)
        self._size = size

    async def _watch(self) -> None:
        """See how far another process is."""
        folder, digest = self._disk.folder, self._making.digest
        watch = partial(folder.watch, digest, self._files[-1] if self._files else None)
        seen = await self._disk.opening(watch, give_back)
        if seen.file is not None:
            await self._show(seen.file, seen.size)
        self._noted = await self._disk.reading(partial(folder.noted, digest))
        # Its record may be on its way: who has a place comes before what is kept.
        if not self.begun:
            self.begun = bool(await self._disk.reading(partial(folder.recall, digest)))
        self._tell()

    async def _produced(self, lock: Lock) -> bool:
        """Produce it; False if there is no place, for which those wait who read what another process gave up."""
        read = len(self._files)
        try:
            await self._produce(lock)
        except (Busy, TooManyRequests):
            if not read or len(self._files) > read or not self.users:
                raise
            return False
        return True

    async def _produce(self, lock: Lock) -> None:
        folder, digest = self._disk.folder, self._making.digest
        with ExitStack() as unwritten:
            unwritten.callback(lock.release)
            if self._files:
                self._heed(await self._disk.reading(partial(folder.noted, digest)))
            # A place comes first: for who is refused one, nothing is kept.
            with self.askers.place(self._slot, self) as charge:
                granted = await self._remember()
                writer = await self._disk.opening(partial(Writer, folder, digest, lock, granted), Writer.abandon)
                unwritten.pop_all()  # the writer has the lock now
                await self._show(writer.file, 0)
                self._begin()
                total = await self._filled(writer, charge)
        # Followers have all there is; they need not wait for the disk.
        self._fingerprint = writer.fingerprint
        self.sum, self.beside = total, {**self._making.beside}
        self._tell()
        try:
            if self.to_be_kept:
                self._fingerprint = await self._disk.writing(partial(writer.keep, total, self.beside))
            else:
                await self._disk.writing(partial(writer.drop, UNKEPT))
        except OSError:
            self._size = 0  # what was not written safely must not be read any more
            raise

    async def _filled(self, writer: Writer, charge: Charge) -> Sum:
        try:
            return await self._fill(writer, charge)
        except asyncio.CancelledError:
            writer.drop()  # here, because a task that is cancelled must not wait for a thread
            raise
        except Unspooled:
            await self._disk.writing(partial(writer.drop, full=True))
            raise
        except Exception as error:
            told = refusal(error) if isinstance(error, MemoryError) else error
            told = told if isinstance(told, GatewayError) else GatewayError("an internal error")
            await self._disk.writing(partial(writer.drop, told))
            raise

    def _heed(self, note: Note | None) -> None:
        """Fail as the writer failed that was followed so far; one that left no word died, and is replaced."""
        if note is None or not note.failed or note.inode != os.fstat(self.file.fileno()).st_ino:
            return
        if note.full:
            raise Unspooled("another process had no room for it")
        raise note.error

    async def _fill(self, writer: Writer, charge: Charge) -> Sum:
        self._tallies = []
        async with aclosing(self._kept_or_not(self._making.produce(self._tallies))) as chunks:
            async for chunk in chunks:
                rows = delivered(self._tallies)
                charge(len(chunk))
                try:
                    await self._disk.writing(partial(writer.write, chunk, rows))
                except OSError as error:
                    self._size = writer.size  # what there is of the chunk is right
                    raise Unspooled(f"an export cannot be written: {error}") from error
                metrics.SPOOL_WRITTEN_BYTES.add(len(chunk))
                self._keep_newest(chunk, writer.size - len(chunk))
                await self._show(writer.file, writer.size)
                self._tell()
        rows = delivered(self._tallies)
        return await self._disk.writing(partial(writer.total, rows))

    async def _kept_or_not(self, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The chunks; what cannot be shown to be of one moment is given to those who follow, and to nobody later."""
        async with aclosing(chunks):
            try:
                async for chunk in chunks:
                    yield chunk
            except NotToBeKept:
                log.warning("an export is not kept", extra=fields(digest=self._making.digest))
                self.to_be_kept = False

    def _keep_newest(self, chunk: bytes, offset: int) -> None:
        self._newest.append((offset, chunk))
        kept = sum(len(old) for _, old in self._newest)
        while kept > _NEWEST and len(self._newest) > 1:
            kept -= len(self._newest.popleft()[1])

    def close(self) -> None:
        """Close all files.  Nobody reads any more."""
        for file in self._files:
            file.close()
        self._files.clear()
