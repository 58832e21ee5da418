"""What is known of a dataset before it is queried: collections, indexes, data version, collations.

The data version changes when the data does, and costs milliseconds: a version that the dataset states itself (our
importer writes one) is believed as long as the numbers of documents that it states still hold; otherwise it is made
of the largest `_id`, the largest indexed `updated` and the number of documents of every collection that downloads read.

Who asks for a dataset that was asked for lately waits for none of this: it is renewed before it is too old.

Numbers that must be counted, which a large dataset needs seconds for, are not counted again and again while data is
being written: what was counted is believed for some more time, until the numbers that the server keeps will do again.
So are the numbers of a dataset that states its version where a server keeps none, as long as the version is the same.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Final

from gateway.dataset_state import DatasetState, Moment
from gateway.db.driver import Topology
from gateway.db.failures import known_down
from gateway.db.genes import Genes
from gateway.db.handovers import QueryBuffers
from gateway.db.lookups import Lookups, Recent, StoredMap
from gateway.db.source import Source
from gateway.db.survey import Lists, Survey, newest, says_the_same, survey
from gateway.download_types import Collation, bounded
from gateway.errors import DatabaseRefused, NotFound, SnapshotLost
from gateway.handovers import Listed
from gateway.logs import fields
from gateway.tasks import cancelled, failure

__all__ = ["Catalog", "StoredMap"]

log = logging.getLogger("gateway.db")

_TOLD: Final = 50  # sentences of what no index serves
_QUICK: Final = 2.0  # seconds
_TIMES_KEPT: Final = 20  # as long as counting took
_MOST_KEPT: Final = 60.0  # seconds, of the 300 for which servers remember
_COUNTED_A_SECOND: Final = 1_000  # documents; the embedded server takes a hundredth of that time for them
_LISTS_KEPT: Final = 60.0  # seconds, or as many states where these are kept shortly
_STATES_A_LIST: Final = 12
_ASKED_LATELY: Final = 600.0
_APART: Final = 1.0  # seconds between readings that somebody wants to be new
_AHEAD: Final = 0.2  # of the time for which a state is kept


_Names = Sequence[tuple[str, str]]


class Catalog:
    """States of datasets, each kept for `ttl` seconds; concurrent askers share one, its failure included.

    A state is renewed shortly before it ends as long as its dataset was asked for in the last ten minutes.  A renewal
    that fails leaves it as it is, and is the last until somebody asks again.
    """

    def __init__(self, source: Source, *, ttl: float, query_buffers: _Names = (), genes: _Names = ()) -> None:
        """`query_buffers` and `genes` are databases and collections beside the datasets."""
        self._source = source
        self.query_buffers = QueryBuffers(source, query_buffers)
        self.genes = Genes(source, genes)
        self._ttl = ttl
        self._states: dict[str, tuple[float, DatasetState]] = {}
        self._counted: dict[str, tuple[float, DatasetState]] = {}
        self._walked: dict[str, tuple[float, DatasetState]] = {}
        self._lists: dict[str, Lists] = {}
        self._lookups: dict[str, Lookups] = {}
        self._recent: dict[str, Recent] = {}
        self._asked: dict[str, float] = {}
        self._forgotten: dict[str, float] = {}
        self._read_from: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[DatasetState]] = {}
        self._tasks: set[asyncio.Task[DatasetState]] = set()
        self._renewals: dict[str, asyncio.TimerHandle] = {}
        self._told = Topology()
        self._empty: set[str] = set()
        self._spells: dict[str, tuple[str, int]] = {}
        self.unserved: dict[str, str] = {}
        """What was asked that no index serves: sentences, and the dataset of each."""

    async def state(self, dataset: str) -> DatasetState:
        """What is known of a dataset, at most `ttl` seconds old; up to a minute where it must be counted."""
        now = self._asked[dataset] = time.monotonic()
        until, dataset_state = self._states.get(dataset, (0.0, None))
        if dataset_state is not None and now <= until:
            return dataset_state
        return await asyncio.shield(self._running.get(dataset) or self._start(dataset))

    async def renew(self, dataset: str, since: float) -> None:
        """Read the state anew if it was read before a time, by the monotonic clock; lists are listed anew, too.

        Readings go one after the other, however many ask, and begin no more often than once a second: a stranger can
        cause them with addresses that he made up.
        """
        while (last := self._read_from.get(dataset, 0.0)) < since:
            self._lists.pop(dataset, None)
            self._walked.pop(dataset, None)
            running = self._running.get(dataset)
            if running is None or running.done():
                if (early := last + _APART - time.monotonic()) > 0:
                    await asyncio.sleep(early)
                    continue
                running = self._start(dataset)
            await asyncio.shield(running)

    @property
    def empty(self) -> frozenset[str]:
        """Datasets that held no data when they were asked for last."""
        return frozenset(self._empty)

    def tell_unserved(self, sentences: Mapping[str, str]) -> None:
        """Keep what no index serves, for the operator to see; the log has each once."""
        for sentence, dataset in sentences.items():
            if sentence not in self.unserved and len(self.unserved) < _TOLD:
                self.unserved[sentence] = dataset
                log.warning("there is no index for a read", extra=fields(dataset=dataset, reason=sentence))

    async def close(self) -> None:
        """Stop reading: nobody asks any more."""
        self._asked.clear()
        for renewal in self._renewals.values():
            renewal.cancel()
        await cancelled(*self._tasks)
        await self.genes.close()

    def forget(self, dataset: str) -> None:
        """Read the state anew when it is asked for: it was found to be of the past, as is what is being read."""
        self._forgotten[dataset] = time.monotonic()
        self._states.pop(dataset, None)
        self._counted.pop(dataset, None)
        self._walked.pop(dataset, None)
        self._running.pop(dataset, None)
        self._spell(dataset, "")

    async def read_state(self, dataset: str, instead: DatasetState | None = None) -> DatasetState:
        """What is known of a dataset, read now, with the look-ups that were lately made in it.

        What is given `instead` of counting is taken where documents would have to be counted.
        """
        began = time.monotonic()
        await self._source.know_server()
        found = await self._read(dataset, may_count=instead is None)
        valid = began >= self._forgotten.get(dataset, 0.0)
        if found is None:
            if instead is None or not valid:
                return await self.read_state(dataset)
            self._keep(instead, began)
            return instead
        dataset_state = replace(found.state, spell=self._spell(dataset, found.state.version))
        lookups = await self._warmed(dataset_state)
        self._read_from[dataset] = began
        if began >= self._forgotten.get(dataset, 0.0):
            self._keep(dataset_state, began)
            self._lookups[dataset] = lookups
            if found.lists is not None:
                self._lists[dataset] = found.lists
            self._counted.pop(dataset, None)
            self._walked.pop(dataset, None)
            if found.counting > _QUICK:
                until = time.monotonic() + min(_TIMES_KEPT * found.counting, _MOST_KEPT)
                self._counted[dataset] = until, dataset_state
            walks = not self._source.takes_hints  # so that it is known: every document, to tell how many there are
            if walks and dataset_state.stated and not dataset_state.bounds.last:
                until = time.monotonic() + min(sum(dataset_state.counts.values()) / _COUNTED_A_SECOND, _MOST_KEPT)
                self._walked[dataset] = until, dataset_state
        return dataset_state

    async def _warmed(self, dataset_state: DatasetState) -> Lookups:
        """Look-ups in a state, with what was lately asked for."""
        recent = self._recent.setdefault(dataset_state.dataset, Recent()) if self._ttl > 0 else None
        lookups = Lookups(self._source, dataset_state, recent)
        await lookups.warm()
        return lookups

    async def _same(self, dataset: str) -> DatasetState | None:
        """The state as it was, where the dataset says that it is, and a server takes long to count its documents."""
        until, before = self._walked.get(dataset, (0.0, None))
        began = time.monotonic()
        if before is None or began > until or not await says_the_same(self._source, before):
            return None
        dataset_state = replace(before)
        lookups = await self._warmed(dataset_state)
        if began < self._forgotten.get(dataset, 0.0):
            return None
        self._keep(dataset_state, began)
        self._lookups[dataset] = lookups
        return dataset_state

    def _keep(self, dataset_state: DatasetState, began: float) -> None:
        """Give a state to who asks from now on, and have it renewed."""
        now, dataset = time.monotonic(), dataset_state.dataset
        until = now + (min(self._ttl, _MOST_KEPT) if dataset_state.moment.by == "snapshot" else self._ttl)
        self._states[dataset] = until, dataset_state
        self._renew_before(until, dataset, now - began)

    def _spell(self, dataset: str, version: str) -> int:
        """The number of the spell for which a dataset has had the version that it has now."""
        before, spell = self._spells.get(dataset, ("", 0))
        if version != before:
            spell += 1
            self._spells[dataset] = version, spell
        return spell

    # --- when it is read ---------------------------------------------------------------------------------------------

    def _start(self, dataset: str) -> asyncio.Task[DatasetState]:
        task = self._running[dataset] = asyncio.create_task(self._renewed(dataset))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, dataset))
        return task

    async def _renewed(self, dataset: str) -> DatasetState:
        """What is known of a dataset now; what was counted lately is not counted again, if that took long."""
        if (same := await self._same(dataset)) is not None:
            return same
        until, counted = self._counted.get(dataset, (0.0, None))
        if counted is None or time.monotonic() > until:
            return await self.read_state(dataset)
        return await self.read_state(dataset, counted)

    def _ended(self, dataset: str, task: asyncio.Task[DatasetState]) -> None:
        self._tasks.discard(task)
        if self._running.get(dataset) is task:
            del self._running[dataset]
        failure(task)  # seen, even if all who asked have left

    def _renew_before(self, until: float, dataset: str, took: float) -> None:
        """Have a state renewed before it ends, early enough for a reading that takes longer than the last."""
        kept = until - time.monotonic()
        if before := self._renewals.pop(dataset, None):
            before.cancel()
        if kept > 0:
            ahead = min(kept / 2, max(kept * _AHEAD, 2 * took))
            self._renewals[dataset] = asyncio.get_running_loop().call_later(kept - ahead, self._renew, dataset)

    def _renew(self, dataset: str) -> None:
        del self._renewals[dataset]
        lately = time.monotonic() - self._asked.get(dataset, -_ASKED_LATELY) < _ASKED_LATELY
        if lately and dataset not in self._running:
            context = copy_context()
            context.run(known_down.set, True)  # who asks next will hear of it
            context.run(self._start, dataset)

    # --- how it is read ----------------------------------------------------------------------------------------------

    async def _read(self, dataset: str, *, may_count: bool) -> Survey | None:
        """What is known of a dataset, read now, and the lists that can be believed for a while."""
        _, before = self._states.get(dataset, (0.0, None))
        holds = before is None or (bool(before.stated) and not before.bounds.last)
        read = partial(survey, self._source, dataset, stated=holds, may_count=may_count)
        lists = self._known_lists(dataset)
        try:
            try:
                found = await read(lists, snapshots=True)
            except (SnapshotLost, DatabaseRefused):
                if lists is None:
                    raise
                found = await read(None, snapshots=True)  # something is gone that was listed
        except (SnapshotLost, DatabaseRefused) as error:
            if self._source.topology.way != "snapshot":
                raise
            # A member of an older version, perhaps, in the middle of an upgrade.
            log.warning("no snapshot can be read: changes are watched", extra=fields(dataset=dataset, reason=error))
            found = await read(None, snapshots=False)
            found = found and replace(found, lists=None)
        except NotFound:
            self._empty.add(dataset)
            self._spell(dataset, "")
            raise
        finally:
            self._tell(self._source.topology)
        self._empty.discard(dataset)
        return found

    def _known_lists(self, dataset: str) -> Lists | None:
        """What was listed a short while ago, unless an index was lost since."""
        if self._source.found_lost(dataset):
            self._lists.pop(dataset, None)
        lists, kept = self._lists.get(dataset), min(_LISTS_KEPT, _STATES_A_LIST * self._ttl)
        return lists if lists and time.monotonic() - lists.listed < kept else None

    def _tell(self, topology: Topology) -> None:
        """Say in the log what the deployment is, at the start and when it has become another."""
        if topology != self._told:
            self._told = topology
            told = fields(kind=topology.kind, wire_version=topology.wire_version, passes=topology.way)
            log.info("what the database is", extra=told)

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
        for name, updated in before.bounds.updated.items():
            seen = bounded({}, before.bounds, name)
            find = partial(newest, self._source, before.dataset, name, seen, field="updated")
            found = await find(indexes=before.indexes.get(name, ()), concern=concern)
            if found is None or repr(found.get("updated")) != repr(updated):  # no number is equal to NaN
                return True
        return False

    # --- look-ups ----------------------------------------------------------------------------------------------------

    def _at(self, dataset_state: DatasetState) -> Lookups:
        """Look-ups in a state: remembered if it is the one that is given out now."""
        found = self._lookups.get(dataset_state.dataset)
        return found if found and found.state is dataset_state else Lookups(self._source, dataset_state)

    async def collations(self, dataset_state: DatasetState, ids: Iterable[str]) -> dict[str, Collation]:
        """Those of the given ids that are collations of the dataset, by id."""
        return await self._at(dataset_state).collations(ids)

    async def unknown(self, dataset_state: DatasetState, collection: str, field: str, ids: Sequence[str]) -> set[str]:
        """Those of the given ids that no document has in a field; none where it takes long to know."""
        return await self._at(dataset_state).unknown(collection, field, ids)

    async def listed(self, dataset_state: DatasetState, listed: Listed) -> int | None:
        """How many documents there are of those that a handover lists; None where it takes long to know."""
        return await self._at(dataset_state).listed(listed)

    async def frequency_maps(
        self, dataset_state: DatasetState, ids: Iterable[str], binning: str
    ) -> dict[str, StoredMap]:
        """The stored frequency maps of these ids in a binning, wherever each era keeps them."""
        return await self._at(dataset_state).frequency_maps(ids, binning)

    async def status_maps(self, dataset_state: DatasetState, binning: str) -> StoredMap | None:
        """Where the status maps of analyses in a binning are, if any are among the first few documents."""
        return await self._at(dataset_state).status_maps(binning)

    async def stores_stats(self, dataset_state: DatasetState) -> bool:
        """Whether analyses have statistics of coverage, as far as the first few tell."""
        return await self._at(dataset_state).stores_stats()
