"""The pump: a plan in, chunks of bytes out.

A part is walked in slices of biosample ids, several in flight, delivered in order (`slices` reads them).  The first
chunk comes from a slice that went alone, so that a failure before it is still an error response; from then on the pass
is patient.

Memory of a pass: `flights` slices of at most one reply each (4 MiB as planned, never more than the 16 MiB of a reply),
their text, and the ids of its biosamples.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from gateway.db.catalog import Surveyor
from gateway.db.retry import Patience
from gateway.db.sample_ids import Individuals, Roster
from gateway.db.source import Page, Source
from gateway.errors import DatasetChanged
from gateway.flow.fold import Landed, encoded, folded
from gateway.flow.scheduling import Turns, beside
from gateway.flow.slice_sizes import Lane, Pace
from gateway.flow.slices import Slices, once
from gateway.model import Part, Plan
from gateway.rows import Fold, Rows, Tally

__all__ = ["Pump", "Slicing"]

_IDS_A_COUNT: Final = 400

T = TypeVar("T")

# What tells rosters apart.
_Name = tuple[int, type[Roster]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicing:
    """How passes are cut: `rows` aimed at in a slice, `flights` of them under way at once."""

    rows: int = 10_000
    flights: int = 4


class Pump:
    """Runs plans against a source.  `executor` encodes, off the event loop, when it is its turn."""

    def __init__(
        self,
        source: Source,
        surveyor: Surveyor,
        executor: Executor,
        turns: Turns,
        *,
        slicing: Slicing,
        retry_window: float,
    ) -> None:
        self._source = source
        self._turns = turns
        self._surveyor = surveyor
        self._executor = executor
        self._slicing = slicing
        self._window = retry_window

    async def chunks(self, plan: Plan, tallies: list[Tally], *, kept: bool = False) -> AsyncGenerator[bytes, None]:
        """The bytes of a download.  `tallies` grows by one a part, and tells how far the pass is.

        The first chunk holds the first rows that the database gave, not just words of our own.  Ends only if the
        download is complete; any failure is an exception.  Close it (`aclosing`) if you leave early.  What is to be
        `kept` under its digest is checked at the end even if it came in one chunk: a survey may be seconds old.
        """
        with self._turns.passing():
            async with aclosing(self._chunks(plan, tallies, kept=kept)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _chunks(self, plan: Plan, tallies: list[Tally], *, kept: bool) -> AsyncGenerator[bytes, None]:
        run = _Pass(self._source, self._executor, self._turns, self._slicing, Patience(self._window))
        pending = b""
        try:
            lanes = [run.lane(part) for part in plan.parts]
            for lane, following in zip(lanes, [*lanes[1:], None], strict=True):
                part = lane.part
                tallies.append(Tally(collection=part.collection))
                pending += part.before
                async with aclosing(run.deliver(lane, following, tallies)) as pieces:
                    async for piece in pieces:
                        pending += piece
                        if pending:
                            yield pending
                            run.patience.committed = True
                            pending = b""
                pending += part.closing(tallies)
            if kept or run.patience.committed:
                await self._unchanged(plan, run.patience)
            # Otherwise it was all one chunk: there was no time to change.
            if pending:
                yield pending
        finally:
            await run.stop()

    async def _unchanged(self, plan: Plan, patience: Patience) -> None:
        """Refuse to complete a download whose data was deleted or replaced under it; what was added does not matter."""
        for before in {part.survey.dataset: part.survey for part in plan.parts}.values():
            if await patience(partial(self._surveyor.disturbed, before)):
                raise DatasetChanged("the dataset changed during the download; ask again for the new data")


class _Pass:
    """One run of a plan."""

    def __init__(self, source: Source, executor: Executor, turns: Turns, slicing: Slicing, patience: Patience) -> None:
        self._source = source
        self._turns = turns
        self._executor = executor
        self._slicing = slicing
        self.patience = patience
        self._slices = Slices(source, executor, turns, patience)
        self._rosters: dict[_Name, Roster] = {}
        self._tasks: set[asyncio.Task[Rows | Page]] = set()
        self._folds: dict[int, Fold] = {}

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for roster in self._rosters.values():
            await roster.stop()

    async def _roster(self, part: Part) -> Roster:
        key = self._name(part)
        if key not in self._rosters:
            roster = key[1](self._source, part.survey, part.selection, self.patience, part.ids)
            self._rosters[key] = roster
            await self.patience(roster.start)
        return self._rosters[key]

    @staticmethod
    def _name(part: Part) -> _Name:
        kind = Individuals if part.collection == "individuals" else Roster
        return id(part.selection) if part.ids is None else id(part), kind

    async def deliver(
        self, lane: Lane, following: Lane | None, tallies: Sequence[Tally]
    ) -> AsyncGenerator[bytes, None]:
        """A part's rows, with what is said before the first of them; yields after each slice, maybe nothing."""
        part, tally = lane.part, tallies[-1]
        roster = await self._roster(part)
        opened = False
        if part.fetch:
            async with aclosing(self._pieces(lane, following, roster)) as encoded:
                async for rows in encoded:
                    data = rows.data
                    if data and not opened:
                        data = part.opening(tallies) + data[part.lead :]
                        opened = True
                    tally.rows += rows.rows
                    yield data
                    if part.limit and tally.rows >= part.limit:
                        break
        if part.count:
            tally.total = await self._total(part, roster, tally.rows)

    async def _pieces(self, lane: Lane, following: Lane | None, roster: Roster) -> AsyncGenerator[Rows, None]:
        part = lane.part
        if part.fold is not None:
            fold = self._folds.get(id(part.fold)) or part.fold()
            self._folds[id(part.fold)] = fold
            lanes = [lane, *map(self.lane, part.beside)]
            walks = [self._everything(each, None, roster) for each in lanes]
            pieces = folded(fold, walks, roster.ids, self._executor)
        elif part.limit:
            pieces = self._window(lane, roster)
        else:
            pieces = encoded(self._everything(lane, following, roster))
        async with aclosing(pieces) as found:
            async for rows in found:
                yield rows

    # --- all rows ----------------------------------------------------------------------------------------------------

    async def _everything(self, lane: Lane, following: Lane | None, roster: Roster) -> AsyncGenerator[Landed, None]:
        part, passed = lane.part, 0
        try:
            while True:
                # The first slice of a lane waits for no other lane: walks in step would wait for one another.
                while not lane.flights or (self._may_launch() and roster.ready(lane.position)):
                    if not await roster.more(lane.position):
                        self._look_ahead(following, roster)
                        break
                    self._launch(lane, roster)
                if not lane.flights:
                    return
                ids, task = lane.flights[0]
                landed = await self.patience(once(task, partial(self._slices.fetch, lane, ids)))
                lane.flights.popleft()
                self._tasks.discard(task)
                passed += len(ids)
                if isinstance(landed, Rows):
                    lane.pace.learn(len(ids), landed.matched)
                    yield landed, passed
                else:
                    async with aclosing(self._slices.arrays(lane, ids, landed)) as pieces:
                        async for arrays in pieces:
                            yield await self._slices.encode(part, arrays), passed - len(ids)
                    lane.pace.learn(1, lane.pace.rows)
                    yield Rows(b"", 0, 0), passed
        finally:
            for _, task in lane.flights:
                task.cancel()
                self._tasks.discard(task)
            await asyncio.gather(*(task for _, task in lane.flights), return_exceptions=True)

    def _may_launch(self) -> bool:
        flights = self._slicing.flights
        if self._turns.several:  # together they read ahead enough, and each holds less
            flights = max(min(2, flights), flights - 1)
        return len(self._tasks) < (flights if self.patience.committed else 1)

    def _launch(self, lane: Lane, roster: Roster) -> None:
        ids = roster.ids[lane.position : lane.position + lane.pace.width()]
        lane.position += len(ids)
        task = asyncio.create_task(self._slices.fetch(lane, ids))
        self._tasks.add(task)
        lane.flights.append((ids, task))

    def _look_ahead(self, following: Lane | None, roster: Roster) -> None:
        """Begin with the next part while the last slices of this one are under way, where it is of the same samples."""
        if following and following.ahead and self._rosters.get(self._name(following.part)) is roster:
            while self._may_launch() and following.position < len(roster.ids):
                self._launch(following, roster)

    def lane(self, part: Part) -> Lane:
        # Of all but variants there is one document a biosample, more or less.
        fixed = part.collection != "variants" and not part.aim
        pace = Pace(part.aim or self._slicing.rows, fixed=fixed)
        if beside(part.encode) is None:
            pace.interpreted()
        return Lane(part, pace)

    # --- a window of rows, and counts --------------------------------------------------------------------------------

    async def _window(self, lane: Lane, roster: Roster) -> AsyncGenerator[Rows, None]:
        """Rows `skip` to `skip + limit`: slices before the window are counted, not read."""
        part = lane.part
        lane.position, before = await self._seek(part, roster)
        skip, left = part.skip - before, part.limit
        while left > 0 and await roster.more(lane.position):
            ids = roster.ids[lane.position : lane.position + lane.pace.width()]
            lane.position += len(ids)
            page = await self.patience(partial(self._slices.page, lane, ids))
            found = 0
            async with aclosing(self._slices.arrays(lane, ids, page)) as pieces:
                async for arrays in pieces:
                    rows = await self._slices.encode(part, arrays, skip, skip + left, urgent=True)
                    skip, left, found = max(0, skip - rows.matched), left - rows.rows, found + rows.matched
                    yield rows
                    if left <= 0:
                        return
            lane.pace.learn(len(ids), found)

    async def _seek(self, part: Part, roster: Roster) -> tuple[int, int]:
        """The position of the slice in which the window begins, and the rows before that slice."""
        position = before = 0
        while part.skip > before and await roster.more(position):
            ids = roster.ids[position : position + _IDS_A_COUNT]
            rows = await self._slices.count(part, ids)
            if before + rows > part.skip:
                break
            position, before = position + len(ids), before + rows
        return position, before

    async def _total(self, part: Part, roster: Roster, rows: int) -> int:
        """How many documents match, whatever the window."""
        if part.fetch and not part.limit:
            return rows
        ids = await roster.all()
        slices = [ids[at : at + _IDS_A_COUNT] for at in range(0, len(ids), _IDS_A_COUNT)]
        total = 0
        for at in range(0, len(slices), self._slicing.flights):
            some = slices[at : at + self._slicing.flights]
            total += sum(await asyncio.gather(*(self._slices.count(part, ids) for ids in some)))
        return total
