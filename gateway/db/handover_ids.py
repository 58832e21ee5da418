"""Documents that a handover lists: which biosamples they are of, and what narrows the rows of these to them.

The list may be long: it is looked up in slices, each of them by index and all of the pass's moment.  From then on
documents are known by `_id`, of each biosample its own, so that no read names more than it brings.  Memory: some
hundred bytes a listed document.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from gateway.dataset_state import DatasetState
from gateway.db.reader import DatasetReader
from gateway.download_types import Condition, Part
from gateway.handovers import Listed
from gateway.rows import in_slices

__all__ = ["ListedDocuments", "is_narrowed", "listed_slices", "narrowing"]

_VALUES_A_LOOKUP: Final = 400
_LOOKUPS_AT_ONCE: Final = 4
# Without an index each look-up reads the whole collection: as few of them as the size of a query allows.
_VALUES_A_SCAN: Final = 200_000
_ALL: Final = 2**31 - 1


def listed_slices(reader: DatasetReader, collection: str, listed: Listed) -> Iterator[Condition]:
    """Conditions on a collection that together name all that is listed."""
    served = reader.is_served(collection, {listed.key: {"$in": list(listed.values[:1])}})
    for some in in_slices(listed.values, _VALUES_A_LOOKUP if served else _VALUES_A_SCAN):
        yield {listed.key: {"$in": list(some)}}


@dataclass(slots=True)
class ListedDocuments:
    """What was found of a list, by biosample: `_id`s of listed variants or analyses, and the ids of analyses."""

    documents: dict[str, list[Any]] = field(default_factory=dict)
    analyses: dict[str, list[str]] = field(default_factory=dict)

    @property
    def biosamples(self) -> set[str]:
        """The biosamples that listed documents are of, or are."""
        return set(self.documents)

    @property
    def size(self) -> int:
        """How many entries it has: a measure of its memory."""
        return len(self.documents) + sum(map(len, chain(self.documents.values(), self.analyses.values())))

    async def look_up(self, reader: DatasetReader, dataset_state: DatasetState, listed: Listed) -> None:
        """Find them at the moment of the reader."""
        if listed.collection == "individuals":
            await self._of_individuals(reader, listed)
            return
        name = dataset_state.analyses if listed.collection == "analyses" else listed.collection
        owner = "id" if listed.collection == "biosamples" else "biosample_id"
        async for document in _found(reader, name, list(listed_slices(reader, name, listed)), ("id", owner)):
            for biosample in _texts(document.get(owner)):
                documents = self.documents.setdefault(biosample, [])
                if listed.collection != "biosamples":
                    documents.append(document["_id"])
                if listed.collection == "analyses":
                    self.analyses.setdefault(biosample, []).extend(_texts(document.get("id")))

    async def _of_individuals(self, reader: DatasetReader, listed: Listed) -> None:
        ids = listed.values
        if listed.key != "id":
            slices = list(listed_slices(reader, "individuals", listed))
            found = _found(reader, "individuals", slices, ("id",))
            ids = tuple(sorted({name async for each in found for name in _texts(each.get("id"))}))
        owned: list[Condition] = [{"individual_id": {"$in": list(some)}} for some in in_slices(ids, _VALUES_A_LOOKUP)]
        async for document in _found(reader, "biosamples", owned, ("id",)):
            for biosample in _texts(document.get("id")):
                self.documents.setdefault(biosample, [])


def is_narrowed(part: Part) -> bool:
    """Whether the documents of a part are themselves those that are listed."""
    listed = part.selection.listed
    if listed is None or part.ids is not None or part.collection != listed.collection:
        return False
    return listed.collection == "analyses" or (listed.collection == "variants" and part.selection.of_listed)


def narrowing(part: Part, ids: Sequence[str], found: ListedDocuments | None) -> Condition:
    """What the documents of some biosamples must be to be listed, or to be of analyses that are."""
    listed = part.selection.listed
    of_analyses = listed is not None and listed.collection == "analyses" and part.collection == "variants"
    if not of_analyses and not is_narrowed(part):
        return {}
    if found is None:
        raise RuntimeError("a list was not looked up before its rows are read")  # never all rows instead
    if of_analyses:
        field = "callset_id" if part.dataset_state.analyses == "callsets" else "analysis_id"
        return {field: _among(found.analyses, ids)}
    return {"_id": _among(found.documents, ids)}


def _among(found: Mapping[str, list[Any]], ids: Sequence[str]) -> Condition:
    return {"$in": [value for biosample in ids for value in found.get(biosample, ())]}


def _texts(value: object) -> list[str]:
    """The ids that a field holds: one, or several."""
    return [one for one in (value if isinstance(value, list) else [value]) if type(one) is str]


async def _found(
    reader: DatasetReader, collection: str, conditions: Sequence[Condition], fields: Sequence[str]
) -> AsyncIterator[dict[str, Any]]:
    """The documents that conditions match, some conditions at a time."""
    wanted = dict.fromkeys(("_id", *fields), 1)
    for some in in_slices(conditions, _LOOKUPS_AT_ONCE):
        for documents in await asyncio.gather(
            *(reader.documents(collection, condition, wanted, _ALL) for condition in some)
        ):
            for document in documents:
                yield document
