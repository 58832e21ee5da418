"""Terms of a selection that go through other collections: resolved as sets of biosample ids, or checked for some."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from gateway.db.reader import DatasetReader
from gateway.download_types import Condition, DatasetState, Selection, Term, both

__all__ = ["TermIds"]

_IDS_A_QUERY: Final = 400
# Documents of which it takes no time to know all.
_FEW: Final = 2_000
# Values a document that may turn up where one is expected: lists, twins.
_ROOM: Final = 4


def _is_direct(group: tuple[Term, ...], root: str) -> bool:
    return len(group) == 1 and group[0].collection == root and not group[0].negated


class TermIds:
    """What the groups of a selection select: `direct` ones are conditions on its root, `indirect` ones are not."""

    def __init__(self, reader: DatasetReader, dataset_state: DatasetState, selection: Selection) -> None:
        self._reader = reader
        self._dataset_state = dataset_state
        self._selection = selection
        groups = selection.samples
        self.direct: list[Condition] = [g[0].condition for g in groups if _is_direct(g, selection.root)]
        self.indirect: list[tuple[Term, ...]] = [g for g in groups if not _is_direct(g, selection.root)]
        self.rare: list[Term] = []
        """Terms that match few documents, as far as `are_few` found out."""

    @cached_property
    def candidates(self) -> Selection:
        """The selection without what must be checked."""
        direct = tuple(group for group in self._selection.samples if _is_direct(group, self._selection.root))
        return replace(self._selection, samples=direct)

    async def are_few(self) -> bool:
        """Whether some group matches so few documents that resolving it costs nothing, by a bounded look."""
        positive = [group for group in self.indirect if not any(term.negated for term in group)]

        async def few(group: tuple[Term, ...]) -> bool:
            asked = [(self._name(term), term.condition) for term in group]
            if not all(self._reader.is_served(*each) for each in asked):  # a look would read everything
                return False
            found = sum(await asyncio.gather(*(self._reader.count(*each, most=_FEW) for each in asked)))
            self.rare += group if found < _FEW else ()
            return found < _FEW

        return any(await asyncio.gather(*map(few, positive)))

    def _name(self, term: Term) -> str:
        return self._dataset_state.analyses if term.collection == "analyses" else term.collection

    # --- sets --------------------------------------------------------------------------------------------------------

    async def resolve(self) -> set[str]:
        """The ids that every group selects."""
        found: set[str] | None = None
        # What is only taken away comes last, when there is something to take it from.
        for group in sorted(self._selection.samples, key=lambda group: any(term.negated for term in group)):
            if found is not None and len(group) == 1 and group[0].negated:
                found -= await self._of_term(group[0])
            else:
                chosen: set[str] = set()
                for term in group:
                    ids = await self._of_term(term)
                    chosen |= await self._all_biosamples() - ids if term.negated else ids
                found = chosen if found is None else found & chosen
            if not found:
                return set()
        return found if found is not None else set()

    async def _all_biosamples(self) -> set[str]:
        return await self._reader.values("biosamples", {}, "id")

    async def _of_term(self, term: Term) -> set[str]:
        name = self._name(term)
        if term.collection == "individuals":
            individuals = sorted(await self._reader.values(name, term.condition, "id"))
            found: set[str] = set()
            for at in range(0, len(individuals), _IDS_A_QUERY):
                some = {"individual_id": {"$in": individuals[at : at + _IDS_A_QUERY]}}
                found |= await self._reader.values("biosamples", some, "id")
            return found
        return await self._reader.values(
            name, term.condition, "id" if term.collection == "biosamples" else "biosample_id"
        )

    # --- checks of some ----------------------------------------------------------------------------------------------

    async def among(self, ids: Sequence[str]) -> list[str]:
        """Those of some candidates that every indirect group selects, in their order."""
        left = list(ids)
        for group in self.indirect:
            chosen: set[str] = set()
            for term in group:
                found = await self._of_term_among(term, left)
                chosen |= set(left) - found if term.negated else found
            left = [name for name in left if name in chosen]
            if not left:
                break
        return left

    async def _of_term_among(self, term: Term, ids: Sequence[str]) -> set[str]:
        if term.collection == "individuals":
            return await self._of_individuals_among(term, ids)
        key = "id" if term.collection == "biosamples" else "biosample_id"
        condition = both([{key: {"$in": list(ids)}}, term.condition])
        limit = len(ids) * _ROOM
        return (await self._reader.some_values(self._name(term), condition, key, limit)).intersection(ids)

    async def _of_individuals_among(self, term: Term, ids: Sequence[str]) -> set[str]:
        fields = {"id": 1, "individual_id": 1, "_id": 0}
        asked = {"id": {"$in": list(ids)}}
        whose: dict[str, set[str]] = {}
        for item in await self._reader.documents("biosamples", asked, fields, len(ids) * _ROOM):
            owners = item.get("individual_id")
            named = {name for name in (owners if isinstance(owners, list) else [owners]) if type(name) is str}
            if type(name := item.get("id")) is str:
                whose[name] = whose.get(name, set()) | named
        every = sorted(set().union(*whose.values()))
        if not every:
            return set()
        condition = both([{"id": {"$in": every}}, term.condition])
        found = await self._reader.some_values("individuals", condition, "id", len(every) * _ROOM)
        return {name for name, owners in whose.items() if not owners.isdisjoint(found)}
