"""A dataset as one pass reads it: every read of the same moment, and at the end the answer whether that held.

What makes sure of it depends on the deployment, see `Moment`.  A snapshot that the server forgets in mid-pass is no
failure: from then on the pass is watched.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeVar

from gateway.dataset_state import DatasetState, Moment
from gateway.db.allowance import spent
from gateway.db.change_stream import changed
from gateway.db.delivered import Delivered, counted_at_once
from gateway.db.listing import identities, indexes
from gateway.db.replies import Concern, Page, Reply
from gateway.db.source import Source
from gateway.download_types import Condition, both, bounded
from gateway.errors import DatabaseDown, DatabaseRefused, NoSuchIndex, SnapshotLost
from gateway.indexes import fitting, is_served, ordering
from gateway.logs import fields

__all__ = ["DatasetReader", "Outcome"]

log = logging.getLogger("gateway.db")

_VALUES_COMPARED: Final = 10

T = TypeVar("T")
Found_co = TypeVar("Found_co", covariant=True)

_Stages = list[dict[str, Any]]

Outcome = Literal["same", "changed", "unknown"]
"""Whether all reads of a pass were of one moment; `unknown` where the deployment could tell, but does not."""

_IDS_A_COUNT: Final = 400
_READS_WHAT_IS_GONE: Final = 21  # the wire version of MongoDB 7.0
_COUNTS_AT_ONCE: Final = 4


class _Read(Protocol[Found_co]):
    """A read of the source: of a dataset's collection, by an index, with a read concern."""

    def __call__(
        self, dataset: str, collection: str, condition: Condition, /, *, hint: str | None, concern: Concern
    ) -> Awaitable[Found_co]: ...


