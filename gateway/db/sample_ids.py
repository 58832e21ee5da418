"""The ids of a selection's biosamples, ascending, known bit by bit.

A selection on biosamples alone starts at once: its first ids by one sorted query, the rest drained behind it.  One that
goes through other collections (individuals, analyses, variants) is resolved as sets of ids first.  Memory: some 70
bytes a biosample, whatever the number of variants.
"""

import asyncio
from typing import Final

from gateway import codec
from gateway.db.reader import DatasetReader
from gateway.db.retry import RetryPolicy
from gateway.download_types import Condition, DatasetState, Selection, Term, both
from gateway.errors import GatewayError

__all__ = ["IndividualIds", "SampleIds"]

_FIRST: Final = 200
_IDS_A_QUERY: Final = 400


def _is_direct(group: tuple[Term, ...], root: str) -> bool:
    return len(group) == 1 and group[0].collection == root and not group[0].negated


class SampleIds:
    """Ids of the selected biosamples, or those given.  `start` it, then `more` them; `stop` it whatever happens."""

    def __init__(
        self,
        reader: DatasetReader,
        dataset_state: DatasetState,
        selection: Selection,
        retry: RetryPolicy,
        ids: tuple[str, ...] | None = None,
    ) -> None:
        self._reader = reader
        self._retry = retry
        self._dataset_state = dataset_state
        self._selection = selection
        self._rest: asyncio.Task[set[str]] | None = None
        self._remainder: Condition = {}
        self.ids: list[str] = list(ids or ())
        self.complete = self._given = ids is not None

    async def start(self) -> None:
        """Find the first ids; find the rest behind the caller's back."""
        if self._selection.nothing or self.complete:
            self.complete = True
        elif all(_is_direct(group, self._selection.root) for group in self._selection.samples):
            condition = both(group[0].condition for group in self._selection.samples)
            await self._start_direct(condition)
        else:
            self.ids = sorted(await self._resolve())
            self.complete = True

    async def _start_direct(self, condition: Condition) -> None:
        root = self._selection.root
        page = await self._reader.page(root, condition, projection={"id": 1}, limit=_FIRST, sort="id")
        first = [item.get("id") for item in codec.decode(page.arrays)]
        self.ids = sorted({value for value in first if type(value) is str})
        self.complete = page.complete
        if not self.complete:
            # Ids that are no strings sort before all that are; `$gt` passes them over, as a biosample without id.
            last = self.ids[-1] if self.ids else ""
            self._remainder = both([condition, {"id": {"$gt": last}}])
            self._rest = asyncio.create_task(self._reader.values(self._selection.root, self._remainder, "id"))

    async def _await_rest(self) -> list[str]:
        task, self._rest = self._rest, None
        if task is None:  # a first reading failed, and is tried again
            task = asyncio.create_task(self._reader.values(self._selection.root, self._remainder, "id"))
        self._rest = task
        try:
            return sorted(await task)
        except GatewayError:
            self._rest = None
            raise

    async def more(self, position: int) -> bool:
        """Wait until there is an id at `position`, or none will come."""
        if position >= len(self.ids) and not self.complete:
            self.ids += await self._retry(self._await_rest)
            self._rest, self.complete = None, True
        return position < len(self.ids)

    def ready(self, position: int) -> bool:
        """Whether `more` would answer at once."""
        return position < len(self.ids) or self.complete or (self._rest is not None and self._rest.done())

    async def all(self) -> list[str]:
        """All ids."""
        await self.more(len(self.ids))
        return self.ids

    async def stop(self) -> None:
        """Give up what is still being read."""
        if self._rest is not None:
            self._rest.cancel()
            await asyncio.gather(self._rest, return_exceptions=True)

    @property
    def to_be_read_again(self) -> bool:
        """Whether nothing but reading them again tells that they were those of one moment."""
        return self._reader.recounted and not self._given

    async def unchanged(self) -> bool:
        """Whether the selection selects the same biosamples still."""
        again = type(self)(self._reader, self._dataset_state, self._selection, self._retry)
        try:
            await again.start()
            return await again.all() == await self.all()
        finally:
            await again.stop()

    # --- selections through other collections ------------------------------------------------------------------------

    async def _resolve(self) -> set[str]:
        """The ids that every group selects."""
        found: set[str] | None = None
        # What is only taken away comes last, when there is something to take it from.
        for group in sorted(self._selection.samples, key=lambda group: any(term.negated for term in group)):
            if found is not None and len(group) == 1 and group[0].negated:
                found -= await self._of_term(group[0])
            else:
                chosen: set[str] = set()
                for term in group:
                    ids = await self._of_term(term)
                    chosen |= await self._all_biosamples() - ids if term.negated else ids
                found = chosen if found is None else found & chosen
            if not found:
                return set()
        return found if found is not None else set()

    async def _all_biosamples(self) -> set[str]:
        return await self._reader.values("biosamples", {}, "id")

    async def _of_term(self, term: Term) -> set[str]:
        dataset_state = self._dataset_state
        name = dataset_state.analyses if term.collection == "analyses" else term.collection
        condition = term.condition
        if term.collection == "individuals":
            individuals = sorted(await self._reader.values(name, condition, "id"))
            found: set[str] = set()
            for at in range(0, len(individuals), _IDS_A_QUERY):
                some = {"individual_id": {"$in": individuals[at : at + _IDS_A_QUERY]}}
                found |= await self._reader.values("biosamples", some, "id")
            return found
        return await self._reader.values(name, condition, "id" if term.collection == "biosamples" else "biosample_id")


class IndividualIds(SampleIds):
    """Ids of the individuals of the selected biosamples, each once; all are known before the first is handed out."""

    async def start(self) -> None:
        """Find the biosamples, then whose they are."""
        await super().start()
        biosamples = await self.all()
        found: set[str] = set()
        for at in range(0, len(biosamples), _IDS_A_QUERY):
            some = {"id": {"$in": biosamples[at : at + _IDS_A_QUERY]}}
            found |= await self._reader.values("biosamples", some, "individual_id")
        self.ids = sorted(found)
