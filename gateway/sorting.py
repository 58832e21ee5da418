"""Sorting more lines than memory should hold: sorted runs in temporary files, merged at the end.

The files have no name and vanish with the process, whatever becomes of it; they lie where the system keeps temporary
files (`TMPDIR`).  Work comes in pieces that are short enough for a thread beside an event loop.
"""

import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import BinaryIO, Final, cast

from gateway.rows import in_pieces, in_slices

__all__ = ["Sorter"]

_AT_ONCE: Final = 5_000
"""Lines sorted in one go: about a millisecond, during which no other thread runs."""
_RUN_BYTES: Final = 8 * 1024 * 1024
_MOST_FILES: Final = 64
_BUFFER: Final = 64 * 1024
_PIECE: Final = 256 * 1024
_MERGED_BYTES: Final = 512 * 1024
"""Read of all files together before some of it is merged; some thousand lines."""


class Sorter:
    """Lines in, of any number and order; the same lines out, by their bytes.  Memory: some 30 MB; the rest is disk."""

    def __init__(self, *, run_bytes: int = _RUN_BYTES, most_files: int = _MOST_FILES) -> None:
        self._run_bytes = run_bytes
        self._most_files = most_files
        self._lists: list[list[bytes]] = []
        self._size = 0
        self._files: list[BinaryIO] = []

    def add(self, lines: Iterable[bytes]) -> None:
        """Take in lines, each with its line end and no other."""
        rest = iter(lines)
        while some := list(islice(rest, _AT_ONCE)):
            some.sort()
            self._lists.append(some)
            self._size += sum(map(len, some))
            if self._size >= self._run_bytes:
                self._spill()

    def add_lines(self, lines: bytes) -> None:
        """Take in lines that lie one behind the other, each with its end."""
        for piece in in_pieces(lines):
            self.add(line + b"\n" for line in piece.split(b"\n")[:-1])

    def pieces(self, most: int = _PIECE) -> Iterator[bytes]:
        """All lines in order, some at a time, one behind the other: of so many bytes or a little more."""
        kept: list[bytes] = []
        size = 0
        for line in self.sorted():
            kept.append(line)
            size += len(line)
            if size >= most:
                yield b"".join(kept)
                kept, size = [], 0
        if kept:
            yield b"".join(kept)

    def _spill(self) -> None:
        """Write what is in memory to a file of its own; many files become one."""
        run = _written(_merged(self._lists, []))
        self._lists, self._size = [], 0
        self._files.append(run)
        if len(self._files) >= self._most_files:
            merged = _written(_merged([], self._files))
            self._close()
            self._files = [merged]

    def sorted(self) -> Iterator[bytes]:
        """All lines in order; the sorter is empty after the last."""
        yield from chain.from_iterable(_merged(self._lists, self._files))
        self._lists, self._size = [], 0
        self._close()

    def _close(self) -> None:
        for file in self._files:
            with suppress(OSError):  # the rest of what a full disk did not take
                file.close()
        self._files = []

    def __del__(self) -> None:
        """Close the files of a sorter that was left before its end."""
        self._close()


def _merged(lists: list[list[bytes]], files: list[BinaryIO]) -> Iterator[list[bytes]]:
    """The lines of sorted lists and files in order, in lists of some thousand.

    Blocks of all are taken together as far as the first of them ends, and sorted: that is a merge, for what is sorted
    in runs already, and far quicker than one line by line.
    """
    runs = [in_slices(lines, max(1, _AT_ONCE // len(lists))) for lines in lists]
    runs += [_read(file, _MERGED_BYTES // len(files)) for file in files]
    waiting = [(run, block) for run in runs if (block := next(run, None))]
    while waiting:
        bound = min(block[-1] for _, block in waiting)
        merged: list[bytes] = []
        left = []
        for run, block in waiting:
            end = bisect_right(block, bound)
            merged += block[:end]
            rest = block[end:] if end < len(block) else next(run, None)
            if rest:
                left.append((run, rest))
        merged.sort()
        yield merged
        waiting = left


def _read(file: BinaryIO, size: int) -> Iterator[list[bytes]]:
    file.seek(0)
    while lines := file.readlines(size):
        yield lines


def _written(lists: Iterable[list[bytes]]) -> BinaryIO:
    file = cast("BinaryIO", tempfile.TemporaryFile(buffering=_BUFFER))  # noqa: SIM115 - the sorter closes it
    for lines in lists:
        file.writelines(lines)
    return file
