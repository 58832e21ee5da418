"""The order of documents: by their key, and by `_id` as MongoDB orders values of all types.

It must be the database's own order: a biosample with many documents comes in pages that the database has sorted, of as
many documents as happen to be asked for, and one with few in no order at all.  Which way it came must not be seen.
"""

import math
from collections.abc import Callable, Mapping
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
_Place = tuple[int, Any]


class _Absent:
    """What stands for an `_id` that is not there."""


_ABSENT: Final = _Absent()


def _place(value: object) -> _Place:
    """Where a value stands: places compare as MongoDB compares values."""
    if type(value) is ObjectId:
        return _OBJECT_ID, value.binary
    if isinstance(value, Code) and value.scope is not None:
        return _SCOPED_CODE, (str(value), _fields(value.scope))
    for kind, rank, within in _KINDS:
        if isinstance(value, kind):
            return rank, within(value)
    return _OTHER, repr(value)


def _number(value: float) -> tuple[bool, Any]:
    """Numbers compare with one another whatever their types; what is none is less than all."""
    return (False, 0) if math.isnan(value) else (True, value)


def _decimal(value: Decimal128) -> tuple[bool, Any]:
    number = value.to_decimal()
    return (False, 0) if number.is_nan() else (True, number)


def _fields(value: Mapping[str, Any]) -> list[tuple[int, str, Any]]:
    """Objects compare field by field: by type, name and value."""
    found = []
    for name, each in value.items():  # a frame less than a generator: values lie deep in one another
        rank, place = _place(each)
        found.append((rank, name, place))
    return found


# Types, subclasses before what they are subclasses of; what orders the values of each.
_KINDS: Final[tuple[tuple[Any, int, Callable[[Any], Any]], ...]] = (
    (bool, _BOOL, bool),
    (int | float, _NUMBER, _number),
    (Decimal128, _NUMBER, _decimal),
    (Code, _CODE, str),
    (str, _STRING, str),
    (dict, _OBJECT, _fields),
    (list, _ARRAY, lambda values: list(map(_place, values))),
    (bytes, _BINARY, lambda value: (len(value), getattr(value, "subtype", 0), bytes(value))),
    (_Absent, _NONE, bool),
    (type(None), _NULL, bool),
    (datetime, _DATE, lambda date: int(DatetimeMS(date))),
    (DatetimeMS, _DATE, int),
    (Timestamp, _TIMESTAMP, lambda stamp: (stamp.time, stamp.inc)),
    (DBRef, _OBJECT, lambda pointer: _fields(pointer.as_doc())),  # as the driver reads objects that look like one
    (Regex, _REGEX, lambda regex: (regex.pattern, regex.flags)),
    (MinKey, _MIN, lambda _: 0),
    (MaxKey, _MAX, lambda _: 0),
)


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
