"""The core that turns raw BSON into rows.  One engine serves; which one is `IMPLEMENTATION`."""

from gateway.codec._py import IMPLEMENTATION, count, decode, last_id, rows, sort, split_reply, types_after
from gateway.codec.columns import Cell, Column, Kind

__all__ = [
    "IMPLEMENTATION",
    "Cell",
    "Column",
    "Kind",
    "count",
    "decode",
    "last_id",
    "rows",
    "sort",
    "split_reply",
    "types_after",
]
