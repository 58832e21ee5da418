"""The envelope of Beacon v2 answers: `meta` goes first, records as they come, counts after them.

So counts are true without counting first.  Result sets are a dataset each; collections (cohorts, datasets) are one
list; an error has an envelope, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from gateway.download_types import Ask, Part, Wanted
from gateway.errors import GatewayError
from gateway.formats.base import camel, dumps, plain
from gateway.rights import Granularity, greatest
from gateway.rows import Say, Tally

__all__ = [
    "API_VERSION",
    "collections",
    "end",
    "error",
    "fetched",
    "informational",
    "meta",
    "page",
    "result_sets",
    "schema_of",
    "shown",
]

API_VERSION: Final = "v2.1.0"
_SCHEMAS: Final = "https://progenetix.org/services/schemas/"
_NOTHING: Final[tuple[object, ...]] = (None, "", [], {}, ())


def error(failure: GatewayError, beacon_id: str, request_id: str) -> bytes:
    """The Beacon error response of a failure; the message names the parameter at fault."""
    named = failure.parameter is None or failure.parameter in failure.message
    message = failure.message if named else f"{failure.parameter}: {failure.message}"
    told = {**_meta_without_data(beacon_id, [], "boolean"), "info": {"requestId": request_id}}
    return dumps({"meta": told, "error": {"errorCode": failure.status, "errorMessage": message}})


def schema_of(kind: str) -> str:
    """The URL of the schema that records of a kind follow."""
    return f"{_SCHEMAS}{kind}/"


def informational(beacon_id: str, kind: str, schema: str, response: Mapping[str, Any]) -> bytes:
    """An answer about the Beacon itself, of a kind and in a schema of Beacon's framework."""
    schemas = [{"entityType": kind, "schema": schema}]
    return dumps({"meta": _meta_without_data(beacon_id, schemas, "record"), "response": response})


def _meta_without_data(beacon_id: str, schemas: list[dict[str, str]], granularity: Granularity) -> dict[str, Any]:
    """What is said of a request before an answer that holds no data."""
    return {
        "apiVersion": API_VERSION,
        "beaconId": beacon_id,
        "receivedRequestSummary": {
            "apiVersion": API_VERSION,
            "requestedSchemas": schemas,
            "pagination": {"skip": 0, "limit": 0},
            "requestedGranularity": "record",
        },
        "returnedGranularity": granularity,
        "returnedSchemas": schemas,
    }


def meta(wanted: Wanted, kind: str, *, limit: int, said: Mapping[str, Any] | None = None) -> bytes:
    """What is said of a request before its records, which are of a `kind`; `said` is for its summary."""
    ask = wanted.ask
    warnings = [warning for _, selection in wanted.datasets for warning in selection.warnings]
    warnings += [warning for group in wanted.groups for warning in group.selection.warnings]
    schemas = [{"entityType": kind, "schema": schema_of(kind)}]
    summary = {
        "apiVersion": API_VERSION,
        "requestedSchemas": schemas,
        "datasetIds": [selection.dataset for _, selection in wanted.datasets],
        "filters": [term.asked for term in ask.filters],
        "requestParameters": _parameters(ask),
        "pagination": {"skip": ask.skip, "limit": limit},
        "requestedGranularity": ask.granularity,
        "includeResultsetResponses": ask.resultsets,
        "testMode": ask.test_mode,
    }
    return dumps(
        {
            "apiVersion": API_VERSION,
            "beaconId": wanted.beacon_id,
            "receivedRequestSummary": {**summary, **(said or {})},
            "returnedGranularity": greatest(wanted.granularity(name) for name in _datasets(wanted)),
            "returnedSchemas": schemas,
            "testMode": ask.test_mode,
            "info": {"warnings": list(dict.fromkeys([*ask.warnings, *warnings]))},
        }
    )


def _datasets(wanted: Wanted) -> list[str]:
    return [selection.dataset for _, selection in wanted.datasets]


def _filled(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value not in _NOTHING}


