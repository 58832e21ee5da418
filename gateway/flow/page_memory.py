"""What pages of a data version have found out, for those that follow: totals, where rows lie, ids of biosamples.

Good for pages: a page has its data version in its ETag, and is the same for as long as that is.  What is kept, and must
be of one moment, is read anew.  A version that comes again after another is a new question: what was read before may
have been read while the data was away.  Bounded: the least recently used goes first.
"""

import hashlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from gateway.dataset_state import DatasetState
from gateway.db.handover_ids import ListedDocuments
from gateway.download_types import Condition, Part

__all__ = ["PageMemory", "Place", "SeenLooks"]

_TOTALS: Final = 10_000
_PLACES: Final = 200
_PLACES_EACH: Final = 2_000
# Ids in all: some 70 bytes each.
_IDS: Final = 300_000
# Of a selection that is not known to its end: deep pages of so many ask again.
_FIRST_IDS: Final = 2_000

V = TypeVar("V")


class _Recent(OrderedDict[str, V], Generic[V]):
    """Values by key, the most recently used last."""

    def recall(self, key: str) -> V | None:
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def keep(self, key: str, value: V, most: int) -> None:
        """Remember one more; the oldest of more than so many go."""
        self[key] = value
        self.move_to_end(key)
        while len(self) > most:
            self.popitem(last=False)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Before the biosample at `position` there are so many `rows`."""

    rows: int
    position: int


class PageMemory:
    """Findings by the question: the data version, the selection, and what narrows the rows."""

    def __init__(self) -> None:
        self._totals: _Recent[int] = _Recent()
        self._places: _Recent[list[Place]] = _Recent()
        self._ids: _Recent[tuple[str, ...]] = _Recent()
        self._strays: _Recent[list[Any]] = _Recent()
        self._rare: _Recent[bool] = _Recent()
        self._listed: _Recent[ListedDocuments] = _Recent()
        self._numbers: _Recent[Mapping[str, int]] = _Recent()
        self._many: _Recent[bool] = _Recent()
        self._first: _Recent[tuple[str, ...]] = _Recent()
        self._looks: _Recent[int] = _Recent()

    @staticmethod
    def rows_key(part: Part) -> str:
        """The question whose rows a part delivers."""
        selection = part.selection
        rows = selection.rows if part.collection == selection.entity else {}
        listed = (selection.of_listed,) if selection.listed else ()
        return _digest(PageMemory.ids_key(part), part.source, part.key, rows, part.narrow, *listed)

    @staticmethod
    def ids_key(part: Part) -> str:
        """The question whose biosamples a part walks."""
        state, selection = part.dataset_state, part.selection
        asked = (selection.root, selection.samples, selection.nothing, part.ids, part.collection == "individuals")
        listed = () if selection.listed is None else (selection.listed,)
        return _digest(state.dataset, *state.edition, *asked, *listed)

    @staticmethod
    def collection_key(part: Part) -> str:
        """The collection that a part reads, and by which key."""
        state = part.dataset_state
        return _digest(state.dataset, *state.edition, part.source, part.key)

    def strays(self, key: str) -> list[Any] | None:
        """Values of the key of a collection that are no biosample's id, if they are known."""
        return self._strays.recall(key)

    def strayed(self, key: str, values: list[Any]) -> None:
        """Remember such values."""
        self._strays.keep(key, values, _PLACES)

    def is_rare(self, key: str) -> bool:
        """Whether few documents meet what narrows the rows of a question."""
        return bool(self._rare.recall(key))

    def found_rare(self, key: str) -> None:
        """Remember that."""
        self._rare.keep(key, True, _TOTALS)

    def total(self, key: str) -> int | None:
        """How many rows there are, if that is known."""
        return self._totals.recall(key)

    def counted(self, key: str, total: int) -> None:
        """Remember a total."""
        self._totals.keep(key, total, _TOTALS)

    def ids(self, key: str) -> tuple[str, ...] | None:
        """All ids of a selection, if they are known."""
        return self._ids.recall(key)

    def found(self, key: str, ids: Sequence[str]) -> None:
        """Remember all ids of a selection, if they are not too many."""
        if len(ids) > _IDS:
            return
        self._ids[key] = tuple(ids)
        while sum(map(len, self._ids.values())) > _IDS:
            self._ids.popitem(last=False)

    def walked(self, part: Part, ids: Sequence[str], *, complete: bool) -> None:
        """Remember the ids of a selection, as far as a page asked for them."""
        key = self.ids_key(part)
        if complete:
            self.found(key, ids)
        elif len(self._first.get(key, ())) < len(ids) <= _FIRST_IDS:
            self._first.keep(key, tuple(ids), _PLACES)

    def beginning(self, part: Part) -> tuple[str, ...]:
        """The first ids of a selection, as far as pages asked for them."""
        if part.collection == "individuals" or part.selection.listed is not None:  # nothing is known but all
            return ()
        return self._first.recall(self.ids_key(part)) or ()

    def looks(self, state: DatasetState) -> "SeenLooks":
        """What bounded looks at a dataset found."""
        return SeenLooks(self._looks, state)

    @staticmethod
    def numbers_key(state: DatasetState, collection: str, condition: Condition) -> str:
        """The question how many documents that meet a condition each biosample has."""
        return _digest(state.dataset, *state.edition, collection, condition)

    def numbers(self, key: str) -> Mapping[str, int] | None:
        """How many such documents biosamples have, those that have any, if that is known."""
        return self._numbers.recall(key)

    def numbered(self, key: str, numbers: Mapping[str, int]) -> None:
        """Remember that, if it is not too much."""
        if len(numbers) > _IDS:
            return
        self._numbers.keep(key, numbers, _PLACES)
        while sum(map(len, self._numbers.values())) > _IDS:
            self._numbers.popitem(last=False)

    def are_many(self, key: str) -> bool:
        """Whether it is known that looking at each such document does not tell."""
        return bool(self._many.recall(key))

    def found_many(self, key: str) -> None:
        """Remember that."""
        self._many.keep(key, True, _TOTALS)

    @staticmethod
    def _listed_key(part: Part) -> str:
        state = part.dataset_state
        return _digest(state.dataset, *state.edition, part.selection.listed)

    def listed(self, part: Part) -> ListedDocuments | None:
        """What was found of the documents that a handover lists, if one does and that is known."""
        return None if part.selection.listed is None else self._listed.recall(self._listed_key(part))

    def looked_up(self, part: Part, found: ListedDocuments) -> None:
        """Remember that, if it is not too much."""
        if found.size > _IDS:
            return
        self._listed.keep(self._listed_key(part), found, _PLACES)
        while sum(each.size for each in self._listed.values()) > _IDS:
            self._listed.popitem(last=False)

    def place(self, key: str, rows: int) -> Place:
        """The last known place that has no more than so many rows before it."""
        known = self._places.recall(key) or []
        at = bisect_right(known, rows, key=lambda place: place.rows)
        return known[at - 1] if at else Place(0, 0)

    def passed(self, key: str, place: Place) -> None:
        """Remember a place."""
        known = self._places.recall(key)
        if known is None:
            known = []
            self._places.keep(key, known, _PLACES)
        at = bisect_right(known, place)
        if (not at or known[at - 1] != place) and len(known) < _PLACES_EACH:
            known.insert(at, place)


class SeenLooks:
    """What bounded looks at a version of a dataset found, for those that follow."""

    def __init__(self, seen: _Recent[int], state: DatasetState) -> None:
        self._seen = seen
        self._state = state

    def known(self, collection: str, condition: Condition) -> int | None:
        """What one found; None: there was none yet."""
        return self._seen.recall(PageMemory.numbers_key(self._state, collection, condition))

    def found(self, collection: str, condition: Condition, number: int) -> None:
        """Remember what one found."""
        self._seen.keep(PageMemory.numbers_key(self._state, collection, condition), number, _TOTALS)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
