"""Documents as lines of text, by the reference engine: what `columns.py` says, in plain Python.

Pure.  The compiled engine's part of the same is `core/render.hpp`.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from bson import Decimal128, ObjectId

from gateway.codec.columns import Cell, Column, Form, Kind, Plan, Range, Sheet, earlier, forms
from gateway.text import escape_cell

__all__ = ["writer"]

_INT64_LIMIT: Final = 2**63
_POSITION_LIMIT: Final = 2**31
_DIGITS = re.compile(r"-?[0-9]{1,18}\Z")
_NUMERIC = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?\Z")


class _OddError(Exception):
    """What a strict cell found is not understood."""


Line = Callable[[dict[str, Any]], str]


def writer(plan: Plan) -> Line:
    """A function that writes a document's line; nothing where the document is to have no row."""
    if not isinstance(plan, Sheet):
        (form,) = forms(plan)
        return _writer(form.columns)
    chosen = [(form, _writer(form.columns)) for form in plan.forms]
    otherwise = plan.otherwise

    def line(document: dict[str, Any]) -> str:
        for form, write in chosen:
            if _has(form, document):
                try:
                    return write(document)
                except _OddError:
                    break
        return otherwise(document)

    return line


def _has(form: Form, document: Mapping[str, Any]) -> bool:
    there = not form.has or any(name in document for name in form.has)
    return there and not any(name in document for name in form.lacks)


def _writer(columns: Sequence[Column]) -> Line:
    finders = [_finder(column) for column in columns]
    if not any(column.required or column.only is not None or column.range or column.sizes for column in columns):
        return lambda document: "\t".join([find(document) or "" for find in finders]) + "\n"
    ranges = [_ranger(column.range, columns, number) for number, column in enumerate(columns)]
    steps = [(find, into, c.only, c.sizes) for find, into, c in zip(finders, ranges, columns, strict=True)]

    def line(document: dict[str, Any]) -> str:
        cells: list[str] = []
        numbers: list[int | None] = []
        for find, into, only, sizes in steps:
            text, number = find(document), None
            if into:
                number = into(text, numbers)
                text = None if number is None else str(number)
            elif sizes and text:
                number = sizes.get(text)
            if text is None or (only is not None and text != only):
                return ""
            cells.append(text)
            numbers.append(number)
        return "\t".join(cells) + "\n"

    return line


def _ranger(
    range_: Range | None, columns: Sequence[Column], number: int
) -> Callable[[str | None, Sequence[int | None]], int | None] | None:
    """A function that says what an integer's text comes to in a range, by the numbers of earlier columns, if anything.

    None for a column without a range.
    """
    if range_ is None:
        return None
    after, within = (earlier(columns, number, name) for name in (range_.after, range_.within))

    def into(text: str | None, numbers: Sequence[int | None]) -> int | None:
        low, high = (None if place < 0 else numbers[place] for place in (after, within))
        if text is None or (low is None and after >= 0) or (high is None and within >= 0):
            return None
        found = int(text)
        if high is not None and found > high - range_.room:
            found = high - range_.room if range_.cut else -1
        return found if found >= max(range_.least, low or 0) else None

    return into


def _finder(column: Column) -> Callable[[Mapping[str, Any]], str | None]:
    """A function that finds a column's text; None where there has to be one and is none."""
    tries = [(tuple(cell.path.split(".")), _shape(cell)) for cell in column.cells]
    missing = None if column.required or column.range else column.missing

    def render(document: Mapping[str, Any]) -> str | None:
        for path, shape in tries:
            value: Any = document
            for name in path:
                value = _step(value, name)
                if value is None:
                    break
            else:
                if text := shape(value):
                    return text
        return missing

    return render


def _step(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and name.isdigit() and int(name) < len(value):
        return value[int(name)]
    return None


_Shape = Callable[[Any], str]


def _shape(cell: Cell) -> _Shape:
    if cell.kind in {Kind.VALUE, Kind.WHOLE}:
        understand = _value if cell.kind is Kind.VALUE else _whole
        return _strict(understand) if cell.strict else lambda value: understand(value) or ""
    if cell.strict:
        plain = _plain(cell)
        return _strict(lambda value: plain(value) or (None if value != "" else ""))
    return _plain(cell)


def _strict(understand: Callable[[Any], str | None]) -> _Shape:
    def strict(value: Any) -> str:
        text = understand(value)
        if text is None:
            raise _OddError
        return text

    return strict


def _plain(cell: Cell) -> _Shape:
    if cell.kind is Kind.LOOKUP:
        table, default = cell.table, cell.default or ""
        # `str`, because JavaScript code is a string that cannot be looked up.
        return lambda value: escape_cell(table.get(str(value), default)) if isinstance(value, str) else ""
    if cell.kind is Kind.POSITION:
        return lambda value: _position(value, cell.shift)
    return {Kind.TEXT: _text, Kind.INTEGER: _integer, Kind.NUMBER: _number, Kind.STRING: _string}[cell.kind]


def _position(value: Any, shift: int) -> str:
    text = _integer(value)
    position = int(text) + shift if text else -1
    return str(position) if 0 <= position < _POSITION_LIMIT else ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return escape_cell(str(value))  # JavaScript code is a string that cannot be looked up
    if isinstance(value, ObjectId):
        return str(value)
    return _number(value)


def _integer(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
        if not value.is_finite():  # it would refuse to be compared
            return ""
    if isinstance(value, int | float | Decimal):
        # No position is near 2**63; infinities and NaN fail the comparison too.
        return str(int(value)) if -_INT64_LIMIT <= value < _INT64_LIMIT else ""
    return value if isinstance(value, str) and _DIGITS.match(value) else ""


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, Decimal128):
        return str(value) if value.to_decimal().is_finite() else ""
    return value if isinstance(value, str) and _NUMERIC.match(value) else ""


def _string(value: Any) -> str:
    return escape_cell(str(value)) if isinstance(value, str) else ""


def _value(value: Any) -> str | None:
    """A value as tables show it; None if it is not understood."""
    match value:
        case str():
            text = escape_cell(str(value))
        case bool() | ObjectId():
            text = str(value)
        case int():
            text = str(int(value))
        case float():
            text = repr(value) if math.isfinite(value) else ""
        case datetime():
            text = value.isoformat()
        case list() if all(isinstance(item, str) for item in value):
            text = "&&".join(escape_cell(str(item)) for item in value if item)
        case _:
            return "" if isinstance(value, dict) else None
    return text


def _whole(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer():
        return _integer(value) or None
    return _value(value)
