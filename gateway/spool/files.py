"""The files of a folder of exports: their names, locks, and small ones that are written in one step.  Blocking."""

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

__all__ = ["Files", "Found", "Lock", "is_digest", "open_file"]

_DIGEST = re.compile(r"[0-9a-f]{40}\Z")
_NAME = re.compile(r"([0-9a-f]{40})\.(json|part|lock|note|data|sum)\Z")


def is_digest(text: str) -> bool:
    """Whether a text can be the digest of an export."""
    return bool(_DIGEST.match(text))


def open_file(path: Path, flags: int = os.O_RDONLY) -> FileIO:
    """An unbuffered file, readable and writable by its owner only."""
    return FileIO(path, "r+" if flags & os.O_RDWR else "r", opener=lambda name, _: os.open(name, flags, 0o600))


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
        path = self.name(digest, "lock")
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

    def write(self, digest: str, kind: str, text: str, *, fresh: bool = False, sync: bool = False) -> None:
        """Write a small file in one step; a `fresh` one only if there is none yet."""
        path = self.name(digest, kind)
        descriptor, name = tempfile.mkstemp(suffix=".tmp", dir=self.path)
        made = Path(name)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
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

    def read(self, digest: str, kind: str) -> dict[str, Any] | None:
        """What a small file says; None if there is none, or it makes no sense."""
        try:
            value = json.loads(self.name(digest, kind).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return value if isinstance(value, dict) else None
