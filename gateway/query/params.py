"""Requests: a path, a query string and a Beacon v2 request body become an `Ask`.

Whatever comes in, out comes an `Ask` or a `GatewayError` that names the parameter at fault.  Equal requests become
equal values: names in camelCase or snake_case, lists repeated or comma separated, in any order.  A parameter that
would narrow the query and is not supported is an error, because ignoring it would widen a download silently; any other
unknown parameter is ignored with a warning, as Beacons do.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

from gateway.bins.maps import BINNINGS, DEFAULT
from gateway.errors import BadRequest
from gateway.model import Ask, FilterTerm, VariantAsk
from gateway.query import Words, filters, scalar, shown, single, variants, whole
from gateway.query.routes import ROUTES, Route, find, served

__all__ = ["PARAMETERS", "ROUTES", "Parameter", "Route", "deliver", "read"]

# Ids of one parameter: a POST body of 1 MiB holds about this many ids of Progenetix.
_MAX_IDS: Final = 50_000
# Filters of one request: more than a URL of 8 kB holds; each may stand for thousands of codes.
_MAX_FILTERS: Final = 500
# Variant queries of one request: each is a query of its own on the largest collection.
_MAX_VARIANT_QUERIES: Final = 50
_MAX_WARNINGS: Final = 20

# --- the table of parameters -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its canonical name, its other names, and what becomes of it.

    `narrows` marks what Beacons know and the gateway does not yet offer: refused.  `silent` is ignored without a word.
    """

    name: str
    use: Literal["request", "variant", "narrows", "silent"]
    aliases: tuple[str, ...] = ()


PARAMETERS: Final[tuple[Parameter, ...]] = (
    Parameter("datasetIds", "request", ("datasetId",)),
    Parameter("filters", "request", ("filter",)),
    Parameter("filterLogic", "request"),
    Parameter("filterPrecision", "request"),
    Parameter("includeDescendantTerms", "request"),
    Parameter("biosampleIds", "request", ("biosampleId", "sampleIds", "sampleId")),
    Parameter("individualIds", "request", ("individualId",)),
    Parameter("analysisIds", "request", ("analysisId", "callsetIds", "callsetId")),
    Parameter("variantIds", "request", ("variantId",)),
    Parameter("limit", "request"),
    Parameter("skip", "request"),
    Parameter("output", "request"),
    Parameter("method", "request"),
    Parameter("requestedGranularity", "request"),
    Parameter("includeResultsetResponses", "request", ("includeDatasetResponses",)),
    Parameter("includeHandovers", "request"),
    Parameter("allData", "request"),
    Parameter("testMode", "request"),
    Parameter("genomeBinning", "request"),
    Parameter("minNumber", "request"),
    Parameter("referenceName", "variant", ("referenceAccession",)),
    Parameter("start", "variant"),
    Parameter("end", "variant"),
    Parameter("variantType", "variant", ("copyChange",)),
    Parameter("referenceBases", "variant"),
    Parameter("alternateBases", "variant"),
    Parameter("variantMinLength", "variant", ("varMinLength",)),
    Parameter("variantMaxLength", "variant", ("varMaxLength",)),
    Parameter("assemblyId", "variant"),
    Parameter("variantInternalId", "variant", ("digest",)),
    Parameter("mateName", "variant"),
    Parameter("mateStart", "variant"),
    Parameter("mateEnd", "variant"),
    Parameter("geneId", "narrows", ("geneIds", "geneSymbol", "geneSymbols")),
    Parameter("cytoBands", "narrows", ("cytoBand",)),
    Parameter("aminoacidChange", "narrows", ("aminoacidChanges",)),
    Parameter("genomicAlleleShortForm", "narrows"),
    Parameter("variantQueryDigests", "narrows", ("variantQueryDigest",)),
    Parameter("vrsType", "narrows"),
    Parameter("sequenceLength", "narrows"),
    Parameter("breakpointRange", "narrows"),
    Parameter("adjacencyAccession", "narrows"),
    Parameter("adjacencyRange", "narrows"),
    Parameter("accessid", "narrows"),
    Parameter("id", "narrows", ("ids",)),
    Parameter("cohortIds", "narrows", ("cohortId",)),
    Parameter("runIds", "narrows", ("runId",)),
    Parameter("city", "narrows"),
    Parameter("country", "narrows"),
    Parameter("iso3166alpha2", "narrows"),
    Parameter("iso3166alpha3", "narrows"),
    Parameter("geoLatitude", "narrows"),
    Parameter("geoLongitude", "narrows"),
    Parameter("geoDistance", "narrows"),
    Parameter("requestedSchemas", "silent", ("requestedSchema",)),
    Parameter("apiVersion", "silent"),
    Parameter("debug", "silent", ("debugMode",)),
    Parameter("testModeCount", "silent"),
    Parameter("ticket", "silent"),
)


