"""From an `Ask` to a `Plan`: which format, which datasets, what it selects, and the digest that names the bytes."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from gateway import formats
from gateway.bins.maps import DEFAULT
from gateway.config import Config
from gateway.db.catalog import Catalog
from gateway.errors import BadRequest, NotAcceptable, NotFound
from gateway.formats import Format
from gateway.genome import STATES
from gateway.model import Ask, Collation, DatasetState, Plan, Selection, VariantAsk, Wanted
from gateway.planning.binning import complete
from gateway.query import filters
from gateway.query.selection import cohorts, collations, identities, select

__all__ = ["prepare"]

# Changes whenever the bytes, or the file name, of an unchanged request on unchanged data do.
_ENCODER: Final = "5"
_PACKED: Final = ".gz"
"""Behind the name of any format: the same as a gzip file."""
_NAMED: Final = frozenset(
    form.name
    for n, form in enumerate(formats.FORMATS)
    if any(form.extension == above.extension and {*form.entities} & {*above.entities} for above in formats.FORMATS[:n])
)
"""Formats that name themselves in file names, which would else be those of others: `wget -c` would join the two."""
_LONGEST_ADDRESS: Final = 8_000  # characters; longer ones are refused by many a proxy


async def prepare(ask: Ask, accept: str, base: str, *, config: Config, catalog: Catalog) -> Plan:
    """The plan of a request.  Raises BadRequest, NotAcceptable, NotFound, or what the database raises."""
    ask, form, packed = _chosen(ask, accept)
    names = ask.datasets or (config.datasets if ask.entity == "datasets" else config.datasets[:1])
    _check(ask, form, names, config)
    datasets: list[tuple[DatasetState, Selection]] = []
    collated: list[Mapping[str, Collation]] = []
    for dataset_state in await _dataset_states(ask, names, catalog):
        collated.append(await catalog.collations(dataset_state.dataset, filters.wanted(ask)))
        datasets.append((dataset_state, await _selection(ask, dataset_state, collated[-1], catalog)))
    wanted = Wanted(
        ask=ask,
        datasets=tuple(datasets),
        beacon_id=config.beacon_id,
        base=config.public_url or base,
        address=_address(ask),
        page_limit=config.page_limit,
        licence=config.licence,
        citation=config.citation,
        downloads=formats.downloads(ask.entity) if form.sets else (),
    )
    wanted = await complete(wanted, collated, catalog)
    selections = [*(found for _, found in datasets), *(group.selection for group in wanted.groups)]
    warnings = [*ask.warnings, *(warning for selection in selections for warning in selection.warnings)]
    return Plan(
        parts=form.parts(wanted),
        digest=_digest(wanted, form, packed=packed),
        media="application/gzip" if packed else form.media,
        filename=_filename(ask, names, form) + (_PACKED if packed else ""),
        attachment=form.attachment or packed,
        packing=form.packing if packed else "",
        warnings=tuple(dict.fromkeys(warnings)),
        expected=_expected(ask, datasets[0][0], collated[0]) if len(names) == 1 else {},
    )


async def _dataset_states(ask: Ask, names: tuple[str, ...], catalog: Catalog) -> list[DatasetState]:
    """What is known of these datasets; a list of all that are served passes over those that hold nothing."""
    found = []
    for name in names:
        try:
            found.append(await catalog.state(name))
        except NotFound:
            if ask.datasets or len(names) == 1:
                raise
    if not found:
        raise NotFound("no dataset here holds data", parameter="datasetIds")
    return found


async def _selection(
    ask: Ask, dataset_state: DatasetState, known: Mapping[str, Collation], catalog: Catalog
) -> Selection:
    if ask.entity == "collations":
        return collations(ask, dataset_state)
    if ask.entity == "cohorts":
        return cohorts(ask, dataset_state)
    asked = identities(ask)
    found = await asyncio.gather(*(catalog.unknown(dataset_state, place, name, ids) for _, place, name, ids in asked))
    return select(ask, dataset_state, known, {each[0]: tuple(ids) for each, ids in zip(asked, found, strict=True)})


def _expected(ask: Ask, dataset_state: DatasetState, known: Mapping[str, Collation]) -> dict[str, int]:
    """The numbers of samples and variants that an ask selects, where the dataset states them."""
    if ask.selects_everything:
        pairs = (("samples", "biosamples"), ("variants", "variants"))
        return {
            name: dataset_state.counts[collection] for name, collection in pairs if collection in dataset_state.counts
        }
    if len(ask.filters) != 1 or not replace(ask, filters=()).selects_everything:
        return {}
    (term,) = ask.filters
    found = list(known.values())
    if len(found) != 1 or found[0].count is None or term.excluded or not term.descendants:
        return {}
    return {"samples": found[0].count} if found[0].entity in {"biosample", "biosamples"} else {}


def _chosen(ask: Ask, accept: str) -> tuple[Ask, Format, bool]:
    """The format of a request, what it then asks for, and whether the file is to be packed."""
    word = ask.output or formats.by_accept(accept, ask.entity).name
    form = formats.by_word(word.removesuffix(_PACKED), ask.entity)
    plain = replace(ask, output=form.name)
    made = formats.delivered(form, ask.entity)
    if made is None:
        raise NotAcceptable(f"{form.name} does not hold {ask.entity}", parameter="output")
    if word.removesuffix(_PACKED) in form.whole or made != ask.entity:
        plain = replace(plain, entity=made, whole_samples=True)
    return plain, form, word.endswith(_PACKED)


def _check(ask: Ask, form: Format, names: tuple[str, ...], config: Config) -> None:
    for name in names:
        if name not in config.datasets:
            raise NotFound(f"no such dataset here; there are: {', '.join(config.datasets)}", parameter="datasetIds")
    if ask.test_mode and not form.records:
        raise BadRequest(f"a {form.name} file is of data; testMode is for JSON", parameter="testMode")
    if len(names) > 1 and not form.sets:
        raise BadRequest(f"a {form.name} file holds one dataset; ask for each alone", parameter="datasetIds")
    if ask.skip and not (ask.limit or (form.paged and ask.limit is None)):
        raise BadRequest("pages are skipped where limit says how long they are", parameter="skip")
    if ask.limit and not form.pages:
        raise BadRequest(f"a {form.name} file has no pages", parameter="limit")
    whole = (not form.paged or ask.limit == 0) and ask.entity not in {"collations", "cohorts", "datasets"}
    if whole and ask.selects_everything and not ask.all_data:
        raise BadRequest(
            "nothing narrows this download: name filters, ids or a variant query, "
            "or say allData=true to have the whole dataset",
            parameter="filters",
        )


def _digest(wanted: Wanted, form: Format, *, packed: bool) -> str:
    """A name for the bytes: of the request as understood, the data it is asked of, the format and the encoder."""
    ask = replace(wanted.ask, output=None, datasets=())
    data = [(dataset_state.dataset, dataset_state.version, selection) for dataset_state, selection in wanted.datasets]
    named: tuple[object, ...] = (wanted.licence, wanted.citation)
    if form.sets:
        named += (wanted.base, wanted.beacon_id, wanted.page_limit, wanted.downloads)
    named += (form.library, form.version) if form.library else ()
    if wanted.bins:
        groups = [(group.id, group.label, group.selection, group.stored) for group in wanted.groups]
        named += (wanted.bins.name, len(wanted.bins), wanted.maps, groups)
    return hashlib.sha256(repr((_ENCODER, form.name, packed, ask, data, named)).encode()).hexdigest()[:40]


def _filename(ask: Ask, names: tuple[str, ...], form: Format) -> str:
    """A telling name: dataset, what was asked for, extension; safe on every file system."""
    ids = (*ask.biosample_ids, *ask.individual_ids, *ask.analysis_ids, *ask.variant_ids, *ask.cohort_ids)
    words = [
        *names,
        *ask.prefixes,
        *ask.collation_types,
        *(term.asked.replace("!", "not-") for term in ask.filters),
        *ids,
    ]
    for query in ask.variants:
        types = sorted({STATES[state].variant_type or "" for state in query.states})
        place = [f"chr{query.chromosome}"] if query.chromosome else []
        words += ["-".join([*place, *map(str, (*query.start, *query.end)), *types])]
    what = f"all-{ask.entity}" if ask.whole_samples and ask.variants and ask.entity == "variants" else ask.entity
    what = what if ask.binning == DEFAULT else f"{ask.binning}_{what}"
    how = ["any"] if ask.logic == "OR" and len(ask.filters) > 1 else []
    how += [form.name] if form.name in _NAMED else []
    page = [f"page-{ask.skip}"] if ask.skip else []
    stem = "_".join(re.sub(r"[^A-Za-z0-9.]+", "-", word).strip("-.") for word in [*words[:6], *how, what, *page])
    return f"{stem[:120]}.{form.extension}"


def _address(ask: Ask) -> str:
    """Path and query that ask for the same records, without dataset, paging and output; empty if no URL can."""
    if len(ask.variants) > 1 or len({term.descendants for term in ask.filters}) > 1:
        return ""
    pairs = [("filters", ",".join(term.asked for term in ask.filters))] if ask.filters else []
    pairs += [("filterLogic", "OR")] if ask.logic == "OR" else []
    if any(not term.descendants for term in ask.filters):
        pairs.append(("includeDescendantTerms", "false"))
    for name, ids in (
        ("biosampleIds", ask.biosample_ids),
        ("individualIds", ask.individual_ids),
        ("analysisIds", ask.analysis_ids),
        ("variantIds", ask.variant_ids),
        ("cohortIds", ask.cohort_ids),
    ):
        pairs += [(name, ",".join(ids))] if ids else []
    for query in ask.variants:
        pairs += _variant_words(query)
    path = (
        "/beacon/g_variants"
        if ask.entity == "variants"
        else f"/beacon/{'biosamples' if ask.entity == 'frequencies' else ask.entity}"
    )
    address = f"{path}?{urlencode(pairs, safe=':,!')}" if pairs else path
    return address if len(address) <= _LONGEST_ADDRESS else ""


def _variant_words(query: VariantAsk) -> list[tuple[str, str]]:
    words: list[tuple[str, object]] = [
        ("referenceName", query.chromosome),
        ("start", ",".join(map(str, query.start))),
        ("end", ",".join(map(str, query.end))),
        ("variantType", ",".join(query.states)),
        ("referenceBases", query.reference_bases),
        ("alternateBases", query.alternate_bases),
        ("variantMinLength", query.min_length),
        ("variantMaxLength", query.max_length),
        ("variantInternalId", query.internal_id),
        ("mateName", query.mate_chromosome),
        ("mateStart", query.mate_start),
        ("mateEnd", query.mate_end),
    ]
    return [(name, str(value)) for name, value in words if value not in (None, "")]
