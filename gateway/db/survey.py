"""One reading of what is known of a dataset: collections, indexes, numbers, the newest documents, all of one moment.

What does not depend on another answer is asked together.  What comes one after the other, where the lists are known:

- a standalone: whether there is a time (there is none); all the rest;
- a replica set before 5.0, or a cluster: the time; all the rest;
- a replica set since 5.0: the time; names and numbers; the time again, which is the moment; the newest documents at it,
  and beside them, in three steps, the change stream between the two times.

Lists that are not known cost two steps more at most: the names, then the indexes.  A version that is not stated where
it was expected, or does not hold, costs one: the largest ids are asked for, which are not needed where one is.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from gateway.dataset_state import Bounds, DatasetState, Moment
from gateway.db import listing
from gateway.db.change_stream import changed
from gateway.db.cluster_times import settled_time
from gateway.db.replies import Concern
from gateway.db.source import Source
from gateway.download_types import Condition
from gateway.errors import DatabaseRefused, NoSuchIndex, NotFound
from gateway.indexes import Index, ordering
from gateway.logs import fields

__all__ = ["Lists", "Survey", "newest", "says_the_same", "survey"]

log = logging.getLogger("gateway.db")

_READ: Final[tuple[str, ...]] = ("biosamples", "individuals", "analyses", "callsets", "variants", "collations")
_MAPS: Final = ("frequencymaps", "analyses_", "collations_")  # collections of maps are called, or begin, so
_STATED: Final = "dataversion"


@dataclass(frozen=True, slots=True)
class Names:
    """The collections of a dataset, each with what tells it from others of its name, if that was `told`."""

    identities: Mapping[str, str]
    told: bool


@dataclass(frozen=True, slots=True)
class Lists:
    """What the lists of a dataset said, and when, by the monotonic clock."""

    names: Names
    indexes: Mapping[str, tuple[Index, ...]]
    listed: float


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a dataset; lists that can be believed; the seconds that it took to count documents anew."""

    state: DatasetState
    lists: Lists | None
    counting: float


@dataclass(frozen=True, slots=True)
class _Marks:
    """What changes with the data, beside numbers."""

    stated: Mapping[str, Any] | None
    last: Mapping[str, Any] | None
    updated: Mapping[str, Any]


async def survey(
    source: Source, dataset: str, known: Lists | None, *, snapshots: bool, stated: bool, may_count: bool = True
) -> Survey | None:
    """What is known of a dataset, read now; `known` lists are believed where names and identities are the same still.

    `snapshots`: whether its moment may be one; `stated`: whether a version that it states is expected to hold.  Raises
    NotFound where the dataset holds no data.  None where documents would have to be counted, but not if they may be:
    on a replica set while data is being written, on a cluster always.
    """
    began = await source.cluster_time()
    snapshots = snapshots and (known is None or known.names.told)
    reading = _Reading(source, dataset, began, snapshots=snapshots, may_count=may_count)
    if reading.counts_always and not may_count:
        return None
    marks = None
    if known is None:
        names = await reading.names()
        moment, present = reading.moment(names), _present(dataset, names)
        indexes = listing.indexes(source, dataset, names.identities, began)
        listed, counts = await asyncio.gather(indexes, reading.counts(present, moment))
        known = Lists(names, listed, time.monotonic())
    else:
        moment, present = reading.moment(known.names), _present(dataset, known.names)
        early = reading.marks_if(moment, present, known, stated=stated)
        names, counts, marks = await asyncio.gather(reading.names(), reading.counts(present, moment), early)
        if names != known.names:
            return await survey(source, dataset, None, snapshots=snapshots, stated=stated, may_count=may_count)
    if moment is None:
        moment, settled = await reading.moment_after()
        counted = reading.counts_at(moment, counts, settled=settled)
        at_moment, found = await asyncio.gather(counted, reading.marks(moment, present, known, stated=stated))
        if at_moment is None:
            return None
        counts = at_moment
    else:
        found = marks or await reading.marks(moment, present, known, stated=stated)
    if found.last is None and not _holds(found.stated, counts):
        found = await reading.marks(moment, present, known, stated=False)
    return Survey(_state(dataset, known, counts, found, moment), known, reading.counting)