class DatasetReader:
    """Reads for one pass, at the moment of the dataset's state."""

    def __init__(self, source: Source, state: DatasetState) -> None:
        self._source = source
        self._state = state
        self._moment = state.moment
        self._delivered: list[Delivered] = []
        self._touched: set[str] = set()
        self._unwatched = False
        self._hinted = source.takes_hints
        self._named: dict[str, set[str]] = {}  # indexes that reads named, by collection

    def values_at_once(self, most: int) -> int:
        """How many values a read or a count should ask for.

        A server seeks each in an index; the embedded one compares every document with all of them.
        """
        return most if self._source.takes_hints else min(most, _VALUES_COMPARED)

    @property
    def spares_what_is_left_out(self) -> bool:
        """Whether leaving documents out costs less than reading them; the embedded server is slow to compare."""
        return self._source.takes_hints

    async def _read(
        self,
        collection: str,
        condition: Condition,
        read: "_Read[T]",
        *,
        hint: str | None = None,
        within_bounds: bool = True,
    ) -> T:
        """The outcome of a read of what a condition matches at the moment, by the index that fits it best."""
        self._touched.add(collection)
        fits = hint or self.index_of(collection, condition)
        fits = fits if self._hinted else None
        if fits is not None:
            self._named.setdefault(collection, set()).add(fits)

        async def at(moment: Moment, hint: str | None) -> T:
            # A snapshot holds nothing that came later: no bound that a query plan could trip over.
            bound = moment.by != "snapshot" and within_bounds
            seen = bounded(condition, self._state.bounds, collection) if bound else condition
            return await read(self._state.dataset, collection, seen, hint=hint, concern=moment.concern)

        try:
            with spent():
                return await self._at_moment(lambda moment: at(moment, fits))
        except NoSuchIndex:
            # Dropped since, or not there yet on this member: the rest of the pass leaves the choice to the server.
            told = fields(dataset=self._state.dataset, index=fits, collection=collection)
            log.warning("an index is not there", extra=told)
            self._hinted = False
            self._source.lost_index(self._state.dataset)
            return await self._at_moment(lambda moment: at(moment, None))

    async def _at_moment(self, read: Callable[[Moment], Awaitable[T]]) -> T:
        moment = self._moment
        try:
            return await read(moment)
        except NoSuchIndex:
            raise
        except (SnapshotLost, DatabaseRefused) as error:
            if moment.by != "snapshot" and isinstance(error, SnapshotLost):
                # Majority reads wait for a collection that was made a moment ago, too: another try may go well.
                raise DatabaseDown("the database cannot answer now") from error
            if moment.by != "snapshot":
                raise
            if self._moment is moment:  # the first of several reads to hear of it
                told = fields(dataset=self._state.dataset, reason=error)
                log.warning("the snapshot cannot be read any more: changes are watched", extra=told)
                self._moment = Moment(by="watched", time=moment.time)
            return await read(self._moment)

    async def page(
        self,
        collection: str,
        condition: Condition,
        *,
        projection: Mapping[str, int],
        limit: int,
        sort: str | None = None,
        hint: str | None = None,
    ) -> Page:
        """As `Source.page`; by an index that is known to be better than the one that fits, if it is given."""
        read = partial(self._source.page, projection=projection, limit=limit, sort=sort)
        # What nothing narrows is read in its order.
        order = ordering(self._state.indexes.get(collection, ()), sort) if sort and not condition else None
        return await self._read(collection, condition, read, hint=hint or order)

    def index_of(self, collection: str, condition: Condition) -> str | None:
        """The index that fits a condition best."""
        return fitting(self._state.indexes.get(collection, ()), condition)

    def ordered_by(self, collection: str, field: str) -> str | None:
        """The index that has all documents in the order of a field."""
        return ordering(self._state.indexes.get(collection, ()), field)

    def is_served(self, collection: str, condition: Condition) -> bool:
        """Whether indexes alone answer a condition."""
        return is_served(self._state.indexes.get(collection, ()), condition)

    async def unordered(
        self, collection: str, condition: Condition, projection: Mapping[str, int], limit: int
    ) -> Page | None:
        """A page in no order, by one index; None where none fits."""
        if self.index_of(collection, condition) is None:
            return None
        return await self.page(collection, condition, projection=projection, limit=limit)

    async def read(
        self,
        collection: str,
        condition: Condition,
        shape: Callable[[Reply], T],
        *,
        projection: Mapping[str, int],
        limit: int,
        sort: str | None = None,
        hint: str | None = None,
    ) -> T:
        """As `Source.read`; `hint` as for a page."""

        async def read(dataset: str, name: str, seen: Condition, *, hint: str | None, concern: Concern) -> T:
            return await self._source.read(
                dataset, name, seen, shape, projection=projection, limit=limit, sort=sort, hint=hint, concern=concern
            )

        return await self._read(collection, condition, read, hint=hint)

    async def values(self, collection: str, condition: Condition, field: str, *, by_field: bool = False) -> set[str]:
        """The string values of a top-level field of all matching documents; found `by_field`'s index if none fits."""

        async def read(dataset: str, name: str, seen: Condition, *, hint: str | None, concern: Concern) -> set[str]:
            found: set[str] = set()
            async for batch in self._source.drain(dataset, name, seen, field, hint=hint, concern=concern):
                found.update(batch)
            return found

        own = by_field and self.index_of(collection, condition) is None
        return await self._read(collection, condition, read, hint=self.ordered_by(collection, field) if own else None)

    async def some_values(
        self, collection: str, condition: Condition, field: str, limit: int, *, by_field: bool = False
    ) -> set[str]:
        """The distinct string values of a field of all matching documents, up to `limit`; found `by_field`'s index."""
        hint = ordering(self._state.indexes.get(collection, ()), field) if by_field else None
        groups = await self._aggregated(
            collection, condition, [], [{"$group": {"_id": f"${field}"}}, {"$limit": limit}], limit, hint=hint
        )
        return {value for group in groups if type(value := group["_id"]) is str}

    async def first_values(
        self, collection: str, condition: Condition, field: str, *, among: int, limit: int
    ) -> list[Any] | None:
        """A field's values in its order, of the matching ones among the first documents in that order, up to `limit`.

        So many documents are looked at and no more.  None where no index has the order.
        """
        hint = ordering(self._state.indexes.get(collection, ()), field)
        if hint is None:
            return None
        first: _Stages = [{"$sort": {field: 1}}, {"$limit": among}]
        last: _Stages = [{"$limit": limit}, {"$project": {"_id": 0, field: 1}}]
        found = await self._aggregated(collection, condition, first, last, limit, hint=hint)
        return [item.get(field) for item in found]

    async def distinct(self, collection: str, field: str, limit: int) -> list[Any] | None:
        """The distinct values of an indexed field, of any type; None if no index has them, or they are too many."""
        hint = ordering(self._state.indexes.get(collection, ()), field)
        if hint is None:
            return None
        # In this form a server goes from value to value in the index.
        last: _Stages = [{"$sort": {field: 1}}, {"$group": {"_id": f"${field}"}}, {"$limit": limit}]
        found = await self._aggregated(collection, {}, [], last, limit, hint=hint, within_bounds=False)
        return [item["_id"] for item in found] if len(found) < limit else None

    async def numbers(self, collection: str, key: str, between: Condition, limit: int) -> dict[str, int] | None:
        """How many documents there are of each text that a key has within a range, by an index alone.

        None where they may be changed meanwhile, or documents have a list of keys, or there are `limit` texts or more.
        """
        hint = self.ordered_by(collection, key)
        if hint is None or self.recounted or not self.sees_nothing_later(collection):
            return None
        if await self._may_be_lists(collection, key):
            return None
        last: _Stages = [{"$group": {"_id": f"${key}", "n": {"$sum": 1}}}, {"$limit": limit}]
        found = await self._aggregated(collection, {key: between}, [], last, limit, hint=hint, within_bounds=False)
        return {item["_id"]: int(item["n"]) for item in found} if len(found) < limit else None

    async def _aggregated(
        self,
        collection: str,
        condition: Condition,
        first: _Stages,
        last: _Stages,
        limit: int,
        *,
        hint: str | None,
        within_bounds: bool = True,
    ) -> list[dict[str, Any]]:
        """Up to `limit` small documents, of stages before what a condition matches, and of those behind it."""

        async def read(dataset: str, name: str, seen: Condition, *, hint: str | None, concern: Concern) -> _Stages:
            pipeline = [*first, *([{"$match": seen}] if seen else []), *last]
            return await self._source.aggregated(dataset, name, pipeline, limit, hint=hint, concern=concern)

        return await self._read(collection, condition, read, hint=hint, within_bounds=within_bounds)

    async def documents(
        self, collection: str, condition: Condition, fields: Mapping[str, int], limit: int
    ) -> list[dict[str, Any]]:
        """Up to `limit` decoded documents: for small look-ups."""
        return await self._read(collection, condition, partial(self._source.find_some, fields=fields, limit=limit))

    async def count(self, collection: str, condition: Condition, *, most: int = 0, within_bounds: bool = True) -> int:
        """How many documents match; no more than `most` are counted where that is given.

        Those that came later are counted too where they need not be `within_bounds`: by the index alone.
        """
        read = partial(self._source.count, most=most)
        return await self._read(collection, condition, read, within_bounds=within_bounds)

    async def count_of(
        self, name: str, key: str, ids: Sequence[str], narrower: Condition, *, most: int = 0, within_bounds: bool = True
    ) -> int:
        """How many documents of some ids match: those that a read of them delivers, none that has a list as its key.

        `name` is the collection's.  No more than `most` are counted where that is given.
        """
        condition = both([{key: ids[0] if len(ids) == 1 else {"$in": list(ids)}}, narrower])
        if not await self._may_be_lists(name, key):
            return await self.count(name, condition, most=most, within_bounds=within_bounds)
        stages: _Stages = [{"$project": {"_id": 0, "n": {"$cond": [{"$isArray": [f"${key}"]}, 0, 1]}}}]
        if most:
            stages += [{"$match": {"n": 1}}, {"$limit": most}]
        stages.append({"$group": {"_id": None, "n": {"$sum": "$n"}}})
        found = await self._aggregated(name, condition, [], stages, 1, hint=None, within_bounds=within_bounds)
        return int(found[0]["n"]) if found else 0

    async def _may_be_lists(self, collection: str, key: str) -> bool:
        """Whether values of a field may be lists, as far as its indexes tell: counts are quicker where they are not."""
        index = self.ordered_by(collection, key)
        return index is None or await self._source.multikey.may_hold_lists(self._state, collection, key, index)

    def sees_nothing_later(self, collection: str) -> bool:
        """Whether reads that are not within bounds see the same as those that are."""
        return self._moment.by == "snapshot" or collection not in self._state.bounds.last

    async def has_later(self, collection: str) -> bool:
        """Whether there are documents that came later, which reads that are not within bounds see, too."""
        if self.sees_nothing_later(collection):
            return False
        later = {"_id": {"$gt": self._state.bounds.last[collection]}}
        return bool(await self.count(collection, later, most=1, within_bounds=False))

    # --- whether it held ---------------------------------------------------------------------------------------------

    @property
    def dataset(self) -> str:
        """Its name."""
        return self._state.dataset

    def delivered(self, collection: str, key: str, ids: Sequence[str], narrower: Condition, rows: int) -> None:
        """Remember what the documents of some ids came to: perhaps they will have to be counted again."""
        self._delivered.append(Delivered(collection, key, narrower, ids, rows))

    @property
    def recounted(self) -> bool:
        """Whether nothing but reading again tells that nothing was changed."""
        return self._moment.by == "recounted" or self._unwatched

    async def outcome(self, changed_since: Callable[[DatasetState], Awaitable[bool]]) -> Outcome:
        """Whether all that was read was of one moment; `changed_since` compares numbers and newest documents."""
        state = self._state
        if not await self._names_held():
            self._source.lost_index(state.dataset)
            return "changed"
        if self._moment.by == "snapshot":
            # Servers before 7.0 read a collection that was dropped since, or has another name, as an empty one.
            if self._source.topology.wire_version < _READS_WHAT_IS_GONE and await changed(
                self._source, state.dataset, self._names, self._moment.time, state.bounds, as_wholes=True
            ):
                return "changed"
            now = await identities(self._source, state.dataset, await self._source.cluster_time())
            return "same" if all(now.get(name) == state.identities.get(name) for name in self._names) else "changed"
        if self._moment.by == "watched":
            found = await changed(self._source, state.dataset, self._names, self._moment.time, state.bounds)
            if found is not None:
                return "changed" if found else "same"
            self._unwatched = True  # the next best, which does not see everything: nothing is kept
        if await changed_since(state) or not await self._recounted():
            return "changed"
        return "unknown" if self._unwatched else "same"

    async def _names_held(self) -> bool:
        """Whether no index was replaced by another of its name, which may not hold every document.

        That is neither a change of data nor an error: a server reads such an index to its end, and says nothing.
        """
        if not self._named:
            return True
        try:
            now = await indexes(self._source, self._state.dataset, self._named)
        except DatabaseRefused:  # a collection is gone, which is found out otherwise
            return True
        for collection, names in self._named.items():
            before = {index.name: index for index in self._state.indexes.get(collection, ())}
            if any(index != before.get(index.name) for index in now[collection] if index.name in names):
                return False
        return True

    @property
    def _names(self) -> set[str]:
        """The collections that were read, also those that there were not, and those that make the version."""
        return self._touched.union(self._state.counts)

    async def _recounted(self) -> bool:
        """Whether the biosamples have as many documents as were delivered of each."""
        groups = counted_at_once(self._delivered, self.values_at_once(_IDS_A_COUNT))
        for at in range(0, len(groups), _COUNTS_AT_ONCE):
            some = groups[at : at + _COUNTS_AT_ONCE]
            if not all(await asyncio.gather(*map(self._holds, some))):
                return False
        return True

    async def _holds(self, slices: Sequence[Delivered]) -> bool:
        """Whether slices that are alike have as many documents together as were delivered of them."""
        one, rows = slices[0], sum(each.rows for each in slices)
        ids = sorted({name for each in slices for name in each.ids})
        count = partial(self.count_of, one.collection, one.key, ids, one.narrower)
        # By the index alone first; later documents, which were not delivered, are left out where the numbers differ.
        return await count(within_bounds=False) == rows or await count() == rows
