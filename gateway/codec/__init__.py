"""The core that turns raw BSON into rows.  One engine serves; which one is `IMPLEMENTATION`.

The compiled one where it could be built, else the Python one; GATEWAY_NO_EXTENSIONS=1 asks for the latter.
"""

import os

from gateway.codec._py import sort, types_after
from gateway.codec.columns import Cell, Column, Form, Header, Kind, Label, Plan, Range, Sheet

if os.environ.get("GATEWAY_NO_EXTENSIONS") == "1":
    from gateway.codec._py import IMPLEMENTATION, count, decode, last_id, lines, rows, split_reply, sure_rows
else:
    try:
        from gateway.codec._c import IMPLEMENTATION, count, decode, last_id, lines, rows, split_reply, sure_rows
    except ImportError:
        from gateway.codec._py import IMPLEMENTATION, count, decode, last_id, lines, rows, split_reply, sure_rows

__all__ = [
    "IMPLEMENTATION",
    "Cell",
    "Column",
    "Form",
    "Header",
    "Kind",
    "Label",
    "Plan",
    "Range",
    "Sheet",
    "count",
    "decode",
    "last_id",
    "lines",
    "rows",
    "sort",
    "split_reply",
    "sure_rows",
    "types_after",
]