async def says_the_same(source: Source, state: DatasetState) -> bool:
    """Whether a dataset that states its version states the one that it did, and has the collections that it had."""
    dataset = state.dataset
    names, stated = await asyncio.gather(
        listing.collections(source, dataset), source.find_one(dataset, _STATED, {"_id": dataset})
    )
    same = {name for name in names if not name.startswith("system.")} == state.collections
    return same and str((stated or {}).get("version")) == state.stated


class _Reading:
    """Questions about a dataset, not before a time."""

    def __init__(self, source: Source, dataset: str, began: Any, *, snapshots: bool, may_count: bool) -> None:
        self.counting = 0.0
        self._may_count = may_count
        self._source = source
        self._dataset = dataset
        self._began = began
        way = source.topology.way if began is not None else "recounted"
        self._way = "watched" if way == "snapshot" and not snapshots else way
        # Numbers as servers keep them: at once, but not of one moment, and on clusters not right.
        self._kept = source.topology.kind in {"standalone", "replica set"}
        self.counts_always = not self._kept

    async def names(self) -> Names:
        """The collections that there are."""
        if self._way == "snapshot":
            try:
                found = await listing.identities(self._source, self._dataset, self._began)
                return Names({name: found[name] for name in found if not name.startswith("system.")}, told=True)
            except DatabaseRefused:
                told = fields(dataset=self._dataset)
                log.warning("listCollections is refused: changes are watched, no snapshot is read", extra=told)
        names = await listing.collections(self._source, self._dataset, self._began)
        return Names({name: "" for name in names if not name.startswith("system.")}, told=False)

    def moment(self, names: Names) -> Moment | None:
        """The moment that is read; None where it comes behind the numbers."""
        if self._way == "snapshot" and not names.told:
            return Moment(by="watched", time=self._began)
        return None if self._way == "snapshot" and self._kept else Moment(by=self._way, time=self._began)

    async def moment_after(self) -> tuple[Moment, bool]:
        """The moment of a snapshot behind numbers that a server keeps, and whether it has all that they count."""
        # They count what is not safe yet, too, which neither a snapshot nor a change stream until then has.
        safe, settled = await settled_time(self._source.times)
        return Moment(by="snapshot", time=safe), settled

    async def counts(self, present: Sequence[str], moment: Moment | None) -> dict[str, int]:
        """The numbers of documents."""
        if not self._kept:
            return await self._counted(present, moment or Moment(by="watched", time=self._began))
        since = Moment(by="watched", time=self._began).concern  # what changes from now on is seen at the end of a pass
        asked = (self._source.stated_count(self._dataset, name, concern=since) for name in present)
        return dict(zip(present, await asyncio.gather(*asked), strict=True))

    async def counts_at(self, moment: Moment, counts: dict[str, int], *, settled: bool) -> dict[str, int] | None:
        """The numbers at a moment: those from before it, if nothing was changed between; None if it may not count."""
        source, dataset = self._source, self._dataset
        if settled and moment.time == self._began:
            return counts
        if settled and await changed(source, dataset, counts, self._began, Bounds(), until=moment.time) is False:
            return counts
        return await self._counted(list(counts), moment) if self._may_count else None

    async def _counted(self, names: Sequence[str], moment: Moment) -> dict[str, int]:
        began = time.monotonic()
        asked = (self._source.count(self._dataset, name, {}, concern=moment.concern) for name in names)
        found = dict(zip(names, await asyncio.gather(*asked), strict=True))
        self.counting += time.monotonic() - began
        return found

    async def marks(self, moment: Moment, present: Sequence[str], lists: Lists, *, stated: bool) -> _Marks:
        """The newest documents at a moment; the largest ids only where no version is `stated`, or can be."""
        stated = stated and _STATED in lists.indexes
        dated = [name for name in present if any(index.fields[0] == "updated" for index in lists.indexes[name])]
        found, updated, last = await asyncio.gather(
            self._version(moment, lists),
            self._newest(moment, lists, dated, "updated"),
            self._newest(moment, lists, [] if stated else present, "_id"),
        )
        return _Marks(found, None if stated else last, updated)

    async def marks_if(
        self, moment: Moment | None, present: Sequence[str], lists: Lists, *, stated: bool
    ) -> _Marks | None:
        """The same, where the moment is known."""
        return None if moment is None else await self.marks(moment, present, lists, stated=stated)

    async def _version(self, moment: Moment, lists: Lists) -> dict[str, Any] | None:
        if _STATED not in lists.indexes:
            return None
        return await self._source.find_one(self._dataset, _STATED, {"_id": self._dataset}, concern=moment.concern)

    async def _newest(self, moment: Moment, lists: Lists, names: Iterable[str], field: str) -> dict[str, Any]:
        """The largest value of a field in each collection."""

        async def largest(name: str) -> tuple[str, dict[str, Any] | None]:
            find = partial(newest, self._source, self._dataset, name, {}, field=field)
            return name, await find(indexes=lists.indexes[name], concern=moment.concern)

        found = await asyncio.gather(*map(largest, names))
        return {name: document[field] for name, document in found if document}


