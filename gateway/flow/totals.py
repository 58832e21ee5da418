"""How many rows a question has in all, whatever the window of a page: counted by index, within a budget of time.

A count that takes longer goes on by itself for a while; who asks again finds it.  Equal questions share one.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bson.regex import Regex

from gateway.db.catalog import Catalog
from gateway.db.reader import DatasetReader
from gateway.db.sample_ids import SampleIds
from gateway.db.source import Source
from gateway.db.term_ids import Numbers
from gateway.download_types import Condition, Part, Selection, both
from gateway.errors import DatabaseSlow, GatewayError
from gateway.flow.known_numbers import KnownNumbers
from gateway.flow.page_memory import PageMemory, Place
from gateway.flow.sample_numbers import SampleNumbers
from gateway.flow.small_datasets import SmallDatasets
from gateway.rows import in_slices
from gateway.tasks import cancelled, failure

__all__ = ["Question", "Total", "Totals"]

log = logging.getLogger("gateway.flow")

_IDS_A_COUNT: Final = 400
_COUNTS_AT_ONCE: Final = 4
# Counts that run, and the seconds that one may go on when nobody waits for it.
_RUNNING: Final = 4
_WAITING: Final = 16
_SECONDS: Final = 60.0
_MOST_VALUES: Final = 250_000
_MOST_STRAYS: Final = 400


@dataclass(frozen=True, slots=True)
class Total:
    """A number of rows; that there are at least so many, if it is not `exact`."""

    rows: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be counted, by whom it is read, and how ids of a selection are had, and what narrows their rows."""

    part: Part
    condition: Condition
    reader: DatasetReader
    sample_ids: Callable[[Selection, Numbers], SampleIds]
    listed: Callable[[Part, Sequence[str]], Condition]


class Totals:
    """Counts of an application; `close` it."""

    def __init__(self, source: Source, catalog: Catalog, *, budget: float) -> None:
        """A page waits `budget` seconds for its total."""
        self.memory = PageMemory()
        self.small = SmallDatasets(source, catalog)
        self.sample_numbers = SampleNumbers(source, catalog, self.memory)
        self._budget = budget
        self._running: dict[str, _Count] = {}
        self._places = asyncio.Semaphore(_RUNNING)

    def known(self, part: Part) -> int | None:
        """The total of a part, where that is known already."""
        return self.memory.total(self.memory.rows_key(part))

    async def total(self, question: Question, seen: int) -> Total:
        """The total, or how many there are at least, where `seen` are known of."""
        key = self.memory.rows_key(question.part)
        known = self.memory.total(key)
        if known is not None:
            return Total(known)
        count = self._running.get(key)
        if count is None:
            if len(self._running) >= _WAITING:
                return Total(seen, exact=False)
            count = self._running[key] = _Count(question, self.memory, self.small)
            count.task = asyncio.create_task(self._run(key, count))
            count.task.add_done_callback(lambda task: self._end(key, task))
        with suppress(TimeoutError, DatabaseSlow):
            async with asyncio.timeout(self._budget):
                return Total(await asyncio.shield(count.task))
        return Total(max(seen, count.rows), exact=False)

    async def anew(self, question: Question) -> int:
        """The total, counted to its end for who asks, whatever was found before."""
        return await _Count(question, PageMemory(), self.small).run()

    async def _run(self, key: str, count: "_Count") -> int:
        async with self._places:
            began = time.monotonic()
            try:
                async with asyncio.timeout(_SECONDS):
                    total = await count.run()
            except TimeoutError as error:
                raise DatabaseSlow("counting takes too long") from error
            self.memory.counted(key, total)
            self.sample_numbers.counted(count.question.part, count.question.condition, time.monotonic() - began)
            return total

    def _end(self, key: str, task: "asyncio.Task[int]") -> None:
        del self._running[key]
        error = failure(task)  # seen, even if nobody waits any more
        if error is not None and not isinstance(error, GatewayError):
            log.error("a count failed", exc_info=error)

    async def close(self) -> None:
        """Give up what runs."""
        await self.small.close()
        await self.sample_numbers.close()
        await cancelled(*(count.task for count in self._running.values()))


