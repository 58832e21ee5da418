"""Terms of a selection that go through other collections: resolved as sets of biosample ids, or checked for some."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from gateway.dataset_state import DatasetState
from gateway.db.handover_ids import ListedDocuments
from gateway.db.reader import DatasetReader
from gateway.download_types import Condition, Selection, Term, both
from gateway.rows import in_slices

__all__ = ["FEW", "Looks", "Numbers", "TermIds", "look"]

_IDS_A_QUERY: Final = 400
FEW: Final = 2_000
"""Documents of which it takes no time to know all."""
# Values that may turn up beside those expected: lists, twins, strays.
_MORE: Final = 1_000


def _is_direct(group: tuple[Term, ...], root: str) -> bool:
    return len(group) == 1 and group[0].collection == root and not group[0].negated


class Numbers(Protocol):
    """Numbers of matching documents by biosample, as they are known at the version of the data."""

    @property
    def small(self) -> bool:
        """Whether the dataset has so few documents that all ids of any condition are read in no time."""

    async def of(self, collection: str, condition: Condition) -> Mapping[str, int] | None:
        """The numbers of documents of a collection that meet a condition; None where they are not known.

        They are read and remembered where that takes no time.
        """


class Looks(Protocol):
    """What bounded looks found at the version of the data: numbers of matching documents, FEW for that many or more."""

    def known(self, collection: str, condition: Condition) -> int | None:
        """What one found; None: there was none yet."""

    def found(self, collection: str, condition: Condition, number: int) -> None:
        """Remember what one found."""


async def look(reader: DatasetReader, looks: Looks | None, collection: str, condition: Condition) -> int:
    """How many documents meet a condition, by the index alone, of more than a few only that; asked for once."""
    number = looks.known(collection, condition) if looks is not None else None
    if number is None:
        number = await reader.count(collection, condition, most=FEW, within_bounds=False)
        if looks is not None:
            looks.found(collection, condition, number)
    return number


class TermIds:
    """What the groups of a selection select: `direct` ones are conditions on its root, `indirect` ones are not."""

    def __init__(
        self,
        reader: DatasetReader,
        dataset_state: DatasetState,
        selection: Selection,
        numbers: Numbers | None = None,
        looks: Looks | None = None,
    ) -> None:
        """`numbers` and earlier `looks` are asked first, if there are any."""
        self._reader = reader
        self._numbers = numbers
        self._looks = looks
        self._dataset_state = dataset_state
        self._selection = selection
        groups = selection.samples
        self.candidates = replace(selection, samples=tuple(g for g in groups if _is_direct(g, selection.root)))
        """The selection without what must be checked."""
        self.direct: list[Condition] = [group[0].condition for group in self.candidates.samples]
        self.indirect: list[tuple[Term, ...]] = [g for g in groups if not _is_direct(g, selection.root)]
        self.listed: ListedDocuments | None = None
        """What was found of the documents that a handover lists, once it was looked for."""
        self.rare: list[Term] = []
        """Terms that match few documents, as far as `are_few` found out."""

    async def are_few(self) -> bool:
        """Whether some group matches so few documents that resolving it costs nothing, by a bounded look."""
        if self._selection.listed is not None:  # what is listed has an end
            return True
        if self._is_small:
            return True
        positive = [group for group in self.indirect if not any(term.negated for term in group)]

        async def few(group: tuple[Term, ...]) -> bool:
            asked = [(self._name(term), term.condition) for term in group]
            if not all(self._reader.is_served(*each) for each in asked):  # a look would read everything
                return False
            found = sum(await asyncio.gather(*(self._number(*each) for each in asked)))
            self.rare += group if found < FEW else ()
            return found < FEW

        return any(await asyncio.gather(*map(few, positive)))

    @property
    def _is_small(self) -> bool:
        return self._numbers is not None and self._numbers.small

    async def _number(self, name: str, condition: Condition) -> int:
        """How many documents meet a condition, of more than a few only that."""
        if self._numbers is not None and name != "individuals":
            known = await self._numbers.of(name, condition)
            return FEW if known is None else sum(known.values())
        return await look(self._reader, self._looks, name, condition)

    def _name(self, term: Term) -> str:
        return self._dataset_state.analyses if term.collection == "analyses" else term.collection

    # --- sets --------------------------------------------------------------------------------------------------------

    async def resolve(self) -> set[str]:
        """The ids that every group selects."""
        found = await self._of_listed()
        for group in sorted(self._selection.samples, key=self._order):
            if found is not None and len(group) == 1 and group[0].negated:
                found -= await self._of_term(group[0])
            elif found is not None and len(found) <= FEW and _is_direct(group, "biosamples") and not self._is_small:
                found = await self._of_few(group[0], sorted(found))
            else:
                chosen: set[str] = set()
                for term in group:
                    ids = await self._of_term(term)
                    chosen |= await self._all_biosamples() - ids if term.negated else ids
                found = chosen if found is None else found & chosen
            if not found:
                return set()
        return found if found is not None else set()

    async def _of_listed(self) -> set[str] | None:
        """The ids of biosamples that have listed documents; None where nothing is listed."""
        if self._selection.listed is None:
            return None
        if self.listed is None:
            found = ListedDocuments()
            await found.look_up(self._reader, self._dataset_state, self._selection.listed)
            self.listed = found
        return self.listed.biosamples

    @property
    def is_direct(self) -> bool:
        """Whether conditions on its root say all of the selection."""
        return not self.indirect and self._selection.listed is None

    def _order(self, group: tuple[Term, ...]) -> int:
        """What is few comes first, and what is only taken away last, when there is something to take it from."""
        if any(term.negated for term in group):
            return 2
        return 0 if all(term in self.rare for term in group) else 1

    async def _of_few(self, term: Term, ids: list[str]) -> set[str]:
        """Those of some biosamples that a condition on biosamples selects."""
        found: set[str] = set()
        for some in in_slices(ids, _IDS_A_QUERY):
            found |= await self._reader.values("biosamples", both([{"id": {"$in": some}}, term.condition]), "id")
        return found.intersection(ids)

    async def _all_biosamples(self) -> set[str]:
        return await self._reader.values("biosamples", {}, "id", by_field=True)

    async def _of_term(self, term: Term) -> set[str]:
        name = self._name(term)
        if term.collection == "individuals":
            individuals = sorted(await self._reader.values(name, term.condition, "id"))
            found: set[str] = set()
            for some in in_slices(individuals, _IDS_A_QUERY):
                found |= await self._reader.values("biosamples", {"individual_id": {"$in": some}}, "id")
            return found
        if term.collection == "biosamples":
            return await self._reader.values(name, term.condition, "id", by_field=True)
        if self._numbers is not None and (known := await self._numbers.of(name, term.condition)) is not None:
            return set(known)
        return await self._reader.values(name, term.condition, "biosample_id")

    # --- checks of some ----------------------------------------------------------------------------------------------

    async def among(self, ids: Sequence[str], after: str | None, upto: str | None) -> list[str]:
        """The ids behind one and up to another that every group selects; `ids` are the candidates among them.

        Where nothing is asked of biosamples themselves there are more than candidates: documents name biosamples that
        have none of their own.
        """
        found: set[str] | None = None
        for group in sorted(self.indirect, key=self._order):
            if found is not None and len(group) == 1 and group[0].negated:
                # Of all that were found: what has no biosample of its own is not excluded by having none.
                found -= await self._of_term_among(group[0], sorted(found), after, upto)
            else:
                chosen: set[str] = set()
                for term in group:
                    some = await self._of_term_among(term, ids, after, upto)
                    chosen |= set(ids) - some if term.negated else some
                found = chosen if found is None else found & chosen
            if not found:
                return []
        found = set() if found is None else found
        return sorted(found.intersection(ids) if self.direct else found)

    async def _of_term_among(self, term: Term, ids: Sequence[str], after: str | None, upto: str | None) -> set[str]:
        name, key = self._name(term), "biosample_id"
        if self.direct or term.negated or term.collection in {"biosamples", "individuals"}:
            if not ids:
                return set()
            if term.collection == "individuals":
                return await self._of_individuals_among(term, ids)
            key = "id" if term.collection == "biosamples" else key
            narrowed = both([{key: {"$in": list(ids)}}, term.condition])
        else:
            between: Condition = {"$gte": ""} if after is None else {"$gt": after}
            narrowed = both([{key: between if upto is None else {**between, "$lte": upto}}, term.condition])
        limit = len(ids) + _MORE
        found = await self._reader.some_values(name, narrowed, key, limit, by_field=True)
        return found if len(found) < limit else await self._reader.values(name, narrowed, key)

    async def _of_individuals_among(self, term: Term, ids: Sequence[str]) -> set[str]:
        fields = {"id": 1, "individual_id": 1, "_id": 0}
        asked = {"id": {"$in": list(ids)}}
        whose: dict[str, set[str]] = {}
        for item in await self._reader.documents("biosamples", asked, fields, len(ids) + _MORE):
            owners = item.get("individual_id")
            named = {name for name in (owners if isinstance(owners, list) else [owners]) if type(name) is str}
            if type(name := item.get("id")) is str:
                whose[name] = whose.get(name, set()) | named
        every = sorted(set().union(*whose.values()))
        if not every:
            return set()
        condition = both([{"id": {"$in": every}}, term.condition])
        found = await self._reader.some_values("individuals", condition, "id", len(every) + _MORE)
        return {name for name, owners in whose.items() if not owners.isdisjoint(found)}
