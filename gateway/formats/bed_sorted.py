"""BED as one file sorted by position, without track lines: for tabix, bedtools and genome browsers that read parts.

The rows are those of all tracks of `bed`, in the order that bedtools and UCSC's tools expect (`sort -k1,1 -k2,2n`).
Each row has the colour of its kind of variant.
"""

from dataclasses import replace

from gateway.codec import Column
from gateway.download_types import Part, Wanted
from gateway.formats.position_order import InOrder, by_name
from gateway.formats.variant_columns import names, rows_part

__all__ = ["parts"]


def _fold() -> InOrder:
    return InOrder(by_name)


def parts(wanted: Wanted, columns: tuple[Column, ...]) -> tuple[Part, ...]:
    """The one part, of the columns of BED."""
    return (replace(rows_part(wanted, columns), before=b"#" + names(columns), fold=_fold),)
