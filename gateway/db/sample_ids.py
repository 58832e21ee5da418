"""The ids of a selection's biosamples, ascending, known bit by bit.

A selection on biosamples alone starts at once: its first ids by bounded looks, the rest drained when it is needed.  One
that goes through other collections (individuals, analyses, variants) is either resolved as sets of ids first, or the
biosamples are walked and each handful of them is checked: what is few is resolved, what nearly everything fulfils is
walked.  Whichever it is, the ids and their order are the same.  Memory: some 70 bytes a biosample, whatever the number
of variants.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from gateway import codec
from gateway.dataset_state import DatasetState
from gateway.db.checked_ids import CheckedIds
from gateway.db.handover_ids import ListedDocuments
from gateway.db.reader import DatasetReader
from gateway.db.replies import Page
from gateway.db.retry import RetryPolicy
from gateway.db.term_ids import Looks, Numbers, TermIds
from gateway.download_types import Condition, Selection, both
from gateway.errors import GatewayError
from gateway.rows import in_slices
from gateway.tasks import cancelled

__all__ = ["IndividualIds", "SampleIds"]

_FIRST: Final = 200
# Documents that a look at the beginning may cost: a page of a hundred variants reads about as many.
_LOOK: Final = 300
_ENOUGH: Final = 4
_IDS_A_QUERY: Final = 400


class SampleIds:
    """Ids of the selected biosamples, or those given.  `start` it, then `more` them; `stop` it whatever happens."""

    def __init__(
        self,
        reader: DatasetReader,
        dataset_state: DatasetState,
        selection: Selection,
        retry: RetryPolicy,
        ids: tuple[str, ...] | None = None,
        *,
        paged: bool = False,
        numbers: Numbers | None = None,
        looks: Looks | None = None,
        first: tuple[str, ...] = (),
    ) -> None:
        """`paged`: as few of them as are needed will be asked for, not all.

        With `numbers`, which are asked first, all will be, and none before the others.  `looks` and the `first` ids are
        what was found at the same version of the data.
        """
        self._reader = reader
        self._retry = retry
        self._dataset_state = dataset_state
        self._selection = selection
        self._paged = paged
        self._numbers = numbers
        self._terms = TermIds(reader, dataset_state, selection, numbers, looks)
        self._checked: CheckedIds | None = None
        self._rest: asyncio.Task[set[str]] | None = None
        self._remainder: Condition = {}
        self.ids: list[str] = list(first if ids is None else ids)
        """Those that are known: who holds this list sees it grow."""
        self.complete = self._given = ids is not None
        self._known = bool(first) and ids is None  # and nothing was asked for yet

    async def start(self) -> None:
        """Find the first ids; find the rest behind the caller's back."""
        if not self._known:
            await self._begin()

    async def _begin(self) -> None:
        if self._selection.nothing or self.complete:
            self.complete = True
        elif self._checked is not None:  # it was found, and what it checked first was not
            await self._pull(self._checked)
        elif self._terms.is_direct and self._numbers is not None:
            condition, root = both(self._terms.direct), self._selection.root
            self._add(sorted(await self._reader.values(root, condition, "id", by_field=True)))
            self.complete = True
        elif self._terms.is_direct:
            await self._start_direct(both(self._terms.direct))
        elif await self._terms.are_few():
            self._add(sorted(await self._terms.resolve()))
            self.complete = True
        else:
            selection = self._terms.candidates
            candidates = SampleIds(self._reader, self._dataset_state, selection, self._retry, paged=self._paged)
            await candidates.start()
            self._checked = CheckedIds(candidates, self._terms, self._retry, paged=self._paged)
            await self._pull(self._checked)

    async def _start_direct(self, condition: Condition) -> None:
        root = self._selection.root
        fields = {"id": 1, "_id": 0}
        if condition:
            # A rare condition is known at once by its index, a frequent one by the first documents in order.
            few, first = await asyncio.gather(
                self._reader.unordered(root, condition, fields, _LOOK),
                self._reader.first_values(root, condition, "id", among=_LOOK, limit=_FIRST),
            )
            if few is not None and few.complete:
                self._add(_ids_in(few))
                self.complete = True
                return
            found = _ids_of(first or ())
            if len(found) >= _ENOUGH:
                self._await_further(condition, found)
                return
        page = await self._reader.page(root, condition, projection=fields, limit=_FIRST, sort="id")
        found = _ids_in(page)
        if page.complete:
            self._add(found)
            self.complete = True
        else:
            self._await_further(condition, found)

    def _await_further(self, condition: Condition, found: list[str]) -> None:
        """Take the first ids; those that follow are drained, at once where they are sure to be needed."""
        self._add(found)
        # Ids that are no strings sort before all that are; `$gt` passes them over, as a biosample without id.
        self._remainder = both([condition, {"id": {"$gt": found[-1]} if found else {"$gte": ""}}])
        if not self._paged:
            self._rest = self._draining()

    def _draining(self) -> "asyncio.Task[set[str]]":
        return asyncio.create_task(self._reader.values(self._selection.root, self._remainder, "id"))

    async def _await_rest(self) -> list[str]:
        # There is none yet, or a first reading failed, and is tried again.
        self._rest = self._rest or self._draining()
        try:
            return sorted(await self._rest)
        except GatewayError:
            self._rest = None
            raise

    async def _pull(self, checked: CheckedIds) -> None:
        """Take what the walk has checked next."""
        found, self.complete = await checked.next()
        self._add(found)

    def _add(self, found: list[str]) -> None:
        """Take ascending ids, but those that were known, which are found again."""
        self.ids += found[bisect_right(found, self.ids[-1]) :] if self.ids else found

    async def more(self, position: int) -> bool:
        """Wait until there is an id at `position`, or none will come."""
        while position >= len(self.ids) and not self.complete:
            if self._known:  # those that were known are found again, before the others
                self._known = False
                with self._retry.selecting():
                    await self._retry(self._begin)
            elif self._checked is not None:
                await self._pull(self._checked)
            else:
                self._add(await self._retry(self._await_rest))
                self._rest, self.complete = None, True
        return position < len(self.ids)

    def ready(self, position: int) -> bool:
        """Whether `more` would answer at once."""
        if position < len(self.ids) or self.complete:
            return True
        if self._checked is not None:
            return self._checked.ready
        return self._rest is not None and self._rest.done()

    async def all(self) -> list[str]:
        """All ids."""
        while not self.complete:
            await self.more(len(self.ids))
        return self.ids

    @property
    def listed(self) -> ListedDocuments | None:
        """What was found of the documents that a handover lists, if one does, and it was looked for."""
        return self._terms.listed

    def know(self, listed: ListedDocuments) -> None:
        """Take what was found of them at the same version of the data."""
        self._terms.listed = listed

    def is_rare(self, collection: str, condition: Condition) -> bool:
        """Whether it was found that few documents of a collection meet a condition, or any of some that it joins."""
        rare = [term.condition for term in self._terms.rare if term.collection == collection]
        joined = condition["$or"] if condition.keys() == {"$or"} else ()
        return condition in rare or (bool(joined) and all(each in rare for each in joined))

    async def stop(self) -> None:
        """Give up what is still being read."""
        if self._checked is not None:
            await self._checked.stop()
        if self._rest is not None:
            await cancelled(self._rest)

    @property
    def to_be_read_again(self) -> bool:
        """Whether nothing but reading them again tells that they were those of one moment."""
        return self._reader.recounted and not self._given

    async def unchanged(self) -> bool:
        """Whether the selection selects the same biosamples still."""
        again = type(self)(self._reader, self._dataset_state, self._selection, self._retry, paged=self._paged)
        try:
            await again.start()
            if not self._paged:
                return await again.all() == await self.all() and again.listed == self.listed
            known = len(self.ids)  # those that were used are among these
            more = await again.more(known if self.complete else known - 1)
            return again.ids[:known] == self.ids and not (self.complete and more) and again.listed == self.listed
        finally:
            await again.stop()


class IndividualIds(SampleIds):
    """Ids of the individuals of the selected biosamples, each once; all are known before the first is handed out."""

    async def start(self) -> None:
        """Find the biosamples, then whose they are."""
        await super().start()
        if self._given:
            return
        biosamples = await self.all()
        found: set[str] = set()
        for some in in_slices(biosamples, _IDS_A_QUERY):
            found |= await self._reader.values("biosamples", {"id": {"$in": some}}, "individual_id")
        self.ids = sorted(found)


def _ids_in(page: Page) -> list[str]:
    return _ids_of(item.get("id") for item in codec.decode(page.arrays))


def _ids_of(values: Iterable[object]) -> list[str]:
    return sorted({value for value in values if type(value) is str})
