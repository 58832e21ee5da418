"""One run of a plan: its parts in order, the biosamples of each in slices, several of them under way."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from gateway import metrics
from gateway.db.catalog import Catalog
from gateway.db.handover_ids import ListedDocuments, is_narrowed
from gateway.db.reader import DatasetReader, Outcome
from gateway.db.replies import Page
from gateway.db.retry import RetryPolicy
from gateway.db.sample_ids import IndividualIds, SampleIds
from gateway.db.source import Source
from gateway.db.term_ids import Numbers
from gateway.download_types import Part, Selection
from gateway.flow.fold import WalkStep, encoded, folded
from gateway.flow.page_memory import PageMemory
from gateway.flow.page_window import PageWindow
from gateway.flow.read_limit import ReadLimit
from gateway.flow.scheduling import EncodeScheduler, beside
from gateway.flow.slice_sizes import WIDEST, PartReading, SliceSizer
from gateway.flow.slices import Slices, once
from gateway.flow.totals import Question, Total, Totals
from gateway.metrics import Spent
from gateway.rows import Fold, Rows, Tally
from gateway.tasks import cancelled

__all__ = ["Run", "Slicing"]

_FIRST_OF_PAGE: Final = 400
# Rows of a slice for a fold: it takes longer than they do to come, and larger ones would only be in memory beside it.
_FOLDED: Final = 5_000

# What tells rosters apart.
_Name = tuple[int, type[SampleIds]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """How passes are cut: `rows` aimed at in a slice, `flights` of them under way at once, `together` of all passes."""

    rows: int = 10_000
    flights: int = 4
    together: int = 32


class Run:
    """One run of a plan.  `stop` it at the end, however it ends."""

    def __init__(
        self,
        source: Source,
        executor: Executor,
        scheduler: EncodeScheduler,
        *,
        slicing: Slicing,
        retry: RetryPolicy,
        spent: Spent,
        totals: Totals,
        limit: ReadLimit,
        anew: bool = False,
    ) -> None:
        """What is read `anew` knows nothing of what pages found before, which may have been of another moment."""
        self._totals = totals
        self._anew = anew
        self._memory = PageMemory() if anew else totals.memory
        self._source = source
        self._scheduler = scheduler
        self._executor = executor
        self._slicing = slicing
        self.retry = retry
        self._spent = spent
        self._readers: dict[str, DatasetReader] = {}
        self._slices = Slices(self._reader, executor, scheduler, retry, spent, limit=limit, listed=self._listed)
        self._sample_ids_of: dict[_Name, SampleIds] = {}
        self._tasks: set[asyncio.Task[Rows | Page]] = set()
        self._folds: dict[int, Fold] = {}

    async def stop(self) -> None:
        """Give up what is under way."""
        await cancelled(*self._tasks)
        for sample_ids in self._sample_ids_of.values():
            await sample_ids.stop()

    def _reader(self, part: Part) -> DatasetReader:
        dataset = part.dataset_state.dataset
        if dataset not in self._readers:
            self._readers[dataset] = DatasetReader(self._source, part.dataset_state)
        return self._readers[dataset]

    async def outcome(self, catalog: Catalog) -> Outcome:
        """Whether all that was read was of one moment."""
        found: Outcome = "same"
        for reader in self._readers.values():
            one = await self.retry(partial(reader.outcome, catalog.changed_since))
            if one == "changed":
                catalog.forget(reader.dataset)
                return one
            found = one if one == "unknown" else found
        for sample_ids in self._sample_ids_of.values():
            if sample_ids.to_be_read_again and not await self.retry(sample_ids.unchanged):
                return "changed"
        return found

    async def _sample_ids(self, part: Part) -> SampleIds:
        key = self._name(part)
        if key not in self._sample_ids_of:
            paged = bool(part.limit)
            known = self._memory.listed(part) if paged else None
            ids = part.ids
            # Not without what is known of the list: their rows are just those that are listed.
            if ids is None and paged and (known is not None or part.selection.listed is None):
                ids = self._memory.ids(self._memory.ids_key(part))
            reader, state = self._reader(part), part.dataset_state
            looks, first = (self._memory.looks(state), self._memory.beginning(part)) if paged else (None, ())
            sample_ids = key[1](reader, state, part.selection, self.retry, ids, paged=paged, looks=looks, first=first)
            if known is not None:
                sample_ids.know(known)
            self._sample_ids_of[key] = sample_ids
            with self.retry.selecting():
                await self.retry(sample_ids.start)
            if paged and sample_ids.listed is not None:
                self._memory.looked_up(part, sample_ids.listed)
        return self._sample_ids_of[key]

    def _listed(self, part: Part) -> ListedDocuments | None:
        sample_ids = self._sample_ids_of.get(self._name(part))
        return sample_ids.listed if sample_ids else None

    @staticmethod
    def _name(part: Part) -> _Name:
        kind = IndividualIds if part.collection == "individuals" else SampleIds
        return id(part.selection) if part.ids is None else id(part), kind

    def _better_index(self, part: Part, sample_ids: SampleIds) -> str | None:
        """The index of what narrows the documents of a part, where few of them meet that."""
        if is_narrowed(part):
            return self._reader(part).ordered_by(part.source, "_id")
        narrower = self._slices.narrower(part)
        if not narrower:
            return None
        key = self._memory.rows_key(part)
        if sample_ids.is_rare(part.collection, narrower):
            self._memory.found_rare(key)
        elif not self._memory.is_rare(key):
            return None
        return self._reader(part).index_of(part.source, narrower)

    async def deliver(
        self, reading: PartReading, following: PartReading | None, tallies: Sequence[Tally]
    ) -> AsyncGenerator[bytes, None]:
        """A part's rows, with what is said before the first of them; yields after each slice, maybe nothing."""
        part, tally = reading.part, tallies[-1]
        tally.total = self._memory.total(self._memory.rows_key(part)) if part.count else None
        opened = False
        if part.fetch:
            sample_ids = await self._sample_ids(part)
            reading.hint = self._better_index(part, sample_ids)
            if reading.hint is not None and part.limit:
                reading.sizer.begin_with(part.limit)  # each has a row, and a read costs the same whatever their number
            async with aclosing(self._pieces(reading, following, sample_ids, tally)) as encoded:
                async for rows in encoded:
                    data = rows.data
                    if data and not opened:
                        data = part.opening(tallies) + data[part.lead :]
                        opened = True
                    tally.rows += rows.rows
                    metrics.ROWS.add(rows.rows, part.dataset_state.dataset)
                    yield data
                    if part.limit and tally.rows >= part.limit:
                        break
            tally.samples, tally.documents = self._slices.passed(part)
            if part.limit and part.ids is None:
                self._memory.walked(part, sample_ids.ids, complete=sample_ids.complete)
        if part.count and tally.total is None:
            total = await self._total(part, part.skip + tally.rows + bool(tally.more) if tally.rows else 0)
            tally.total, tally.lower = total.rows, not total.exact

    async def _pieces(
        self, reading: PartReading, following: PartReading | None, sample_ids: SampleIds, tally: Tally
    ) -> AsyncGenerator[Rows, None]:
        part = reading.part
        if part.fold is not None:
            fold = self._folds.get(id(part.fold)) or part.fold()
            self._folds[id(part.fold)] = fold
            readings = [reading, *map(self.reading, part.beside)]
            walks = [self._everything(each, None, sample_ids) for each in readings]
            pieces = folded(fold, walks, sample_ids.ids, self._executor, self._spent)
        elif part.limit:
            pieces = PageWindow(reading, sample_ids, self._slices, self._memory, self.retry).pieces(tally)
        else:
            pieces = encoded(self._everything(reading, following, sample_ids))
        async with aclosing(pieces) as found:
            async for rows in found:
                yield rows

    # --- all rows ----------------------------------------------------------------------------------------------------

    async def _everything(
        self, reading: PartReading, following: PartReading | None, sample_ids: SampleIds
    ) -> AsyncGenerator[WalkStep, None]:
        part, passed = reading.part, 0
        try:
            while True:
                # The first slice of a part waits for no other part: walks in step would wait for one another.
                while not reading.flights or (self._may_launch(part) and sample_ids.ready(reading.position)):
                    if not await sample_ids.more(reading.position):
                        self._look_ahead(following, sample_ids)
                        break
                    self._launch(reading, sample_ids)
                if not reading.flights:
                    return
                ids, task = reading.flights[0]
                landed = await self.retry(once(task, partial(self._slices.fetch, reading, ids)))
                reading.flights.popleft()
                self._tasks.discard(task)
                passed += len(ids)
                if isinstance(landed, Rows):
                    self._slices.delivered(part, ids, landed.matched)
                    reading.sizer.learn(len(ids), landed.matched)
                    yield landed, passed
                else:
                    async with aclosing(self._slices.rows(reading, ids, landed)) as pieces:
                        found = 0
                        async for rows in pieces:
                            found += rows.matched
                            yield rows, passed - len(ids)
                    self._slices.delivered(part, ids, found)
                    reading.sizer.learn(1, reading.sizer.rows)
                    yield Rows(b"", 0, 0), passed
        finally:
            tasks = [task for _, task in reading.flights]
            self._tasks.difference_update(tasks)
            await cancelled(*tasks)

    def _may_launch(self, part: Part) -> bool:
        flights = self._slicing.flights
        if part.fold is not None:  # slower than any database: what waits for it would only take memory
            flights = min(2, flights)
        elif self._scheduler.several:  # together they read ahead enough, and each holds less
            flights = max(min(2, flights), flights - 1)
        return len(self._tasks) < (flights if self.retry.committed else 1)

    def _launch(self, reading: PartReading, sample_ids: SampleIds) -> None:
        ids = sample_ids.ids[reading.position : reading.position + reading.sizer.width()]
        reading.position += len(ids)
        task = asyncio.create_task(self._slices.fetch(reading, ids))
        self._tasks.add(task)
        reading.flights.append((ids, task))

    def _look_ahead(self, following: PartReading | None, sample_ids: SampleIds) -> None:
        """Begin with the next part while the last slices of this one are under way, where it is of the same samples."""
        if following and following.ahead and self._sample_ids_of.get(self._name(following.part)) is sample_ids:
            while self._may_launch(following.part) and following.position < len(sample_ids.ids):
                self._launch(following, sample_ids)

    def reading(self, part: Part) -> PartReading:
        """How a part is read: in slices of how many rows, to begin with."""
        # Of all but variants there is one document a biosample, more or less.
        fixed = part.collection != "variants" and not part.aim
        counts, root = part.dataset_state.counts, part.selection.root
        density = counts.get(part.source, 0) / max(1, counts.get(root, 0))
        first = max(1, min(_FIRST_OF_PAGE, int(part.limit / max(density, 1.0)))) if part.limit else None
        widest = self._reader(part).values_at_once(WIDEST)
        rows = self._slicing.rows if part.fold is None else min(_FOLDED, self._slicing.rows)
        sizer = SliceSizer(part.aim or rows, fixed=fixed, first=first, widest=widest)
        if beside(part.encode) is None:
            sizer.interpreted()
        return PartReading(part, sizer, density=density)

    # --- totals ------------------------------------------------------------------------------------------------------

    async def _total(self, part: Part, seen: int) -> Total:
        """How many documents match, whatever the window, of which `seen` are known of."""
        if part.fetch and not part.limit:
            return Total(seen)
        if part.enough:
            return Total(min(part.enough, await self._some(replace(part, limit=part.enough, skip=0))))
        reader, kind = self._reader(part), self._name(part)[1]

        def sample_ids(selection: Selection, numbers: Numbers) -> SampleIds:
            return kind(reader, part.dataset_state, selection, RetryPolicy(0), numbers=numbers)

        if part.selection.listed is not None:  # found before it is counted
            await self._sample_ids(part)
        question = Question(part, self._slices.narrower(part), reader, sample_ids, self._slices.listed)
        if self._anew:
            return Total(await self.retry(partial(self._totals.anew, question)))
        total = await self.retry(partial(self._totals.total, question, seen))
        if not total.exact and not total.rows:  # so it is not known whether there is any
            found = await self._some(replace(part, limit=1, skip=0))
            total = Total(min(1, found), exact=not found)
        return total

    async def _some(self, part: Part) -> int:
        """How many rows there are, up to the limit of a part."""
        reading, tally, found = self.reading(part), Tally(), 0
        window = PageWindow(reading, await self._sample_ids(part), self._slices, self._memory, self.retry)
        async with aclosing(window.pieces(tally)) as pieces:
            async for rows in pieces:
                found += rows.matched
        return found
