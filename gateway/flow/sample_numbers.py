"""How many variants each biosample of a large dataset has: read once a version, by index alone, in the background.

Totals of whatever selects biosamples alone are sums of these numbers, so that each index entry is counted once and not
once for every diagnosis.  Read where a count has shown that it takes long, and a dataset can be read at one moment.
"""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Final

from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.download_types import Condition, Part
from gateway.flow.page_memory import PageMemory
from gateway.flow.readings import Readings
from gateway.logs import fields
from gateway.rows import tiles

__all__ = ["SampleNumbers"]

log = logging.getLogger("gateway.flow")

_KEY: Final = "biosample_id"
_LONG: Final = 0.5  # seconds of a count
_MOST_SAMPLES: Final = 300_000
_AIM: Final = 50_000  # index entries in a read


class SampleNumbers:
    """What is read of the datasets of an application, and remembered with all numbers; `close` it."""

    def __init__(self, source: Source, catalog: Catalog, memory: PageMemory) -> None:
        self._readings = Readings(source, catalog)
        self._memory = memory

    def counted(self, part: Part, condition: Condition, seconds: float) -> None:
        """Take note that counting a part, whose documents meet a condition besides, took so long."""
        state = part.dataset_state
        samples = state.counts.get("biosamples", 0)
        if seconds < _LONG or condition or part.source != "variants" or part.key != _KEY or samples > _MOST_SAMPLES:
            return
        if self._memory.numbers(self._memory.numbers_key(state, part.source, {})) is None:
            self._readings.begin(state, partial(self._read, state), partial(self._keep, state))

    async def wait(self, state: DatasetState, seconds: float = 60) -> None:
        """Wait so long for what is being read of a dataset."""
        await self._readings.wait(state, seconds)

    async def close(self) -> None:
        """Stop reading."""
        await self._readings.close()

    def _keep(self, state: DatasetState, numbers: Mapping[str, int]) -> None:
        self._memory.numbered(self._memory.numbers_key(state, "variants", {}), numbers)
        log.info("the variants of each biosample are counted", extra=fields(dataset=state.dataset, rows=len(numbers)))

    async def _read(self, state: DatasetState, reader: DatasetReader) -> Mapping[str, int] | None:
        """The numbers of all biosamples; None where they are not of one moment, or one document is of several."""
        ids = sorted(await reader.values("biosamples", {}, "id", by_field=True))
        density = state.counts["variants"] / max(1, len(ids))
        numbers: dict[str, int] = {}
        for between in tiles(ids, max(1, int(_AIM / max(1.0, density)))):
            found = await reader.numbers("variants", _KEY, between, _MOST_SAMPLES)
            if found is None:
                return None
            numbers |= found
        return numbers
