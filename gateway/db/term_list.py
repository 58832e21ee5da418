"""All collations of a dataset, kept small in memory: for who types, and wants to see what lies above and below."""

import asyncio
import heapq
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from sys import intern
from typing import Any, Final

from gateway import codec
from gateway.codes import spellings
from gateway.dataset_state import DatasetState
from gateway.db.reader import DatasetReader
from gateway.db.source import Source
from gateway.rows import Array
from gateway.search import Search
from gateway.tasks import cancelled, failure

__all__ = ["ListedTerm", "TermList", "TermLists"]

_FIELDS: Final = {
    **dict.fromkeys(("id", "label", "count", "code_matches", "collation_type", "name", "scope", "entity"), 1),
    **dict.fromkeys(("parent_terms", "hierarchy_paths.path"), 1),
}
_COLLECTION: Final = "collations"
_AT_ONCE: Final = 2_000  # documents of a read: some MB
# Of a dataset; Progenetix has some ten thousand.  A term takes some 600 bytes.
_MOST: Final = 100_000
_LONGEST_ID: Final = 200
_LONGEST_LABEL: Final = 500
_PARENTS: Final = 8
_DEEPEST: Final = 40
# A list that took longer to read than this is renewed behind who asks, as long as it is not older than that.
_QUICK: Final = 0.5  # seconds
_OLDEST: Final = 300.0
_APART: Final = 10.0  # seconds between readings


@dataclass(frozen=True, slots=True)
class ListedTerm:
    """A collation: ids of those right above it, numbers of documents of it and what is below, and of its own code."""

    id: str
    label: str = ""
    kind: str = ""
    ontology: str = ""
    scope: str = ""
    count: int | None = None
    code_matches: int | None = None
    parents: tuple[str, ...] = ()


@dataclass
class TermList:
    """The terms of a dataset, those of most documents first.  `cut` if there are more than were read."""

    terms: Sequence[ListedTerm]
    cut: bool = False
    _by_id: dict[str, ListedTerm] = field(init=False)

    def __post_init__(self) -> None:
        self.terms = sorted(self.terms, key=lambda term: (-(term.count or 0), term.id))
        self._by_id = {term.id: term for term in self.terms}

    @cached_property
    def by_count(self) -> tuple[Sequence[ListedTerm], Search]:
        """The terms in this order, to be searched."""
        return self.terms, _searched(self.terms)

    @cached_property
    def by_id(self) -> tuple[Sequence[ListedTerm], Search]:
        """The same in an order that tells nothing of numbers."""
        terms = sorted(self.terms, key=lambda term: term.id)
        return terms, _searched(terms)

    @cached_property
    def _children(self) -> Mapping[str, list[ListedTerm]]:
        found: dict[str, list[ListedTerm]] = {}
        for term in self.terms:
            for parent in term.parents:
                found.setdefault(parent, []).append(term)
        return found

    def get(self, code: str) -> ListedTerm | None:
        """The term of a code, in any spelling."""
        return next((term for name in (code, *spellings(code)) if (term := self._by_id.get(name))), None)

    def below(self, code: str) -> Sequence[ListedTerm]:
        """The terms right below one."""
        return self._children.get(code, ())

    @property
    def roots(self) -> Iterator[ListedTerm]:
        """The terms that have none above them here."""
        return (term for term in self.terms if not any(parent in self._by_id for parent in term.parents))

    def paths(self, term: ListedTerm, most: int) -> list[list[ListedTerm]]:
        """Up to so many ways from a root down to a term, the shortest first; the term itself is left out."""
        found: list[list[ListedTerm]] = []
        ways: list[tuple[int, tuple[str, ...], list[ListedTerm]]] = [(0, (term.id,), [])]
        steps = 0
        while ways and len(found) < most and steps < most * _DEEPEST:
            length, seen, way = heapq.heappop(ways)
            steps += 1
            top = way[0] if way else term
            above = [p for name in top.parents if name not in seen and (p := self._by_id.get(name))]
            if not above or length >= _DEEPEST:
                found.append(way)
            for parent in above:
                heapq.heappush(ways, (length + 1, (*seen, parent.id), [parent, *way]))
        return found


