"""What is known of a dataset before it is queried: collections, indexes, data version, collations.

The data version changes when the data does, and costs milliseconds: a version that the dataset states itself (our
importer writes one) is believed as long as the numbers of documents that it states still hold; otherwise it is made
of the largest `_id`, the largest indexed `updated` and the number of documents of every collection that downloads read.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.errors import NotFound
from gateway.flow.source import Source
from gateway.model import Bounds, Collation, Survey

__all__ = ["Surveyor"]

_READ: Final[tuple[str, ...]] = ("biosamples", "individuals", "analyses", "callsets", "variants", "collations")
_STATED: Final = "dataversion"
_COLLATION_FIELDS: Final = dict.fromkeys(("id", "label", "child_terms", "db_key", "entity", "scope", "count"), 1)
_IDS_A_LOOKUP: Final = 500


class Surveyor:
    """Surveys of datasets, each kept for `ttl` seconds; concurrent askers share one, its failure included."""

    def __init__(self, source: Source, *, ttl: float) -> None:
        self._source = source
        self._ttl = ttl
        self._kept: dict[str, tuple[float, Survey]] = {}
        self._running: dict[str, asyncio.Task[Survey]] = {}

    async def survey(self, dataset: str) -> Survey:
        """The survey of a dataset, at most `ttl` seconds old."""
        made, survey = self._kept.get(dataset, (0.0, None))
        if survey is not None and time.monotonic() - made <= self._ttl:
            return survey
        task = self._running.get(dataset)
        if task is None:
            task = self._running[dataset] = asyncio.create_task(self.fresh(dataset))
            task.add_done_callback(lambda done: self._forget(dataset, done))
        return await asyncio.shield(task)

    def _forget(self, dataset: str, task: asyncio.Task[Survey]) -> None:
        del self._running[dataset]
        if not task.cancelled():
            task.exception()  # seen, even if all who asked have left

    async def fresh(self, dataset: str) -> Survey:
        """A survey made now."""
        source = self._source
        indexed = await source.collections(dataset)
        present = [name for name in _READ if name in indexed]
        if "variants" not in present and "biosamples" not in present:
            raise NotFound(f"the dataset {dataset} holds no data", parameter="datasetIds")
        counts = dict(zip(present, await asyncio.gather(*(source.count(dataset, n, {}) for n in present)), strict=True))
        stated = await source.find_one(dataset, _STATED, {"_id": dataset}) if _STATED in indexed else None
        marks: list[Any] = [sorted(counts.items())]
        bounds = Bounds()
        if stated and _holds(stated, counts):
            marks.append(stated["version"])
        else:
            last = await self._last(dataset, present, "_id")
            updated = await self._last(dataset, [name for name in present if "updated" in indexed[name]], "updated")
            bounds = Bounds(last=last, updated=updated)
            marks += [sorted((name, repr(value)) for name, value in found.items()) for found in (last, updated)]
        survey = Survey(
            dataset=dataset,
            version=hashlib.sha256(repr(marks).encode()).hexdigest()[:32],
            stated=str(stated["version"]) if stated and "version" in stated else "",
            counts=counts,
            collections=frozenset(indexed),
            indexed=indexed,
            bounds=bounds,
        )
        self._kept[dataset] = (time.monotonic(), survey)
        return survey

    async def disturbed(self, before: Survey) -> bool:
        """Whether data that a pass reads was deleted or replaced since its survey.

        Documents that came after the largest `_id` of then do not count: the pass does not see them.  A change that
        leaves numbers, largest ids and the largest indexed `updated` as they were goes unseen.
        """
        now = await self.fresh(before.dataset)
        if now.stated != before.stated:
            return True
        for name, count in before.counts.items():
            new = 0
            if name in before.bounds.last:
                later = {"_id": {"$gt": before.bounds.last[name]}}
                new = await self._source.count(before.dataset, name, later)
            if now.counts.get(name, 0) - new != count:
                return True
        for name, updated in before.bounds.updated.items():
            seen = {"_id": {"$not": {"$gt": before.bounds.last[name]}}} if name in before.bounds.last else {}
            newest = await self._source.find_one(
                before.dataset, name, seen, descending="updated", fields={"updated": 1}
            )
            if newest is None or newest.get("updated") != updated:
                return True
        return False

    async def _last(self, dataset: str, names: Iterable[str], field: str) -> dict[str, Any]:
        wanted = list(names)
        found = await asyncio.gather(
            *(self._source.find_one(dataset, n, {}, descending=field, fields={"_id": 1, field: 1}) for n in wanted)
        )
        return {name: document[field] for name, document in zip(wanted, found, strict=True) if document}

    async def collations(self, dataset: str, ids: Iterable[str]) -> dict[str, Collation]:
        """Those of the given ids that are collations of the dataset, by id."""
        wanted = sorted(set(ids))
        slices = [wanted[at : at + _IDS_A_LOOKUP] for at in range(0, len(wanted), _IDS_A_LOOKUP)]
        found: dict[str, Collation] = {}
        for some in slices:
            condition = {"id": {"$in": some}}
            # Where two collations share an id the smaller `_id` is meant; 4 leaves room for such twins.
            documents = await self._source.find_some(
                dataset, "collations", condition, _COLLATION_FIELDS, limit=len(some) * 4
            )
            for document in sorted(documents, key=lambda item: str(item.get("_id"))):
                found.setdefault(document["id"], _collation(document))
        return found


def _holds(stated: Mapping[str, Any], counts: Mapping[str, int]) -> bool:
    """Whether a stated version is one, and its numbers of documents are still true."""
    claimed = stated.get("counts")
    return (
        isinstance(stated.get("version"), str)
        and isinstance(claimed, dict)
        and bool(claimed)
        and all(counts.get(str(name), 0) == number for name, number in claimed.items())
    )


def _collation(document: Mapping[str, Any]) -> Collation:
    children = document.get("child_terms")
    entity = document.get("entity") or document.get("scope")
    return Collation(
        id=document["id"],
        label=str(document.get("label") or ""),
        child_terms=tuple(sorted({c for c in children if isinstance(c, str)})) if isinstance(children, list) else (),
        db_key=document["db_key"] if isinstance(document.get("db_key"), str) else None,
        entity=entity if isinstance(entity, str) else None,
        count=document["count"] if isinstance(document.get("count"), int) else None,
    )
