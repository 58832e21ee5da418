"""Column plans: what a row-wise format says of a document, as data that any engine can execute.

A `Column` is a list of `Cell`s tried in order; the first that yields a non-empty text wins, else the column's
`missing` text stands.  A cell is a path and a kind.  Path elements are field names; in arrays they are indices.

A plan is a tuple of columns and does not change, nor do its tables: the compiled engine prepares a tuple once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Cell", "Column", "Form", "Header", "Kind", "Label", "Plan", "Range", "Sheet", "earlier", "forms"]


class Kind(Enum):
    """How a value becomes text.  A value of any type not named yields nothing.

    - TEXT: a string, escaped (`gateway.text`); an integer in decimal; a finite double as NUMBER; an ObjectId in hex.
    - INTEGER: an integer; a finite double or Decimal128, truncated; a string of decimal digits as it is.
    - POSITION: what INTEGER understands, plus the cell's `shift`, if that is from 0 to 2**31 - 1.
    - NUMBER: an integer; a finite double in the shortest form that reads back (Python's `repr`); a finite Decimal128;
      a string that spells such a number as it is.
    - LOOKUP: a string, translated by the cell's table; `default` for strings not in it, where given.
    - STRING: a string, escaped.
    - VALUE: as tables show it: a string, escaped; an integer in decimal; a finite double as NUMBER; `True` or `False`;
      an ObjectId in hex; a date in ISO 8601; a list of strings, escaped and joined by `&&`.  Other doubles and whole
      documents are understood to say nothing.
    - WHOLE: the same, but doubles without a fraction are integers.

    If a document has a field twice, the last counts, as in Python's dictionaries.
    """

    TEXT = "text"
    INTEGER = "integer"
    POSITION = "position"
    NUMBER = "number"
    LOOKUP = "lookup"
    STRING = "string"
    VALUE = "value"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Cell:
    """One place to look for a column's value.

    If a `strict` one finds something of which its kind makes nothing (other than null and the empty string), the
    document is odd.  Only sheets have such cells.
    """

    path: str
    kind: Kind = Kind.TEXT
    table: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    shift: int = 0
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Where a column's integer has to lie: `least` (0 or more) or above; else its document has no row.

    Nor may it lie below the number of the column `after`, or above that of the column `within` less `room`; where
    `cut`, what lies above becomes that bound instead.  Both are earlier columns, with a number of their own: that of a
    column with a range, or what `sizes` says of a column's text.  Without that number there is no row.
    """

    least: int = 0
    after: str | None = None
    within: str | None = None
    room: int = 0
    cut: bool = False

    def __post_init__(self) -> None:
        """Refuse what the engines do not reckon with."""
        if not 0 <= self.least < _MOST or not 0 <= self.room < _MOST:
            raise ValueError("a range begins at 0 or above, and its room is no less")


_MOST = 2**31


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, the places to look, and what stands for a missing value.

    A document has no row if a `required` column finds nothing for it, if one with `only` says anything else, or if one
    with a `range` finds no integer in it; all its cells are INTEGER or POSITION, none strict, and what it says is the
    integer in plain decimal.  `sizes` gives numbers (from 0 to 2**31 - 1) to texts of a column, for ranges of later
    columns.
    """

    name: str
    cells: tuple[Cell, ...]
    missing: str = "."
    required: bool = False
    only: str | None = None
    range: Range | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no engine executes."""
        if self.range and (self.sizes or any(cell.strict or cell.kind not in _INTEGERS for cell in self.cells)):
            raise ValueError(f"column {self.name}: a range is of integers, and their only number")
        if not all(0 <= size < _MOST for size in self.sizes.values()):
            raise ValueError(f"column {self.name}: sizes are from 0 to 2**31 - 1")


_INTEGERS = frozenset({Kind.INTEGER, Kind.POSITION})


def earlier(columns: Sequence[Column], number: int, name: str | None) -> int:
    """The place of the column of that name before column `number`; -1 for no name.  ValueError if there is none."""
    if name is None:
        return -1
    for place in range(number - 1, -1, -1):
        if columns[place].name == name:
            return place
    raise ValueError(f"column {columns[number].name}: there is no column {name} before it")


@dataclass(frozen=True, slots=True)
class Form:
    """Columns for documents of one form: with at least one of the fields `has`, if any are named, and none of `lacks`.

    Fields are names at the top of a document, whatever they hold.
    """

    columns: tuple[Column, ...]
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Rows of documents that are not all alike: by the columns of the first of its forms that a document has.

    Documents of no form, and odd ones, are rare: `otherwise` writes their lines, of what was decoded.
    """

    forms: tuple[Form, ...]
    otherwise: Callable[[dict[str, Any]], str]


Plan = Sequence[Column] | Sheet
"""What rows are made by."""


def forms(plan: Plan) -> tuple[Form, ...]:
    """The forms of a plan; columns alone are for all documents.  ValueError if these are strict."""
    if isinstance(plan, Sheet):
        return plan.forms
    if any(cell.strict for column in plan for cell in column.cells):
        raise ValueError("only sheets have strict cells")
    return (Form(tuple(plan)),)


@dataclass(frozen=True, slots=True)
class Label:
    """A `name=value` of a header line.  Ids of a list of terms are as they should be where they begin as `settled`."""

    name: str
    path: str
    settled: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """What a header line says of a document: `words`, labels, its group, more labels.

    The group is `chosen` for all, or found at the first of `groups` (paths of its id and its label, which may be empty)
    that has an id.  A document with a field that is `refused` is not for the core: it is of another model.
    """

    words: str
    labels: tuple[Label, ...]
    groups: tuple[tuple[str, str], ...]
    chosen: tuple[str, str] = ("", "")
    more: tuple[Label, ...] = ()
    refused: tuple[str, ...] = ()