def _normal(name: str) -> str:
    return re.sub("[_-]", "", name).lower()


_PARAMETERS = {_normal(name): p for p in PARAMETERS for name in (p.name, *p.aliases)}

# Keys of a request body that are not parameters: those that hold parameters, and the one that holds none of ours.
_LAYERS = frozenset(("query", "requestparameters", "pagination"))
_MULTI = "variantMultiPars"
# What Progenetix's own pages send for nothing.
_NOT_VALUES = frozenset(("", "none", "null", "undefined"))
_NONE_IS_A_VALUE = ("includeResultsetResponses", "none")

# --- gathering words -------------------------------------------------------------------------------------------------


class _Gathered:
    """The values of one source, the query string or the body, by canonical name; and what it held besides."""

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {}
        self.filter_items: list[object] = []
        self.multi: list[Words] = []
        self.unknown: set[str] = set()

    def add(self, name: str, value: object) -> None:
        """Take a parameter in, whatever it is."""
        parameter = _PARAMETERS.get(_normal(name))
        if parameter is None:
            self.unknown.add(shown(name))
        elif parameter.use != "silent":
            words = _words(parameter.name, value)
            if words and parameter.use == "narrows":
                why = f"{parameter.name} is not supported, and ignoring it would widen the result"
                raise BadRequest(why, parameter=parameter.name)
            if words:
                self.words.setdefault(parameter.name, []).extend(words)


def _words(name: str, value: object) -> list[str]:
    texts = (scalar(name, item) for item in (value if isinstance(value, list) else [value]))
    words = (word.strip() for text in texts if text is not None for word in text.split(","))
    return [word for word in words if word.lower() not in _NOT_VALUES or (name, word.lower()) == _NONE_IS_A_VALUE]


def _from_query(pairs: Iterable[tuple[str, str]]) -> _Gathered:
    gathered = _Gathered()
    for name, value in pairs:
        if _normal(name) == _normal(_MULTI):
            raise BadRequest(f"{_MULTI} belongs in the body of a POST request", parameter=_MULTI)
        gathered.add(name, value)
    gathered.filter_items.extend(gathered.words.pop("filters", ()))
    return gathered


def _from_body(body: object) -> _Gathered:
    """Take a Beacon v2 request apart: parameters stand in it at several depths, some under the name of an entity."""
    gathered = _Gathered()
    if body is None:
        return gathered
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object", parameter="body")
    layers = [{name: value for name, value in body.items() if name not in ("meta", "$schema")}]
    while layers:
        for name, value in layers.pop().items():
            normal = _normal(name)
            if normal == _normal(_MULTI):
                gathered.multi.extend(_multi(value, gathered.unknown))
            elif normal in ("filters", "filter"):
                gathered.filter_items.extend(_items(value))
            elif isinstance(value, dict) and normal not in _PARAMETERS:
                layers.append(value)
            elif normal not in _LAYERS:
                gathered.add(name, value)
            elif value is not None:
                raise BadRequest(f"{shown(name)} is not a JSON object", parameter=shown(name))
    return gathered


def _items(value: object) -> list[object]:
    """Filters of a body one by one; a text may hold several."""
    items = value if isinstance(value, list) else [value]
    texts = (_words("filters", item) if isinstance(item, str) else [item] for item in items if item is not None)
    return [item for several in texts for item in several]


def _multi(value: object, unknown: set[str]) -> list[Words]:
    queries = value if isinstance(value, list) else [value]
    if len(queries) > _MAX_VARIANT_QUERIES:
        raise BadRequest(f"{_MULTI} holds more than {_MAX_VARIANT_QUERIES} queries", parameter=_MULTI)
    several: list[Words] = []
    for query in queries:
        if not isinstance(query, dict):
            raise BadRequest(f"{_MULTI} is a list of objects", parameter=_MULTI)
        gathered = _Gathered()
        for name, item in query.items():
            parameter = _PARAMETERS.get(_normal(name))
            if parameter and parameter.use == "request":
                raise BadRequest(f"{_MULTI}: {parameter.name} is no variant parameter", parameter=_MULTI)
            gathered.add(name, item)
        unknown.update(gathered.unknown)
        several.append(gathered.words)
    return several


