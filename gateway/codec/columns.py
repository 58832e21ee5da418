"""Column plans: what a row-wise format says of a document, as data that any engine can execute.

A `Column` is a list of `Cell`s tried in order; the first that yields a non-empty text wins, else the column's
`missing` text stands.  A cell is a path and a kind.  Path elements are field names; in arrays they are indices.

A plan is a tuple of columns and does not change, nor do its tables: the compiled engine prepares a tuple once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

__all__ = ["Cell", "Column", "Header", "Kind", "Label"]


class Kind(Enum):
    """How a value becomes text.  A value of any type not named yields nothing.

    - TEXT: a string, escaped (`gateway.text`); an integer in decimal; a finite double as NUMBER; an ObjectId in hex.
    - INTEGER: an integer; a finite double or Decimal128, truncated; a string of decimal digits as it is.
    - POSITION: what INTEGER understands, plus the cell's `shift`, if that is from 0 to 2**31 - 1.
    - NUMBER: an integer; a finite double in the shortest form that reads back (Python's `repr`); a finite Decimal128;
      a string that spells such a number as it is.
    - LOOKUP: a string, translated by the cell's table; `default` for strings not in it, where given.

    If a document has a field twice, the last counts, as in Python's dictionaries.
    """

    TEXT = "text"
    INTEGER = "integer"
    POSITION = "position"
    NUMBER = "number"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True)
class Cell:
    """One place to look for a column's value."""

    path: str
    kind: Kind = Kind.TEXT
    table: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, the places to look, and what stands for a missing value.

    A document has no row if a `required` column finds nothing for it, or if one with `only` says anything else.
    """

    name: str
    cells: tuple[Cell, ...]
    missing: str = "."
    required: bool = False
    only: str | None = None


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
