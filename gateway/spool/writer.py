"""Writing one export: the side of the process that holds its lock.  Blocking; one call at a time, in threads."""

import errno
import hashlib
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from gateway.errors import Busy, DatasetChanged, GatewayError
from gateway.spool.files import Fingerprint
from gateway.spool.folder import Folder, Lock, Note, Sum

__all__ = ["UNKEPT", "Writer"]

UNKEPT: Final = Busy("it cannot be told whether this export is of one moment, so it is not kept: ask the live query")

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_NOTE_SECONDS: Final = 0.5


class Writer:
    """A part that grows.  `keep` or `drop` ends it and lets the lock go; any other method may raise OSError."""

    def __init__(self, folder: Folder, digest: str, lock: Lock, granted: int = 0) -> None:
        """`granted` bytes may be written without a question for room."""
        self._folder = folder
        self._digest = digest
        self._lock = lock
        self._granted = granted
        self._noted = 0.0
        self._hash = hashlib.sha256()
        before = folder.sum(digest)
        self._known = before.size if before else 0
        self.size = 0
        self.file = folder.part(digest)
        self._written = Fingerprint.of(self.file)
        folder.erase_note(digest)

    def abandon(self) -> None:
        """Close the file, as a process does that dies; the lock stays with who took it."""
        self.file.close()

    def write(self, chunk: bytes, rows: int) -> None:
        """Append a chunk, all of it; says now and then how far the export is.

        DatasetChanged if somebody else has written to it: who followed it may have read that.
        """
        if not self._written.fits(self.file):
            raise DatasetChanged("the export was damaged on the disk while it was made; ask again")
        if self._granted < len(chunk):
            self._granted = self._folder.room.make(len(chunk), own=self.size, known=self._known)
        self._granted -= len(chunk)
        view = memoryview(chunk)
        while view:
            try:
                written = os.pwrite(self.file.fileno(), view, self.size)
            except OSError as error:
                # The disk is fuller than the quota thinks: older exports make room.
                if error.errno in _FULL and self._folder.room.free_disk(len(view), own=self.size, known=self._known):
                    continue
                raise
            self._hash.update(view[:written])
            self.size += written
            view = view[written:]
        self._written = Fingerprint.of(self.file)
        if time.monotonic() - self._noted > _NOTE_SECONDS:
            self._noted = time.monotonic()
            self._folder.note(self._digest, Note(inode=self._inode(), rows=rows, size=self.size))

    def _inode(self) -> int:
        return os.fstat(self.file.fileno()).st_ino

    @property
    def fingerprint(self) -> Fingerprint:
        """That of the part as it was written, whatever name it gets."""
        return replace(self._written, changed=0)

    def total(self, rows: int) -> Sum:
        """What the export came to; DatasetChanged if the same export came to something else before.

        That happens where data changed without a trace in its version: better cut than spliced.
        """
        found = Sum(self.size, rows, self._hash.hexdigest(), int(time.time()))
        before = self._folder.sum(self._digest)
        if before is not None and before.sha256 != found.sha256:
            self._folder.disown(self._digest)
            raise DatasetChanged("the dataset changed; ask again for the new data")
        # What is made again is no newer: the bytes are the same.
        return replace(found, completed=before.completed) if before is not None and before.completed else found

    def keep(self, complete: Sum, beside: Mapping[str, bytes] | None = None) -> Fingerprint:
        """Make it the complete export, with what is to be `beside` it, which can be made of it if there is no room."""
        if beside:
            with suppress(OSError):
                self._folder.beside.keep(self._digest, complete.sha256, beside)
        try:
            fingerprint = self._folder.finish(self._digest, self.file, self.fingerprint, complete)
        except OSError:
            self.drop(full=True)
            raise
        self._lock.release()
        return fingerprint

    def drop(self, error: GatewayError | None = None, *, full: bool = False) -> None:
        """Give up.  What others read already they can go on reading; with an error, or for want of room, they hear."""
        with suppress(OSError):
            self._folder.drop_part(self._digest)
        if full:
            with suppress(OSError):
                self._folder.note(self._digest, Note(inode=self._inode(), full=True))
        elif error is not None:
            said = Note(inode=self._inode(), status=error.status, message=error.message, retry_after=error.retry_after)
            with suppress(OSError):
                self._folder.note(self._digest, said)
        self._lock.release()