def _parameters(ask: Ask) -> dict[str, Any]:
    """The parameters of a request by entity, each an object, as Beacon's schema wants them."""
    named = (
        ("dataset", "datasetIds", ask.datasets),
        ("biosample", "biosampleIds", ask.biosample_ids),
        ("individual", "individualIds", ask.individual_ids),
        ("analysis", "analysisIds", ask.analysis_ids),
        ("cohort", "cohortIds", ask.cohort_ids),
    )
    found: dict[str, Any] = {entity: _filled({name: list(ids)}) for entity, name, ids in named}
    queries = [
        plain({name: list(v) if isinstance(v := getattr(query, name), tuple) else v for name in query.__slots__}, camel)
        for query in ask.variants
    ]
    several = {"variantMultiPars": [_filled(query) for query in queries]} if len(queries) > 1 else {}
    one = queries[0] if len(queries) == 1 else {}
    found["handover"] = _filled({"accessid": ask.access_id})
    found["g_variant"] = _filled({**one, **several, "variantIds": list(ask.variant_ids)})
    return _filled(found)


def page(wanted: Wanted) -> tuple[int, int]:
    """How many records are wanted (0: all), and how many are skipped before them."""
    limit = wanted.page_limit if wanted.ask.limit is None else wanted.ask.limit
    return limit, wanted.ask.skip * limit


def shown(wanted: Wanted, dataset: str) -> bool:
    """Whether a dataset's records are in the response: below their granularity not even an empty list of them is."""
    return wanted.granularity(dataset) == "record"


def fetched(wanted: Wanted, dataset: str) -> bool:
    """Whether records are to be in the result set of a dataset."""
    return shown(wanted, dataset) and wanted.ask.resultsets in {"HIT", "ALL"}


def end(wanted: Wanted, total: int, *, exists: bool | None = None, lower: bool = False) -> bytes:
    """What follows the last of all records: how many there are, or are at least; and whether, if that is more."""
    summary: dict[str, Any] = {"exists": total > 0 if exists is None else exists}
    counted = any(wanted.granularity(name) != "boolean" for name in _datasets(wanted))
    if counted:
        summary["numTotalResults"] = total
    said = b""
    if lower and counted:
        said = b',\n"info":' + dumps({"numTotalResultsIsLowerBound": True})
    return b'},\n"responseSummary":' + dumps(summary) + said + b"}\n"


def _end(wanted: Wanted, tallies: Sequence[Tally]) -> bytes:
    """The same of result sets.  Of a dataset that says only whether there is anything, nothing is counted."""
    counted = [
        tally for name, tally in zip(_datasets(wanted), tallies, strict=True) if wanted.granularity(name) != "boolean"
    ]
    return end(
        wanted,
        sum(tally.total or 0 for tally in counted),
        exists=any(tally.total for tally in tallies),
        lower=len(counted) < len(tallies) or any(tally.lower for tally in counted),
    )


class _Around(Protocol):
    """What stands around the records of datasets."""

    begin: bytes

    def open(self, dataset: str) -> Say: ...

    def close(self, dataset: str, *, last: bool) -> Say: ...