class _Count:
    """One count under way: `rows` so far."""

    task: "asyncio.Task[int]"
    _numbers: KnownNumbers

    def __init__(self, question: Question, memory: PageMemory, small: SmallDatasets) -> None:
        self.question = question
        self._memory = memory
        self._small = small
        self._within_bounds = False
        self.rows = 0

    async def run(self) -> int:
        """Count by indexes alone; what came later, if anything did, is left out by counting again."""
        question, part = self.question, self.question.part
        dataset = await self._small.get(part.dataset_state) if part.selection.root == "biosamples" else None
        self._numbers = KnownNumbers(question.reader, part.dataset_state, self._memory, dataset)
        # What one condition alone selects is counted by its index.
        looking = not _is_of_all(part, question.condition)
        numbers = await self._numbers.of_rows(part, question.condition, looking=looking)
        if numbers is not None:  # of the moment
            self._within_bounds = True
            return await self._by_slices(numbers)
        total = await self._number()
        if await question.reader.has_later(part.source):
            self._within_bounds, self.rows = True, 0
            total = await self._by_slices()
        return total

    async def _number(self) -> int:
        part = self.question.part
        if part.source in part.dataset_state.counts and _is_of_all(part, self.question.condition):
            total = await self._of_all()
            if total is not None:
                return total
        return await self._by_slices()

    async def _of_all(self) -> int | None:
        """All matching documents of a collection but those that are of no biosample; None if those are not known."""
        part, reader, condition = self.question.part, self.question.reader, self.question.condition
        strays = await self._strays()
        if strays is None:
            return None
        if part.selection.samples:  # who is selected by a document needs no other
            strays = [value for value in strays if type(value) is not str]
        counts = part.dataset_state.counts
        all_there_are = reader.count(part.source, condition, within_bounds=False) if condition else None
        number = counts[part.source] if all_there_are is None else await all_there_are
        if strays:
            stray = both([{part.key: {"$in": strays}}, condition])
            number -= await reader.count(part.source, stray, within_bounds=False)
        return number

    async def _strays(self) -> list[Any] | None:
        """The values of the key that are no biosample's id; None if that cannot be told soon."""
        part, memory = self.question.part, self._memory
        key = memory.collection_key(part)
        known = memory.strays(key)
        if known is None:
            known = await self._look_for_strays()
            if known is not None:
                memory.strayed(key, known)
        return known

    async def _look_for_strays(self) -> list[Any] | None:
        part = self.question.part
        values = await self.question.reader.distinct(part.source, part.key, _MOST_VALUES)
        # Some are found by more than themselves.
        if values is None or any(isinstance(value, list | dict | Regex) for value in values):
            return None
        ids = set(await self._ids(Selection(dataset=part.dataset_state.dataset, root=part.selection.root)))
        strays = [value for value in values if type(value) is not str or value not in ids]
        return strays if len(strays) <= _MOST_STRAYS else None

    async def _ids(self, selection: Selection) -> list[str]:
        sample_ids = self.question.sample_ids(selection, self._numbers)
        try:
            await sample_ids.start()
            return await sample_ids.all()
        finally:
            await sample_ids.stop()

    async def _by_slices(self, numbers: Mapping[str, int] | None = None) -> int:
        """The documents of the selected biosamples, some hundred biosamples at a time; of known numbers the sum."""
        part, reader = self.question.part, self.question.reader
        key, rows_key = self._memory.ids_key(part), self._memory.rows_key(part)
        ids = self._memory.ids(key) if part.ids is None else part.ids
        if ids is None:
            ids = tuple(await self._ids(part.selection))
            self._memory.found(key, ids)

        async def count(some: tuple[str, ...]) -> int:
            if numbers is not None:
                return sum(numbers.get(name, 0) for name in some)
            listed = self.question.listed(part, some)
            narrower = both([self.question.condition, listed])
            return await reader.count_of(part.source, part.key, some, narrower, within_bounds=self._within_bounds)

        position, width = 0, _IDS_A_COUNT if numbers is not None else reader.values_at_once(_IDS_A_COUNT)
        for slices in in_slices(list(in_slices(ids, width)), _COUNTS_AT_ONCE):
            for some, rows in zip(slices, await asyncio.gather(*map(count, slices)), strict=True):
                if self._within_bounds or reader.sees_nothing_later(part.source):
                    self._memory.passed(rows_key, Place(self.rows, position))
                position, self.rows = position + len(some), self.rows + rows
        return self.rows


def _is_of_all(part: Part, condition: Condition) -> bool:
    """Whether the rows are the documents of a collection that meet a condition, whatever biosample they are of.

    So it is where nothing selects biosamples, or only having such a document does.
    """
    selection = part.selection
    if selection.nothing or selection.listed or part.ids is not None or part.key != "biosample_id":
        return False
    if not selection.samples:
        return True
    term = selection.samples[0][0]
    alone = selection.samples == ((term,),) and not term.negated
    return alone and term.collection == part.collection and term.condition == condition
