"""What Progenetix' services answer beside Beacon's result sets: the envelope of JSON, and collations."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.download_types import Entity, Part, Wanted
from gateway.errors import BadRequest
from gateway.formats.base import Format, camel, document_rows, dumps, json_rows, paged, plain
from gateway.formats.beacon_envelope import meta
from gateway.formats.sample_lines import shown
from gateway.rows import Say, Tally
from gateway.text import escape_cell

__all__ = ["COLLATIONS", "COLLATION_TEXT", "envelope"]

_KINDS: Final[dict[Entity, str]] = {"frequencies": "intervalFrequencies", "collations": "collation"}
_COLUMNS: Final = ("id", "label", "count", "code_matches")
# Fields of collations, now and in 2021.
_FIELDS: Final = (
    *("id", "label", "type", "collation_type", "name", "namespace_prefix", "reference", "scope", "entity", "db_key"),
    *("dataset_id", "count", "code_matches", "code", "cnv_analyses", "child_terms", "parent_terms", "hierarchy_paths"),
    *("date", "updated"),
)


def envelope(wanted: Wanted, entity: Entity) -> tuple[bytes, Say]:
    """What is said before the results of a service, and after them, their number included."""
    ask = wanted.ask
    said: dict[str, Any] = {
        "filters": list(ask.prefixes) or [term.asked for term in ask.filters],
        "genomeBinning": ask.binning,
    }
    if ask.collation_types:
        said["collationTypes"] = list(ask.collation_types)
    begin = meta(wanted, _KINDS[entity], limit=ask.limit or 0, said=said)

    def say(tallies: Sequence[Tally]) -> bytes:
        found = sum(tally.rows for tally in tallies)
        return b']},\n"responseSummary":' + dumps({"exists": found > 0, "numTotalResults": found}) + b"}\n"

    return b'{"meta":' + begin + b',\n"response":{"results":[\n', say


def _asked(wanted: Wanted) -> tuple[str, ...]:
    """The fields that are wanted, none for all; in either spelling, `codeMatches` as well as `code_matches`."""
    known = {name.replace("_", ""): name for name in _FIELDS}
    found = {key: known.get(key.replace("_", "")) for key in wanted.ask.delivery_keys}
    for key, name in found.items():
        if name is None:
            there = ", ".join(_FIELDS)
            raise BadRequest(f"deliveryKeys: no field {key}; there are: {there}", parameter="deliveryKeys")
    return tuple(name for name in found.values() if name)


def _collation(fields: tuple[str, ...]) -> Callable[[dict[str, Any]], Any]:
    def shape(document: dict[str, Any]) -> Any:
        kept = {n: value for n, value in document.items() if (n in fields if fields else n != "_id")}
        return plain(kept, camel)

    return shape


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    begin, end = envelope(wanted, "collations")
    # Where no more than counts may be seen, what else a term may hold is not among them.
    fields = _asked(wanted) or (_FIELDS if wanted.levels else ())
    part = Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="collations",
        projection=dict.fromkeys((*fields, "id"), 1) if fields else {"frequencymap": 0},
        encode=json_rows("id", _collation(fields), before=b",\n"),
        before=begin,
        closing=end,
        lead=2,
    )
    return (paged(part, wanted.ask),)


def _row(document: dict[str, Any]) -> bytes:
    """Id, label, count, code matches: pgxRpi of 2021 and 2022 reads them by position."""
    return ("\t".join(shown(document.get(name), escape_cell) for name in _COLUMNS) + "\n").encode()


def _text_parts(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    part = Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="collations",
        projection=dict.fromkeys(_COLUMNS, 1),
        encode=document_rows("id", _row),
    )
    return (paged(part, wanted.ask),)


COLLATIONS: Final = Format(
    name="collations",
    words=("collations",),
    also=("json",),
    services=("collations",),
    ids="filters",
    media="application/json",
    accepts=(),
    extension="json",
    summary="filtering terms with their counts",
    parts=_parts,
    entities=("collations",),
    attachment=False,
)

COLLATION_TEXT: Final = Format(
    name="collationtext",
    words=("collationtext",),
    also=("text",),
    media="text/plain; charset=utf-8",
    accepts=(),
    extension="tsv",
    summary="id, label, count and code matches of filtering terms, tab-separated, without a line of names",
    parts=_text_parts,
    entities=("collations",),
    attachment=False,
)