async def newest(
    source: Source,
    dataset: str,
    collection: str,
    condition: Condition,
    *,
    field: str,
    indexes: Sequence[Index],
    concern: Concern,
) -> dict[str, Any] | None:
    """The document with the largest value of a field: always the same of several, because one index finds it."""
    find = partial(source.find_one, descending=field, fields={"_id": 1, field: 1}, concern=concern)
    # Named, so that it is known when it is gone: everything would be sorted from then on.
    hint = None if field == "_id" else ordering(indexes, field)
    try:
        return await find(dataset, collection, condition, hint=hint)
    except NoSuchIndex:  # dropped since it was listed, or not there yet on this member
        source.lost_index(dataset)
        return await find(dataset, collection, condition)


def _present(dataset: str, names: Names) -> list[str]:
    """The collections that downloads read."""
    maps = sorted(name for name in names.identities if name.startswith(_MAPS))
    present = [*(name for name in _READ if name in names.identities), *maps]
    if "variants" not in present and "biosamples" not in present:
        raise NotFound(f"the dataset {dataset} holds no data", parameter="datasetIds")
    return present


def _state(dataset: str, lists: Lists, counts: Mapping[str, int], found: _Marks, moment: Moment) -> DatasetState:
    marks: list[Any] = [sorted(counts.items())]
    stated, last, updated = found.stated, found.last or {}, found.updated
    if stated and _holds(stated, counts):
        bounds = Bounds(updated=updated)  # no part of the version, but of what is compared at the end of a pass
        marks.append(stated["version"])
    else:
        bounds = Bounds(last=last, updated=updated)
        marks += [sorted((name, repr(value)) for name, value in each.items()) for each in (last, updated)]
    return DatasetState(
        dataset=dataset,
        version=hashlib.sha256(repr(marks).encode()).hexdigest()[:32],
        stated=str(stated["version"]) if stated and "version" in stated else "",
        counts=counts,
        collections=frozenset(lists.indexes),
        indexed={name: frozenset(index.fields[0] for index in each) for name, each in lists.indexes.items()},
        indexes=lists.indexes,
        bounds=bounds,
        moment=moment,
        identities=lists.names.identities if lists.names.told else {},
    )


def _holds(stated: Mapping[str, Any] | None, counts: Mapping[str, int]) -> bool:
    """Whether a stated version is one, and its numbers of documents are still true."""
    claimed = (stated or {}).get("counts")
    return (
        isinstance((stated or {}).get("version"), str)
        and isinstance(claimed, dict)
        and bool(claimed)
        and all(counts.get(str(name), 0) == number for name, number in claimed.items())
    )
