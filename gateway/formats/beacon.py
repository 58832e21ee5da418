"""Beacon v2 JSON: the result-set envelope, streamed, and the records of the default model.

`meta` goes first, results as they come, counts after them, so that they are true without counting first.  A stored
observation is one result; observations are not grouped by variation, because groups would not cross pages.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.errors import GatewayError
from gateway.formats import eras
from gateway.formats.base import Format, camel, dumps, json_rows, plain
from gateway.model import Ask, Entity, Part, Say, Tally, Wanted

__all__ = [
    "API_VERSION",
    "FORMAT",
    "PROJECTIONS",
    "biosample_record",
    "envelope_error",
    "page",
    "result_sets",
    "variant_record",
]

API_VERSION: Final = "v2.1.0"
_SCHEMAS: Final = {
    "variants": ("genomicVariant", "https://progenetix.org/services/schemas/genomicVariant/"),
    "biosamples": ("biosample", "https://progenetix.org/services/schemas/biosample/"),
    "analyses": ("analysis", "https://progenetix.org/services/schemas/analysis/"),
}
_REFERENCE_URLS: Final = (
    (re.compile(r"pubmed:(\d+)\Z"), "https://pubmed.ncbi.nlm.nih.gov/{}/"),
    (re.compile(r"cellosaurus:(CVCL_\w+)\Z"), "https://www.cellosaurus.org/{}"),
    (re.compile(r"cbioportal:(\w+)\Z"), "https://www.cbioportal.org/study/summary?id={}"),
)
PROJECTIONS: Final[Mapping[Entity, Mapping[str, int]]] = {
    "variants": {"updated": 0},
    "biosamples": {"info.cnvstatistics": 0},  # bulky, and no part of a Beacon record
}
# Fields of a stored variant that the record holds elsewhere, or that Beacon answers leave out.
_OUTSIDE: Final = frozenset(
    {
        "_id",
        "id",
        "variant_internal_id",
        "analysis_id",
        "biosample_id",
        "individual_id",
        "info",
        "identifiers",
        "molecular_attributes",
        "variant_level_data",
        "updated",
        "callset_id",
    }
)


def _filled(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value not in (None, "", [], {})}


def variant_record(document: dict[str, Any]) -> dict[str, Any]:
    """A Beacon genomicVariation with one case, of a stored variant of either model."""
    stored = eras.variant(document)
    identity = plain(stored.get("id") or stored.get("_id"))
    case = {
        "analysisId": stored.get("analysis_id"),
        "biosampleId": stored.get("biosample_id"),
        "individualId": stored.get("individual_id"),
        "variantId": identity,
    }
    rest = plain({key: value for key, value in stored.items() if key not in _OUTSIDE}, camel)
    return {
        "variantInternalId": plain(stored.get("variant_internal_id")) or identity,
        "variation": _filled(rest),
        "caseLevelData": [plain(_filled(case))],
        "identifiers": plain(stored.get("identifiers") or {}, camel),
        "molecularAttributes": plain(stored.get("molecular_attributes") or {}, camel),
        "variantLevelData": plain(stored.get("variant_level_data") or {}, camel),
    }


def biosample_record(document: dict[str, Any]) -> dict[str, Any]:
    """A Beacon biosample, of a stored one of either model."""
    stored = eras.biosample(document)
    references = stored.pop("references", None)
    record = {key: value for key, value in stored.items() if key not in {"_id", "followup_state", "followup_time"}}
    record["sample_origin_type"] = {"id": "OBI:0001479", "label": "specimen from organism"}
    shaped = _filled(plain(record, camel))
    shaped["externalReferences"] = [_reference(term) for term in _reference_terms(references)]
    return shaped


def _reference_terms(references: Any) -> list[dict[str, Any]]:
    terms = references.values() if isinstance(references, dict) else ()
    return [term for term in terms if isinstance(term, dict) and isinstance(term.get("id"), str) and term["id"]]


def _reference(term: dict[str, Any]) -> dict[str, Any]:
    shaped = {"id": term["id"], "description": plain(term.get("label"))}
    for pattern, url in _REFERENCE_URLS:
        if found := pattern.match(term["id"]):
            shaped["reference"] = url.format(found[1])
    return _filled(shaped)


def envelope_error(error: GatewayError, beacon_id: str, request_id: str) -> bytes:
    """The Beacon error response of a failure; the message names the parameter at fault."""
    named = error.parameter is None or error.parameter in error.message
    message = error.message if named else f"{error.parameter}: {error.message}"
    return dumps(
        {
            "meta": {
                "apiVersion": API_VERSION,
                "beaconId": beacon_id,
                "receivedRequestSummary": {
                    "apiVersion": API_VERSION,
                    "requestedSchemas": [],
                    "pagination": {"skip": 0, "limit": 0},
                    "requestedGranularity": "record",
                },
                "returnedSchemas": [],
                "info": {"requestId": request_id},
            },
            "error": {"errorCode": error.status, "errorMessage": message},
        }
    )


def _meta(wanted: Wanted, limit: int) -> bytes:
    ask = wanted.ask
    entity, schema = _SCHEMAS[ask.entity]
    warnings = [warning for _, selection in wanted.datasets for warning in selection.warnings]
    summary = {
        "apiVersion": API_VERSION,
        "requestedSchemas": [{"entityType": entity, "schema": schema}],
        "filters": [_filter(term) for term in ask.filters],
        "requestParameters": _parameters(ask),
        "pagination": {"skip": ask.skip, "limit": limit},
        "requestedGranularity": ask.granularity,
        "includeResultsetResponses": ask.resultsets,
        "testMode": False,
    }
    return dumps(
        {
            "apiVersion": API_VERSION,
            "beaconId": wanted.beacon_id,
            "receivedRequestSummary": summary,
            "returnedGranularity": ask.granularity,
            "returnedSchemas": [{"entityType": entity, "schema": schema}],
            "testMode": False,
            "info": {"warnings": [*ask.warnings, *warnings]},
        }
    )


def _filter(term: Any) -> dict[str, Any]:
    shown = {"id": term.id, "excluded": term.excluded or None, "operator": term.operator, "value": term.value}
    return {**_filled(shown), "includeDescendantTerms": term.descendants}


def _parameters(ask: Ask) -> dict[str, Any]:
    names = (
        ("datasetIds", "datasets"),
        ("biosampleIds", "biosample_ids"),
        ("individualIds", "individual_ids"),
        ("analysisIds", "analysis_ids"),
        ("variantIds", "variant_ids"),
    )
    found = {name: list(getattr(ask, field)) for name, field in names}
    queries = [_filled({field: getattr(query, field) for field in query.__slots__}) for query in ask.variants]
    found["g_variant"] = [
        plain({k: list(v) if isinstance(v, tuple) else v for k, v in q.items()}, camel) for q in queries
    ]
    return _filled(found)


def _handovers(wanted: Wanted, dataset: str) -> list[dict[str, Any]]:
    if not wanted.ask.handovers or wanted.ask.selects_everything or not wanted.address:
        return []
    words = ("callsetspgxseg", "all variants of the matched samples") if wanted.ask.entity != "variants" else None
    word, what = words or ("pgxseg", "the matched variants")
    separator = "&" if "?" in wanted.address else "?"
    return [
        {
            "handoverType": {"id": "pgx:HO.pgxseg", "label": "Progenetix segments"},
            "note": f"{what} as .pgxseg, streamed",
            "url": f"{wanted.base}{wanted.address}{separator}datasetIds={dataset}&output={word}",
        }
    ]


class _Sets:
    """The result sets of a response: what to say before and after each one's rows."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.entity = _SCHEMAS[wanted.ask.entity][0]
        # Below record granularity there are no results, not even an empty list of them.
        self._records = wanted.ask.granularity == "record"

    def _shown(self, tally: Tally) -> bool:
        """Whether a set with these counts is in the response."""
        hit = bool(tally.total)
        return {"HIT": hit, "MISS": not hit, "ALL": True, "NONE": False}[self.wanted.ask.resultsets]

    def open(self, dataset: str) -> Say:
        def say(tallies: Sequence[Tally]) -> bytes:
            separator = b"," if any(self._shown(tally) for tally in tallies[:-1]) else b""
            head = {"id": dataset, "setType": "dataset", "responseEntityId": self.entity}
            return separator + dumps(head)[:-1] + (b',"results":[\n' if self._records else b",")

        return say

    def _results_end(self) -> bytes:
        return b"\n]," if self._records else b""

    def close(self, dataset: str, *, last: bool) -> Say:
        def say(tallies: Sequence[Tally]) -> bytes:
            tally = tallies[-1]
            said = b""
            if tally.rows or self._shown(tally):
                said = (b"" if tally.rows else self.open(dataset)(tallies)) + self._results_end()
                said += self._summary(dataset, tally)
            return said + (self._end(tallies) if last else b"")

        return say

    def _summary(self, dataset: str, tally: Tally) -> bytes:
        ask = self.wanted.ask
        total = tally.total or 0
        summary: dict[str, Any] = {"exists": total > 0}
        if ask.granularity != "boolean":
            summary["resultsCount"] = total
        if total:
            summary["resultsHandovers"] = _handovers(self.wanted, dataset)
        return dumps(summary)[1:]

    def _end(self, tallies: Sequence[Tally]) -> bytes:
        total = sum(tally.total or 0 for tally in tallies)
        summary: dict[str, Any] = {"exists": total > 0}
        if self.wanted.ask.granularity != "boolean":
            summary["numTotalResults"] = total
        return b']},\n"responseSummary":' + dumps(summary) + b"}\n"


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    samples = wanted.ask.entity == "biosamples"
    shape = biosample_record if samples else variant_record
    encode = json_rows("id" if samples else "biosample_id", shape, before=b",\n")
    return result_sets(
        wanted,
        tuple(
            Part(
                survey=survey,
                selection=selection,
                collection=wanted.ask.entity,
                projection=PROJECTIONS[wanted.ask.entity],
                encode=encode,
            )
            for survey, selection in wanted.datasets
        ),
    )


