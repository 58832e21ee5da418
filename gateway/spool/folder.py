"""The folder of exports: what is complete, what grows, recovery.  Blocking file work, all of it; called in threads.

For an export, by its digest:

    .json   what was asked; outlives the data, so that an immutable address can be made anew
    .part   the data while it grows
    .lock   held (flock) by the process that writes `.part` or checks `.data`; the kernel frees it if that process dies
    .note   how far the writer is, twice a second, and why it failed
    .data   the data, complete; readers hold shared locks on it
    .sum    what is known of complete data: size, rows, SHA-256; outlives it, too; its time is that of the last use
    .index  what was derived from complete data, and lies beside it (`beside`): `.tbi`, `.csi`
    .check  that the data was found to have that SHA-256: when, and the file's fingerprint then

Data is complete if it has the name `.data` and the size that `.sum` says: it takes that name last of all.  Whatever
else is found was left by a process that died, and counts for nothing.  Complete data is right if it was checked since
this process began, by whichever process, and its fingerprint is the same as then.
"""

import fcntl
import logging
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, Final

from gateway import metrics
from gateway.errors import GatewayError
from gateway.logs import fields
from gateway.spool.beside import Beside
from gateway.spool.files import Files, Fingerprint, Lock, is_digest, open_own, take_lock
from gateway.spool.private import private_folder
from gateway.spool.room import Room

__all__ = ["Folder", "Grown", "Kept", "Lock", "Note", "Sum", "Unchecked", "give_back", "is_digest"]

log = logging.getLogger("gateway.spool")

_LEFTOVER_SECONDS: Final = 60
# Times since the start of the machine mean something until it starts again; elsewhere than on Linux nothing tells.
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_CHECKED_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Sum:
    """What is known of a complete export: bytes, rows, SHA-256 in hexadecimal; when it was completed first.

    That is in seconds since 1970, 0 where it is not known: of what older versions left.
    """

    size: int
    rows: int
    sha256: str
    completed: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A complete export, open, with a shared lock on it; whoever gets it closes the file.

    `fingerprint` is that of the file when it was opened; `checked` says that the data was found right as that.
    """

    file: FileIO
    sum: Sum
    fingerprint: Fingerprint
    checked: bool


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A complete export that has to be checked, and the right to do so."""

    kept: Kept
    lock: Lock


@dataclass(frozen=True, slots=True)
class Grown:
    """The growing file of another process: open, if it is there; its bytes so far.

    Whoever gets it closes a file that was `opened` for it.
    """

    file: FileIO | None
    size: int
    opened: bool = False


def give_back(got: Kept | Unchecked | Lock | Grown | None) -> None:
    """Close and release what was claimed or opened."""
    match got:
        case Unchecked():
            got.kept.file.close()
            got.lock.release()
        case Lock():
            got.release()
        case Kept(file=file) | Grown(file=FileIO() as file, opened=True):
            file.close()


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

    @property
    def error(self) -> GatewayError:
        """What it failed with."""
        error = GatewayError(self.message)
        error.status, error.retry_after = self.status, self.retry_after
        return error


