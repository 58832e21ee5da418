"""The folder of exports: names, locks, quota, recovery.  Blocking file work, all of it; called in threads.

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

import errno
import fcntl
import json
import logging
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Final

__all__ = ["Folder", "Grown", "Kept", "Lock", "Note", "Sum", "is_digest"]

log = logging.getLogger("gateway.spool")

_DIGEST = re.compile(r"[0-9a-f]{40}\Z")
_NAME = re.compile(r"([0-9a-f]{40})\.(json|part|lock|note|data|sum)\Z")
# Room is asked for in steps of this part of the quota: what concurrent writers may go beyond it together.
_STEPS: Final = 256
_LEAST_STEP: Final = 64 * 1024
_MOST_STEP: Final = 16 * 1024 * 1024
_RECORDS: Final = 10_000
# Complete exports: each time that room is looked for, all of them are looked at.
_EXPORTS: Final = 5_000
_RECORDS_PART: Final = 16  # of the quota
_LEFTOVER_SECONDS: Final = 60


def is_digest(text: str) -> bool:
    """Whether a text can be the digest of an export."""
    return bool(_DIGEST.match(text))


def _open(path: Path, flags: int = os.O_RDONLY) -> FileIO:
    """An unbuffered file, readable and writable by its owner only."""
    return FileIO(path, "r+" if flags & os.O_RDWR else "r", opener=lambda name, _: os.open(name, flags, 0o600))


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


class Lock:
    """The right to write one export, among all processes on the folder."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it.  The name goes while the lock is held, so that nobody holds one without a name."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _lock(path: Path) -> Lock | None:
    """The lock, None if somebody else has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another holder may have taken the name away in between: that lock is nobody's.
            with suppress(FileNotFoundError):
                if os.fstat(descriptor).st_ino == path.stat().st_ino:
                    return Lock(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


class Folder:
    """A folder of exports, shared with other processes.  Any method may raise OSError."""

    def __init__(self, path: Path, quota: int) -> None:
        """`quota` is in bytes; 0 is 10 GiB or half of what the disk has, whichever is less."""
        self.path = path
        self.quota = quota
        self._room = threading.Lock()

    def prepare(self) -> None:
        """Make the folder, prove that it can be written, clear what dead processes left."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.path) as probe:
            probe.write(b"\0")
        for digest, kind, _ in self._files():
            if kind in {"part", "lock"} and (lock := _lock(self._name(digest, "lock"))):
                self._name(digest, "part").unlink(missing_ok=True)
                lock.release()
        for path in self.path.iterdir():
            with suppress(FileNotFoundError):  # another process takes away, or renames, its own
                if path.suffix in {".tmp", ".note"} and time.time() - path.stat().st_mtime > _LEFTOVER_SECONDS:
                    path.unlink()
        if not self.quota:
            free = os.statvfs(self.path)
            disk = free.f_bavail * free.f_frsize + self.usage()
            self.quota = min(10 * 1024**3, disk // 2)
        with suppress(OSError):  # what others write or read now may fill it; they will not for ever
            self.make_room(0)

    def _name(self, digest: str, kind: str) -> Path:
        return self.path / f"{digest}.{kind}"

    def _files(self) -> Iterator[tuple[str, str, os.stat_result]]:
        with os.scandir(self.path) as entries:
            for entry in entries:
                if name := _NAME.match(entry.name):
                    with suppress(FileNotFoundError):
                        yield name[1], name[2], entry.stat(follow_symlinks=False)

    def _write(self, path: Path, value: Mapping[str, Any], *, fresh: bool = False, sync: bool = False) -> None:
        """Write a small file in one step; a `fresh` one only if there is none yet."""
        descriptor, name = tempfile.mkstemp(suffix=".tmp", dir=self.path)
        made = Path(name)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(json.dumps(value))
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            if fresh:
                with suppress(FileExistsError):
                    path.hardlink_to(made)
            else:
                made.replace(path)
        finally:
            made.unlink(missing_ok=True)

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            value = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    # --- what was asked ----------------------------------------------------------------------------------------------

    def remember(self, digest: str, record: Mapping[str, Any]) -> None:
        """Keep what was asked; the first to ask is kept, unless it is no record such as this one."""
        path = self._name(digest, "json")
        with suppress(FileNotFoundError):
            os.utime(path)
        known = self._read(path)
        if known is None or known.keys() != record.keys():  # what a crash left, or another version
            self._write(path, record, fresh=not path.exists())

    def recall(self, digest: str) -> dict[str, Any] | None:
        """What was asked, None if nobody did."""
        return self._read(self._name(digest, "json"))

    # --- complete exports --------------------------------------------------------------------------------------------

    def sum(self, digest: str) -> Sum | None:
        """What is known of the data of an export that was complete once."""
        value = self._read(self._name(digest, "sum"))
        try:
            return Sum(int(value["size"]), int(value["rows"]), str(value["sha256"])) if value else None
        except (KeyError, TypeError, ValueError):
            return None

    def kept(self, digest: str) -> Kept | None:
        """The complete export, open; None if there is none.  Counts as a use of it."""
        path = self._name(digest, "data")
        try:
            file = _open(path)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            found = self.sum(digest)
            state = os.fstat(file.fileno())
            if found and state.st_nlink and state.st_size == found.size:
                os.utime(path)
                with suppress(FileNotFoundError):
                    os.utime(self._name(digest, "json"))
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
        self._write(self._name(digest, "sum"), asdict(complete), sync=True)
        self._name(digest, "part").replace(self._name(digest, "data"))
        self._name(digest, "note").unlink(missing_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def disown(self, digest: str) -> None:
        """Forget what was known of complete data that is no longer there."""
        self._name(digest, "sum").unlink(missing_ok=True)

    # --- growing exports ---------------------------------------------------------------------------------------------

    def claim(self, digest: str) -> Kept | Lock | None:
        """The complete export, or the right to write it, or None because another process writes it."""
        if kept := self.kept(digest):
            return kept
        lock = _lock(self._name(digest, "lock"))
        if lock is None:
            return None
        try:
            if kept := self.kept(digest):  # by somebody who finished in between
                lock.release()
                return kept
            # Data without a sum, or of another size: nothing that this program left.
            self._name(digest, "data").unlink(missing_ok=True)
        except BaseException:
            lock.release()
            raise
        return lock

    def part(self, digest: str) -> FileIO:
        """A new, empty part.  The caller holds the lock.  Who reads an old one reads on in that, and asks again."""
        path = self._name(digest, "part")
        path.unlink(missing_ok=True)
        file = _open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return file

    def drop_part(self, digest: str) -> None:
        """Take a part's name away.  The caller holds the lock."""
        self._name(digest, "part").unlink(missing_ok=True)

    def watch(self, digest: str, known: FileIO | None) -> Grown:
        """The growing file of another process; a file other than the `known` one if that was replaced."""
        path = self._name(digest, "part")
        try:
            if known is not None and os.fstat(known.fileno()).st_ino == path.stat().st_ino:
                return Grown(known, os.fstat(known.fileno()).st_size)
            file = _open(path)
        except FileNotFoundError:
            size = os.fstat(known.fileno()).st_size if known is not None else 0
            return Grown(known, size)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return Grown(file, os.fstat(file.fileno()).st_size)

    def note(self, digest: str, note: Note) -> None:
        """Tell other processes how far the writer is."""
        self._write(self._name(digest, "note"), asdict(note))

    def noted(self, digest: str) -> Note | None:
        """What the last writer told."""
        value = self._read(self._name(digest, "note"))
        try:
            return Note(**value) if value else None
        except TypeError:
            return None

    def erase_note(self, digest: str) -> None:
        """Forget what the last writer told."""
        self._name(digest, "note").unlink(missing_ok=True)

    # --- quota -------------------------------------------------------------------------------------------------------

    def usage(self) -> int:
        """Bytes of all files of exports."""
        return sum(state.st_size for _, _, state in self._files())

    def make_room(self, need: int) -> int:
        """How many bytes may be written now, at least `need`; OSError (EDQUOT) if nothing else can be removed."""
        with self._room:
            files = list(self._files())
            usage = sum(state.st_size for _, _, state in files)
            usage -= self._prune(files)
            if sum(kind == "data" for _, kind, _ in files) > _EXPORTS:
                usage -= self._evict(0, files, _EXPORTS // 16)
            if usage + need > self.quota:
                usage -= self._evict(usage + need - self.quota, files)
            if usage + need > self.quota:
                raise OSError(errno.EDQUOT, "the quota of the spool is used up")
            step = max(need, _LEAST_STEP, min(self.quota // _STEPS, _MOST_STEP))
            return min(step, self.quota - usage)

    def free_disk(self, need: int) -> bool:
        """Remove what was not used for longest until `need` bytes are gained; whether any were."""
        with self._room:
            return self._evict(need, list(self._files())) > 0

    def _evict(self, need: int, files: list[tuple[str, str, os.stat_result]], many: int = 0) -> int:
        """Remove complete exports that nobody reads, and parts of the dead; returns the bytes gained.

        As many as bring the bytes needed, and at least so many.
        """
        gained = count = 0
        candidates = [item for item in files if item[1] in {"data", "part"}]
        for digest, kind, state in sorted(candidates, key=lambda item: (item[1] == "data", item[2].st_mtime_ns)):
            if gained >= need and count >= many:
                break
            removed = self._remove(digest) if kind == "data" else self._remove_part(digest)
            if removed:
                log.info("removed digest=%s kind=%s bytes=%d", digest, kind, state.st_size)
                gained, count = gained + state.st_size, count + 1
        return gained

    def _remove(self, digest: str) -> bool:
        """Remove complete data unless somebody reads it."""
        path = self._name(digest, "data")
        try:
            with _open(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.fstat(file.fileno()).st_nlink:
                    return False  # removed by somebody else; what has the name now is another file
                path.unlink()
        except (BlockingIOError, FileNotFoundError):
            return False
        return True

    def _remove_part(self, digest: str) -> bool:
        lock = _lock(self._name(digest, "lock"))
        if lock is None:
            return False
        self._name(digest, "part").unlink(missing_ok=True)
        lock.release()
        return True

    def _prune(self, files: list[tuple[str, str, os.stat_result]]) -> int:
        """Forget the oldest requests whose data is gone, where there are too many; returns the bytes gained."""
        data = {digest for digest, kind, _ in files if kind in {"data", "part", "lock"}}
        records = [item for item in files if item[1] == "json" and item[0] not in data]
        size, gained = sum(state.st_size for _, _, state in records), 0
        for number, (digest, _, state) in enumerate(sorted(records, key=lambda item: item[2].st_mtime_ns)):
            if len(records) - number <= _RECORDS and size - gained <= self.quota // _RECORDS_PART:
                break
            for kind in ("json", "sum", "note"):
                self._name(digest, kind).unlink(missing_ok=True)
            gained += state.st_size
        return gained
