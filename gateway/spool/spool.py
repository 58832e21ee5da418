"""Exports that are produced once and followed by many, in this process and in others."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from gateway import metrics
from gateway.logs import fields
from gateway.spool.checking import Checker, Inspector
from gateway.spool.disk import Disk
from gateway.spool.export import Export
from gateway.spool.folder import Folder, Note, Sum
from gateway.spool.listing import Listed, Listing
from gateway.spool.making import Making, Produce, Progress, Slot, Unspooled
from gateway.tasks import cancelled

__all__ = ["Export", "Listed", "Making", "Produce", "Progress", "Spool", "Unspooled"]

log = logging.getLogger("gateway.spool")

# An export for which there was no room is not tried again at once.
_UNFIT_SECONDS: Final = 60.0
_UNFIT_KEPT: Final = 1000
_LISTED_SECONDS: Final = 0.5


@dataclass(slots=True)
class Spool:
    """The exports of a folder.  `slot` is held by each pass, and may raise what says that there is none."""

    folder: Folder
    slot: Slot
    _exports: dict[str, Export] = field(default_factory=dict)
    _unfit: dict[str, float] = field(default_factory=dict)
    _deriving: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    _disk: Disk = field(init=False)
    _checker: Checker = field(init=False)
    _listing: Listing = field(init=False)
    _listed: tuple[float, list[Listed]] = (0.0, [])
    _inspection: asyncio.Task[None] | None = None
    _removals: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._disk = Disk(self.folder)
        self._checker = Checker(self._disk)
        self._listing = Listing(self.folder.path)

    async def open(self) -> None:
        """Prepare the folder; OSError if it cannot be used."""
        await self._disk.writing(self.folder.prepare)
        self._listing = Listing(self.folder.path)  # which is known now without links
        self._inspection = asyncio.create_task(Inspector(self._disk, self._checker).run())

    @asynccontextmanager
    async def join(self, making: Making) -> AsyncIterator[Export]:
        """An export to follow, whoever writes it: this starts it if nobody does.  Unspooled if there was no room."""
        if time.monotonic() < self._unfit.get(making.digest, 0.0):
            metrics.SPOOL_USES.add(1, "no room")
            raise Unspooled("there was no room a moment ago")
        export = self._exports.get(making.digest)
        # Where the file has changed, those who read it find out for themselves whether they may go on.
        if export is None or export.error is not None or export.changed or not export.to_be_kept:
            export = self._exports[making.digest] = Export(self._disk, self._checker, making, self.slot)
            export.task.add_done_callback(partial(self._done, export, making.digest))
        else:  # of a new one it turns out what it is
            metrics.SPOOL_USES.add(1, "followed" if export.sum is None else "kept")
        export.users += 1
        try:
            with export.askers.joined():
                yield export
        finally:
            export.users -= 1
            export.left = time.monotonic()
            self._leave(export, making.digest)

    def _done(self, export: Export, digest: str, _: asyncio.Task[None]) -> None:
        if isinstance(export.error, Unspooled) and export.error.lasting:
            while len(self._unfit) >= _UNFIT_KEPT:
                del self._unfit[next(iter(self._unfit))]
            self._unfit[digest] = time.monotonic() + _UNFIT_SECONDS
        self._leave(export, digest)

    def _leave(self, export: Export, digest: str) -> None:
        if export.task.done() and not export.users:
            if self._exports.get(digest) is export:
                del self._exports[digest]
            export.close()

    async def look(self, digest: str) -> Sum | None:
        """What is known of an export if it is complete, and was found right; starts nothing."""
        return await self._known(digest, checked=True)

    async def stated(self, digest: str) -> Sum | None:
        """The same of one that may have to be checked: it is made anew as this if it is damaged."""
        return await self._known(digest, checked=False)

    async def _known(self, digest: str, *, checked: bool) -> Sum | None:
        running = self._exports.get(digest)
        if running is not None and running.sum is not None and running.to_be_kept and not running.changed:
            return running.sum

        def found() -> Sum | None:
            kept = self.folder.kept(digest)
            if kept is None:
                return None
            kept.file.close()
            return kept.sum if kept.checked or not checked else None

        try:
            return await self._disk.reading(found)
        except OSError as error:
            log.warning("the spool cannot be used", extra=fields(digest=digest, reason=error))
            return None

    async def completed(self, digest: str) -> float | None:
        """When an export became complete, as a time of the system; None if it is not."""
        return await self._disk.reading(partial(self.folder.completed, digest))

    async def complete(self, digests: Iterable[str]) -> dict[str, Sum]:
        """What is known of those of some exports that are complete; is no use of them."""
        try:
            return await self._disk.reading(partial(self._listing.complete, list(digests)))
        except OSError as error:
            log.warning("the spool cannot be used", extra=fields(reason=error))
            return {}

    async def listed(self) -> list[Listed]:
        """All exports that there are, the newest first, as they were some moments ago; OSError."""
        until, known = self._listed
        if time.monotonic() < until:
            return known
        found = await self._disk.reading(self._listing.all)
        self._listed = time.monotonic() + _LISTED_SECONDS, found
        return found

    async def beside(self, digest: str, kind: str, known: Sum) -> bytes | None:
        """What is kept beside a complete export that came to this; None if there is none."""
        with suppress(OSError):
            return await self._disk.reading(partial(self.folder.beside.read, digest, kind, known.sha256))
        return None

    def deriving(self, digest: str) -> asyncio.Lock:
        """Held by who derives something from an export here: others wait, and find it done."""
        return self._deriving.setdefault(digest, asyncio.Lock())

    async def keep_beside(self, digest: str, known: Sum, found: Mapping[str, bytes]) -> None:
        """Keep what is derived from a complete export that came to this, where there is room."""
        with suppress(OSError):
            await self._disk.writing(partial(self.folder.beside.keep, digest, known.sha256, found))

    async def recall(self, digest: str) -> dict[str, Any] | None:
        """What was asked for, of an export that is known; OSError if that cannot be read."""
        return await self._disk.reading(partial(self.folder.recall, digest))

    async def failure(self, digest: str) -> Note | None:
        """How the last pass of an export failed, if it did and none runs."""
        running = self._exports.get(digest)
        if running is not None and running.error is None:
            return None
        note = await self._disk.reading(partial(self.folder.noted, digest))
        return note if note is not None and note.failed else None

    def give_up(self, digest: str) -> None:
        """Have complete data removed soon, unless somebody reads it then."""
        removal = asyncio.create_task(self._disk.writing(partial(self.folder.room.give_up, digest)))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def idle(self) -> None:
        """Wait until no pass runs here."""
        while running := [export.task for export in self._exports.values() if not export.task.done()]:
            await asyncio.wait(running)

    async def close(self) -> None:
        """Cut all passes; what they wrote counts for nothing."""
        await cancelled(*(export.task for export in self._exports.values()))
        if self._inspection is not None:
            await cancelled(self._inspection)
        await asyncio.gather(*self._removals, return_exceptions=True)
        await self._checker.close()
        self._disk.close()
