"""A dataset as one pass reads it: every read of the same moment, and at the end the answer whether that held.

What makes sure of it depends on the deployment, see `Moment`.  A snapshot that the server forgets in mid-pass is no
failure: from then on the pass is watched.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from gateway.db.change_stream import changed
from gateway.db.source import Concern, Page, Reply, Source
from gateway.download_types import Condition, DatasetState, Moment, both, bounded
from gateway.errors import DatabaseDown, DatabaseRefused, SnapshotLost

__all__ = ["DatasetReader", "Outcome"]

log = logging.getLogger("gateway.db")

T = TypeVar("T")

Outcome = Literal["same", "changed", "unknown"]
"""Whether all reads of a pass were of one moment; `unknown` where the deployment could tell, but does not."""

_IDS_A_COUNT: Final = 400
_READS_WHAT_IS_GONE: Final = 21  # the wire version of MongoDB 7.0
_COUNTS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class _Delivered:
    """What a slice brought: of which documents, of which ids, how many."""

    collection: str
    key: str
    narrower: Condition
    ids: Sequence[str]
    rows: int

    def alike(self, other: "_Delivered") -> bool:
        """Whether both can be counted at once."""
        same = (self.collection, self.key) == (other.collection, other.key)
        return same and self.narrower is other.narrower  # not compared: it may be long


class DatasetReader:
    """Reads for one pass, at the moment of the dataset's state."""

    def __init__(self, source: Source, state: DatasetState) -> None:
        self._source = source
        self._state = state
        self._moment = state.moment
        self._delivered: list[_Delivered] = []
        self._touched: set[str] = set()
        self._unwatched = False

    def _bounded(self, collection: str, condition: Condition) -> Condition:
        """A snapshot holds nothing that came later: no bound that a query plan could trip over."""
        self._touched.add(collection)
        return condition if self._moment.by == "snapshot" else bounded(condition, self._state.bounds, collection)

    async def _at_moment(self, read: Callable[[Concern], Awaitable[T]]) -> T:
        moment = self._moment
        try:
            return await read(moment.concern)
        except (SnapshotLost, DatabaseRefused) as error:
            if moment.by != "snapshot" and isinstance(error, SnapshotLost):
                # Majority reads wait for a collection that was made a moment ago, too: another try may go well.
                raise DatabaseDown("the database cannot answer now") from error
            if moment.by != "snapshot":
                raise
            if self._moment is moment:  # the first of several reads to hear of it
                text = "%s: the snapshot cannot be read any more, so changes are watched: %s"
                log.warning(text, self._state.dataset, error)
                self._moment = Moment(by="watched", time=moment.time)
            return await read(self._moment.concern)

    async def page(
        self,
        collection: str,
        condition: Condition,
        *,
        projection: Mapping[str, int],
        limit: int,
        sort: str | None = None,
    ) -> Page:
        """As `Source.page`."""
        return await self._at_moment(
            lambda concern: self._source.page(
                self._state.dataset,
                collection,
                self._bounded(collection, condition),
                projection=projection,
                limit=limit,
                sort=sort,
                concern=concern,
            )
        )

    async def read(
        self,
        collection: str,
        condition: Condition,
        shape: Callable[[Reply], T],
        *,
        projection: Mapping[str, int],
        limit: int,
    ) -> T:
        """As `Source.read`."""
        return await self._at_moment(
            lambda concern: self._source.read(
                self._state.dataset,
                collection,
                self._bounded(collection, condition),
                shape,
                projection=projection,
                limit=limit,
                concern=concern,
            )
        )

    async def values(self, collection: str, condition: Condition, field: str) -> set[str]:
        """The string values of a top-level field of all matching documents."""

        async def read(concern: Concern) -> set[str]:
            found: set[str] = set()
            bound = self._bounded(collection, condition)
            async for batch in self._source.drain(self._state.dataset, collection, bound, field, concern=concern):
                found.update(batch)
            return found

        return await self._at_moment(read)

    async def some_values(self, collection: str, condition: Condition, field: str, limit: int) -> set[str]:
        """The distinct string values of a field of all matching documents, up to `limit`."""
        return await self._at_moment(
            lambda concern: self._source.values(
                self._state.dataset, collection, self._bounded(collection, condition), field, limit, concern=concern
            )
        )

    async def documents(
        self, collection: str, condition: Condition, fields: Mapping[str, int], limit: int
    ) -> list[dict[str, Any]]:
        """Up to `limit` decoded documents: for small look-ups."""
        return await self._at_moment(
            lambda concern: self._source.find_some(
                self._state.dataset, collection, self._bounded(collection, condition), fields, limit, concern=concern
            )
        )

    async def count(self, collection: str, condition: Condition) -> int:
        """How many documents match."""
        return await self._at_moment(
            lambda concern: self._source.count(
                self._state.dataset, collection, self._bounded(collection, condition), concern=concern
            )
        )

    # --- whether it held ---------------------------------------------------------------------------------------------

    @property
    def dataset(self) -> str:
        """Its name."""
        return self._state.dataset

    def delivered(self, collection: str, key: str, ids: Sequence[str], narrower: Condition, rows: int) -> None:
        """Remember what the documents of some ids came to: perhaps they will have to be counted again."""
        self._delivered.append(_Delivered(collection, key, narrower, ids, rows))

    @property
    def recounted(self) -> bool:
        """Whether nothing but reading again tells that nothing was changed."""
        return self._moment.by == "recounted" or self._unwatched

    async def outcome(self, changed_since: Callable[[DatasetState], Awaitable[bool]]) -> Outcome:
        """Whether all that was read was of one moment; `changed_since` compares numbers and newest documents."""
        state = self._state
        if self._moment.by == "snapshot":
            # Servers before 7.0 read a collection that was dropped since, or has another name, as an empty one.
            if self._source.topology.wire_version < _READS_WHAT_IS_GONE and await changed(
                self._source, state.dataset, self._names, self._moment.time, state.bounds, as_wholes=True
            ):
                return "changed"
            now = await self._source.identities(state.dataset, await self._source.cluster_time())
            return "same" if all(now.get(name) == state.identities.get(name) for name in self._names) else "changed"
        if self._moment.by == "watched":
            found = await changed(self._source, state.dataset, self._names, self._moment.time, state.bounds)
            if found is not None:
                return "changed" if found else "same"
            self._unwatched = True  # the next best, which does not see everything: nothing is kept
        if await changed_since(state) or not await self._recounted():
            return "changed"
        return "unknown" if self._unwatched else "same"

    @property
    def _names(self) -> set[str]:
        """The collections that were read, also those that there were not, and those that make the version."""
        return self._touched.union(self._state.counts)

    async def _recounted(self) -> bool:
        """Whether the biosamples have as many documents as were delivered of each."""
        groups: list[list[_Delivered]] = []
        ids: set[str] = set()  # of the last of them
        for one in self._delivered:
            fits = bool(groups) and groups[-1][0].alike(one) and len(ids) + len(one.ids) <= _IDS_A_COUNT
            # What was read and counted as well is counted again by itself.
            if fits and ids.isdisjoint(one.ids):
                groups[-1].append(one)
                ids.update(one.ids)
            else:
                groups.append([one])
                ids = set(one.ids)
        for at in range(0, len(groups), _COUNTS_AT_ONCE):
            some = groups[at : at + _COUNTS_AT_ONCE]
            if not all(await asyncio.gather(*map(self._holds, some))):
                return False
        return True

    async def _holds(self, slices: Sequence[_Delivered]) -> bool:
        """Whether slices that are alike have as many documents, together or each, as were delivered of them."""
        one, rows = slices[0], sum(each.rows for each in slices)
        ids = sorted({name for each in slices for name in each.ids})
        condition = both([{one.key: ids[0] if len(ids) == 1 else {"$in": ids}}, one.narrower])
        dataset, concern = self._state.dataset, self._moment.concern
        # By the index alone first; later documents, which were not delivered, are left out where the numbers differ.
        if await self._source.count(dataset, one.collection, condition, concern=concern) == rows:
            return True
        if await self.count(one.collection, condition) == rows:
            return True
        # A document that holds a list where its biosample should be is found by each of its ids, but counted once.
        return len(slices) > 1 and all([await self._holds([each]) for each in slices])
