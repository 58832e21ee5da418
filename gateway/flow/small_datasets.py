"""Datasets that are small enough to be counted without the database: what their counts depend on, read once a version.

They are read in the background, a piece at a time; counts that come meanwhile wait a little for it, for they would ask
for the same documents.  What was read is kept only if it was all of one moment, as far as the deployment can tell.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.db.variant_table import VariantTable
from gateway.download_types import Condition
from gateway.errors import GatewayError
from gateway.logs import fields
from gateway.rows import in_slices
from gateway.tasks import cancelled, failure

__all__ = ["SmallDataset", "SmallDatasets"]

log = logging.getLogger("gateway.flow")

_FEWEST_VARIANTS: Final = 2_000  # fewer are counted in no time
_MOST_VARIANTS: Final = 100_000  # 4 MB
_MOST_OTHERS: Final = 20_000  # documents of any other collection that selects samples
_KEPT: Final = 300_000  # variants, of all datasets
_AIM: Final = 1_000  # variants in a read: what comes meanwhile waits for it where a database does one thing at a time
_MOST_READ: Final = 20_000
_WAITED: Final = 1.0  # seconds
_APART: Final = 30.0  # seconds between readings of one dataset, which may be written to all the time

_Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class SmallDataset:
    """All of a dataset that counts depend on: how many documents each biosample's id has, and its variants."""

    samples: Mapping[str, int]
    variants: VariantTable


class SmallDatasets:
    """The small datasets of an application, by version; `close` it."""

    def __init__(self, source: Source, catalog: Catalog) -> None:
        """Nothing is read before it is to be learnt."""
        self._source = source
        self._catalog = catalog
        self._read: dict[str, tuple[_Key, SmallDataset]] = {}
        self._begun: dict[str, tuple[_Key | None, float]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._place = asyncio.Lock()

    async def get(self, state: DatasetState) -> SmallDataset | None:
        """What was read of a dataset at the version of a state; what is being read is waited for a little."""
        self.learn(state)
        task = self._tasks.get(state.dataset)
        if task is not None and self._begun[state.dataset][0] == state.edition:
            await asyncio.wait([task], timeout=_WAITED)
        key, found = self._read.get(state.dataset, (None, None))
        return found if key == state.edition else None

    def learn(self, state: DatasetState) -> None:
        """Read a dataset behind the caller's back, if it is small and has not been read at this version."""
        if not _is_small(state) or state.dataset in self._tasks:
            return
        key, since = self._begun.get(state.dataset, (None, -_APART))
        if key == state.edition or time.monotonic() - since < _APART:
            return
        self._begun[state.dataset] = state.edition, time.monotonic()
        task = self._tasks[state.dataset] = asyncio.create_task(self._learn(state))
        task.add_done_callback(lambda task: self._end(state.dataset, task))

    def _end(self, dataset: str, task: asyncio.Task[None]) -> None:
        del self._tasks[dataset]
        if error := failure(task):
            log.error("a small dataset could not be read", exc_info=error)

    async def close(self) -> None:
        """Stop reading."""
        await cancelled(*self._tasks.values())

    async def _learn(self, state: DatasetState) -> None:
        reader = DatasetReader(self._source, state)
        try:
            async with self._place:
                found = await self._whole(reader, state)
            # Where only numbers tell, those that were read are as many as the version says.
            if found and not reader.recounted and await reader.outcome(self._catalog.changed_since) == "changed":
                return
        except GatewayError as error:
            self._begun[state.dataset] = None, time.monotonic()  # another try may go well
            log.info("a dataset is counted by the database", extra=fields(dataset=state.dataset, reason=error))
            return
        if found is None:
            return
        self._read.pop(state.dataset, None)
        self._read[state.dataset] = state.edition, found
        while sum(len(each.variants) for _, each in self._read.values()) > _KEPT:
            del self._read[next(iter(self._read))]
        told = fields(dataset=state.dataset, rows=len(found.variants))
        log.info("a small dataset is counted without the database", extra=told)

    async def _whole(self, reader: DatasetReader, state: DatasetState) -> SmallDataset | None:
        """All of a dataset; None if there is more than was said, or a document is of several biosamples."""
        if reader.ordered_by("variants", "biosample_id") is None:
            return None
        documents = await reader.documents("biosamples", {}, {"id": 1, "_id": 0}, _MOST_OTHERS + 1)
        ids = [document.get("id") for document in documents]
        if len(ids) > _MOST_OTHERS or any(isinstance(name, list) for name in ids):
            return None
        samples = Counter(name for name in ids if type(name) is str)
        density = state.counts["variants"] / max(1, len(samples))
        table = VariantTable()
        for between in _tiles(sorted(samples), max(1, int(_AIM / max(1.0, density)))):
            found = await reader.documents("variants", {"biosample_id": between}, table.FIELDS, _MOST_READ)
            if len(found) == _MOST_READ or len(table) + len(found) > state.counts["variants"]:
                return None
            if not await asyncio.to_thread(table.add, found):
                return None
        if reader.recounted:  # else it may be what was there while data was away, and its version may come back
            ownerless = await reader.count("variants", {"biosample_id": {"$not": {"$gte": ""}}})
            if (len(ids), len(table) + ownerless) != (state.counts["biosamples"], state.counts["variants"]):
                return None
        return SmallDataset(samples, table)


def _tiles(ids: Sequence[str], width: int) -> Iterator[Condition]:
    """Ranges that have all texts in them, each once: those that begin with every so manieth id."""
    begins = ["", *(some[0] for some in in_slices(ids[width:], width))]
    for begin, end in zip(begins, [*begins[1:], None], strict=True):
        yield {"$gte": begin} if end is None else {"$gte": begin, "$lt": end}


def _is_small(state: DatasetState) -> bool:
    counts = state.counts
    others = ("biosamples", "individuals", state.analyses)
    return (
        _FEWEST_VARIANTS <= counts.get("variants", 0) <= _MOST_VARIANTS
        and "biosamples" in counts
        and all(counts.get(name, 0) <= _MOST_OTHERS for name in others)
    )
