"""The files of a folder of exports: their names, locks, and small ones that show when they are damaged.  Blocking.

A link, or a file that belongs to somebody else, counts for nothing: this program makes neither.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["DERIVED", "Files", "Fingerprint", "Found", "Lock", "is_digest", "open_own", "take_lock"]

_DIGEST = re.compile(r"[0-9a-f]{40}\Z")
_NAME = re.compile(r"([0-9a-f]{40})\.(json|part|lock|note|data|sum|check|index|tbi|csi)\Z")
_SEAL: Final = "seal"
DERIVED: Final = ("index", "tbi", "csi")
"""Files that are made of complete data, and go with it."""


def is_digest(text: str) -> bool:
    """Whether a text can be the digest of an export."""
    return bool(_DIGEST.match(text))


def open_own(path: Path, flags: int = os.O_RDONLY) -> FileIO:
    """An unbuffered file, readable and writable by its owner only; FileNotFoundError if that is somebody else."""
    mode = "r+" if flags & os.O_RDWR else "r"
    try:
        file = FileIO(path, mode, opener=lambda name, _: os.open(name, flags | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link
            raise FileNotFoundError(errno.ENOENT, "not a file of ours", str(path)) from error
        raise
    if os.fstat(file.fileno()).st_uid != os.geteuid():
        file.close()
        raise FileNotFoundError(errno.ENOENT, "not a file of ours", str(path))
    return file


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells that a file is another, or was written to: its `changed` time cannot be set back by a program.

    That is 0 where it does not matter: a new name changes it, too.
    """

    size: int
    inode: int
    modified: int
    changed: int = 0

    @classmethod
    def of(cls, file: FileIO) -> Self:
        """The fingerprint that an open file has now."""
        state = os.fstat(file.fileno())
        return cls(state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns)

    def fits(self, file: FileIO) -> bool:
        """Whether an open file has this fingerprint."""
        now = self.of(file)
        return self == (now if self.changed else replace(now, changed=0))


class Lock:
    """The right to something, to write one export above all, among all processes on the folder."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others have it.  The name goes while the lock is held, so that nobody holds one without a name."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def take_lock(path: Path) -> Lock | None:
    """The lock of a name, None if somebody else has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
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


@dataclass(frozen=True, slots=True)
class Found:
    """A file of an export, as a listing shows it."""

    digest: str
    kind: str
    state: os.stat_result


class Files:
    """The files of a folder, by the digest of an export and their kind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def name(self, digest: str, kind: str) -> Path:
        """Where such a file is."""
        return self.path / f"{digest}.{kind}"

    def remove(self, digest: str, *kinds: str) -> None:
        """Remove files, if they are there."""
        for kind in kinds:
            self.name(digest, kind).unlink(missing_ok=True)

    def all(self) -> Iterator[Found]:
        """All files of exports."""
        with os.scandir(self.path) as entries:
            for entry in entries:
                if name := _NAME.match(entry.name):
                    with suppress(FileNotFoundError):
                        yield Found(name[1], name[2], entry.stat(follow_symlinks=False))

    def lock(self, digest: str) -> Lock | None:
        """The right to write an export, None if somebody else has it."""
        return take_lock(self.name(digest, "lock"))

    def write(
        self, digest: str, kind: str, value: Mapping[str, Any], *, fresh: bool = False, sync: bool = False
    ) -> None:
        """Write a small file in one step; a `fresh` one only if there is none yet."""
        text = json.dumps({**value, _SEAL: _seal(digest, kind, value)})
        self.replace(digest, kind, text.encode(), fresh=fresh, sync=sync)

    def replace(self, digest: str, kind: str, data: bytes, *, fresh: bool = False, sync: bool = False) -> None:
        """The same of bytes that have no seal."""
        path = self.name(digest, kind)
        descriptor, name = tempfile.mkstemp(suffix=".tmp", dir=self.path)
        made = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
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

    def size_of(self, value: Mapping[str, Any]) -> int:
        """Bytes that a small file would have."""
        return len(json.dumps({**value, _SEAL: _seal("", "", {})}))

    def read(self, digest: str, kind: str) -> dict[str, Any] | None:
        """What a small file says; None if there is none, or it is not as it was written for this export."""
        try:
            with open_own(self.name(digest, kind)) as file:
                value = json.loads(file.readall())
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        if not isinstance(value, dict) or value.pop(_SEAL, None) != _seal(digest, kind, value):
            return None
        return value


def _seal(digest: str, kind: str, value: Mapping[str, Any]) -> str:
    """What tells bytes that were changed on the disk, and files that changed places."""
    text = f"{digest} {kind} {json.dumps(value, sort_keys=True)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
