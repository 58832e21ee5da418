"""The folder of exports: what is complete, what grows, recovery.  Blocking file work, all of it; called in threads.

For an export, by its digest:

    .json   what was asked; outlives the data, so that an immutable address can be made anew
    .part   the data while it grows
    .lock   held (flock) by the process that writes `.part`; the kernel frees it if that process dies
    .note   how far the writer is, twice a second, and why it failed
    .data   the data, complete; readers hold shared locks on it
    .sum    what is known of complete data: size, rows, SHA-256; outlives it, too

Data is complete if it has the name `.data` and the size that `.sum` says: it takes that name last of all.  Whatever
else is found was left by a process that died, and counts for nothing.
"""

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Final

from gateway.spool.files import Files, Lock, is_digest, open_file
from gateway.spool.private import private_folder
from gateway.spool.room import Room

__all__ = ["Folder", "Grown", "Kept", "Lock", "Note", "Sum", "is_digest"]

_LEFTOVER_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Sum:
    """What is known of a complete export: bytes, rows, SHA-256 in hexadecimal."""

    size: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A complete export, open, with a shared lock on it; whoever gets it closes the file."""

    file: FileIO
    sum: Sum


@dataclass(frozen=True, slots=True)
class Grown:
    """The growing file of another process: open, if it is there; its bytes so far."""

    file: FileIO | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """How far a writer is, and how it failed: `status` and `message` of an error, or `full` for want of room."""

    inode: int
    rows: int = 0
    size: int = 0
    full: bool = False
    status: int = 0
    message: str = ""
    retry_after: int | None = None

    @property
    def failed(self) -> bool:
        """Whether the writer gave up."""
        return self.full or bool(self.status)


class Folder:
    """A folder of exports, shared with other processes.  Any method may raise OSError."""

    def __init__(self, path: Path, quota: int) -> None:
        """`quota` is in bytes; 0 is 10 GiB or half of what the disk has, whichever is less."""
        self._files = Files(path)
        self.room = Room(self._files, quota)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._files.path

    def prepare(self) -> None:
        """Make the folder, prove that we can write to it and others cannot, clear what dead processes left."""
        self._files.path = private_folder(self.path)
        with tempfile.TemporaryFile(dir=self.path) as probe:
            probe.write(b"\0")
        for found in self._files.all():
            if found.kind in {"part", "lock"} and (lock := self._files.lock(found.digest)):
                self._files.remove(found.digest, "part")
                lock.release()
        for path in self.path.iterdir():
            with suppress(FileNotFoundError):  # another process takes away, or renames, its own
                if path.suffix in {".tmp", ".note"} and time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                    path.unlink()
        self.room.measure()
        with suppress(OSError):  # what others write or read now may fill it; they will not for ever
            self.room.make(0)

    # --- what was asked ----------------------------------------------------------------------------------------------

    def remember(self, digest: str, record: Mapping[str, Any]) -> int:
        """Keep what was asked; the first to ask is kept, unless it is no record such as this one.

        Returns how many bytes may be written besides.
        """
        path = self._files.name(digest, "json")
        with suppress(FileNotFoundError):
            os.utime(path)
        known = self._files.read(digest, "json")
        if known is not None and known.keys() == record.keys():
            return 0
        # What a crash left, or another version, is replaced.
        text = json.dumps(record)
        room = self.room.make(len(text))
        self._files.write(digest, "json", text, fresh=not path.exists())
        return room - len(text)

    def recall(self, digest: str) -> dict[str, Any] | None:
        """What was asked, None if nobody did."""
        return self._files.read(digest, "json")

    # --- complete exports --------------------------------------------------------------------------------------------

    def sum(self, digest: str) -> Sum | None:
        """What is known of the data of an export that was complete once."""
        value = self._files.read(digest, "sum")
        try:
            return Sum(int(value["size"]), int(value["rows"]), str(value["sha256"])) if value else None
        except (KeyError, TypeError, ValueError):
            return None

    def kept(self, digest: str) -> Kept | None:
        """The complete export, open; None if there is none.  Counts as a use of it."""
        path = self._files.name(digest, "data")
        try:
            file = open_file(path)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            found = self.sum(digest)
            state = os.fstat(file.fileno())
            if found and state.st_nlink and state.st_size == found.size:
                os.utime(path)
                with suppress(FileNotFoundError):
                    os.utime(self._files.name(digest, "json"))
                return Kept(file, found)
        except (BlockingIOError, FileNotFoundError):
            pass  # it is being removed
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def finish(self, digest: str, part: FileIO, complete: Sum) -> None:
        """Make a part the complete export, for good.  The caller holds its lock."""
        os.fsync(part.fileno())
        self._files.write(digest, "sum", json.dumps(asdict(complete)), sync=True)
        self._files.name(digest, "part").replace(self._files.name(digest, "data"))
        self._files.remove(digest, "note")
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def disown(self, digest: str) -> None:
        """Forget what was known of complete data that is no longer there."""
        self._files.remove(digest, "sum")

    # --- growing exports ---------------------------------------------------------------------------------------------

    def claim(self, digest: str) -> Kept | Lock | None:
        """The complete export, or the right to write it, or None because another process writes it."""
        if kept := self.kept(digest):
            return kept
        lock = self._files.lock(digest)
        if lock is None:
            return None
        try:
            if kept := self.kept(digest):  # by somebody who finished in between
                lock.release()
                return kept
            # Data without a sum, or of another size: nothing that this program left.
            self._files.remove(digest, "data")
        except BaseException:
            lock.release()
            raise
        return lock

    def part(self, digest: str) -> FileIO:
        """A new, empty part.  The caller holds the lock.  Who reads an old one reads on in that, and asks again."""
        path = self._files.name(digest, "part")
        path.unlink(missing_ok=True)
        file = open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return file

    def drop_part(self, digest: str) -> None:
        """Take a part's name away.  The caller holds the lock."""
        self._files.remove(digest, "part")

    def watch(self, digest: str, known: FileIO | None) -> Grown:
        """The growing file of another process; a file other than the `known` one if that was replaced."""
        path = self._files.name(digest, "part")
        try:
            if known is not None and os.fstat(known.fileno()).st_ino == path.stat().st_ino:
                return Grown(known, os.fstat(known.fileno()).st_size)
            file = open_file(path)
        except FileNotFoundError:
            size = os.fstat(known.fileno()).st_size if known is not None else 0
            return Grown(known, size)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return Grown(file, os.fstat(file.fileno()).st_size)

    def note(self, digest: str, note: Note) -> None:
        """Tell other processes how far the writer is."""
        self._files.write(digest, "note", json.dumps(asdict(note)))

    def noted(self, digest: str) -> Note | None:
        """What the last writer told."""
        value = self._files.read(digest, "note")
        try:
            return Note(**value) if value else None
        except TypeError:
            return None

    def erase_note(self, digest: str) -> None:
        """Forget what the last writer told."""
        self._files.remove(digest, "note")
