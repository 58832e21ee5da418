"""`/gateway/terms`: the filtering terms of a dataset, for who types, and for who looks what is above and below."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from aiohttp import web

from gateway.db.term_list import ListedTerm, TermList
from gateway.errors import BadRequest
from gateway.rights import Granularity
from gateway.web.app_keys import CATALOG, TERMS, VIEW
from gateway.web.endpoints.asking import Answer, Asked, answering, database

__all__ = ["suggested", "terms"]

_USUAL: Final = 20
_SUGGESTIONS: Final = 5
_EXPLAINED: Final = 20  # codes: each is compared with all terms
_PATHS: Final = 4
_FORMS: Final = ("text", "ids", "below")


@dataclass(frozen=True, slots=True)
class _Shown:
    """The terms of a dataset as a caller may see them."""

    terms: TermList
    level: Granularity

    @property
    def counted(self) -> bool:
        """Whether numbers may be seen; the order of terms tells of them, too."""
        return self.level != "boolean"

    def described(self, term: ListedTerm) -> dict[str, Any]:
        """All that is said of a term."""
        return {
            "id": term.id,
            "label": term.label,
            "collationType": term.kind,
            "ontology": term.ontology,
            "scope": term.scope,
            "count": term.count if self.counted else None,
            "codeMatches": term.code_matches if self.counted else None,
            "parents": list(term.parents),
            "path": [[{"id": t.id, "label": t.label} for t in way] for way in self.terms.paths(term, _PATHS)],
            "children": len(self.terms.below(term.id)),
        }

    def suggested(self, text: str, wanted: Callable[[ListedTerm], bool] = lambda _: True) -> list[dict[str, Any]]:
        """The few terms that may have been meant."""
        listed, search = self.terms.by_count if self.counted else self.terms.by_id
        near = search.near(text, _SUGGESTIONS, lambda entry: wanted(listed[entry]))
        return [self._short(listed[entry]) for entry in near]

    def _short(self, term: ListedTerm) -> dict[str, Any]:
        return {"id": term.id, "label": term.label, "count": term.count if self.counted else None}

    def ordered(self, some: Iterable[ListedTerm]) -> Sequence[ListedTerm]:
        """Terms in the order in which they are shown."""
        return list(some) if self.counted else sorted(some, key=lambda term: term.id)


def suggested(terms: TermList, level: Granularity, codes: Iterable[str]) -> list[dict[str, Any]]:
    """What may have been meant by codes that nobody knows, by the first of them."""
    shown = _Shown(terms, level)
    return [
        {"id": code, "suggestions": shown.suggested(code) if number < _EXPLAINED else []}
        for number, code in enumerate(codes)
    ]


@answering
async def terms(request: web.Request) -> Answer:
    """The terms that are asked for."""
    asked, view = Asked.of(request), request[VIEW]
    name, level = asked.dataset(view)
    text, ids, below = asked.text("text").strip(), asked.several("ids"), asked.text("below").strip()
    if sum(map(bool, (text, ids, below))) > 1:
        raise BadRequest(f"one of {', '.join(_FORMS)}, not several", parameter="text")
    kinds, limit = frozenset(asked.several("collationTypes")), asked.limit(_USUAL)
    with database(request.app):
        state = await request.app[CATALOG].state(name)
        shown = _Shown(await request.app[TERMS].of(state), level)

    def wanted(term: ListedTerm) -> bool:
        return not kinds or term.kind in kinds

    def found() -> dict[str, Any]:
        if text:
            return _typed(shown, text, limit, wanted)
        if ids:
            return _named(shown, ids)
        some = shown.terms.below(_spelled(shown, below)) if below else shown.terms.roots
        listed = list(islice(filter(wanted, shown.ordered(some)), limit + 1))
        return {"terms": [shown.described(term) for term in listed[:limit]], "more": len(listed) > limit}

    # Beside the loop: of many terms it takes some ten milliseconds.
    answer = await asyncio.to_thread(found)
    said = {"dataset": name, "dataVersion": state.version, "text": text, "more": False}
    said = {**said, "terms": [], "suggestions": [], "unknown": [], **answer}
    if not shown.counted:
        said["dataVersion"] = None
    return Answer(said, guarded=name in view.guarded)


def _typed(shown: _Shown, text: str, limit: int, wanted: Callable[[ListedTerm], bool]) -> dict[str, Any]:
    listed, search = shown.terms.by_count if shown.counted else shown.terms.by_id
    found = search.find(text, limit, lambda entry: wanted(listed[entry]))
    told = [shown.described(listed[entry]) for entry in found.entries]
    return {"terms": told, "more": found.more, "suggestions": [] if told else shown.suggested(text, wanted)}


def _named(shown: _Shown, ids: Sequence[str]) -> dict[str, Any]:
    known = {code: shown.terms.get(code) for code in ids}
    return {
        "terms": [shown.described(term) for term in known.values() if term],
        "unknown": suggested(shown.terms, shown.level, (code for code, term in known.items() if term is None)),
    }


def _spelled(shown: _Shown, code: str) -> str:
    term = shown.terms.get(code)
    return term.id if term else code
