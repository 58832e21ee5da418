"""The reference engine: BSON to rows in plain Python, written to be read; any other engine must give the same bytes.

Pure: bytes in, bytes out; no waiting, no clock, no log.  A document that is not valid BSON raises BadDocument naming
it; nothing else is raised, whatever the bytes are.  Valid is what the driver's `bson` decodes, if it is not nested
deeper than MAX_DEPTH.
"""

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

from bson import decode as bson_decode
from bson import decode_all
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError

from gateway.codec._cells import writer
from gateway.codec._order import sort
from gateway.codec.columns import Header, Plan
from gateway.codec.sites import SiteRules, Sites
from gateway.errors import BadDocument
from gateway.rows import Array, Rows
from gateway.sorting import Sorter

__all__ = [
    "IMPLEMENTATION",
    "MAX_DEPTH",
    "UNREADABLE",
    "Sorter",
    "count",
    "decode",
    "decode_sound",
    "document_id",
    "last_id",
    "lines",
    "parted",
    "rows",
    "sites",
    "split_reply",
    "sure_rows",
    "sure_site_rows",
]

IMPLEMENTATION: Final = "python"

# Documents and arrays inside one another, the document itself included: what MongoDB accepts.  Python's own recursion
# limit would make the answer depend on who calls.
MAX_DEPTH: Final = 200

# Dates outside Python's years 1-9999 must not make a document unreadable.
_OPTIONS: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
UNREADABLE: Final = (BSONError, ValueError, OverflowError, RecursionError)
# No type of an element, no terminator, no UTF-8.
_FENCE: Final = b"\xee"
_FENCE_MARGIN: Final = 64

_INT32 = struct.Struct("<i")
_INT64 = struct.Struct("<q")
_FIXED: Final = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16}
_FIXED_MIN_MAX: Final = {0xFF: 0, 0x7F: 0}
_STRINGS: Final = {0x02, 0x0D, 0x0E}
_DOCUMENTS: Final = {0x03, 0x04}


def split_reply(raw: Array) -> tuple[int, memoryview]:
    """The cursor id (0: exhausted) and the batch, a BSON array within it, of a raw `find` or `getMore` reply.

    Only the top of the reply is walked; keys may come in any order.
    """
    raw = bytes(raw)
    try:
        for kind, name, start, end in list(_elements(raw)):  # all of it is checked first
            if name == b"cursor" and kind == 0x03:
                cursor, at, stop = _cursor(raw[start:end])
                return cursor, memoryview(raw)[start + at : start + stop]
    except (struct.error, ValueError, IndexError) as error:
        raise BadDocument(f"the database's reply is not valid BSON: {error}") from error
    raise BadDocument("the database's reply holds no cursor")


def _cursor(raw: bytes) -> tuple[int, int, int]:
    cursor_id, batch = 0, None
    for kind, name, start, end in _elements(raw):
        if name == b"id" and kind == 0x12:
            (cursor_id,) = _INT64.unpack_from(raw, start)
        elif name in (b"firstBatch", b"nextBatch") and kind == 0x04:
            batch = (start, end)
    if batch is None:
        raise BadDocument("the database's reply holds no batch")
    return cursor_id, *batch


