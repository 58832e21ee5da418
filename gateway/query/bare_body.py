"""A request body without what its answer does not depend on: what is worth keeping of one."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.query.parameters import normal, parameter

__all__ = ["bare_body"]

_UNREAD: Final = frozenset(("meta", "$schema"))
_FILTERS: Final = frozenset(("filters", "filter"))
_OF_A_FILTER: Final = ("id", "operator", "value", "similarity", "includeDescendantTerms", "excluded")
_SEVERAL: Final = normal("variantMultiPars")


def bare_body(body: object) -> object:
    """A body that is read as this one is, of the words that are read; of unknown parameters only the names are."""
    if not isinstance(body, dict):
        return body
    layers: list[Mapping[str, Any]] = [{name: value for name, value in body.items() if name not in _UNREAD}]
    bare: dict[str, Any] = {}
    while layers:
        found: dict[str, Any] = {}
        for name, value in layers.pop().items():
            plain = normal(name)
            if plain in _FILTERS:
                found[name] = [_filter(item) for item in value] if isinstance(value, list) else _filter(value)
            elif plain == _SEVERAL:
                found[name] = [_known(query) for query in value] if isinstance(value, list) else _known(value)
            elif isinstance(value, dict) and parameter(name) is None:
                layers.append(value)
            else:
                found |= _known({name: value})
        bare[f"layer {len(bare)}"] = found  # what a layer is called means nothing, nor how deep it lies
    return bare


def _known(query: object) -> Any:
    if not isinstance(query, dict):
        return query
    return {name: value if _is_read(name) else None for name, value in query.items()}


def _is_read(name: str) -> bool:
    known = parameter(name)
    return known is not None and known.use != "silent"


def _filter(item: object) -> object:
    return {key: item[key] for key in _OF_A_FILTER if key in item} if isinstance(item, dict) else item
