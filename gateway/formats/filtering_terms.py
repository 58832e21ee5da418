"""A dataset's filtering terms, as Beacon's framework has them: of its collations, a term each."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from gateway.download_types import Part, Wanted
from gateway.formats.base import Format, document_rows, dumps, paged
from gateway.formats.beacon_envelope import end, meta
from gateway.rows import Tally

__all__ = ["FORMAT"]

_FIELDS: Final = ("id", "label", "type", "name", "scope", "entity", "count")
# What kinds of terms there are beside those of ontologies, which have its name.
_OWN_TYPES: Final = frozenset({"custom", "alphanumeric"})
_OF_ONTOLOGIES: Final = "ontologyTerm"
_SCOPES: Final[Mapping[str, str]] = {
    "biosamples": "biosample",
    "individuals": "individual",
    "analyses": "analysis",
    "callsets": "analysis",
    "variants": "genomicVariant",
}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if type(value) is str else ""


def _term(document: dict[str, Any], *, counted: bool) -> bytes | None:
    """A filtering term; None for what has no id."""
    if not (name := _text(document, "id")):
        return None
    kind = _text(document, "type")
    scope = _text(document, "entity") or _text(document, "scope")  # in 2021 there was neither
    found: dict[str, Any] = {
        "id": name,
        "type": kind if kind in _OWN_TYPES else _text(document, "name") or kind or _OF_ONTOLOGIES,
        "label": _text(document, "label"),
        "scopes": [_SCOPES.get(scope, scope)] if scope else "",
    }
    count = document.get("count")
    if counted and isinstance(count, int) and not isinstance(count, bool):
        found["count"] = int(count)
    return b",\n" + dumps({key: value for key, value in found.items() if value != ""})


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    ask = wanted.ask
    begin = meta(wanted, "filteringTerm", limit=ask.limit or 0, said={"filters": list(ask.prefixes)})

    def close(tallies: Sequence[Tally]) -> bytes:
        tally = tallies[-1]
        return b"\n]" + end(wanted, tally.total or 0, lower=tally.lower)

    part = Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="collations",
        projection=dict.fromkeys(_FIELDS, 1),
        encode=document_rows("id", partial(_term, counted=ask.granularity != "boolean")),
        before=b'{"meta":' + begin + b',\n"response":{"filteringTerms":[\n',
        closing=close,
        lead=2,
        count=True,
    )
    return (paged(part, ask),)


FORMAT: Final = Format(
    name="filteringterms",
    words=("filteringterms",),
    media="application/json",
    accepts=(),
    extension="json",
    summary="filtering terms, as Beacon's framework has them",
    parts=_parts,
    entities=("collations",),
    attachment=False,
)
