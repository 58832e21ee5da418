"""Questions that no index of a dataset serves: known before they are sent, and told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.dataset_state import DatasetState
from gateway.download_types import Condition, Part, Selection
from gateway.indexes import advised, is_served, ordering

__all__ = ["Unserved", "found_unserved", "unserved"]

# Of fewer documents all can be read in a fraction of a second.
_LARGE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Unserved:
    """A question about `fields` of a collection that no index serves; one of each `advised` field would."""

    dataset: str
    collection: str
    fields: tuple[str, ...]
    advised: tuple[str, ...]
    documents: int

    @property
    def costs(self) -> bool:
        """Whether it makes the database read a large collection whole."""
        return self.documents >= _LARGE

    @classmethod
    def of(cls, dataset_state: DatasetState, collection: str, condition: Condition) -> "Unserved | None":
        """What a condition on a collection lacks; None if there is an index for it."""
        indexes = dataset_state.indexes.get(collection, ())
        if is_served(indexes, condition):
            return None
        fields = tuple(sorted(set(_fields(condition))))
        documents = dataset_state.counts.get(collection, 0)
        return cls(dataset_state.dataset, collection, fields, advised(indexes, condition), documents)


def unserved(datasets: Sequence[tuple[DatasetState, Selection]], parts: Sequence[Part]) -> dict[str, str]:
    """What of a download makes the database read a large collection whole: sentences, and the dataset of each."""
    return {
        f"dataset {one.dataset} has no index for this on {one.collection} ({told}): it may take long": one.dataset
        for one in found_unserved(datasets, parts)
        for told in (", ".join(one.fields),)
        if one.costs
    }


def found_unserved(datasets: Sequence[tuple[DatasetState, Selection]], parts: Sequence[Part]) -> list[Unserved]:
    """All that a download asks that no index serves, each once."""
    found: dict[Unserved | None, None] = {}
    for dataset_state, selection in datasets:
        for term in (term for group in selection.samples for term in group):
            name = dataset_state.analyses if term.collection == "analyses" else term.collection
            found[Unserved.of(dataset_state, name, term.condition)] = None
        if (listed := selection.listed) is not None:
            name = dataset_state.analyses if listed.collection == "analyses" else listed.collection
            found[Unserved.of(dataset_state, name, {listed.key: {"$in": [""]}})] = None
    for part in parts:
        indexes = part.dataset_state.indexes.get(part.source, ())
        if (part.fetch or part.count) and ordering(indexes, part.key) is None:
            documents = part.dataset_state.counts.get(part.source, 0)
            found[Unserved(part.dataset_state.dataset, part.source, (part.key,), (part.key,), documents)] = None
    return [one for one in found if one is not None]


def _fields(condition: Mapping[str, Any]) -> Iterator[str]:
    for name, value in condition.items():
        if name in {"$and", "$or"}:
            for each in value:
                yield from _fields(each)
        else:
            yield name
