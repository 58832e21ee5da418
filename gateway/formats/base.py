"""What formats share: the row of the formats table, the law of plain JSON values, and the JSON row encoder.

Sole owner, with the web room, of ujson.  Pure.
"""

import math
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any, ClassVar, Final, Literal

import ujson
from bson import DatetimeMS, Decimal128

from gateway import codec
from gateway.model import Array, Encode, Entity, Part, Rows, Wanted

__all__ = ["Format", "alone", "camel", "dumps", "in_turn", "installed", "json_rows", "plain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A row of the formats table.

    `words` are the values of `output=`/`method=` that ask for it, `whole` those that ask for all variants of the
    matched samples in it, `also` those that mean it under its services, and where no other holds its own entity;
    `accepts` the media types of `Accept`; `services` the words under `/services/` that deliver it, `ids` what ids
    behind them are (`each`: every filter is a group of its own). `entities` are what it can deliver, what a service
    delivers first; who asks a format of variants, or of what is computed from them, for other entities gets it for all
    variants of the matched samples. `paged` formats answer a first page where no limit is given, others with `pages` a
    page where one is; `sets` formats hold several datasets. `packing` is what `.gz` means. `records` are those of
    Beacons, one a document: they can be asked for in test mode. `handover` is the code that handovers call the format
    by, where there is a common one. `library` is one that makes the format, that may not be installed, and on whose
    version the bytes depend.
    """

    name: str
    words: tuple[str, ...]
    media: str
    accepts: tuple[str, ...]
    extension: str
    summary: str
    parts: Callable[[Wanted], tuple[Part, ...]]
    whole: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    ids: str = "biosampleIds"
    each: bool = False
    entities: tuple[Entity, ...] = ("variants",)
    paged: bool = False
    pages: bool = True
    sets: bool = False
    attachment: bool = True
    packing: Literal["gzip", "bgzf"] = "gzip"
    records: bool = False
    handover: str = ""
    library: str = ""

    @property
    def version(self) -> str:
        """The version of its library; empty where there is none."""
        return installed(self.library) if self.library else ""

    @property
    def offered(self) -> bool:
        """Whether this installation can make it."""
        return not self.library or bool(self.version)


@cache
def installed(library: str) -> str:
    """The version of an optional library; empty where it is not installed.  Does not import it."""
    return metadata.version(library) if find_spec(library) else ""


_NOT_CAMEL: Final = frozenset({"sequence_id", "_id"})
_SNAKE = re.compile(r"(?<=[A-Za-z0-9])_([A-Za-z0-9])")


def camel(name: str) -> str:
    """A field name in camelCase; `sequence_id` stays, as Progenetix' own answers have it."""
    return name if name in _NOT_CAMEL else _SNAKE.sub(lambda found: found[1].upper(), name)


def plain(value: Any, rename: Callable[[str], str] = str) -> Any:
    """A BSON value as JSON has it: NaN and infinities are null, dates ISO 8601, ids and decimals strings or numbers."""
    if isinstance(value, dict):
        return {rename(str(key)): plain(item, rename) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, rename) for item in value]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return int(value)
    return _scalar(value)


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


# What needs the interpreter for every document is done by one thread at a time: a second one would not make it faster,
# and the event loop would stand in a longer line for the interpreter.
_INTERPRETER: Final = threading.RLock()


@dataclass(frozen=True, slots=True)
class _InTurn:
    """An encoder that holds the interpreter while it works."""

    encode: Encode
    interpreted: ClassVar[bool] = True

    def __call__(self, arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        with _INTERPRETER:
            return self.encode(arrays, start=start, stop=stop)


def in_turn(encode: Encode) -> Encode:
    """The same encoder, never at work twice at the same time, nor beside another one of its kind."""
    return _InTurn(encode)


def alone(shape: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], str]:
    """The same for what shapes single documents."""

    def shape_alone(document: dict[str, Any]) -> str:
        with _INTERPRETER:
            return shape(document)

    return shape_alone


def json_rows(key: str, shape: Callable[[dict[str, Any]], Any], *, before: bytes = b"", after: bytes = b"") -> Encode:
    """An encoder that writes each document, as `shape` makes it, as JSON between `before` and `after`."""

    def encode(arrays: Sequence[Array], *, start: int = 0, stop: int | None = None) -> Rows:
        documents = codec.decode(arrays)
        codec.sort(documents, key)
        chosen = documents[start:stop]
        data = b"".join(before + dumps(shape(document)) + after for document in chosen)
        return Rows(data, len(chosen), len(documents))

    return in_turn(encode)
