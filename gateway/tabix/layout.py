"""Where the lines of a format have their places, as tabix needs to know (the tabix specification, `format` and `col_…`).

Lines of an indexed file are sorted by place, each sequence in one piece.
"""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["BED_LINES", "NAMED_LINES", "VCF_LINES", "Indexed"]


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