def _elements(raw: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """(type, name, start of value, end of value) of each element of a document, as far as it can be read."""
    (size,) = _INT32.unpack_from(raw)
    if size != len(raw) or raw[-1] != 0:
        raise ValueError(f"a document of {len(raw)} bytes says it has {size}")
    at = 4
    while at < size - 1:
        kind = raw[at]
        stop = raw.index(b"\0", at + 1)
        start = stop + 1
        end = start + _length(raw, kind, start)
        if end > size - 1:
            raise ValueError("an element ends outside its document")
        yield kind, raw[at + 1 : stop], start, end
        at = end


def _length(raw: bytes, kind: int, at: int) -> int:
    fixed = _FIXED.get(kind, _FIXED_MIN_MAX.get(kind))
    if fixed is not None:
        return fixed
    if kind == 0x0B:  # a regular expression: two C strings
        return raw.index(b"\0", raw.index(b"\0", at) + 1) + 1 - at
    (stated,) = _INT32.unpack_from(raw, at)
    extra = 0 if kind in _DOCUMENTS or kind == 0x0F else 5 if kind == 0x05 else 16 if kind == 0x0C else 4
    if stated < 0 or (kind not in _DOCUMENTS | _STRINGS and kind not in {0x05, 0x0C, 0x0F}):
        raise ValueError(f"an element of unknown type {kind:#x}")
    return int(stated) + extra


def decode(arrays: Sequence[Array]) -> list[dict[str, Any]]:
    """All documents of some BSON arrays, as dictionaries."""
    found: list[dict[str, Any]] = []
    for array in arrays:
        try:
            documents = list(_read(bytes(array)).values())
        except UNREADABLE as error:
            raise BadDocument(f"{_culprit(bytes(array))}: {error}") from error
        found.extend(documents)
    if not all(isinstance(document, dict) for document in found):
        raise BadDocument("a batch holds something that is not a document")
    return found


def decode_sound(documents: bytes) -> list[dict[str, Any]]:
    """Documents that lie one behind the other and are known to be sound: what `decode` checks first is not checked."""
    return decode_all(documents, codec_options=_OPTIONS)


def _read(document: bytes, depth: int = MAX_DEPTH + 1) -> dict[str, Any]:
    """One BSON document, or a batch as one, whose values are nested `depth` deep at most.

    The driver's decoder trusts the lengths of an array's elements: a length that lies makes it read as far behind the
    document as that is long, and crash.  So the document gets a fence of as many bytes, which are valid nowhere.
    """
    fenced = document + _FENCE * (len(document) + _FENCE_MARGIN)
    value: dict[str, Any] = bson_decode(memoryview(fenced)[: len(document)], codec_options=_OPTIONS)
    level: list[Any] = [value]
    for _ in range(depth):
        level = [
            item
            for holder in level
            for item in (holder.values() if type(holder) is dict else holder)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return value
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _culprit(array: bytes) -> str:
    """Which document of a batch cannot be read; the words of an error message."""
    try:
        for _, _, start, end in _elements(array):
            document = array[start:end]
            try:
                _read(document, MAX_DEPTH)
            except UNREADABLE:
                return f"the document with _id {_id_text(document)} cannot be read"
    except (struct.error, ValueError, IndexError):
        pass
    return "a batch cannot be read"


def _id_text(document: bytes) -> str:
    try:
        for kind, name, start, end in _elements(document):
            if name == b"_id":
                return document[start:end].hex() if kind == 0x07 else repr(document[start:end][:40])
    except (struct.error, ValueError, IndexError):
        pass
    return "(unreadable)"


def _bounds(array: bytes) -> Iterator[tuple[int, int]]:
    """Where each document of a BSON array starts and ends."""
    try:
        at, size = 4, len(array)
        while at < size - 1:
            start = array.index(b"\0", at + 1) + 1
            (length,) = _INT32.unpack_from(array, start)
            if array[at] != 0x03 or length < 5 or start + length > size - 1:
                break
            at = start + length
            yield start, at
    except (struct.error, ValueError, IndexError) as error:
        raise BadDocument(f"a batch cannot be read: {error}") from error
    if at != size - 1:
        raise BadDocument("a batch cannot be read: it holds something that is no document, or that ends outside of it")


def count(array: Array) -> int:
    """The number of documents of a BSON array."""
    return sum(1 for _ in _bounds(bytes(array)))


def last_id(array: Array) -> Any:
    """The `_id` of the last document of a BSON array; the array must not be empty."""
    return document_id(array, *deque(_bounds(bytes(array)), maxlen=1).pop())


def forget() -> None:
    """Give back the memory that encoders hand on: there is none."""


def document_id(array: Array, start: int, end: int) -> Any:
    """The `_id` of the document that lies at `start:end` of a BSON array."""
    try:
        return _read(bytes(array[start:end]), MAX_DEPTH)["_id"]
    except (KeyError, *UNREADABLE) as error:
        raise BadDocument(f"{_culprit(bytes(array))}: {error}") from error


# --- rows ------------------------------------------------------------------------------------------------------------


def rows(arrays: Sequence[Array], columns: Plan, key: str, start: int = 0, stop: int | None = None) -> Rows:
    """Tab-separated lines, one a document, in (`key`, `_id`) order; rows `start:stop` of them."""
    documents = decode(arrays)
    sort(documents, key)
    line = writer(columns)
    chosen = documents[start:stop]
    return Rows("".join(map(line, chosen)).encode(), len(chosen), len(documents))


def lines(arrays: Sequence[Array], header: Header, key: str, start: int = 0, stop: int | None = None) -> Rows | None:
    """Header lines, one a document, in (`key`, `_id`) order; None: the format has to write them itself.

    Formats do so where documents are rare or of another model; this engine never does it for them.
    """
    del arrays, header, key, start, stop
    return None


def sure_rows(
    arrays: Sequence[Array],  # noqa: ARG001 - as the compiled engine has them
    columns: Plan,  # noqa: ARG001
    key: str,  # noqa: ARG001
    start: int = 0,  # noqa: ARG001
    stop: int | None = None,  # noqa: ARG001
) -> Rows | None:
    """The rows as a compiled engine writes them by itself; None where it is unsure, as here it always is."""
    return None


def sure_site_rows(
    arrays: Sequence[Array],
    columns: Plan,
    key: str,
    *,
    rules: SiteRules,
    start: int = 0,
    stop: int | None = None,
) -> Rows | None:
    """The rows as a compiled engine's sites take them in; None, as here it always is."""
    del arrays, columns, key, rules, start, stop
    return None


# --- lines and sites -------------------------------------------------------------------------------------------------


def parted(lines: bytes, cells: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """The lines with each of these last cells, one behind the other, and their number; ValueError for another one."""
    found: dict[bytes, list[bytes]] = {cell: [] for cell in cells}
    for line in lines.split(b"\n")[:-1]:
        known = found.get(line.rpartition(b"\t")[2])
        if known is None:
            raise ValueError("a line ends with another cell than those that are told apart")
        known.append(line + b"\n")
    return [(b"".join(some), len(some)) for some in found.values()]


def sites(rules: SiteRules) -> Sites | None:
    """What makes records of a VCF as the core does; None, as here: the format has to make them itself."""
    del rules
    return None
