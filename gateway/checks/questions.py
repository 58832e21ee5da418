"""A question of each kind that clients ask, about documents that a dataset has."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from gateway.dataset_state import DatasetState
from gateway.db.reader import DatasetReader
from gateway.download_types import Ask
from gateway.planning.route_table import ROUTES
from gateway.query.beacon_request import parse_request

__all__ = ["Question", "questions"]

# Collations of which the most common of each field are taken.
_COLLATIONS: Final = 5_000
_FIELDS_ASKED: Final = 12
_PAGE: Final = "5"


@dataclass(frozen=True, slots=True)
class Question:
    """What it is called, and the request."""

    name: str
    path: str
    words: tuple[tuple[str, str], ...]

    @property
    def ask(self) -> Ask:
        """The request, understood."""
        return parse_request(self.path, parse_qsl(urlencode(self.words)), routes=ROUTES)


async def questions(reader: DatasetReader, state: DatasetState) -> list[Question]:
    """Those that can be asked of what there is."""

    async def one(collection: str) -> Mapping[str, Any]:
        found = await reader.documents(collection, {}, _FIELDS, 1) if collection in state.collections else []
        return found[0] if found else {}

    biosample, variant = await one("biosamples"), await one("variants")
    individual, analysis = await one("individuals"), await one(state.analyses)
    filters = await _filters(reader, state)
    found = [
        Question("a page of the whole dataset", "/beacon/g_variants", ()),
        *(Question(f"variants by filter on {field}", "/beacon/g_variants", _filter(code)) for field, code in filters),
        *_of_ids(biosample, individual, analysis, variant),
        *_of_places(variant),
    ]
    some = _filter(filters[0][1]) if filters else ()
    if some:
        found += [
            Question(f"{entity} by filter", f"/beacon/{entity}", some)
            for entity in ("biosamples", "individuals", "analyses")
        ]
        found.append(Question("collations by prefix", "/services/collations", (("filters", some[0][1].split(":")[0]),)))
    if individual:
        followup = (("filters", "followupTime:>P60M"),)
        found.append(Question("individuals by follow-up time", "/beacon/individuals", followup))
    paged = [_in(state, question, (("limit", _PAGE),)) for question in found]
    if some:
        paged.append(_in(state, Question("a download by filter", "/beacon/g_variants", some), (("output", "pgxseg"),)))
    return paged


def _in(state: DatasetState, question: Question, more: Sequence[tuple[str, str]]) -> Question:
    return Question(question.name, question.path, (("datasetIds", state.dataset), *question.words, *more))


_FIELDS: Final = dict.fromkeys(
    (
        *("id", "biosample_id", "individual_id", "variant_internal_id", "reference_name", "start", "end"),
        *("location.chromosome", "location.start", "location.end"),
    ),
    1,
)


def _filter(code: str) -> tuple[tuple[str, str], ...]:
    return (("filters", code),)


async def _filters(reader: DatasetReader, state: DatasetState) -> list[tuple[str, str]]:
    """For each field that collations are about, the one with most documents: field and code."""
    if "collations" not in state.collections:
        return []
    fields = dict.fromkeys(("id", "db_key", "count", "collation_type"), 1)
    found: dict[str, tuple[int, str]] = {}
    for item in await reader.documents("collations", {}, fields, _COLLATIONS):
        code, field, count = item.get("id"), item.get("db_key") or item.get("collation_type"), item.get("count")
        if type(code) is str and type(field) is str:
            number = count if isinstance(count, int) else 0
            found[field] = max(found.get(field, (-1, "")), (number, code))
    common = sorted(found.items(), key=lambda item: -item[1][0])[:_FIELDS_ASKED]
    return [(field, code) for field, (_, code) in common]


def _of_ids(*documents: Mapping[str, Any]) -> Iterator[Question]:
    names = ("biosampleIds", "individualIds", "analysisIds", "variantIds")
    for name, document in zip(names, documents, strict=True):
        if type(value := document.get("id")) is str and "," not in value:
            yield Question(f"variants by {name}", "/beacon/g_variants", ((name, value),))


def _of_places(variant: Mapping[str, Any]) -> Iterator[Question]:
    """Variants where this one is, and those that are the same."""
    inner = variant.get("location")
    place = inner if isinstance(inner, Mapping) else variant
    chromosome = place.get("chromosome", place.get("reference_name"))
    start, end = place.get("start"), place.get("end")
    if isinstance(chromosome, str) and isinstance(start, int | float) and isinstance(end, int | float):
        region = (("referenceName", chromosome), ("start", str(int(start))), ("end", str(int(end))))
        yield Question("variants of a region", "/beacon/g_variants", region)
        kind = (("variantType", "DEL"),)
        yield Question("deletions in a region", "/beacon/g_variants", (*region, *kind))
        yield Question("variants of a chromosome", "/beacon/g_variants", region[:1])
    if type(value := variant.get("variant_internal_id")) is str:
        yield Question("variants by variantInternalId", "/beacon/g_variants", (("variantInternalId", value),))
