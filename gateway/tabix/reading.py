"""An index as it is read: which parts of a file hold the lines of a region."""

import struct
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from gateway.tabix.layout import DEPTH, WINDOW, Chunk, first_bin

__all__ = ["Index"]

_HEAD: Final = struct.Struct("<4siiiiiiii")
_COUNTS: Final = first_bin(DEPTH + 1) + 1


@dataclass(frozen=True, slots=True)
class _Sequence:
    bins: Mapping[int, Sequence[Chunk]]
    windows: Sequence[int]


@dataclass(frozen=True, slots=True)
class Index:
    """What a `.tbi` says: where the first line of the data is (None: there is none), and where those of regions are."""

    header_end: int | None
    _sequences: Mapping[str, _Sequence]

    @property
    def names(self) -> tuple[str, ...]:
        """The sequences that have lines, in their order."""
        return tuple(self._sequences)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The index in an unpacked `.tbi`; ValueError if it is none."""
        try:
            return cls._read(data)
        except (struct.error, IndexError) as error:
            raise ValueError("not an index, or not all of it") from error

    @classmethod
    def _read(cls, data: bytes) -> Self:
        magic, count, *_, length = _HEAD.unpack_from(data)
        if magic != b"TBI\1":
            raise ValueError("not an index of tabix")
        at = _HEAD.size
        names = data[at : at + length].decode().split("\0")[:count]
        at += length
        found, first = {}, None
        for name in names:
            bins, at = _bins(data, at)
            if counts := bins.pop(_COUNTS, None):
                first = counts[0][0] if first is None else min(first, counts[0][0])
            windows = array("Q", data[at + 4 : at + 4 + 8 * struct.unpack_from("<i", data, at)[0]])
            if sys.byteorder == "big":
                windows.byteswap()
            at += 4 + 8 * len(windows)
            found[name] = _Sequence(bins, windows)
        return cls(first, found)

    def chunks(self, sequence: str, begin: int = 0, end: int | None = None) -> list[Chunk]:
        """Where the lines of a region are, ascending, without overlaps; other lines may be among them.

        `begin` and `end` are 0-based, interbase; there may be chunks where no line is.
        """
        return self.among(sequence, [(begin, 1 << 62 if end is None else end)])

    def among(self, sequence: str, regions: Iterable[tuple[int, int]]) -> list[Chunk]:
        """The same of several regions.  Each bin is looked at once, however many regions there are in it."""
        placed = self._sequences.get(sequence)
        if placed is None:
            return []
        least = _bins_of(_union(region for region in regions if region[0] < region[1]), placed.windows)
        kept = [(max(u, v), w) for number, v in least.items() for u, w in placed.bins.get(number, ()) if w > v]
        return _union(kept)


def _union(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same, ascending, without overlaps; those that touch are one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(intervals):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def _bins_of(regions: Iterable[tuple[int, int]], windows: Sequence[int]) -> dict[int, int]:
    """The bins of ascending regions, each with the offset before which no line of it reaches into any of them."""
    least: dict[int, int] = {}
    for begin, end in regions:
        last = min(1 << WINDOW + 3 * DEPTH, end) - 1
        if begin > last or begin >> WINDOW >= len(windows):
            break
        for level in range(DEPTH + 1):
            shift = WINDOW + 3 * (DEPTH - level)
            for number in range(first_bin(level) + (begin >> shift), first_bin(level) + (last >> shift) + 1):
                least.setdefault(number, windows[begin >> WINDOW])
    return least


def _bins(data: bytes, at: int) -> tuple[dict[int, list[Chunk]], int]:
    """The bins at an offset, and the offset behind them."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    found = {}
    for _ in range(count):
        number, chunks = struct.unpack_from("<Ii", data, at)
        at += 8
        offsets = struct.unpack_from(f"<{2 * chunks}Q", data, at)
        found[number] = list(zip(offsets[::2], offsets[1::2], strict=True))
        at += 16 * chunks
    return found, at
