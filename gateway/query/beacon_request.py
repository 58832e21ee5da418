"""Requests: a path, a query string and a Beacon v2 request body become an `Ask`.

Whatever comes in, out comes an `Ask` or a `GatewayError` that names the parameter at fault.  Equal requests become
equal values: names in camelCase or snake_case, lists repeated or comma separated, in any order.  A parameter that
would narrow the query and is not supported is an error, because ignoring it would widen a download silently; any other
unknown parameter is ignored with a warning, as Beacons do.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal, cast

from gateway.bins.maps import BINNINGS, DEFAULT
from gateway.download_types import Ask, FilterTerm, VariantAsk
from gateway.errors import BadRequest, Unsupported
from gateway.ids import NOTHING, flaw
from gateway.plots.parameters import OWN
from gateway.query import Words, filters, handovers, plots, scalar, shown, single, variants, whole
from gateway.query.parameters import CODE_MATCHES, NO_FORMATS, NUMBERS, normal, parameter
from gateway.query.routes import RECORDS, Route, Routes

__all__ = ["parse_request"]

# Ids of one parameter: a POST body of 1 MiB holds about this many ids of Progenetix.
_MAX_IDS: Final = 50_000
# Filters of one request: more than a URL of 8 kB holds; each may stand for thousands of codes.
_MAX_FILTERS: Final = 500
# Variant queries of one request: each is a query of its own on the largest collection.
_MAX_VARIANT_QUERIES: Final = 50
_MAX_WARNINGS: Final = 20
_TESTS: Final = 5
# Columns of one request: more than any table has.
_MAX_NAMES: Final = 100

# Keys of a request body that are not parameters: those that hold parameters, and the one that holds none of ours.
_LAYERS = frozenset(("query", "requestparameters", "pagination"))
_MULTI = "variantMultiPars"
# What Progenetix's own pages send for nothing.
_NOT_VALUES = NOTHING | {""}
# Parameters whose value is one text, whatever is in it: neither cut at commas, nor are blanks taken off.
_WHOLE_TEXTS = frozenset(("plotPars", "output", "method", "accessid", *NUMBERS, *(each.name for each in OWN)))
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
        known = parameter(name)
        if known is None:
            self.unknown.add(shown(name))
        elif known.use != "silent":
            words = _words(known.name, value)
            if words and known.use == "narrows":
                why = f"{known.name} is not supported, and ignoring it would widen the result"
                raise Unsupported(why, parameter=known.name)
            if words:
                self.words.setdefault(known.name, []).extend(words)


def _words(name: str, value: object) -> list[str]:
    texts = (scalar(name, item) for item in (value if isinstance(value, list) else [value]))
    given = [text for text in texts if text is not None]
    words = given if name in _WHOLE_TEXTS else [word.strip() for text in given for word in text.split(",")]
    return [word for word in words if word.lower() not in _NOT_VALUES or (name, word.lower()) == _NONE_IS_A_VALUE]


def _from_query(pairs: Iterable[tuple[str, str]]) -> _Gathered:
    gathered = _Gathered()
    for name, value in pairs:
        if normal(name) == normal(_MULTI):
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
            plain = normal(name)
            if plain == normal(_MULTI):
                gathered.multi.extend(_multi(value, gathered.unknown))
            elif plain in ("filters", "filter"):
                gathered.filter_items.extend(_items(value))
            elif isinstance(value, dict) and parameter(name) is None:
                layers.append(value)
            elif plain not in _LAYERS:
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
            known = parameter(name)
            if known and known.use == "request":
                raise BadRequest(f"{_MULTI}: {known.name} is no variant parameter", parameter=_MULTI)
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

_OUTPUT = re.compile(r"[a-z0-9][a-z0-9.+/_-]{0,63}")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")

_BOOLEANS: Final = {"true": "true", "1": "true", "yes": "true", "false": "false", "0": "false", "no": "false"}
# A Beacon that does not aggregate answers with the next lower granularity.
_GRANULARITIES: Final = {"record": "record", "count": "count", "aggregated": "count", "boolean": "boolean"}
_RESULTSETS: Final = {word.lower(): word for word in ("HIT", "MISS", "ALL", "NONE")}
_ORDERS: Final = {"position": "position", "true": "position", "false": ""}
_LOGICS: Final = {"and": "AND", "or": "OR"}
_Order = Literal["", "position"]
_Granularity = Literal["record", "count", "boolean"]
_Resultsets = Literal["HIT", "MISS", "ALL", "NONE"]


def _choice(words: Words, name: str, choices: Mapping[str, str], default: str) -> str:
    text = single({name: [word.lower() for word in words.get(name, ())]}, name)
    if text is not None and text not in choices:
        raise BadRequest(f"{name}: '{shown(text)}' is none of {', '.join(choices)}", parameter=name)
    return choices[text] if text is not None else default


def _boolean(words: Words, name: str, *, default: bool) -> bool:
    return _choice(words, name, _BOOLEANS, "true" if default else "false") == "true"


def _descendants(words: Words) -> bool:
    """Whether codes stand for those below them, too."""
    asked = _boolean(words, "includeDescendantTerms", default=True)
    methods = (word.lower() for name in ("output", "method") for word in words.get(name, ()))
    return asked and CODE_MATCHES not in methods


def _ids(words: Words, name: str) -> tuple[str, ...]:
    ids = set(words.get(name, ()))
    if len(ids) > _MAX_IDS:
        raise BadRequest(f"{name} holds more than {_MAX_IDS} ids", parameter=name)
    for text in ids:
        if why := flaw(text):
            raise BadRequest(f"{name}: '{shown(text)}' is not an id: {why}", parameter=name)
    return tuple(sorted(ids))


def _names(words: Words, name: str, *, most: int) -> tuple[str, ...]:
    """Names of fields or columns, as they stand in tables of formats; the format knows which there are."""
    found = tuple(dict.fromkeys(word.lower() for word in words.get(name, ())))
    if len(found) > most:
        raise BadRequest(f"{name} takes {most} at most", parameter=name)
    for text in found:
        if not _NAME.fullmatch(text):
            raise BadRequest(f"{name}: '{shown(text)}' is not the name of a field", parameter=name)
    return tuple(sorted(found))


def _access_id(words: Words) -> str:
    """The id of a handover, empty where there is none."""
    text = single(words, handovers.PARAMETER)
    return "" if text is None else handovers.checked_id(text)


def _output(words: Words) -> str | None:
    """The word given by `output` or `method`; spelled alike, they may both be given."""
    found: dict[str, str] = {}
    for name in ("output", "method"):
        lowered = [word.lower() for word in words.get(name, ())]
        word = single({name: ["jsonl" if w == "ndjson" else w for w in lowered if w not in NO_FORMATS]}, name)
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
    return tuple(dict.fromkeys(filters.from_body(item, descendants=descendants) for item in items))


def _in_order(terms: Iterable[FilterTerm]) -> tuple[FilterTerm, ...]:
    return tuple(sorted(terms, key=lambda t: (t.text, t.excluded, t.descendants)))


# The parameter that names a kind of records, and what is of no such kind.
_KIND: Final = "responseEntityPathId"
_NO_RECORDS: Final = ("frequencies", "collations")
# The parameter that says which of such an entity are meant.
_SELECTS: Final = {"frequencies": "filters", "collations": "filters"}


def _in_path(name: str, text: str, query: _Gathered) -> Words:
    """The ids of a path; filters are added to those of the query string."""
    named = _words(name, text)
    if not named:
        raise BadRequest(f"{name}: the path names none", parameter=name)
    if name != "filters":
        return {name: named}
    query.filter_items.extend(named)
    return {}


def _prefixes(query: _Gathered, body: _Gathered) -> tuple[str, ...]:
    """What the ids of collations begin with."""
    found = {item for item in (*query.filter_items, *body.filter_items) if isinstance(item, str)}
    if len(found) > _MAX_FILTERS:
        raise BadRequest(f"filters holds more than {_MAX_FILTERS}", parameter="filters")
    return _ids({"filters": sorted(found)}, "filters")


def _both_filters(query: _Gathered, body: _Gathered, route: Route, *, descendants: bool) -> tuple[FilterTerm, ...]:
    """The filters on samples; those of collations are `_prefixes`."""
    if route.entity == "collations":
        return ()
    first = _filters(query.filter_items, descendants=descendants)
    second = _filters(body.filter_items, descendants=descendants)
    if first and second and {*first} != {*second}:
        raise BadRequest("filters differ between query string and body", parameter="filters")
    # Where each is a group of its own, groups stand in the order that they are asked for in: clients count on it.
    return (first or second) if route.each else _in_order(first or second)


def _variants(several: list[Words]) -> tuple[VariantAsk, ...]:
    found = {query for words in several for one in _genes(words) if (query := variants.read(one))}
    return tuple(sorted(found, key=lambda query: (repr(query), query.gene or "")))


def _genes(words: Words) -> list[Words]:
    """The same for each of several genes: a sample is to have a variant in all of them."""
    genes = dict.fromkeys(words.get("geneId", ()))
    if len(genes) > _MAX_VARIANT_QUERIES:
        raise BadRequest(f"geneId names more than {_MAX_VARIANT_QUERIES} genes", parameter="geneId")
    return [{**words, "geneId": [gene]} for gene in genes] or [words]


def _refuse_unsupported(words: Words) -> None:
    if _choice(words, "filterPrecision", {"exact": "exact", "start": "start"}, "exact") == "start":
        raise Unsupported("filterPrecision: only 'exact' is supported", parameter="filterPrecision")


def _wanted_output(words: Words, route: Route) -> str | None:
    word = _output(words)
    return plots.named(words, route, word) or route.wanted(word)


def _of_kind(route: Route, words: Words) -> Route:
    """The same route for the kind of records that a parameter names, as pgxRpi and the pages of Progenetix do."""
    word = single({_KIND: [RECORDS.get(normal(word), word) for word in words.get(_KIND, ())]}, _KIND)
    if word is None or route.entity in _NO_RECORDS:
        return route
    if word not in RECORDS:
        kinds = ", ".join(dict.fromkeys(RECORDS.values()))
        raise Unsupported(f"{_KIND}: '{shown(word)}' is none of {kinds}", parameter=_KIND)
    return replace(route, entity=RECORDS[word])


def _number(words: Words, name: str) -> int | None:
    """The number that a parameter gives, None where it is not given."""
    text = single(words, name)
    return None if text is None else whole(name, text, *NUMBERS[name])


def _settled(ask: Ask, words: Words) -> Ask:
    """The same as it is to be answered: in test mode, or unless it asks what would have to be ignored."""
    tests = _number(words, "testModeCount") or _TESTS
    return _test(ask, tests) if _boolean(words, "testMode", default=False) else _checked(ask)


def _test(ask: Ask, count: int) -> Ask:
    """The same in test mode: the first few records of the entity; the query is put aside."""
    bare = Ask(entity=ask.entity, output=ask.output, datasets=ask.datasets, warnings=ask.warnings)
    kept = replace(bare, granularity=ask.granularity, resultsets=ask.resultsets)
    return replace(kept, limit=count, handovers=False, all_data=True, test_mode=True)


def _checked(ask: Ask) -> Ask:
    """The same, unless something is asked that would have to be ignored."""
    if ask.entity == "collations" and ask.access_id:
        raise BadRequest(f"{handovers.PARAMETER}: a handover holds no collations", parameter=handovers.PARAMETER)
    if ask.entity in ("cohorts", "datasets"):
        given = {
            "filters": ask.filters,
            "biosampleIds": ask.biosample_ids,
            "individualIds": ask.individual_ids,
            "analysisIds": ask.analysis_ids,
            "variantIds": ask.variant_ids,
            "cohortIds": ask.cohort_ids if ask.entity == "datasets" else (),
            handovers.PARAMETER: ask.access_id,
            "geneId" if any(query.gene for query in ask.variants) else "referenceName": ask.variants,
        }
        for name, value in given.items():
            if value:
                raise Unsupported(f"{name}: {ask.entity} are selected by their own ids alone", parameter=name)
    return ask


def _warnings(unknown: set[str]) -> tuple[str, ...]:
    told = [f"unknown parameter ignored: {name}" for name in sorted(unknown)]
    if len(told) > _MAX_WARNINGS:
        told[_MAX_WARNINGS - 1 :] = [f"{len(told) - _MAX_WARNINGS + 1} more unknown parameters ignored"]
    return tuple(told)


# --- the request -----------------------------------------------------------------------------------------------------


def parse_request(path: str, query: Iterable[tuple[str, str]], body: object | None = None, *, routes: Routes) -> Ask:
    """Read a request: its path as its URL spells it, the pairs of its query string, its body's JSON if it has one."""
    route, path_ids = routes.find(path)
    if "filters" in (route.ids, _SELECTS.get(route.entity)):  # there, as in 2021, `id` is the id of a filter
        query = [("filters" if normal(name) in ("id", "ids") else name, value) for name, value in query]
    from_query, from_body = _from_query(query), _from_body(body)
    words = _agreed(from_query.words, from_body.words)
    if route.ids and path_ids is not None:
        words = _agreed(_in_path(route.ids, path_ids, from_query), words)
    _refuse_unsupported(words)
    route = _of_kind(route, words)
    descendants = _descendants(words)
    ask = Ask(
        entity=route.entity,
        output=_wanted_output(words, route),
        datasets=_ids(words, "datasetIds"),
        filters=_both_filters(from_query, from_body, route, descendants=descendants),
        logic=cast("Literal['AND', 'OR']", _choice(words, "filterLogic", _LOGICS, "AND")),
        biosample_ids=_ids(words, "biosampleIds"),
        individual_ids=_ids(words, "individualIds"),
        analysis_ids=_ids(words, "analysisIds"),
        variant_ids=_ids(words, "variantIds"),
        cohort_ids=_ids(words, "cohortIds"),
        access_id=_access_id(words),
        variants=_variants([words, *from_body.multi]),
        limit=_number(words, "limit"),
        skip=_number(words, "skip") or 0,
        order=cast("_Order", _choice(words, "sorted", _ORDERS, "")),
        granularity=cast("_Granularity", _choice(words, "requestedGranularity", _GRANULARITIES, "record")),
        resultsets=cast("_Resultsets", _choice(words, "includeResultsetResponses", _RESULTSETS, "HIT")),
        handovers=_boolean(words, "includeHandovers", default=True),
        all_data=_boolean(words, "allData", default=False),
        binning=_choice(words, "genomeBinning", {name.lower(): name for name in BINNINGS}, DEFAULT),
        each=route.each,
        min_number=_number(words, "minNumber") or 0,
        prefixes=_prefixes(from_query, from_body) if route.entity == "collations" else (),
        collation_types=_ids(words, "collationTypes") if route.entity == "collations" else (),
        matched=route.entity == "collations" and not descendants,
        group_by=next(iter(_names(words, "groupBy", most=1)), None),
        plot_pars=plots.pairs(words),
        plot=plots.own(words),
        delivery_keys=_names(words, "deliveryKeys", most=_MAX_NAMES),
        warnings=_warnings(from_query.unknown | from_body.unknown),
    )
    return _settled(ask, words)