class _Sets:
    """The result sets of a response: what to say before and after each one's rows."""

    begin = b'"resultSets":['

    def __init__(self, wanted: Wanted, kind: str) -> None:
        self.wanted = wanted
        self.kind = kind

    def _shown(self, tally: Tally) -> bool:
        """Whether a set with these counts is in the response."""
        hit = bool(tally.total)
        return {"HIT": hit, "MISS": not hit, "ALL": True, "NONE": False}[self.wanted.ask.resultsets]

    def open(self, dataset: str) -> Say:
        def say(tallies: Sequence[Tally]) -> bytes:
            separator = b"," if any(self._shown(tally) for tally in tallies[:-1]) else b""
            head = {"id": dataset, "setType": "dataset", "responseEntityId": self.kind}
            return separator + dumps(head)[:-1] + (b',"results":[\n' if shown(self.wanted, dataset) else b",")

        return say

    def close(self, dataset: str, *, last: bool) -> Say:
        def say(tallies: Sequence[Tally]) -> bytes:
            tally = tallies[-1]
            said = b""
            if tally.rows or self._shown(tally):
                said = b"" if tally.rows else self.open(dataset)(tallies)
                said += (b"\n]," if shown(self.wanted, dataset) else b"") + self._summary(dataset, tally)
            return said + (b"]" + _end(self.wanted, tallies) if last else b"")

        return say

    def _summary(self, dataset: str, tally: Tally) -> bytes:
        total = tally.total or 0
        counted = self.wanted.granularity(dataset) != "boolean"
        summary: dict[str, Any] = {"exists": total > 0}
        if counted:
            summary["resultsCount"] = total
        if total and dataset not in self.wanted.levels:  # where downloads would be refused
            summary["resultsHandovers"] = _handovers(self.wanted, dataset)
        warnings = []
        if fetched(self.wanted, dataset) and tally.rows < total and not self.wanted.ask.test_mode:
            of = f"at least {total}" if tally.lower else total
            warnings.append(f"{tally.rows} of {of} records are here: limit and skip lead to the others, limit=0 to all")
        lower = tally.lower and counted
        if lower:
            warnings.append("there was no time to count all that match: the number is a lower bound; ask again for it")
        if warnings:
            summary["info"] = {**({"resultsCountIsLowerBound": True} if lower else {}), "warnings": warnings}
        return dumps(summary)[1:]


def _handovers(wanted: Wanted, dataset: str) -> list[dict[str, Any]]:
    """Where the same query leads to a download of a dataset, in each format that it has."""
    if not wanted.ask.handovers or wanted.ask.selects_everything or not wanted.address:
        return []
    url = f"{wanted.base}{wanted.address}{'&' if '?' in wanted.address else '?'}datasetIds={dataset}"
    return [
        {
            "handoverType": {"id": each["id"], "label": each["label"]},
            "info": {"contentId": each["content"]},
            "note": each["note"],
            "url": f"{wanted.base}/htsget/variants/{dataset}/{each['path']}"
            if "path" in each
            else f"{url}&{each['query']}",
        }
        for each in wanted.downloads
    ]


class _Collections:
    """One list of collections, whatever dataset they are of."""

    begin = b""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._shown = any(shown(wanted, name) for name in _datasets(wanted))
        self.begin = b'"collections":[\n' if self._shown else b""

    def open(self, _: str) -> Say:
        return lambda tallies: b",\n" if any(tally.rows for tally in tallies[:-1]) else b""

    def close(self, _: str, *, last: bool) -> Say:
        closing = b"\n]" if self._shown else b""
        return lambda tallies: closing + _end(self.wanted, tallies) if last else b""


def _around(wanted: Wanted, kind: str, around: _Around, parts: Sequence[Part]) -> tuple[Part, ...]:
    limit, skip = page(wanted)
    begin = b'{"meta":' + meta(wanted, kind, limit=limit) + b',\n"response":{' + around.begin
    return tuple(
        replace(
            part,
            before=begin if part is parts[0] else b"",
            opening=around.open(name),
            closing=around.close(name, last=part is parts[-1]),
            lead=2,
            limit=limit,
            skip=skip,
            count=True,
            fetch=fetched(wanted, name),
            enough=1 if wanted.granularity(name) == "boolean" else 0,
        )
        for part in parts
        for name in (part.dataset_state.dataset,)
    )


def result_sets(wanted: Wanted, kind: str, parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts, one a dataset, whose rows begin with a comma and a line's end, in the envelope of result sets."""
    return _around(wanted, kind, _Sets(wanted, kind), parts)


def collections(wanted: Wanted, kind: str, parts: Sequence[Part]) -> tuple[Part, ...]:
    """The same, in the envelope of collections."""
    found = _around(wanted, kind, _Collections(wanted), parts)
    return tuple(replace(part, fetch=shown(wanted, part.dataset_state.dataset)) for part in found)
