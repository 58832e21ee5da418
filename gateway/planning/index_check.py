"""Questions that no index of a dataset serves: known before they are sent, and told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.download_types import DatasetState, Part, Selection
from gateway.indexes import is_served, ordering

__all__ = ["unserved"]

# Of fewer documents all can be read in a fraction of a second.
_LARGE: Final = 100_000


def unserved(datasets: Sequence[tuple[DatasetState, Selection]], parts: Sequence[Part]) -> list[str]:
    """What of a download makes the database read a large collection whole, a sentence for each."""
    found: dict[str, None] = {}
    for dataset_state, selection in datasets:
        for term in (term for group in selection.samples for term in group):
            name = dataset_state.analyses if term.collection == "analyses" else term.collection
            if not is_served(dataset_state.indexes.get(name, ()), term.condition):
                found |= dict.fromkeys(_told(dataset_state, name, sorted(set(_fields(term.condition)))))
        if (listed := selection.listed) is not None:
            name = dataset_state.analyses if listed.collection == "analyses" else listed.collection
            if not is_served(dataset_state.indexes.get(name, ()), {listed.key: {"$in": [""]}}):
                found |= dict.fromkeys(_told(dataset_state, name, [listed.key]))
    for part in parts:
        indexes = part.dataset_state.indexes.get(part.source, ())
        if (part.fetch or part.count) and ordering(indexes, part.key) is None:
            found |= dict.fromkeys(_told(part.dataset_state, part.source, [part.key]))
    return list(found)


def _told(dataset_state: DatasetState, collection: str, fields: Sequence[str]) -> Iterator[str]:
    if dataset_state.counts.get(collection, 0) >= _LARGE:
        named = ", ".join(fields)
        yield f"dataset {dataset_state.dataset} has no index for this on {collection} ({named}): it may take long"


def _fields(condition: Mapping[str, Any]) -> Iterator[str]:
    for name, value in condition.items():
        if name in {"$and", "$or"}:
            for each in value:
                yield from _fields(each)
        else:
            yield name
