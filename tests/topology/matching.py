"""Simple conditions on documents that are made here: listed collections, events of a change stream."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bson import Regex

from tests.topology.failures import Refused

__all__ = ["matches"]

_MISSING: Final = object()


def matches(document: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Whether a document fulfils a condition; raises Refused for what is not known here."""
    return all(_holds(document, name, wanted) for name, wanted in condition.items())


def _holds(document: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == "$and":
        return all(matches(document, one) for one in wanted)
    if name == "$or":
        return any(matches(document, one) for one in wanted)
    if name == "$nor":
        return not any(matches(document, one) for one in wanted)
    if name.startswith("$"):
        raise Refused(2, f"unknown top level operator: {name}")
    value: Any = document
    for part in name.split("."):
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else _MISSING
    if isinstance(wanted, Mapping) and any(key.startswith("$") for key in wanted):
        return all(_operator(key, value, operand) for key, operand in wanted.items())
    return _equal(value, wanted)


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Regex):
        wanted = wanted.try_compile()
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.search(value) is not None
    return (value is _MISSING and wanted is None) or value == wanted


_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$eq": _equal,
    "$ne": lambda value, operand: not _equal(value, operand),
    "$in": lambda value, operand: any(_equal(value, one) for one in operand),
    "$nin": lambda value, operand: not any(_equal(value, one) for one in operand),
    "$exists": lambda value, operand: (value is not _MISSING) == bool(operand),
    "$regex": lambda value, operand: _equal(value, operand if isinstance(operand, Regex) else Regex(operand)),
    "$not": lambda value, operand: not matches({"it": value}, {"it": operand}),
    "$gt": lambda value, operand: value is not _MISSING and value > operand,
    "$gte": lambda value, operand: value is not _MISSING and value >= operand,
    "$lt": lambda value, operand: value is not _MISSING and value < operand,
    "$lte": lambda value, operand: value is not _MISSING and value <= operand,
}


def _operator(name: str, value: Any, operand: Any) -> bool:
    if name not in _OPERATORS:
        raise Refused(2, f"unknown operator: {name}")
    return _OPERATORS[name](value, operand)
