"""Questions that no index of a dataset serves: known before they are sent, and told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.download_types import DatasetState, Part, Selection
from gateway.indexes import is_served, ordering

__all__ = ["unserved"]

# Of fewer documents all can be read in a fraction of a second.
_LARGE: Final = 100_000


def unserved(datasets: Sequence[tuple[DatasetState, Selection]], parts: Sequence[Part]) -> dict[str, str]:
    """What of a download makes the database read a large collection whole: sentences, and the dataset of each."""
    found: dict[str, str] = {}
    for dataset_state, selection in datasets:
        for term in (term for group in selection.samples for term in group):
            name = dataset_state.analyses if term.collection == "analyses" else term.collection
            if not is_served(dataset_state.indexes.get(name, ()), term.condition):
                found |= dict.fromkeys(
                    _told(dataset_state, name, sorted(set(_fields(term.condition)))), dataset_state.dataset
                )
    for part in parts:
        indexes = part.dataset_state.indexes.get(part.source, ())
        if (part.fetch or part.count) and ordering(indexes, part.key) is None:
            told = _told(part.dataset_state, part.source, [part.key])
            found |= dict.fromkeys(told, part.dataset_state.dataset)
    return found


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
