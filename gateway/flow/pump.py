"""The pump: a plan in, chunks of bytes out.

A part is walked in slices of biosample ids, several in flight, delivered in order (`slices` reads them).  The first
chunk comes from a slice that went alone, so that a failure before it is still an error response; from then on the pass
tries again what fails.

Memory of a pass: `flights` slices of at most one reply each (4 MiB as planned, never more than the 16 MiB of a reply),
their text, and the ids of its biosamples.
"""

from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from contextlib import aclosing

from gateway.db.allowance import Allowance
from gateway.db.catalog import Catalog
from gateway.db.retry import RetryPolicy
from gateway.db.source import Source
from gateway.download_types import Plan
from gateway.errors import DatasetChanged
from gateway.flow.accounts import observed
from gateway.flow.read_limit import ReadLimit
from gateway.flow.run import Run, Slicing
from gateway.flow.scheduling import EncodeScheduler
from gateway.flow.totals import Totals
from gateway.metrics import Spent
from gateway.rows import NotToBeKept, Tally

__all__ = ["Pump"]


class Pump:
    """Runs plans against a source.  `executor` encodes, off the event loop, when it is its turn."""

    def __init__(
        self,
        source: Source,
        catalog: Catalog,
        executor: Executor,
        scheduler: EncodeScheduler,
        *,
        slicing: Slicing,
        retry_window: float,
        count_budget: float = 2.0,
        selection_budget: float = 0.0,
    ) -> None:
        """A page waits `count_budget` seconds for its total; what a pass selects costs `selection_budget` at most."""
        self._source = source
        self._scheduler = scheduler
        self._catalog = catalog
        self._executor = executor
        self._slicing = slicing
        self._limit = ReadLimit(slicing.flights, slicing.together)
        self._window = retry_window
        self._selection_budget = selection_budget
        self.totals = Totals(source, catalog, budget=count_budget)

    async def chunks(self, plan: Plan, tallies: list[Tally], *, kept: bool = False) -> AsyncGenerator[bytes, None]:
        """The bytes of a download.  `tallies` grows by one a part, and tells how far the pass is.

        The first chunk holds the first rows that the database gave, not just words of our own.  Ends only if the
        download is complete; any failure is an exception.  Close it (`aclosing`) if you leave early.  What is to be
        `kept` under its digest is checked at the end even if it came in one chunk: the state known may be seconds old.
        Where that cannot be told, NotToBeKept is raised behind the last chunk.
        """
        with self._scheduler.passing(), observed(plan, tallies) as account:
            async with aclosing(self._chunks(plan, tallies, account.spent, kept=kept)) as chunks:
                while True:
                    async with self._limit.chunk(whole=plan.whole, first=not account.size):  # not while it is sent
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        return
                    with account.yielded(chunk):
                        yield chunk

    async def _chunks(
        self, plan: Plan, tallies: list[Tally], spent: Spent, *, kept: bool
    ) -> AsyncGenerator[bytes, None]:
        run = Run(
            self._source,
            self._executor,
            self._scheduler,
            slicing=self._slicing,
            retry=RetryPolicy(self._window, Allowance(self._selection_budget), spent),
            spent=spent,
            totals=self.totals,
            limit=self._limit,
            anew=kept,
        )
        pending = b""
        try:
            readings = [run.reading(part) for part in plan.parts]
            for reading, following in zip(readings, [*readings[1:], None], strict=True):
                part = reading.part
                tallies.append(Tally(collection=part.collection))
                pending += part.before
                async with aclosing(run.deliver(reading, following, tallies)) as pieces:
                    async for piece in pieces:
                        pending += piece
                        if pending:
                            run.retry.allowance.lift()
                            yield pending
                            run.retry.committed = True
                            pending = b""
                pending += part.closing(tallies)
            # What came in one chunk, and is not kept, had no time to change.
            outcome = await run.outcome(self._catalog) if kept or run.retry.committed else "same"
            if outcome == "changed":
                raise DatasetChanged("the dataset changed during the download; ask again for the new data")
            if pending:
                yield pending
            if outcome == "unknown" and kept:
                raise NotToBeKept
        finally:
            await run.stop()
