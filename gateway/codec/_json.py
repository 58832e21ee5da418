"""JSON of BSON: the law of plain values, and the reference engine of record plans.  Sole owner of ujson.

Pure, like `_py`, and with its errors.  Written to be read; the compiled engine must give the same bytes or none.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import ujson
from bson import DatetimeMS, Decimal128

from gateway.codec._order import sort
from gateway.codec._py import decode
from gateway.codec.shapes import Camel, Known, Listed, Object, RecordPlan, Rest, Shape, Value
from gateway.rows import Array, Rows

__all__ = ["camel", "dumps", "empty", "filled", "is_term", "json_rows", "plain", "record", "sure_json_rows"]

_NOT_CAMEL: Final = frozenset({"sequence_id", "_id"})
_SNAKE: Final = re.compile(r"(?<=[A-Za-z0-9])_([A-Za-z0-9])")
# Places on a sequence are whole, though some documents store them as floating-point numbers: Go and Java refuse such.
_POSITIONS: Final = frozenset({"start", "end"})
_EXACT: Final = 2**53
_CURIE: Final = re.compile(r"\w[^:]+:.+", re.DOTALL)


def camel(name: str) -> str:
    """A field name in camelCase; `sequence_id` stays, as Progenetix' own answers have it."""
    return name if name in _NOT_CAMEL else _SNAKE.sub(lambda found: found[1].upper(), name)


def plain(value: Any, rename: Callable[[str], str] = str) -> Any:
    """A BSON value as JSON has it: NaN and infinities are null, dates ISO 8601, ids and decimals strings or numbers.

    What is called `start` or `end` and is a whole number is an integer.
    """
    if isinstance(value, dict):
        return {
            rename(str(key)): _whole(plain(item, rename)) if key in _POSITIONS else plain(item, rename)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [plain(item, rename) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return int(value)
    return _scalar(value)


def _whole(value: Any) -> Any:
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT else value


def _scalar(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds" if value.microsecond else "seconds") + (
            "" if value.tzinfo else "Z"
        )
    if isinstance(value, DatetimeMS):
        return int(value)
    if isinstance(value, Decimal128):
        decimal = value.to_decimal()
        return float(decimal) if decimal.is_finite() and abs(float(decimal)) < math.inf else None
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    text: str = ujson.dumps(value, allow_nan=False, escape_forward_slashes=False, ensure_ascii=False)
    return text.encode()


def empty(value: Any) -> bool:
    """Whether a plain value says nothing: none, or a term without a code."""
    if isinstance(value, dict) and "id" in value and value.keys() <= {"id", "label"}:
        return not is_term(value)
    return value is None or value in ("", [], {})


def is_term(value: Any) -> bool:
    """Whether a value is an object whose `id` is a code with a prefix."""
    return isinstance(value, dict) and isinstance(value.get("id"), str) and bool(_CURIE.fullmatch(value["id"]))


def filled(members: Mapping[str, Any]) -> dict[str, Any]:
    """An object without what is empty in it."""
    return {name: value for name, value in members.items() if not empty(value)}


# --- records ---------------------------------------------------------------------------------------------------------


def record(plan: RecordPlan, document: Mapping[str, Any]) -> Any:
    """What the record of a document says, in plain values."""
    renewal = plan.renewal
    if renewal and document.keys() & renewal.old and not document.keys() & renewal.new:
        document = renewal.renew(document)
    return _shaped(plan.shape, document)


def _shaped(shape: Shape, document: Mapping[str, Any]) -> Any:
    match shape:
        case Value(names):
            return _first(names, document)
        case Camel(name):
            return plain(document.get(name), camel) or {}
        case Rest(but):
            return filled(plain({name: value for name, value in document.items() if name not in but}, camel))
        case Known(members):
            return filled({name: _first(value.names, document) for name, value in members})
        case Object(parts):
            return {name: _shaped(part, document) for name, part in parts}
        case Listed(item):
            return [_shaped(item, document)]


def _first(names: tuple[str, ...], document: Mapping[str, Any]) -> Any:
    found = None
    for name in names:
        found = plain(document.get(name))
        if found:
            break
    return found


def json_rows(
    arrays: Sequence[Array],
    plan: RecordPlan,
    key: str,
    *,
    before: bytes = b"",
    after: bytes = b"",
    start: int = 0,
    stop: int | None = None,
) -> Rows:
    """A record for each document, each between `before` and `after`, in (`key`, `_id`) order; rows `start:stop`."""
    documents = decode(arrays)
    sort(documents, key)
    chosen = documents[start:stop]
    data = b"".join(before + dumps(record(plan, document)) + after for document in chosen)
    return Rows(data, len(chosen), len(documents))


def sure_json_rows(
    arrays: Sequence[Array],  # noqa: ARG001  what the core takes
    plan: RecordPlan,  # noqa: ARG001
    key: str,  # noqa: ARG001
    *,
    before: bytes = b"",  # noqa: ARG001
    after: bytes = b"",  # noqa: ARG001
    start: int = 0,  # noqa: ARG001
    stop: int | None = None,  # noqa: ARG001
) -> Rows | None:
    """The same rows as the core writes them, where there is one and it is sure: here it never is."""
    return None
