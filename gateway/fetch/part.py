"""Where the bytes go: a file that grows under `.part` and takes its name at the end, or a stream.

Beside `FILE.part` lies `FILE.part.json`, which says what the bytes are a part of: only the same export is gone on with.
One process at a time writes a part; the kernel's lock says so.  Everything here blocks.
"""

import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import BinaryIO, Final, Protocol, Self

from gateway.fetch.errors import FetchError

__all__ = ["Part", "Sink", "Stream", "sha256_of"]

_BLOCK: Final = 1024 * 1024


class Sink(Protocol):
    """What a transfer writes to."""

    @property
    def size(self) -> int:
        """Bytes held."""

    @property
    def sha256(self) -> str:
        """The checksum of the bytes held, hexadecimal."""

    def add(self, data: bytes) -> None:
        """Write more."""

    def restart(self) -> None:
        """Forget what is held."""

    def finish(self) -> None:
        """All is there and right."""

    def discard(self) -> str:
        """Leave nothing behind; says what became of the bytes."""

    def close(self) -> None:
        """Let go; what is held stays."""


def sha256_of(path: Path) -> tuple[int, str]:
    """Size and checksum of a file, hexadecimal."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), found


class Part:
    """A file in the making.  Errors of the disk are FetchError."""

    def __init__(self, final: Path, *, overwrite: bool = False) -> None:
        self.final = final.resolve()  # a link stays a link: what it points to is replaced
        self.path = self.final.with_name(self.final.name + ".part")
        self._card = self.final.with_name(self.final.name + ".part.json")
        self._overwrite = overwrite
        self._size = 0
        self._hash = hashlib.sha256()
        try:
            self._file: BinaryIO = self.path.open("ab+")
        except OSError as error:
            raise _disk(self.path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise FetchError(f"{self.path} is being written by another fetch") from error
        except OSError as error:  # a file system without locks
            self._file.close()
            raise _disk(self.path, error) from error
        if not self._named():
            self._file.close()
            raise FetchError(f"{self.path} was finished by another fetch just now")

    def _named(self) -> bool:
        """Whether the file still has its name: one that got its final name before it was locked must not be touched."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def resume(self, source: str, etag: str | None) -> Self:
        """Keep what is there if it is a part of that export; else begin, with a card that says of what."""
        card = {"source": source, "etag": etag}
        try:
            if etag is not None and self._read_card() == card:
                self._take_up()
            else:
                self._begin(card)
        except OSError as error:
            raise _disk(self.path, error) from error
        return self

    def _read_card(self) -> object:
        try:
            return json.loads(self._card.read_text())
        except (OSError, ValueError, RecursionError):
            return None

    def _take_up(self) -> None:
        self._file.seek(0)
        while block := self._file.read(_BLOCK):
            self._hash.update(block)
            self._size += len(block)

    def _begin(self, card: object) -> None:
        # The old card goes first and the new one comes last: at no moment is there a card with other bytes.
        self._card.unlink(missing_ok=True)
        self.restart()
        fresh = self._card.with_name(self._card.name + ".new")
        fresh.write_text(json.dumps(card))
        fresh.replace(self._card)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size

    @property
    def sha256(self) -> str:
        """The checksum of the bytes held, hexadecimal."""
        return self._hash.hexdigest()

    def add(self, data: bytes) -> None:
        """Write more; it is out of our hands at once, so that a process that is killed leaves what it counted."""
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise _disk(self.path, error) from error
        self._hash.update(data)
        self._size += len(data)

    def restart(self) -> None:
        """Forget what is held."""
        self._file.truncate(0)
        self._size, self._hash = 0, hashlib.sha256()

    def finish(self) -> None:
        """Give the file its name."""
        try:
            os.fsync(self._file.fileno())
            if self.final.exists() and not self._overwrite:
                raise FetchError(f"{self.final} appeared meanwhile; the download is in {self.path}")
            self.path.replace(self.final)
            self._card.unlink(missing_ok=True)
            _sync_folder(self.final.parent)
        except OSError as error:
            raise _disk(self.final, error) from error

    def discard(self) -> str:
        """Remove the part and its card."""
        self._card.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        return "what came was removed"

    def close(self) -> None:
        """Let go; a part that holds nothing is of no use to the next run."""
        if not self._size and not self._file.closed and self.path.exists():
            self.discard()
        self._file.close()


class Stream:
    """Standard output, a pipe or a device: what is written cannot be taken back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self._hash = hashlib.sha256()

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._size

    @property
    def sha256(self) -> str:
        """The checksum of the bytes written, hexadecimal."""
        return self._hash.hexdigest()

    def add(self, data: bytes) -> None:
        """Write more."""
        try:
            self._file.write(data)
        except OSError as error:
            raise FetchError(f"the output cannot be written: {error.strerror}") from error
        self._hash.update(data)
        self._size += len(data)

    def restart(self) -> None:
        """Only possible as long as nothing was written."""
        if self._size:
            raise FetchError("the download would have to start anew, and what went to the output cannot be taken back")

    def finish(self) -> None:
        """Flush."""
        try:
            self._file.flush()
        except OSError as error:
            raise FetchError(f"the output cannot be written: {error.strerror}") from error

    def discard(self) -> str:
        """Nothing can be done."""
        return "what went to the output cannot be taken back: do not use it"

    def close(self) -> None:
        """The file is not ours."""


def _disk(path: Path, error: OSError) -> FetchError:
    return FetchError(f"{path}: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