def _agreed(query: Words, body: Words) -> dict[str, list[str]]:
    """The values of both sources; what both give must be the same."""
    for name in query.keys() & body.keys():
        if set(query[name]) != set(body[name]):
            raise BadRequest(f"{name} differs between query string and body", parameter=name)
    return {name: list(values) for name, values in {**query, **body}.items()}


# --- reading values --------------------------------------------------------------------------------------------------

# Ids begin with a letter or a digit, of any script; no blanks, quotes, `$` or control characters.
_ID = re.compile(r"\w[\w.:~+@-]{0,127}")
_OUTPUT = re.compile(r"[a-z0-9][a-z0-9.+/_-]{0,63}")

_BOOLEANS: Final = {"true": "true", "1": "true", "yes": "true", "false": "false", "0": "false", "no": "false"}
# A Beacon that does not aggregate answers with the next lower granularity.
_GRANULARITIES: Final = {"record": "record", "count": "count", "aggregated": "count", "boolean": "boolean"}
_RESULTSETS: Final = {word.lower(): word for word in ("HIT", "MISS", "ALL", "NONE")}
_LOGICS: Final = {"and": "AND", "or": "OR"}

# Values of `method` of 2021 that chose fields, not formats; Progenetix ignored them in the end.
_NO_FORMATS: Final = frozenset(
    (
        *("details", "ids", "compact", "digests", "biocharacteristics", "callsetstats"),
        *("children", "paths", "counts", "codematches", "codes"),  # of collations
    )
)


def _choice(words: Words, name: str, choices: Mapping[str, str], default: str) -> str:
    text = single({name: [word.lower() for word in words.get(name, ())]}, name)
    if text is not None and text not in choices:
        raise BadRequest(f"{name}: '{shown(text)}' is none of {', '.join(choices)}", parameter=name)
    return choices[text] if text is not None else default


def _boolean(words: Words, name: str, *, default: bool) -> bool:
    return _choice(words, name, _BOOLEANS, "true" if default else "false") == "true"


def _ids(words: Words, name: str) -> tuple[str, ...]:
    ids = set(words.get(name, ()))
    if len(ids) > _MAX_IDS:
        raise BadRequest(f"{name} holds more than {_MAX_IDS} ids", parameter=name)
    for text in ids:
        if not _ID.fullmatch(text):
            raise BadRequest(f"{name}: '{shown(text)}' is not an id", parameter=name)
    return tuple(sorted(ids))


def _output(words: Words) -> str | None:
    """The word given by `output` or `method`; spelled alike, they may both be given."""
    found: dict[str, str] = {}
    for name in ("output", "method"):
        lowered = [word.lower() for word in words.get(name, ())]
        word = single({name: ["jsonl" if w == "ndjson" else w for w in lowered if w not in _NO_FORMATS]}, name)
        if word is not None and not _OUTPUT.fullmatch(word):
            raise BadRequest(f"{name}: '{shown(word)}' is not the name of an output", parameter=name)
        if word is not None:
            found[word] = name
    if len(found) > 1:
        raise BadRequest("output and method differ", parameter="output")
    return next(iter(found), None)


def _filters(items: list[object], *, descendants: bool) -> tuple[FilterTerm, ...]:
    if len(items) > _MAX_FILTERS:
        raise BadRequest(f"filters holds more than {_MAX_FILTERS}", parameter="filters")
    terms = {filters.from_body(item, descendants=descendants) for item in items}
    return tuple(sorted(terms, key=lambda t: (t.text, t.excluded, t.descendants)))


def _prefixes(query: _Gathered, body: _Gathered) -> tuple[str, ...]:
    """What the ids of collations begin with; here `filters` select collations, not samples."""
    found = {item for item in (*query.filter_items, *body.filter_items) if isinstance(item, str)}
    query.filter_items, body.filter_items = [], []
    if len(found) > _MAX_FILTERS:
        raise BadRequest(f"filters holds more than {_MAX_FILTERS}", parameter="filters")
    return _ids({"filters": sorted(found)}, "filters")


def _both_filters(query: _Gathered, body: _Gathered, *, descendants: bool) -> tuple[FilterTerm, ...]:
    first = _filters(query.filter_items, descendants=descendants)
    second = _filters(body.filter_items, descendants=descendants)
    if first and second and first != second:
        raise BadRequest("filters differ between query string and body", parameter="filters")
    return first or second


