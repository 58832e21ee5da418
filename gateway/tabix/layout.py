"""Where lines have their places (the tabix specification), and what is known of them in a file.

Lines of an indexed file are sorted by place, each sequence in one piece.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["BED_LINES", "DEPTH", "NAMED_LINES", "VCF_LINES", "WINDOW", "Chunk", "Indexed", "Placed", "first_bin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """Columns count from 1: of the sequence, of the first position, and of the last (0: there is none).

    `preset` is `vcf` where the end is to be found as VCF has it; `zero_based` begins are interbase, else both ends are
    positions from 1, inside. Lines that begin with `meta` are comments; where columns are `named`, so is the first
    other line.
    """

    preset: Literal["generic", "vcf"] = "generic"
    sequence: int = 1
    begin: int = 2
    end: int = 0
    zero_based: bool = False
    meta: str = "#"
    named: bool = False


VCF_LINES: Final = Indexed(preset="vcf")
BED_LINES: Final = Indexed(end=3, zero_based=True)
NAMED_LINES: Final = Indexed(sequence=2, begin=3, end=4, zero_based=True, named=True)
"""Of pgxseg and pgxfreq: under their comments stand the names of the columns, behind a first column the place."""

WINDOW: Final = 14
"""Bits of a position within the smallest bin, which is a window of the linear index, too."""
DEPTH: Final = 5
"""Levels of bins below the one of a whole sequence: sequences have up to 2^29 positions."""

Chunk = tuple[int, int]
"""Where some lines begin and end in a file, as virtual offsets: that of a block << 16 | that within its text."""


def first_bin(level: int) -> int:
    """The number of the first bin of a level; level 0 is the one of a whole sequence."""
    return ((1 << 3 * level) - 1) // 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where the lines of a sequence are: all of them from `begin` to `end`, those of each bin, in ascending order.

    `windows` are the offsets of the first line that reaches into each window of 16 KiB, or into one behind it.
    """

    name: bytes
    records: int
    begin: int
    end: int
    bins: Sequence[tuple[int, Sequence[Chunk]]]
    windows: Sequence[int]
