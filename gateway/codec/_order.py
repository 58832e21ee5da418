"""The order of documents: by their key, and by `_id` as MongoDB orders values of all types.

It must be the database's own order: a biosample with many documents comes in pages that the database has sorted, however
many documents a page has, and one with few in no order at all.  Which way it comes must not be seen in the rows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bson import Code, DatetimeMS, DBRef, Decimal128, MaxKey, MinKey, ObjectId, Regex, Timestamp

__all__ = ["following", "is_same", "sort", "types_after"]

# MongoDB's order of types.  What has no `_id` comes behind them; so it is in the core.
_MIN, _NULL, _NUMBER, _STRING, _OBJECT, _ARRAY, _BINARY, _OBJECT_ID, _BOOL, _NONE, _DATE = range(11)
_TIMESTAMP, _REGEX, _POINTER, _CODE, _SCOPED_CODE, _MAX, _OTHER = range(11, 18)

# The types of each rank that ids can be of, by the names that `$type` knows.
_NAMES: Final = (
    (_NULL, ("null",)),
    (_NUMBER, ("int", "long", "double", "decimal")),
    (_STRING, ("string", "symbol")),
    (_OBJECT, ("object",)),
    (_BINARY, ("binData",)),
    (_OBJECT_ID, ("objectId",)),
    (_BOOL, ("bool",)),
    (_DATE, ("date",)),
    (_TIMESTAMP, ("timestamp",)),
    (_POINTER, ("dbPointer",)),
    (_CODE, ("javascript",)),
    (_SCOPED_CODE, ("javascriptWithScope",)),
    (_MAX, ("maxKey",)),
)
_ABSENT: Final = object()
_Place = tuple[int, Any]


def _place(value: object) -> _Place:
    """Where a value stands: places compare as MongoDB compares values."""
    if type(value) is ObjectId:
        return _OBJECT_ID, value.binary
    if value is _ABSENT:
        return _NONE, 0
    if value is None:
        return _NULL, 0
    if isinstance(value, bool):  # before int, whose subclass it is
        return _BOOL, value
    if isinstance(value, int | float | Decimal128):
        return _NUMBER, _number(value)
    if isinstance(value, Code):  # before str, whose subclass it is
        return (_CODE, str(value)) if value.scope is None else (_SCOPED_CODE, (str(value), _fields(value.scope)))
    if isinstance(value, str):
        return _STRING, str(value)
    if isinstance(value, dict):
        return _OBJECT, _fields(value)
    if isinstance(value, list):
        return _ARRAY, list(map(_place, value))
    if isinstance(value, bytes):
        return _BINARY, (len(value), getattr(value, "subtype", 0), bytes(value))
    return _rare(value)


def _rare(value: object) -> _Place:
    if isinstance(value, datetime | DatetimeMS):
        return _DATE, int(DatetimeMS(value) if isinstance(value, datetime) else value)
    if isinstance(value, Timestamp):
        return _TIMESTAMP, (value.time, value.inc)
    if isinstance(value, DBRef):  # as the driver reads objects that look like one
        return _OBJECT, _fields(value.as_doc())
    if isinstance(value, Regex):
        return _REGEX, (value.pattern, value.flags)
    if isinstance(value, MinKey | MaxKey):
        return (_MIN if isinstance(value, MinKey) else _MAX), 0
    return _OTHER, repr(value)


def _number(value: float | Decimal128) -> tuple[bool, Any]:
    """Numbers compare with one another whatever their types; what is none is less than all."""
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    is_one = not number.is_nan() if isinstance(value, Decimal128) else value == value  # noqa: PLR0124 - NaN is not
    return is_one, number if is_one else 0


def _fields(value: Mapping[str, Any]) -> list[tuple[int, str, Any]]:
    """Objects compare field by field: by type, name and value."""
    found = []
    for name, each in value.items():  # a frame less than a generator: values lie deep in one another
        rank, place = _place(each)
        found.append((rank, name, place))
    return found


def sort(documents: list[dict[str, Any]], key: str) -> None:
    """Put documents into (`key`, `_id`) order, in place: strings by their UTF-8 bytes, ids as the database does.

    Those with a list as their key are left out: they would be found by each of its values, and so be in one place or in
    several, as slices happen to be cut.
    """
    if any(type(document.get(key)) is list for document in documents):
        documents[:] = [document for document in documents if type(document.get(key)) is not list]
    documents.sort(key=lambda document: (str(document.get(key, "")), _place(document.get("_id", _ABSENT))))


def types_after(value: object) -> tuple[str, ...]:
    """The BSON types, as `$type` names them, whose values sort behind all values of this one's type."""
    rank, _ = _place(value)
    return tuple(name for after, names in _NAMES if after > rank for name in names)


def following(value: object) -> dict[str, Any]:
    """The condition on values of the same type that sort behind this one."""
    rank, place = _place(value)
    if rank == _NUMBER and not place[0]:
        return {"$gte": -float("inf")}  # `$gt` finds nothing behind what is no number
    return {"$gt": value}


def is_same(value: object, other: object) -> bool:
    """Whether two values are equal to the database: as ids, one and the same."""
    return _place(value) == _place(other)