class Folder:
    """A folder of exports, shared with other processes.  Any method may raise OSError."""

    def __init__(self, path: Path, quota: int, *, trusting: bool = False) -> None:
        """`quota` is in bytes; 0 is 10 GiB or half of what the disk has, whichever is less; see `private_folder`."""
        self._trusting = trusting
        self._files = Files(path)
        self.room = Room(self._files, quota)
        self.beside = Beside(self._files, self.room)
        self._boot = _BOOT.read_text().strip() if _BOOT.exists() else ""
        self._began = time.monotonic()
        self._checked: dict[str, tuple[Fingerprint, str]] = {}
        self._vouching = threading.Lock()

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._files.path

    def prepare(self) -> None:
        """Make the folder, prove that we can write to it and others cannot, clear what dead processes left."""
        self._files.path = private_folder(self.path, trusting=self._trusting)
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
        need = self._files.size_of(record)
        room = self.room.make(need)
        self._files.write(digest, "json", record, fresh=not path.exists())
        return room - need

    def recall(self, digest: str) -> dict[str, Any] | None:
        """What was asked, None if nobody did."""
        return self._files.read(digest, "json")

    # --- complete exports --------------------------------------------------------------------------------------------

    def sum(self, digest: str) -> Sum | None:
        """What is known of the data of an export that was complete once."""
        value = self._files.read(digest, "sum")
        try:
            return Sum(**value) if value else None
        except TypeError:  # of another version
            return None

    def kept(self, digest: str, *, use: bool = True) -> Kept | None:
        """The complete export, open; None if there is none.  Counts as a use of it, unless it is for none."""
        try:
            file = open_own(self._files.name(digest, "data"))
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            found = self.sum(digest)
            fingerprint = Fingerprint.of(file)
            if found and os.fstat(file.fileno()).st_nlink and fingerprint.size == found.size:
                for kind in ("sum", "json") if use else ():
                    with suppress(FileNotFoundError):
                        os.utime(self._files.name(digest, kind))
                return Kept(file, found, fingerprint, self._is_checked(digest, fingerprint, found))
        except BlockingIOError:
            pass  # it is being removed
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def finish(self, digest: str, part: FileIO, written: Fingerprint, complete: Sum) -> Fingerprint:
        """Make a part the complete export, for good.  The caller holds its lock.

        Returns the fingerprint of the right data: as it was `written`, if somebody else has written to it since.
        """
        os.fsync(part.fileno())
        self._files.write(digest, "sum", asdict(complete), sync=True)
        self._files.name(digest, "part").replace(self._files.name(digest, "data"))
        self._files.remove(digest, "note")
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        found = Fingerprint.of(part)
        if replace(found, changed=0) != written:
            return written
        # Its hash was made as it was written: nobody has to read it again.
        self.vouch(digest, found, complete)
        return found

    def completed(self, digest: str) -> float | None:
        """When the data of an export was written to its end; None if it is not there."""
        try:
            return self._files.name(digest, "data").stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            return None

    def disown(self, digest: str) -> None:
        """Forget what was known of complete data that is no longer there."""
        self._files.remove(digest, "sum")

    # --- checks ------------------------------------------------------------------------------------------------------

    def _is_checked(self, digest: str, fingerprint: Fingerprint, known: Sum) -> bool:
        """Whether the data was found right since this process began, and nothing was done to the file since."""
        if self._checked.get(digest) == (fingerprint, known.sha256):
            return True
        told = self._files.read(digest, "check") or {}
        same = told.get("fingerprint") == list(astuple(fingerprint)) and told.get("sha256") == known.sha256
        return same and bool(self._boot) and told.get("boot") == self._boot and told.get("at", 0) >= self._began

    def vouch(self, digest: str, fingerprint: Fingerprint, known: Sum) -> None:
        """Say, to other processes too, that data was found right."""
        with self._vouching:
            while len(self._checked) >= _CHECKED_KEPT:
                del self._checked[next(iter(self._checked))]
            self._checked[digest] = fingerprint, known.sha256
        told = {"fingerprint": astuple(fingerprint), "sha256": known.sha256, "boot": self._boot, "at": time.monotonic()}
        with suppress(OSError):  # the disk is full: others check for themselves
            self._files.write(digest, "check", told)

    def condemn(self, digest: str, inode: int, *, locked: bool = False) -> None:
        """Remove complete data that was found damaged.  Who reads it sees that its file has changed, and checks.

        The caller has the file open, so that no other can have its inode, and may hold the lock.
        """
        lock = None if locked else self._files.lock(digest)
        if not locked and lock is None:
            return  # somebody else is at it
        try:
            path = self._files.name(digest, "data")
            state = path.stat(follow_symlinks=False)
            if state.st_ino == inode:
                path.unlink()
                self._tell_damaged(digest, state.st_size)
        except FileNotFoundError:
            pass
        finally:
            if lock is not None:
                lock.release()

    def _tell_damaged(self, digest: str, size: int) -> None:
        metrics.SPOOL_DAMAGED.add(1)
        log.warning("damaged and removed: made anew when asked for", extra=fields(digest=digest, bytes=size))

    def due(self, seconds: float, checked: Mapping[str, float]) -> str | None:
        """The complete export that was not checked for longest, if that is so long; `checked` are times of our own."""
        times: dict[str, float] = {}
        there = set()
        for found in self._files.all():
            if found.kind == "check":
                times[found.digest] = found.state.st_mtime
            elif found.kind == "data":
                there.add(found.digest)
        last = {digest: max(times.get(digest, 0.0), checked.get(digest, 0.0)) for digest in there}
        digest = min(last, key=last.__getitem__, default=None)
        return digest if digest is not None and last[digest] < time.time() - seconds else None

    def inspection(self) -> Lock | None:
        """The right to be the one who looks through the folder, None if another process does."""
        return take_lock(self.path / "inspection.lock")

    # --- growing exports ---------------------------------------------------------------------------------------------

    def claim(self, digest: str) -> Kept | Unchecked | Lock | None:
        """The complete export, or the right to check or to write it, or None because another process does."""
        if kept := self.kept(digest):
            if kept.checked:
                return kept
            kept.file.close()
        lock = self._files.lock(digest)
        if lock is None:
            return None
        try:
            kept = self.kept(digest)  # by somebody who finished, or checked, in between
            if kept is None:
                self._remove_odd(digest)
                return lock
        except BaseException:
            lock.release()
            raise
        if not kept.checked:
            return Unchecked(kept, lock)
        lock.release()
        return kept

    def _remove_odd(self, digest: str) -> None:
        """Remove data without a sum, or of another size: not as this program left it."""
        path = self._files.name(digest, "data")
        with suppress(FileNotFoundError):
            size = path.stat(follow_symlinks=False).st_size
            path.unlink()
            self._tell_damaged(digest, size)

    def part(self, digest: str) -> FileIO:
        """A new, empty part.  The caller holds the lock.  Who reads an old one reads on in that, and asks again."""
        path = self._files.name(digest, "part")
        path.unlink(missing_ok=True)
        file = open_own(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
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
            file = open_own(path)
        except FileNotFoundError:
            size = os.fstat(known.fileno()).st_size if known is not None else 0
            return Grown(known, size)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return Grown(file, os.fstat(file.fileno()).st_size, opened=True)

    def note(self, digest: str, note: Note) -> None:
        """Tell other processes how far the writer is."""
        self._files.write(digest, "note", asdict(note))

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
