"""Numbers of documents by biosample, for one count: remembered by data version, told by tables, or read where few."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.dataset_state import DatasetState
from gateway.db.reader import DatasetReader
from gateway.db.term_ids import FEW, look
from gateway.download_types import Condition, Part
from gateway.flow.page_memory import PageMemory
from gateway.flow.small_datasets import SmallDataset

__all__ = ["KnownNumbers"]

_KEY: Final = "biosample_id"
_LINKED: Final = frozenset({"variants", "analyses", "callsets"})  # whose documents say of which biosample they are


class KnownNumbers:
    """What is known of numbers by biosample at a state; what a reader has to be asked for is remembered."""

    def __init__(
        self, reader: DatasetReader, state: DatasetState, memory: PageMemory, dataset: SmallDataset | None
    ) -> None:
        """`dataset`: what was read of all of its documents, at the same version, if it is small."""
        self._reader = reader
        self._state = state
        self._memory = memory
        self._dataset = dataset

    @property
    def small(self) -> bool:
        """Whether the dataset has so few documents that all ids of any condition are read in no time."""
        return self._dataset is not None

    async def of(self, collection: str, condition: Condition, *, looking: bool = True) -> Mapping[str, int] | None:
        """The numbers of documents that meet a condition, by biosample; None where they are too many to be known.

        What neither was found before nor is told by a table is looked up, if it may be, where it is little.
        """
        key = self._memory.numbers_key(self._state, collection, condition)
        known = self._memory.numbers(key)
        if known is not None or collection not in _LINKED:
            return known
        known = await self._told(collection, condition)
        if known is None and looking and not self._memory.are_many(key):
            known = await self._few(collection, condition, key)
        if known is not None:
            self._memory.numbered(key, known)
        return known

    async def _told(self, collection: str, condition: Condition) -> Mapping[str, int] | None:
        """What the table of a small dataset tells."""
        if self._dataset is None or collection != "variants":
            return None
        return await asyncio.to_thread(self._dataset.variants.matching, condition)

    async def _few(self, collection: str, condition: Condition, key: str) -> Mapping[str, int] | None:
        """What the documents themselves tell, where an index finds them and they are few."""
        if not condition or not self._reader.is_served(collection, condition):
            return None
        # Of many no document is looked at.
        if await look(self._reader, self._memory.looks(self._state), collection, condition) >= FEW:
            return None
        found = await self._reader.documents(collection, condition, {_KEY: 1, "_id": 0}, FEW + 1)
        owners = [document.get(_KEY) for document in found]
        if len(owners) > FEW or any(isinstance(owner, list) for owner in owners):  # of several, which are counted once
            self._memory.found_many(key)
            return None
        return Counter(owner for owner in owners if type(owner) is str)

    async def of_rows(self, part: Part, condition: Condition, *, looking: bool) -> Mapping[str, int] | None:
        """The numbers of rows of a part, whose documents meet a condition, by values of its key; `looking` as above."""
        if part.selection.listed is not None or (part.ids and len({*part.ids}) < len(part.ids)):
            return None
        if part.key == _KEY:
            return await self.of(part.source, condition, looking=looking)
        of_samples = part.source == "biosamples" and part.key == "id" and not condition
        return self._dataset.samples if of_samples and self._dataset is not None else None
