"""The two engines as test parameters, and what calling one of them comes to."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gateway.codec import Cell, Column, Form, Header, Kind, Plan, Range, Sheet, _py
from gateway.errors import BadDocument
from gateway.formats import sample_lines
from gateway.rows import Array, Rows
from gateway.text import escape_cell

try:
    from gateway.codec import _c
except ImportError:
    _c = None

__all__ = [
    "COLUMNS",
    "ENGINES",
    "GUARDED",
    "HEADERS",
    "RANGED",
    "SHEET",
    "Engine",
    "line_outcome",
    "outcome",
    "sure_rows",
]


class Engine(Protocol):
    IMPLEMENTATION: str

    def rows(
        self, arrays: Sequence[Array], columns: Plan, key: str, start: int = 0, stop: int | None = None
    ) -> Rows: ...

    def sure_rows(
        self, arrays: Sequence[Array], columns: Plan, key: str, start: int = 0, stop: int | None = None
    ) -> Rows | None: ...

    def lines(
        self, arrays: Sequence[Array], header: Header, key: str, start: int = 0, stop: int | None = None
    ) -> Rows | None: ...

    def decode(self, arrays: Sequence[Array]) -> list[dict[str, Any]]: ...

    def count(self, array: Array) -> int: ...

    def last_id(self, array: bytes) -> Any: ...

    def split_reply(self, raw: bytes) -> tuple[int, memoryview]: ...


ENGINES: dict[str, Engine | None] = {"python": _py, "compiled": _c}


def sure_rows(*arguments: Any) -> Rows | None:
    """The compiled engine's rows without help of the other."""
    assert _c is not None
    return _c.sure_rows(*arguments)


def _plain(found: Any) -> Any:
    """With the bytes of views, which do not tell them by themselves."""
    if isinstance(found, tuple):
        return tuple(bytes(item) if isinstance(item, memoryview) else item for item in found)
    return found


def outcome(call: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
    """What a call returned, or that it refused and why.  Any other exception is a failure."""
    try:
        return "returned", _plain(call(*arguments))
    except BadDocument as error:
        return "refused", error.message


_TABLE = {"DUP": "gain", "DEL": "loss", "#": "a\tb#%41", "": "empty", "nothing": ""}

# Every kind, fallbacks, arrays, a path through another's end, a field called like an index.
COLUMNS = (
    Column("key", (Cell("key"),)),
    Column("text", (Cell("a.b"), Cell("a"), Cell("list.0.b"), Cell("list.1"))),
    Column("integer", (Cell("n", Kind.INTEGER), Cell("a.n", Kind.INTEGER), Cell("list.2", Kind.INTEGER)), ""),
    Column("number", (Cell("x", Kind.NUMBER), Cell("a.x", Kind.NUMBER), Cell("n", Kind.NUMBER))),
    Column("lookup", (Cell("s", Kind.LOOKUP, _TABLE), Cell("a.s", Kind.LOOKUP, _TABLE, "other#")), "missing\ttext"),
    Column("again", (Cell("s"), Cell("s", Kind.LOOKUP, {}, "anything"), Cell("a.b.0"))),
    Column("id", (Cell("_id"),)),
)

# Columns without which there is no row, or not with these texts; positions, shifted and not.
GUARDED = (
    Column("key", (Cell("key"),), required=True),
    Column("from", (Cell("n", Kind.POSITION), Cell("a.n", Kind.POSITION, shift=1)), required=True),
    Column("to", (Cell("x", Kind.POSITION, shift=-(2**30)), Cell("n", Kind.POSITION, shift=2**30)), "none"),
    Column("guard", (Cell("s", Kind.LOOKUP, _TABLE),), "unknown", only="gain"),
)

# Integers that must lie in ranges of texts and of one another, cut and not.
_SIZES = {"gain": 5, "loss": 2**31 - 1, "other%23": 0, "a%09b%23%2541": 2**20}
RANGED = (
    Column("key", (Cell("key"),)),
    Column("of", COLUMNS[4].cells, sizes=_SIZES),
    Column("from", (Cell("n", Kind.INTEGER), Cell("a.n", Kind.POSITION, shift=1)), range=Range(within="of", room=1)),
    Column("to", (Cell("x", Kind.INTEGER), Cell("n", Kind.POSITION, shift=3)), range=Range(2, "from", "of", cut=True)),
    Column("after", (Cell("n", Kind.POSITION, shift=2), Cell("x", Kind.INTEGER)), range=Range(after="from")),
)

# Forms, one of them with ranges, and cells of all kinds that find documents odd.
_STRICT = (
    Column("key", (Cell("key", Kind.STRING, strict=True),)),
    Column("shown", (Cell("a.b", Kind.VALUE), Cell("list", Kind.VALUE, strict=True)), ""),
    Column("whole", (Cell("x", Kind.WHOLE, strict=True), Cell("list", Kind.WHOLE))),
    Column("either", (Cell("a", Kind.STRING), Cell("s", Kind.LOOKUP, _TABLE, strict=True), Cell("a", Kind.VALUE))),
    Column("text", (Cell("a.b", Kind.TEXT, strict=True), Cell("n", Kind.INTEGER, strict=True))),
    Column("number", (Cell("a.x", Kind.NUMBER, strict=True), Cell("x", Kind.POSITION, shift=1, strict=True))),
)
SHEET = Sheet(
    (
        Form(_STRICT, has=("s", "x"), lacks=("0", "a")),
        Form(RANGED, has=("s",)),
        Form((*_STRICT[:3], GUARDED[3]), lacks=("0",)),
    ),
    lambda document: f"odd\t{escape_cell(repr(list(document)))}\n",
)
_LINES = (sample_lines.LINE, sample_lines.LINE_2021)
_GROUPINGS = (
    sample_lines.grouping(None)[0],
    sample_lines.grouping("sex")[0],
    sample_lines.grouping("filter", ("x", ""))[0],
)
HEADERS: list[tuple[Header, Callable[..., Rows]]] = [
    (line.header(group), sample_lines.written(line, group)) for line in _LINES for group in _GROUPINGS
]
"""Header lines for the core, each with the reference that writes them."""


def line_outcome(engine: Engine, number: int, arrays: list[bytes], start: int, stop: int | None) -> tuple[str, Any]:
    """What asking for header lines came to; where the core is unsure that is up to the reference."""
    header, reference = HEADERS[number]

    def lines() -> Rows:
        found = engine.lines(arrays, header, "id", start, stop)
        return reference(arrays, start=start, stop=stop) if found is None else found

    return outcome(lines)