def page(wanted: Wanted) -> tuple[int, int]:
    """How many records are wanted (0: all), and how many are skipped before them."""
    limit = wanted.page_limit if wanted.ask.limit is None else wanted.ask.limit
    return limit, wanted.ask.skip * limit


def result_sets(wanted: Wanted, parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts, one a dataset, whose rows begin with a comma and a line's end, in the envelope of result sets."""
    sets = _Sets(wanted)
    limit, skip = page(wanted)
    begin = b'{"meta":' + _meta(wanted, limit) + b',\n"response":{"resultSets":['
    return tuple(
        replace(
            part,
            before=begin if part is parts[0] else b"",
            opening=sets.open(part.survey.dataset),
            closing=sets.close(part.survey.dataset, last=part is parts[-1]),
            lead=2,
            limit=limit,
            skip=skip,
            count=True,
            fetch=wanted.ask.granularity == "record" and wanted.ask.resultsets in {"HIT", "ALL"},
        )
        for part in parts
    )


FORMAT: Final = Format(
    name="json",
    words=("json",),
    media="application/json",
    accepts=("application/json",),
    extension="json",
    summary="Beacon v2 result sets; a page of `limit` records, `limit=0` for all",
    parts=_parts,
    entities=("variants", "biosamples"),
    paged=True,
    sets=True,
    attachment=False,
)
