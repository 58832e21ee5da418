"""Readings of whole datasets behind the callers' backs, for counts: each once a version, one after the other."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.errors import GatewayError
from gateway.logs import fields
from gateway.tasks import cancelled, failure

__all__ = ["Readings"]

log = logging.getLogger("gateway.flow")

_APART: Final = 30.0  # seconds between readings of one dataset, which may be written to all the time

T = TypeVar("T")


class Readings:
    """Those of one kind that are under way; `close` them."""

    def __init__(self, source: Source, catalog: Catalog) -> None:
        """Nothing is read before it is to be read."""
        self._source = source
        self._catalog = catalog
        self._begun: dict[str, tuple[tuple[str, int] | None, float]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._place = asyncio.Lock()

    def begin(
        self, state: DatasetState, read: Callable[[DatasetReader], Awaitable[T | None]], keep: Callable[[T], None]
    ) -> None:
        """`read` a dataset, if it was not at this version, nor a moment ago; `keep` what was of one moment."""
        if state.dataset in self._tasks:
            return
        edition, since = self._begun.get(state.dataset, (None, -_APART))
        if edition == state.edition or time.monotonic() - since < _APART:
            return
        self._begun[state.dataset] = state.edition, time.monotonic()
        task = self._tasks[state.dataset] = asyncio.create_task(self._run(state, read, keep))
        task.add_done_callback(lambda task: self._end(state.dataset, task))

    async def wait(self, state: DatasetState, seconds: float) -> None:
        """Wait so long for a reading of this version, if there is one under way."""
        task = self._tasks.get(state.dataset)
        if task is not None and self._begun[state.dataset][0] == state.edition:
            await asyncio.wait([task], timeout=seconds)

    async def close(self) -> None:
        """Stop reading."""
        await cancelled(*self._tasks.values())

    def _end(self, dataset: str, task: asyncio.Task[None]) -> None:
        del self._tasks[dataset]
        if error := failure(task):
            log.error("a dataset could not be read for counts", exc_info=error)

    async def _run(
        self, state: DatasetState, read: Callable[[DatasetReader], Awaitable[T | None]], keep: Callable[[T], None]
    ) -> None:
        reader = DatasetReader(self._source, state)
        try:
            async with self._place:
                found = await read(reader)
            # Where only numbers tell, those that were read are as many as the version says: `read` sees to that.
            if found and not reader.recounted and await reader.outcome(self._catalog.changed_since) == "changed":
                return
        except GatewayError as error:
            self._begun[state.dataset] = None, time.monotonic()  # another try may go well
            log.info("a dataset is counted by the database", extra=fields(dataset=state.dataset, reason=error))
            return
        if found is not None:
            keep(found)
