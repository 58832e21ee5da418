"""The core that turns raw BSON into rows of text.  One engine serves; which one is `IMPLEMENTATION`.

The compiled one where it could be built, else the Python one; GATEWAY_NO_EXTENSIONS=1 asks for the latter.
"""

import os

from gateway.codec._json import camel, dumps, empty, filled, is_term, json_rows, plain, record
from gateway.codec._order import following, is_same, sort, types_after
from gateway.codec._places import NotSorted
from gateway.codec.columns import Cell, Column, Form, Header, Kind, Label, Plan, Range, Sheet
from gateway.codec.shapes import Camel, Known, Listed, Object, RecordPlan, Renewal, Rest, Value
from gateway.codec.sites import SiteRules, Sites, SiteState, Symbolic

if os.environ.get("GATEWAY_NO_EXTENSIONS") == "1":
    from gateway.codec._json import sure_json_rows
    from gateway.codec._places import Indexer
    from gateway.codec._py import (
        IMPLEMENTATION,
        Sorter,
        count,
        decode,
        forget,
        last_id,
        lines,
        parted,
        rows,
        sites,
        split_reply,
        sure_rows,
        sure_site_rows,
    )
else:
    try:
        from gateway.codec._c import (
            IMPLEMENTATION,
            Indexer,
            Sorter,
            count,
            decode,
            forget,
            last_id,
            lines,
            parted,
            rows,
            sites,
            split_reply,
            sure_json_rows,
            sure_rows,
            sure_site_rows,
        )
    except ImportError:
        from gateway.codec._json import sure_json_rows
        from gateway.codec._places import Indexer
        from gateway.codec._py import (
            IMPLEMENTATION,
            Sorter,
            count,
            decode,
            forget,
            last_id,
            lines,
            parted,
            rows,
            sites,
            split_reply,
            sure_rows,
            sure_site_rows,
        )

__all__ = [
    "IMPLEMENTATION",
    "Camel",
    "Cell",
    "Column",
    "Form",
    "Header",
    "Indexer",
    "Kind",
    "Known",
    "Label",
    "Listed",
    "NotSorted",
    "Object",
    "Plan",
    "Range",
    "RecordPlan",
    "Renewal",
    "Rest",
    "Sheet",
    "SiteRules",
    "SiteState",
    "Sites",
    "Sorter",
    "Symbolic",
    "Value",
    "camel",
    "count",
    "decode",
    "dumps",
    "empty",
    "filled",
    "following",
    "forget",
    "is_same",
    "is_term",
    "json_rows",
    "last_id",
    "lines",
    "parted",
    "plain",
    "record",
    "rows",
    "sites",
    "sort",
    "split_reply",
    "sure_json_rows",
    "sure_rows",
    "sure_site_rows",
    "types_after",
]
