"""`.seg` for IGV and pgxRpi: gains and losses with their log2, 1-based, columns as DNAcopy names them.

Where a document has no log2, the one with which Progenetix draws its state stands.  Nobody stores how many probes a
segment has; 1 stands, because programs need a number.  For GISTIC there is a format of its own.

A segment has at least one base and lies on its chromosome: what ends behind it ends with it, and what begins nowhere on
it, or ends before it begins, has no row.
"""

from dataclasses import replace
from typing import Final

from gateway.codec import Cell, Column, Kind, Range
from gateway.download_types import Part, Wanted
from gateway.formats.base import Format, paged
from gateway.formats.variant_columns import (
    ENDS,
    LOG2,
    STARTS,
    by_state,
    cells,
    chromosome,
    names,
    positions,
    rows_part,
    sizes,
)

__all__ = ["COLUMNS", "FORMAT"]

_DRAWN: Final = {
    "EFO:0030067": "-1",
    "SO:0001743": "-1",
    "EFO:0030068": "-1",
    "EFO:0020073": "-1.75",
    "EFO:0030069": "-2",
    "EFO:0030070": "0.58",
    "SO:0001742": "0.58",
    "EFO:0030071": "0.58",
    "EFO:0030072": "2",
    "EFO:0030073": "2",
}
_IS_COPY_NUMBER: Final = by_state(dict.fromkeys(_DRAWN, "1"), "0")

COLUMNS: Final = (
    Column("ID", (Cell("biosample_id"),)),
    Column("chrom", chromosome(), required=True, sizes=sizes()),
    Column("loc.start", positions(STARTS, shift=1), range=Range(least=1, within="chrom")),
    Column("loc.end", cells(Kind.INTEGER, *ENDS), range=Range(after="loc.start", within="chrom", cut=True)),
    Column("num.mark", _IS_COPY_NUMBER, only="1"),
    Column("seg.mean", (*LOG2, *by_state(_DRAWN, ".")), required=True),
)


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    return (paged(replace(rows_part(wanted, COLUMNS), before=names(COLUMNS)), wanted.ask),)


FORMAT: Final = Format(
    name="igv",
    words=("igv",),
    media="text/x-seg; charset=utf-8",
    accepts=(),
    extension="seg",
    summary="segments for IGV: gains and losses with their log2, as they are stored, 1-based",
    parts=_parts,
)
