"""The fields that commands have and the types of those: anything else is refused, as by a real server.

From 5.0 on all these commands are read by parsers made from .idl files with `strict: true`, which refuse an unknown
field with 40415, a wrong type with 14, a missing field with 40414 (src/mongo/idl/idl_parser.cpp).  Before, `find`,
`aggregate` and `getMore` were read by hand and refuse with 9 (src/mongo/db/query/query_request.cpp,
src/mongo/db/pipeline/aggregation_request.cpp), others let unknown fields pass.  `ping` never looked.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson import Int64

from tests.topology.failures import Refused
from tests.topology.versions import Version

__all__ = ["check"]

Check = Callable[[Any], bool]


def _document(value: Any) -> bool:
    return isinstance(value, Mapping)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _long(value: Any) -> bool:
    return isinstance(value, Int64)


def _hint(value: Any) -> bool:
    return isinstance(value, str | Mapping)


def _any(_: Any) -> bool:
    return True


_EXPECTED: Final = {
    _document: "object",
    _text: "string",
    _number: "[long, int, decimal, double]",
    _flag: "[bool, long, int, decimal, double]",
    _list: "array",
    _long: "long",
    _hint: "[string, object]",
}
_TYPES: Final = {bool: "bool", int: "int", Int64: "long", float: "double", str: "string", list: "array", dict: "object"}
_COMMON: Final = {
    "find": {
        "filter": _document,
        "projection": _document,
        "sort": _document,
        "hint": _hint,
        "skip": _number,
        "limit": _number,
        "batchSize": _number,
        "singleBatch": _flag,
        "comment": _any,
        "max": _document,
        "min": _document,
        "returnKey": _flag,
        "showRecordId": _flag,
        "tailable": _flag,
        "oplogReplay": _flag,
        "noCursorTimeout": _flag,
        "awaitData": _flag,
        "allowPartialResults": _flag,
        "collation": _document,
    },
    "aggregate": {
        "pipeline": _list,
        "explain": _flag,
        "allowDiskUse": _flag,
        "cursor": _document,
        "bypassDocumentValidation": _flag,
        "collation": _document,
        "hint": _hint,
        "comment": _any,
    },
    "count": {"query": _document, "limit": _number, "skip": _number, "hint": _hint, "collation": _document}
    | {"fields": _any},
    "distinct": {"key": _text, "query": _document, "collation": _document},
    "getMore": {"collection": _text, "batchSize": _number, "term": _number, "lastKnownCommittedOpTime": _document},
    "explain": {"verbosity": _text},
    "killCursors": {"cursors": _list},
    "listIndexes": {"cursor": _document},
    "listCollections": {"filter": _document, "nameOnly": _flag, "authorizedCollections": _flag, "cursor": _document},
}
_LATER: Final[dict[str, dict[str, tuple[tuple[int, int], Check]]]] = {
    "find": {"allowDiskUse": ((4, 4), _flag), "let": ((5, 0), _document)},
    "aggregate": {"let": ((5, 0), _document)},
    "distinct": {"hint": ((8, 0), _hint)},
}
_NEEDED: Final = {"distinct": ["key"], "getMore": ["collection"], "killCursors": ["cursors"], "aggregate": ["pipeline"]}
_NOT_NEGATIVE: Final = {"find": ("skip", "limit", "batchSize"), "count": ("skip",), "getMore": ("batchSize",)}
_GENERIC: Final = {"$db", "$readPreference", "$clusterTime", "lsid", "txnNumber", "autocommit", "startTransaction"} | {
    "readConcern",
    "writeConcern",
    "maxTimeMS",
}
_LATER_GENERIC: Final = {"comment": (4, 4), "apiVersion": (5, 0), "apiStrict": (5, 0), "apiDeprecationErrors": (5, 0)}


def check(name: str, command: dict[str, Any], version: Version) -> None:
    """Refuse a command that is not as it must be."""
    if name not in _COMMON:
        return
    fields = dict(_COMMON[name])
    fields |= {field: kind for field, (since, kind) in _LATER.get(name, {}).items() if version >= since}
    generic = _GENERIC | {field for field, since in _LATER_GENERIC.items() if version >= since}
    if name == "getMore":
        fields[name] = _long
    for field, value in command.items():
        kind = fields.get(field)
        if kind is not None and not kind(value):
            _wrong(name, field, value, kind, version)
        if kind is None and field != name and field not in generic:
            _unknown(name, field, version)
    for field in _NEEDED.get(name, []):
        if field not in command:
            raise Refused(40414, f"BSON field '{name}.{field}' is missing but a required field")
    for field in _NOT_NEGATIVE.get(name, ()):
        if command.get(field, 0) < 0:
            raise _range(name, field, command[field], version)
    _time(command.get("maxTimeMS", 0))


def _unknown(name: str, field: str, version: Version) -> None:
    if version >= (5, 0):
        raise Refused(40415, f"BSON field '{name}.{field}' is an unknown field.")
    if name == "aggregate":
        raise Refused(9, f"unrecognized field '{field}'")
    if name in {"find", "getMore"}:
        raise Refused(9, f"Failed to parse: {field}. Unrecognized field '{field}'.")


def _wrong(name: str, field: str, value: Any, kind: Check, version: Version) -> None:
    if version >= (5, 0):
        is_type = _TYPES.get(type(value), type(value).__name__)
        how = "types" if "[" in _EXPECTED[kind] else "type"
        raise Refused(
            14, f"BSON field '{name}.{field}' is the wrong type '{is_type}', expected {how} '{_EXPECTED[kind]}'"
        )
    raise Refused(9 if name in {"find", "getMore"} else 14, f"Failed to parse: '{field}' field is of the wrong type")


def _range(name: str, field: str, value: Any, version: Version) -> Refused:
    if version >= (5, 0):
        return Refused(51024, f"BSON field '{field}' value must be >= 0, actual value '{value}'")
    return Refused(2, f"{field} value must be non-negative, but received: {value}")


def _time(value: Any) -> None:
    if not _number(value) or value != int(value):
        raise Refused(2, "maxTimeMS must be a number")
    if not 0 <= value < 2**31:
        raise Refused(2, f"{int(value)} value for maxTimeMS is out of range")
