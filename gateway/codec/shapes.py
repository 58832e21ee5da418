"""Record plans: what a JSON record says of a document, as data that any engine can execute.

A shape says how a part of the record is made; shapes of objects hold others.  Every value is told, and judged, as JSON
has it (`_json.plain`): NaN is null, an id is a text.  `camelCase` is `_json.camel`, empty is `_json.empty`.

Plans do not change: the compiled engine prepares one once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Camel", "Known", "Listed", "Object", "Piece", "RecordPlan", "Renewal", "Rest", "Shape", "Value", "pieces"]


@dataclass(frozen=True, slots=True)
class Value:
    """The first of these fields that is true in Python's sense, else the last of them; null where it is not there.

    Keys within it stay as they are.
    """

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Camel:
    """A field with all keys within it in camelCase; `{}` where it is not there, or false in Python's sense."""

    name: str


@dataclass(frozen=True, slots=True)
class Rest:
    """All fields but these, in their order, those that are empty left out; all keys in camelCase.

    Where two keys become one, it stands in the first one's place with the last one's value.
    """

    but: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """An object of values, those that are empty left out."""

    members: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Object:
    """An object with all of its members."""

    members: tuple[tuple[str, "Shape"], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of one thing."""

    item: "Shape"


Piece = Value | Camel | Rest | Known
"""What depends on the document."""

Shape = Piece | Object | Listed


@dataclass(frozen=True, slots=True)
class Renewal:
    """How documents of another time become those that a shape is of: such as have one of `old` and none of `new`."""

    old: frozenset[str]
    new: frozenset[str]
    renew: Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What a record says, and of what."""

    shape: Shape
    renewal: Renewal | None = None


def pieces(shape: Shape) -> Iterator[str | Piece]:
    """The shape as what is written one after the other: names and brackets as they are, and what depends."""
    if isinstance(shape, Object):
        for number, (name, inner) in enumerate(shape.members):
            yield f'{"," if number else "{"}"{name}":'
            yield from pieces(inner)
        yield "}"
    elif isinstance(shape, Listed):
        yield "["
        yield from pieces(shape.item)
        yield "]"
    else:
        yield shape
