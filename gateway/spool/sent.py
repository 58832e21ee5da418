"""What was sent of an export, compared with what its file is replaced by.

A writer that dies is replaced by another, which starts over.  An export is the same bytes each time, unless data has
changed without a trace in its version: then those who had a part of the first must not get the rest of the second.
"""

import os
from functools import partial
from io import FileIO
from typing import Final

from gateway.errors import DatasetChanged
from gateway.spool.disk import Disk

__all__ = ["Sent"]

_PIECE: Final = 1024 * 1024


class Sent:
    """How far somebody has read, and the file that they read it from."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._read = 0
        self._compared = 0
        self._before: tuple[FileIO, int] | None = None  # of the files that were replaced the one that came farthest

    def reached(self, offset: int) -> None:
        """Somebody has read so far."""
        self._read = max(self._read, offset)

    def replaced(self, before: FileIO, size: int, file: FileIO) -> None:
        """A file that could be read up to a size is replaced by another, or by the same, which was opened anew."""
        if os.fstat(before.fileno()).st_ino == os.fstat(file.fileno()).st_ino:
            return
        if self._before is None or self._before[1] < size:
            self._before = before, size
        self._compared = 0

    async def compare(self, file: FileIO, size: int) -> None:
        """Raise DatasetChanged unless a file, which may be read up to a size, is what was read before.  OSError."""
        if self._before is None:
            return
        before, its_size = self._before
        while self._compared < (end := min(size, self._read, its_size)):
            piece = await self._disk.pread(before, min(end - self._compared, _PIECE), self._compared)
            if not piece or not await self._disk.reading(partial(_same, file, piece, self._compared)):
                raise DatasetChanged("the dataset changed during the download; ask again for the new data")
            self._compared += len(piece)

    async def holds(self, file: FileIO, size: int, data: bytes, offset: int) -> bool:
        """Whether this data was read from an offset on, the file of now being readable up to a size.  OSError."""
        if self._before is not None and self._before[1] > size:
            file = self._before[0]
        return await self._disk.reading(partial(_same, file, data[: max(0, self._read - offset)], offset))


def _same(file: FileIO, data: bytes, offset: int) -> bool:
    """Whether a file has this data at an offset."""
    return os.pread(file.fileno(), len(data), offset) == data