def _variants(several: list[Words]) -> tuple[VariantAsk, ...]:
    return tuple(sorted({query for words in several if (query := variants.read(words))}, key=repr))


def _refuse_unsupported(words: Words) -> None:
    if _boolean(words, "testMode", default=False):
        raise BadRequest("testMode is not supported, and ignoring it would widen the result", parameter="testMode")
    if _choice(words, "filterPrecision", {"exact": "exact", "start": "start"}, "exact") == "start":
        raise BadRequest("filterPrecision: only 'exact' is supported", parameter="filterPrecision")


def _warnings(unknown: set[str]) -> tuple[str, ...]:
    told = [f"unknown parameter ignored: {name}" for name in sorted(unknown)]
    if len(told) > _MAX_WARNINGS:
        told[_MAX_WARNINGS - 1 :] = [f"{len(told) - _MAX_WARNINGS + 1} more unknown parameters ignored"]
    return tuple(told)


# --- the request -----------------------------------------------------------------------------------------------------


def read(path: str, query: Iterable[tuple[str, str]], body: object | None = None) -> Ask:
    """Read a request: its decoded path, the pairs of its query string, and the JSON of its body, where it has one."""
    route, path_ids = find(path)
    if route.ids == "filters":  # there, as in 2021, `id` is the id of a filter
        query = [("filters" if _normal(name) in ("id", "ids") else name, value) for name, value in query]
    from_query, from_body = _from_query(query), _from_body(body)
    words = _agreed(from_query.words, from_body.words)
    if route.ids and path_ids is not None:
        words = _agreed(_in_path(route.ids, path_ids, from_query), words)
    prefixes = _prefixes(from_query, from_body) if route.entity == "collations" else ()
    _refuse_unsupported(words)
    limit, skip = single(words, "limit"), single(words, "skip")
    descendants = _boolean(words, "includeDescendantTerms", default=True)
    ask = Ask(
        entity=route.entity,
        datasets=_ids(words, "datasetIds"),
        filters=_both_filters(from_query, from_body, descendants=descendants),
        logic=cast("Literal['AND', 'OR']", _choice(words, "filterLogic", _LOGICS, "AND")),
        biosample_ids=_ids(words, "biosampleIds"),
        individual_ids=_ids(words, "individualIds"),
        analysis_ids=_ids(words, "analysisIds"),
        variant_ids=_ids(words, "variantIds"),
        variants=_variants([words, *from_body.multi]),
        limit=None if limit is None else whole("limit", limit),
        skip=whole("skip", skip or "0"),
        granularity=cast(
            "Literal['record', 'count', 'boolean']", _choice(words, "requestedGranularity", _GRANULARITIES, "record")
        ),
        resultsets=cast(
            "Literal['HIT', 'MISS', 'ALL', 'NONE']", _choice(words, "includeResultsetResponses", _RESULTSETS, "HIT")
        ),
        handovers=_boolean(words, "includeHandovers", default=True),
        all_data=_boolean(words, "allData", default=False),
        binning=_choice(words, "genomeBinning", {name.lower(): name for name in BINNINGS}, DEFAULT),
        each=route.each,
        min_number=whole("minNumber", single(words, "minNumber") or "0"),
        prefixes=prefixes,
        warnings=_warnings(from_query.unknown | from_body.unknown),
    )
    return deliver(ask, _output(words) or route.output)


def _in_path(name: str, text: str, query: _Gathered) -> Words:
    """The ids of a path; filters are added to those of the query string."""
    named = _words(name, text)
    if not named:
        raise BadRequest(f"{name}: the path names none", parameter=name)
    if name != "filters":
        return {name: named}
    query.filter_items.extend(named)
    return {}


def deliver(ask: Ask, output: str | None) -> Ask:
    """The same request, delivered as `output`: some outputs deliver other entities than the path names.

    The names of 2021 mean all variants of the matched samples, and so does pgxseg of biosamples.
    """
    entity, output = served(ask.entity, output)
    if output in {"callsetsvariants", "callsetspgxseg"}:
        return replace(ask, entity="variants", output="pgxseg", whole_samples=True)
    if entity != ask.entity or (output == "pgxseg" and entity != "variants"):
        entity = "variants" if output == "pgxseg" else entity
        return replace(ask, entity=entity, output=output, whole_samples=True)
    return replace(ask, output=output)
