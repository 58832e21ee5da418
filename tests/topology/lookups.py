"""Other collections that a pipeline reads."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["names", "renamed"]

_FIELDS: Final = {"$lookup": "from", "$graphLookup": "from", "$unionWith": "coll"}


def names(pipeline: list[Any]) -> set[str]:
    """The collections beside the first that are read."""
    return set(_names(pipeline))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _names(one)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key in _FIELDS:
                name = inner if isinstance(inner, str) else inner.get(_FIELDS[key])
                if isinstance(name, str):
                    yield name
            yield from _names(inner)


def renamed(value: Any, new: Mapping[str, str]) -> Any:
    """A pipeline that reads them under other names."""
    if isinstance(value, list):
        return [renamed(one, new) for one in value]
    if not isinstance(value, Mapping):
        return value
    found = {}
    for key, inner in value.items():
        changed = renamed(inner, new)
        if key in _FIELDS:
            if isinstance(inner, str):
                changed = new[inner]
            elif isinstance(inner.get(_FIELDS[key]), str):
                changed[_FIELDS[key]] = new[inner[_FIELDS[key]]]
        found[key] = changed
    return found