def _searched(terms: Iterable[ListedTerm]) -> Search:
    return Search(((term.id,), term.label) for term in terms)


@dataclass(frozen=True, slots=True)
class _Kept:
    version: tuple[str, int]
    read: float  # when, by the monotonic clock
    took: float  # seconds
    terms: TermList


class TermLists:
    """The lists of datasets, one of each, read when they are asked for and when the data have changed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: dict[str, _Kept] = {}
        self._running: dict[str, asyncio.Task[TermList]] = {}

    async def of(self, state: DatasetState) -> TermList:
        """The terms of a dataset.

        Where data is being written, and reading takes long, they may be of some minutes before.
        """
        kept = self._kept.get(state.dataset)
        if kept and kept.version == state.edition:
            return kept.terms
        age = time.monotonic() - kept.read if kept and kept.took > _QUICK else _OLDEST
        running = self._running.get(state.dataset)
        if running is None and age >= _APART:
            running = self._running[state.dataset] = asyncio.create_task(self._renewed(state))
            running.add_done_callback(partial(self._ended, state.dataset))
        if kept and (running is None or age < _OLDEST):
            return kept.terms
        return await asyncio.shield(running or self._renewed(state))

    def _ended(self, dataset: str, task: asyncio.Task[TermList]) -> None:
        del self._running[dataset]
        failure(task)  # seen, even if nobody waits

    async def close(self) -> None:
        """Stop reading."""
        await cancelled(*self._running.values())

    async def _renewed(self, state: DatasetState) -> TermList:
        began = time.monotonic()
        terms = await _read(DatasetReader(self._source, state), state)
        await asyncio.to_thread(lambda: terms.by_count)
        now = time.monotonic()
        self._kept[state.dataset] = _Kept(state.edition, now, now - began, terms)
        return terms


async def _read(reader: DatasetReader, state: DatasetState) -> TermList:
    """Read all terms, some thousand at a time, in the order of `_id`: the first of those with one id is meant."""
    found: dict[str, ListedTerm] = {}
    after: dict[str, Any] = {}
    more = _COLLECTION in state.collections
    while more and len(found) < _MOST:
        page = await reader.page(_COLLECTION, after, projection=_FIELDS, limit=_AT_ONCE, sort="_id")
        last, terms = await asyncio.to_thread(_terms, page.arrays)
        for term in terms:
            found.setdefault(term.id, term)
        more = not page.complete and page.count > 0
        after = {"_id": {"$gt": last}}
    return TermList(list(found.values()), cut=more)


def _terms(arrays: Sequence[Array]) -> tuple[Any, list[ListedTerm]]:
    """The largest `_id`, and the terms of some documents."""
    documents = codec.decode(arrays)
    terms = [term for document in documents if (term := _term(document))]
    return documents[-1]["_id"] if documents else None, terms


def _term(document: Mapping[str, Any]) -> ListedTerm | None:
    """The term of a document, None for what has no id that anybody could ask for."""
    name = _text(document, "id")
    if not name or len(name) > _LONGEST_ID:
        return None
    return ListedTerm(
        id=name,
        label=_text(document, "label")[:_LONGEST_LABEL],
        kind=intern(_text(document, "collation_type")),
        ontology=intern(_text(document, "name")),
        scope=intern(_text(document, "scope") or _text(document, "entity")),
        count=_number(document.get("count")),
        code_matches=_number(document.get("code_matches")),
        parents=tuple(_parents(document, name))[:_PARENTS],
    )


def _parents(document: Mapping[str, Any], name: str) -> Iterator[str]:
    """The codes right above: what stands before the last of each path; where there are none, the parents stated."""
    paths = document.get("hierarchy_paths")
    steps = [one.get("path") for one in paths if isinstance(one, dict)] if isinstance(paths, list) else []
    lists = [path for path in steps if isinstance(path, list) and path and path[-1] == name]
    if lists:
        yield from dict.fromkeys(intern(p[-2]) for p in lists if len(p) > 1 and type(p[-2]) is str and p[-2] != name)
        return
    stated = document.get("parent_terms")
    if isinstance(stated, list) and stated:
        yield from dict.fromkeys(intern(p) for p in stated if type(p) is str and p != name)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if type(value) is str else ""


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
