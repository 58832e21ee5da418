"""What is known of a dataset before it is queried: collections, indexes, data version, collations.

The data version changes when the data does, and costs milliseconds: a version that the dataset states itself (our
importer writes one) is believed as long as the numbers of documents that it states still hold; otherwise it is made
of the largest `_id`, the largest indexed `updated` and the number of documents of every collection that downloads read.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from gateway.db.change_stream import changed
from gateway.db.driver import Topology
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.download_types import Bounds, Collation, DatasetState, Moment, bounded
from gateway.errors import DatabaseRefused, DatabaseSlow, NotFound, SnapshotLost

__all__ = ["Catalog", "StoredMap"]

log = logging.getLogger("gateway.db")

_READ: Final[tuple[str, ...]] = ("biosamples", "individuals", "analyses", "callsets", "variants", "collations")
_MAPS: Final = ("frequencymaps", "analyses_", "collations_")  # collections of maps are called, or begin, so
_STATED: Final = "dataversion"
_COLLATION_FIELDS: Final = dict.fromkeys(("id", "label", "child_terms", "db_key", "entity", "scope", "count"), 1)
_IDS_A_LOOKUP: Final = 500
_IDS_A_CHECK: Final = 100  # of which any index, and any server, knows in some ms
_IDS_CHECKED: Final = 500
_FEW: Final = 5
_TOLD: Final = 50
_QUICK: Final = 2.0  # seconds
_TIMES_KEPT: Final = 20
_MOST_KEPT: Final = 60.0  # of the 300 seconds for which servers remember
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
        self._told = Topology()
        self._empty: set[str] = set()
        self.unserved: dict[str, None] = {}
        """What was asked that no index serves, in sentences."""

    async def state(self, dataset: str) -> DatasetState:
        """What is known of a dataset, at most `ttl` seconds old."""
        until, dataset_state = self._states.get(dataset, (0.0, None))
        if dataset_state is not None and time.monotonic() <= until:
            return dataset_state
        task = self._running.get(dataset)
        if task is None:
            task = self._running[dataset] = asyncio.create_task(self.read_state(dataset))
            task.add_done_callback(lambda done: self._forget(dataset, done))
        return await asyncio.shield(task)

    @property
    def empty(self) -> frozenset[str]:
        """Datasets that held no data when they were asked for last."""
        return frozenset(self._empty)

    def tell_unserved(self, sentences: Iterable[str]) -> None:
        """Keep what no index serves, for the operator to see; the log has each once."""
        for sentence in sentences:
            if sentence not in self.unserved and len(self.unserved) < _TOLD:
                self.unserved[sentence] = None
                log.warning("%s", sentence)

    async def close(self) -> None:
        """Stop reading: nobody asks any more."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _forget(self, dataset: str, task: asyncio.Task[DatasetState]) -> None:
        del self._running[dataset]
        if not task.cancelled():
            task.exception()  # seen, even if all who asked have left

    async def read_state(self, dataset: str) -> DatasetState:
        """What is known of a dataset, read now."""
        began = time.monotonic()
        try:
            dataset_state = await self._read(dataset, snapshots=True)
        except (SnapshotLost, DatabaseRefused) as error:
            if self._source.topology.way != "snapshot":
                raise
            # A member of an older version, perhaps, in the middle of an upgrade.
            log.warning("%s: no snapshot can be read, changes are watched: %s", dataset, error)
            dataset_state = await self._read(dataset, snapshots=False)
        self._states[dataset] = (self._until(dataset_state, began), dataset_state)
        return dataset_state

    def _until(self, dataset_state: DatasetState, began: float) -> float:
        """When what is known must be read again."""
        now, kept = time.monotonic(), self._ttl
        if dataset_state.moment.by == "snapshot" and now - began > _QUICK:  # where counting takes its time
            kept = max(kept, _TIMES_KEPT * (now - began))
        return now + (min(kept, _MOST_KEPT) if dataset_state.moment.by == "snapshot" else kept)

    async def _read(self, dataset: str, *, snapshots: bool) -> DatasetState:
        began = await self._source.cluster_time()
        indexes = await self._source.collections(dataset, began)
        indexed = {name: frozenset(index.fields[0] for index in found) for name, found in indexes.items()}
        self._tell(self._source.topology)
        maps = sorted(name for name in indexed if name.startswith(_MAPS))
        present = [*(name for name in _READ if name in indexed), *maps]
        if "variants" not in present and "biosamples" not in present:
            self._empty.add(dataset)
            raise NotFound(f"the dataset {dataset} holds no data", parameter="datasetIds")
        self._empty.discard(dataset)
        identities = await self._identities(dataset, began) if snapshots else {}
        moment, counts = await self._counted(dataset, present, began, snapshots=bool(identities))
        at = partial(self._source.find_one, dataset, concern=moment.concern)
        stated = await at(_STATED, {"_id": dataset}) if _STATED in indexed else None
        marks: list[Any] = [sorted(counts.items())]
        updated = await _last(at, [name for name in present if "updated" in indexed[name]], "updated")
        if stated and _holds(stated, counts):
            bounds = Bounds(updated=updated)  # no part of the version, but of what is compared at the end of a pass
            marks.append(stated["version"])
        else:
            last = await _last(at, present, "_id")
            bounds = Bounds(last=last, updated=updated)
            marks += [sorted((name, repr(value)) for name, value in found.items()) for found in (last, updated)]
        return DatasetState(
            dataset=dataset,
            version=hashlib.sha256(repr(marks).encode()).hexdigest()[:32],
            stated=str(stated["version"]) if stated and "version" in stated else "",
            counts=counts,
            collections=frozenset(indexed),
            indexed=indexed,
            indexes=indexes,
            bounds=bounds,
            moment=moment,
            identities=identities,
        )

    async def _identities(self, dataset: str, began: Any) -> dict[str, str]:
        """What tells its collections from others of the same names; nothing where that is not asked or not told."""
        if self._source.topology.way != "snapshot":
            return {}
        try:
            return await self._source.identities(dataset, began)
        except DatabaseRefused:
            log.warning("%s: listCollections is refused: changes are watched, no snapshot is read", dataset)
            return {}

    def _tell(self, topology: Topology) -> None:
        """Say in the log what the deployment is, at the start and when it has become another."""
        if topology != self._told:
            self._told = topology
            log.info(
                "the database is a %s of wire version %d: passes are %s",
                topology.kind,
                topology.wire_version,
                topology.way,
            )

    async def _counted(
        self, dataset: str, present: Sequence[str], began: Any, *, snapshots: bool
    ) -> tuple[Moment, dict[str, int]]:
        """The moment at which a dataset is read, not before a time, and the numbers of its documents then."""
        source, topology = self._source, self._source.topology
        by = topology.way if began is not None else "recounted"
        by = "watched" if by == "snapshot" and not snapshots else by
        moment = Moment(by=by, time=began)
        since = Moment(by="watched", time=began).concern
        if topology.kind in {"standalone", "replica set"}:
            counts = await _each(present, lambda name: source.stated_count(dataset, name, concern=since))
            if by != "snapshot":  # what changes from now on is seen at the end of a pass
                return moment, counts
            # A snapshot has no such number: those of before are right if nothing was changed until it was taken.
            moment = Moment(by=by, time=await source.cluster_time())
            if await changed(source, dataset, present, began, Bounds(), until=moment.time) is False:
                return moment, counts
        return moment, await _each(present, lambda name: source.count(dataset, name, {}, concern=moment.concern))

    async def changed_since(self, before: DatasetState) -> bool:
        """Whether data that a pass reads was deleted or replaced since its state was read.

        Documents that came after the largest `_id` of then do not count: the pass does not see them.  A change that
        leaves numbers, largest ids and the largest indexed `updated` as they were goes unseen.
        """
        now = await self.read_state(before.dataset)
        if now.stated != before.stated or now.counts.keys() != before.counts.keys():
            return True
        last, concern = before.bounds.last, Moment(by="watched", time=before.moment.time).concern
        for name, count in before.counts.items():
            new = 0
            if name in last:
                later = {"_id": {"$gt": last[name]}}
                new = await self._source.count(before.dataset, name, later, concern=concern)
            if now.counts.get(name, 0) - new != count:
                return True
        at = partial(self._source.find_one, before.dataset, concern=concern)
        for name, updated in before.bounds.updated.items():
            seen = bounded({}, before.bounds, name)
            newest = await at(name, seen, descending="updated", fields={"updated": 1})
            if newest is None or newest.get("updated") != updated:
                return True
        return False

    def forget(self, dataset: str) -> None:
        """Read the state anew when it is asked for: it was found to be of the past."""
        self._states.pop(dataset, None)

    def _reader(self, dataset_state: DatasetState) -> DatasetReader:
        return DatasetReader(self._source, dataset_state)

    async def collations(self, dataset_state: DatasetState, ids: Iterable[str]) -> dict[str, Collation]:
        """Those of the given ids that are collations of the dataset, by id."""
        reader = self._reader(dataset_state)
        wanted = sorted(set(ids))
        slices = [wanted[at : at + _IDS_A_LOOKUP] for at in range(0, len(wanted), _IDS_A_LOOKUP)]
        found: dict[str, Collation] = {}
        for some in slices:
            condition = {"id": {"$in": some}}
            # Where two collations share an id the smaller `_id` is meant; 4 leaves room for such twins.
            documents = await reader.documents("collations", condition, _COLLATION_FIELDS, limit=len(some) * 4)
            for document in sorted(documents, key=lambda item: str(item.get("_id"))):
                if name := _text(document.get("id")):  # a list that holds the id is found, too
                    found.setdefault(name, _collation(name, document))
        return found

    async def unknown(self, dataset_state: DatasetState, collection: str, field: str, ids: Sequence[str]) -> set[str]:
        """Those of the given ids that no document has in a field; none where it takes long to know."""
        name = dataset_state.analyses if collection == "analyses" else collection
        if name not in dataset_state.collections:
            return set(ids)
        if field not in dataset_state.indexed.get(name, ()) or len(ids) > _IDS_CHECKED:
            return set()

        reader = self._reader(dataset_state)

        async def known(some: list[str]) -> set[str]:
            return await reader.some_values(name, {field: {"$in": some}}, field, len(some))

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
            documents = await self._reader(dataset_state).documents(name, condition, fields, limit=len(wanted) * 4)
            for document in documents:
                count = _fitting(document.get("frequencymap"), binning, named=name in own)
                if count and (code := _text(document.get("id"))):
                    found.setdefault(code, StoredMap(name, "frequencymap", count))
        return found

    async def status_maps(self, dataset_state: DatasetState, binning: str) -> StoredMap | None:
        """Where the status maps of analyses in a binning are, if any are among the first few documents."""
        within = "info.statusmaps" if dataset_state.analyses == "callsets" else "cnv_statusmaps"
        places = ((f"analyses_{binning}_maps", "cnv_statusmaps"), (dataset_state.analyses, within))
        for name, path in places:
            if "biosample_id" not in dataset_state.indexed.get(name, ()):
                continue
            fields = dict.fromkeys((f"{path}.interval_count", f"{path}.binning"), 1)
            for document in await self._reader(dataset_state).documents(name, {}, fields, limit=_FEW):
                found: Any = document
                for step in path.split("."):
                    found = found.get(step) if isinstance(found, dict) else None
                if count := _fitting(found, binning, named=name != dataset_state.analyses):
                    return StoredMap(name, path, count)
        return None

    async def stores_stats(self, dataset_state: DatasetState) -> bool:
        """Whether analyses have statistics of coverage, as far as the first few tell."""
        paths = ("cnv_stats", "cnv_chro_stats", "info.cnvstatistics")
        reader = self._reader(dataset_state)
        few = await reader.documents(dataset_state.analyses, {}, dict.fromkeys(paths, 1), limit=_FEW)
        old = dataset_state.analyses == "callsets"
        return any(("info" in found and bool(found["info"])) if old else "cnv_chro_stats" in found for found in few)


async def _each(names: Sequence[str], read: Callable[[str], Awaitable[int]]) -> dict[str, int]:
    return dict(zip(names, await asyncio.gather(*map(read, names)), strict=True))


async def _last(
    find_one: Callable[..., Awaitable[dict[str, Any] | None]], names: Sequence[str], field: str
) -> dict[str, Any]:
    """The largest value of a field in each collection."""
    reads = (find_one(name, {}, descending=field, fields={"_id": 1, field: 1}) for name in names)
    found = await asyncio.gather(*reads)
    return {name: document[field] for name, document in zip(names, found, strict=True) if document}


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


def _text(value: Any) -> str:
    """A text; empty for anything else, JavaScript code included: a kind of `str` that is no key."""
    return value if type(value) is str else ""


def _collation(name: str, document: Mapping[str, Any]) -> Collation:
    children, count = document.get("child_terms"), document.get("count")
    return Collation(
        id=name,
        label=_text(document.get("label")),
        child_terms=tuple(sorted({*map(_text, children)} - {""})) if isinstance(children, list) else (),
        db_key=_text(document.get("db_key")) or None,
        entity=_text(document.get("entity")) or _text(document.get("scope")) or None,
        count=int(count) if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None,
    )
