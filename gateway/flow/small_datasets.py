"""Datasets that are small enough to be counted without the database: what their counts depend on, read once a version.

They are read in the background, a piece at a time; counts that come meanwhile wait a little for it, for they would ask
for the same documents.  What was read is kept only if it was all of one moment, as far as the deployment can tell.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.db.variant_table import VariantTable
from gateway.flow.readings import Readings
from gateway.logs import fields
from gateway.rows import tiles

__all__ = ["SmallDataset", "SmallDatasets"]

log = logging.getLogger("gateway.flow")

_FEWEST_VARIANTS: Final = 2_000  # fewer are counted in no time
_MOST_VARIANTS: Final = 100_000  # 4 MB
_MOST_OTHERS: Final = 20_000  # documents of any other collection that selects samples
_KEPT: Final = 300_000  # variants, of all datasets
_AIM: Final = 1_000  # variants in a read: what comes meanwhile waits for it where a database does one thing at a time
_MOST_READ: Final = 20_000
_WAITED: Final = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class SmallDataset:
    """All of a dataset that counts depend on: how many documents each biosample's id has, and its variants."""

    samples: Mapping[str, int]
    variants: VariantTable


class SmallDatasets:
    """The small datasets of an application, by version; `close` it."""

    def __init__(self, source: Source, catalog: Catalog) -> None:
        """Nothing is read before it is to be learnt."""
        self._readings = Readings(source, catalog)
        self._read: dict[str, tuple[tuple[str, int], SmallDataset]] = {}

    async def get(self, state: DatasetState) -> SmallDataset | None:
        """What was read of a dataset at the version of a state; what is being read is waited for a little."""
        self.learn(state)
        await self._readings.wait(state, _WAITED)
        edition, found = self._read.get(state.dataset, (None, None))
        return found if edition == state.edition else None

    def learn(self, state: DatasetState) -> None:
        """Read a dataset behind the caller's back, if it is small and has not been read at this version."""
        if _is_small(state):
            self._readings.begin(state, partial(self._whole, state), partial(self._keep, state))

    async def close(self) -> None:
        """Stop reading."""
        await self._readings.close()

    def _keep(self, state: DatasetState, found: SmallDataset) -> None:
        self._read.pop(state.dataset, None)
        self._read[state.dataset] = state.edition, found
        while sum(len(each.variants) for _, each in self._read.values()) > _KEPT:
            del self._read[next(iter(self._read))]
        told = fields(dataset=state.dataset, rows=len(found.variants))
        log.info("a small dataset is counted without the database", extra=told)

    async def _whole(self, state: DatasetState, reader: DatasetReader) -> SmallDataset | None:
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
        for between in tiles(sorted(samples), max(1, int(_AIM / max(1.0, density)))):
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


def _is_small(state: DatasetState) -> bool:
    counts = state.counts
    others = ("biosamples", "individuals", state.analyses)
    return (
        _FEWEST_VARIANTS <= counts.get("variants", 0) <= _MOST_VARIANTS
        and "biosamples" in counts
        and all(counts.get(name, 0) <= _MOST_OTHERS for name in others)
    )
