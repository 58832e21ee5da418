"""Small look-ups that planning makes in a dataset: collations, ids that nobody has, what is stored beside the rows.

Each is remembered as long as the state it was made for, and made again for the next one before anybody asks.  It is
not carried over, even to a state of the same version: the version does not see what is replaced without an `updated`,
and a file made of collations of one moment and rows of another would be of none.  Where a deployment keeps no moment,
collations alone are remembered: they are as old as the version then, seconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from gateway.dataset_state import DatasetState
from gateway.db.handover_ids import listed_slices
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.download_types import Collation
from gateway.errors import DatabaseSlow, GatewayError
from gateway.handovers import Listed
from gateway.rows import in_slices
from gateway.tasks import failure

__all__ = ["Lookups", "Recent", "StoredMap"]

K = TypeVar("K")
V = TypeVar("V")

_COLLATION_FIELDS: Final = dict.fromkeys(("id", "label", "child_terms", "db_key", "entity", "scope", "count"), 1)
_IDS_A_LOOKUP: Final = 500
_IDS_A_CHECK: Final = 100  # of which any index, and any server, knows in some ms
_IDS_CHECKED: Final = 500
_COUNTS_AT_ONCE: Final = 4
_LISTED_CHECKED: Final = 50_000
_FEW: Final = 5
_FIRST_BINNING: Final = "1Mb"  # of maps that do not say: there was no other
_IDS_KEPT: Final = 500  # as many as one look-up finds
_ANSWERS_KEPT: Final = 16
_RECENT: Final = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class StoredMap:
    """A place of stored maps: a collection, the path in its documents, and how many bins the maps have."""

    collection: str
    path: str
    bins: int


@dataclass(frozen=True, slots=True)
class Recent:
    """What was asked for lately, and when: ids of collations, and other questions about a dataset."""

    ids: dict[str, float] = field(default_factory=dict)
    questions: dict[tuple[Any, ...], float] = field(default_factory=dict)


class Lookups:
    """Look-ups in a dataset at the moment of a state; remembered if it is known what is `recent`."""

    def __init__(self, source: Source, state: DatasetState, recent: Recent | None = None) -> None:
        self.state = state
        self._reader = DatasetReader(source, state)
        self._recent = recent
        self._collations: dict[str, Collation | None] = {}
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._asking: dict[tuple[Any, ...], asyncio.Task[Any]] = {}
        self._kinds: Mapping[str, Callable[..., Awaitable[Any]]] = {
            "unknown": self._unknown,
            "frequency maps": self._frequency_maps,
            "status maps": self._status_maps,
            "stats": self._stores_stats,
        }

    async def warm(self) -> None:
        """Look up what was asked for lately; what fails is looked up when it is asked for."""

        async def quietly(work: Coroutine[Any, Any, Any]) -> None:
            with suppress(GatewayError):
                await work

        recent, since = self._recent or Recent(), time.monotonic() - _RECENT
        ids = [name for name, asked in recent.ids.items() if asked > since]
        # Ids that nobody has are asked for once, or differ each time.
        questions = [key for key, asked in recent.questions.items() if asked > since and key[0] != "unknown"]
        await asyncio.gather(quietly(self._learn(ids)), *(quietly(self._answer(key)) for key in questions))

    async def _asked(self, *question: Any) -> Any:
        # Where nothing tells at the end whether a stored map was replaced, what is read had better be what was found.
        if self._recent is None or self.state.moment.by == "recounted":
            return await self._shared(question)
        _keep(self._recent.questions, question, time.monotonic(), _ANSWERS_KEPT)
        return self._answers[question] if question in self._answers else await self._answer(question)

    async def _shared(self, question: tuple[Any, ...]) -> Any:
        """The answer to a question, which all share who ask while it is being looked up."""
        task = self._asking.get(question)
        if task is None:
            task = self._asking[question] = asyncio.create_task(self._kind(question))
            task.add_done_callback(lambda done: self._told(question, done))
        return await asyncio.shield(task)

    def _told(self, question: tuple[Any, ...], task: asyncio.Task[Any]) -> None:
        del self._asking[question]
        failure(task)  # seen, even if all who asked have left

    async def _kind(self, question: tuple[Any, ...]) -> Any:
        return await self._kinds[question[0]](*question[1:])

    async def _answer(self, question: tuple[Any, ...]) -> Any:
        answer = await self._shared(question)
        _keep(self._answers, question, answer, _ANSWERS_KEPT)
        return answer

    async def collations(self, ids: Iterable[str]) -> dict[str, Collation]:
        """Those of the given ids that are collations of the dataset, by id."""
        wanted = sorted(set(ids))
        if self._recent is None or len(wanted) > _IDS_KEPT:
            return await self._found(wanted)
        now = time.monotonic()
        for name in wanted:
            _keep(self._recent.ids, name, now, _IDS_KEPT)
        known = {name: self._collations[name] for name in wanted if name in self._collations}
        known |= await self._learn([name for name in wanted if name not in known])
        return {name: found for name in wanted if (found := known[name])}

    async def _learn(self, ids: Sequence[str]) -> dict[str, Collation | None]:
        """The collations of these ids, looked up and remembered, and None for those that are none."""
        found = await self._found(ids)
        learnt = {name: found.get(name) for name in ids}
        for name, collation in learnt.items():
            _keep(self._collations, name, collation, _IDS_KEPT)
        return learnt

    async def _found(self, wanted: Sequence[str]) -> dict[str, Collation]:
        found: dict[str, Collation] = {}
        for some in in_slices(wanted, _IDS_A_LOOKUP):
            condition = {"id": {"$in": list(some)}}
            # Where two collations share an id the smaller `_id` is meant; 4 leaves room for such twins.
            documents = await self._reader.documents("collations", condition, _COLLATION_FIELDS, limit=len(some) * 4)
            for document in sorted(documents, key=lambda item: str(item.get("_id"))):
                if name := _text(document.get("id")):  # a list that holds the id is found, too
                    found.setdefault(name, _collation(name, document))
        return found

    async def unknown(self, collection: str, field: str, ids: Sequence[str]) -> set[str]:
        """Those of the given ids that no document has in a field; none where it takes long to know."""
        return set(await self._asked("unknown", collection, field, tuple(ids)))

    async def _unknown(self, collection: str, field: str, ids: Sequence[str]) -> set[str]:
        name = self.state.analyses if collection == "analyses" else collection
        if name not in self.state.collections:
            return set(ids)
        if field not in self.state.indexed.get(name, ()) or len(ids) > _IDS_CHECKED:
            return set()

        async def known(some: list[str]) -> set[str]:
            return await self._reader.some_values(name, {field: {"$in": some}}, field, len(some))

        try:
            return set(ids).difference(*await asyncio.gather(*map(known, in_slices(list(ids), _IDS_A_CHECK))))
        except DatabaseSlow:  # nobody should wait, or be refused, for a warning
            return set()

    async def listed(self, listed: Listed) -> int | None:
        """How many documents there are of those that a handover lists; None where it takes long to know."""
        if len(listed.values) > _LISTED_CHECKED:
            return None
        # Remembered whatever tells of changes: no row depends on it.
        question = ("listed", listed.collection, listed.key, listed.name)
        if question not in self._answers:
            _keep(self._answers, question, await self._listed(listed), _ANSWERS_KEPT)
        return int(self._answers[question])

    async def _listed(self, listed: Listed) -> int:
        name = self.state.analyses if listed.collection == "analyses" else listed.collection
        if name not in self.state.collections:
            return 0
        number = 0
        for some in in_slices(list(listed_slices(self._reader, name, listed)), _COUNTS_AT_ONCE):
            number += sum(await asyncio.gather(*(self._reader.count(name, condition) for condition in some)))
        return number

    async def frequency_maps(self, ids: Iterable[str], binning: str) -> dict[str, StoredMap]:
        """The stored frequency maps of these ids in a binning, wherever each era keeps them."""
        return dict(await self._asked("frequency maps", tuple(sorted(set(ids))), binning))

    async def _frequency_maps(self, wanted: Sequence[str], binning: str) -> dict[str, StoredMap]:
        found: dict[str, StoredMap] = {}
        own = (f"collations_{binning}_frequencymaps", f"collations_{binning}_maps")
        fields = dict.fromkeys(("id", "frequencymap.interval_count", "frequencymap.binning"), 1)
        for name in (*own, "frequencymaps", "collations"):
            # Such documents are large: without an index a look-up would read them all.
            if not wanted or "id" not in self.state.indexed.get(name, ()):
                continue
            condition = {"id": {"$in": list(wanted)}}
            documents = await self._reader.documents(name, condition, fields, limit=len(wanted) * 4)
            for document in documents:
                count = _fitting(document.get("frequencymap"), binning, named=name in own)
                if count and (code := _text(document.get("id"))):
                    found.setdefault(code, StoredMap(name, "frequencymap", count))
        return found

    async def status_maps(self, binning: str) -> StoredMap | None:
        """Where the status maps of analyses in a binning are, if any are among the first few documents."""
        found: StoredMap | None = await self._asked("status maps", binning)
        return found

    async def _status_maps(self, binning: str) -> StoredMap | None:
        analyses = self.state.analyses
        within = "info.statusmaps" if analyses == "callsets" else "cnv_statusmaps"
        for name, path in ((f"analyses_{binning}_maps", "cnv_statusmaps"), (analyses, within)):
            if "biosample_id" not in self.state.indexed.get(name, ()):
                continue
            fields = dict.fromkeys((f"{path}.interval_count", f"{path}.binning"), 1)
            for document in await self._reader.documents(name, {}, fields, limit=_FEW):
                found: Any = document
                for step in path.split("."):
                    found = found.get(step) if isinstance(found, dict) else None
                if count := _fitting(found, binning, named=name != analyses):
                    return StoredMap(name, path, count)
        return None

    async def stores_stats(self) -> bool:
        """Whether analyses have statistics of coverage, as far as the first few tell."""
        return bool(await self._asked("stats"))

    async def _stores_stats(self) -> bool:
        paths = ("cnv_stats", "cnv_chro_stats", "info.cnvstatistics")
        few = await self._reader.documents(self.state.analyses, {}, dict.fromkeys(paths, 1), limit=_FEW)
        old = self.state.analyses == "callsets"
        return any(("info" in found and bool(found["info"])) if old else "cnv_chro_stats" in found for found in few)


def _keep(kept: dict[K, V], key: K, value: V, most: int) -> None:
    """Keep it as the newest of so many."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]


def _fitting(found: Any, binning: str, *, named: bool) -> int:
    """The number of bins of a stored map in this binning, else 0.  What is `named` for it need not repeat it."""
    if not isinstance(found, dict) or found.get("binning", binning if named else _FIRST_BINNING) != binning:
        return 0
    count = found.get("interval_count")
    return int(count) if isinstance(count, int | float) and count == count // 1 else 0


def _text(value: Any) -> str:
    """A text; empty for anything else, JavaScript code included: a kind of `str` that is no key."""
    return value if type(value) is str else ""


def _collation(name: str, document: Mapping[str, Any]) -> Collation:
    children, count = document.get("child_terms"), document.get("count")
    return Collation(
        id=name,
        label=_text(document.get("label")),
        child_terms=tuple(sorted({*map(_text, children)} - {""})) if isinstance(children, list) else (),
        db_key=_text(document.get("db_key")) or None,
        entity=_text(document.get("entity")) or _text(document.get("scope")) or None,
        count=int(count) if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None,
    )
