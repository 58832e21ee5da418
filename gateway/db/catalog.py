"""What is known of a dataset before it is queried: collections, indexes, data version, collations.

The data version changes when the data does, and costs milliseconds: a version that the dataset states itself (our
importer writes one) is believed as long as the numbers of documents that it states still hold; otherwise it is made
of the largest `_id`, the largest indexed `updated` and the number of documents of every collection that downloads read.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.db.sample_ids import bounded
from gateway.db.source import Source
from gateway.errors import DatabaseSlow, NotFound
from gateway.model import Bounds, Collation, DatasetState

__all__ = ["Catalog", "StoredMap"]

_READ: Final[tuple[str, ...]] = ("biosamples", "individuals", "analyses", "callsets", "variants", "collations")
_MAPS: Final = ("frequencymaps", "analyses_", "collations_")  # collections of maps are called, or begin, so
_STATED: Final = "dataversion"
_COLLATION_FIELDS: Final = dict.fromkeys(("id", "label", "child_terms", "db_key", "entity", "scope", "count"), 1)
_IDS_A_LOOKUP: Final = 500
_IDS_A_CHECK: Final = 100  # of which any index, and any server, knows in some ms
_IDS_CHECKED: Final = 500
_FEW: Final = 5
_FIRST_BINNING: Final = "1Mb"  # of maps that do not say: there was no other


@dataclass(frozen=True, slots=True)
class StoredMap:
    """A place of stored maps: a collection, the path in its documents, and how many bins the maps have."""

    collection: str
    path: str
    bins: int


class Catalog:
    """States of datasets, each kept for `ttl` seconds; concurrent askers share one, its failure included."""

    def __init__(self, source: Source, *, ttl: float) -> None:
        self._source = source
        self._ttl = ttl
        self._states: dict[str, tuple[float, DatasetState]] = {}
        self._running: dict[str, asyncio.Task[DatasetState]] = {}

    async def state(self, dataset: str) -> DatasetState:
        """What is known of a dataset, at most `ttl` seconds old."""
        made, dataset_state = self._states.get(dataset, (0.0, None))
        if dataset_state is not None and time.monotonic() - made <= self._ttl:
            return dataset_state
        task = self._running.get(dataset)
        if task is None:
            task = self._running[dataset] = asyncio.create_task(self.read_state(dataset))
            task.add_done_callback(lambda done: self._forget(dataset, done))
        return await asyncio.shield(task)

    def _forget(self, dataset: str, task: asyncio.Task[DatasetState]) -> None:
        del self._running[dataset]
        if not task.cancelled():
            task.exception()  # seen, even if all who asked have left

    async def read_state(self, dataset: str) -> DatasetState:
        """What is known of a dataset, read now."""
        source = self._source
        indexed = await source.collections(dataset)
        maps = sorted(name for name in indexed if name.startswith(_MAPS))
        present = [*(name for name in _READ if name in indexed), *maps]
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
        dataset_state = DatasetState(
            dataset=dataset,
            version=hashlib.sha256(repr(marks).encode()).hexdigest()[:32],
            stated=str(stated["version"]) if stated and "version" in stated else "",
            counts=counts,
            collections=frozenset(indexed),
            indexed=indexed,
            bounds=bounds,
        )
        self._states[dataset] = (time.monotonic(), dataset_state)
        return dataset_state

    async def changed_since(self, before: DatasetState) -> bool:
        """Whether data that a pass reads was deleted or replaced since its state was read.

        Documents that came after the largest `_id` of then do not count: the pass does not see them.  A change that
        leaves numbers, largest ids and the largest indexed `updated` as they were goes unseen.
        """
        now = await self.read_state(before.dataset)
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

    async def unknown(self, dataset_state: DatasetState, collection: str, field: str, ids: Sequence[str]) -> set[str]:
        """Those of the given ids that no document has in a field; none where it takes long to know."""
        name = dataset_state.analyses if collection == "analyses" else collection
        if name not in dataset_state.collections:
            return set(ids)
        if field not in dataset_state.indexed.get(name, ()) or len(ids) > _IDS_CHECKED:
            return set()

        async def known(some: list[str]) -> set[str]:
            condition = bounded({field: {"$in": some}}, dataset_state, name)
            return await self._source.values(dataset_state.dataset, name, condition, field, len(some))

        parts = [list(ids[at : at + _IDS_A_CHECK]) for at in range(0, len(ids), _IDS_A_CHECK)]
        try:
            return set(ids).difference(*await asyncio.gather(*map(known, parts)))
        except DatabaseSlow:  # nobody should wait, or be refused, for a warning
            return set()

    async def frequency_maps(
        self, dataset_state: DatasetState, ids: Iterable[str], binning: str
    ) -> dict[str, StoredMap]:
        """The stored frequency maps of these ids in a binning, wherever each era keeps them."""
        found: dict[str, StoredMap] = {}
        wanted = sorted(set(ids))
        own = (f"collations_{binning}_frequencymaps", f"collations_{binning}_maps")
        fields = dict.fromkeys(("id", "frequencymap.interval_count", "frequencymap.binning"), 1)
        for name in (*own, "frequencymaps", "collations"):
            # Such documents are large: without an index a look-up would read them all.
            if not wanted or "id" not in dataset_state.indexed.get(name, ()):
                continue
            condition = {"id": {"$in": wanted}}
            documents = await self._source.find_some(
                dataset_state.dataset, name, condition, fields, limit=len(wanted) * 4
            )
            for document in documents:
                count = _fitting(document.get("frequencymap"), binning, named=name in own)
                if count:
                    found.setdefault(document["id"], StoredMap(name, "frequencymap", count))
        return found

    async def status_maps(self, dataset_state: DatasetState, binning: str) -> StoredMap | None:
        """Where the status maps of analyses in a binning are, if any are among the first few documents."""
        within = "info.statusmaps" if dataset_state.analyses == "callsets" else "cnv_statusmaps"
        places = ((f"analyses_{binning}_maps", "cnv_statusmaps"), (dataset_state.analyses, within))
        for name, path in places:
            if "biosample_id" not in dataset_state.indexed.get(name, ()):
                continue
            fields = dict.fromkeys((f"{path}.interval_count", f"{path}.binning"), 1)
            for document in await self._source.find_some(dataset_state.dataset, name, {}, fields, limit=_FEW):
                found: Any = document
                for step in path.split("."):
                    found = found.get(step) if isinstance(found, dict) else None
                if count := _fitting(found, binning, named=name != dataset_state.analyses):
                    return StoredMap(name, path, count)
        return None

    async def stores_stats(self, dataset_state: DatasetState) -> bool:
        """Whether analyses have statistics of coverage, as far as the first few tell."""
        paths = ("cnv_stats", "cnv_chro_stats", "info.cnvstatistics")
        few = await self._source.find_some(
            dataset_state.dataset, dataset_state.analyses, {}, dict.fromkeys(paths, 1), limit=_FEW
        )
        old = dataset_state.analyses == "callsets"
        return any(("info" in found and bool(found["info"])) if old else "cnv_chro_stats" in found for found in few)


def _fitting(found: Any, binning: str, *, named: bool) -> int:
    """The number of bins of a stored map in this binning, else 0.  What is `named` for it need not repeat it."""
    if not isinstance(found, dict) or found.get("binning", binning if named else _FIRST_BINNING) != binning:
        return 0
    count = found.get("interval_count")
    return int(count) if isinstance(count, int | float) and count == count // 1 else 0


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
