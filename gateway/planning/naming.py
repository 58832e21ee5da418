"""Names of an export: the digest of its bytes, its file name, and the address that asks for the same records."""

import hashlib
import re
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from gateway import bgzf, formats, tabix
from gateway.bins.maps import DEFAULT
from gateway.download_types import Ask, VariantAsk, Wanted
from gateway.formats import Format
from gateway.formats.plots import HISTOPLOT, SAMPLESPLOT, drawn_as
from gateway.genome import STATES

__all__ = ["address", "digest", "filename", "repeats", "selecting"]

# Changes whenever the bytes, or the file name, of an unchanged request on unchanged data do.
_ENCODER: Final = "8"
_NAMED: Final = frozenset(
    form.name
    for n, form in enumerate(formats.FORMATS)
    if any(form.extension == above.extension and {*form.entities} & {*above.entities} for above in formats.FORMATS[:n])
)
"""Formats that name themselves in file names, which would else be those of others: `wget -c` would join the two."""
_WITH_PLOTS: Final = frozenset({"pgxseg", "pgxseg2021"})
"""Formats that repeat plot parameters."""
_ENVELOPES: Final = "application/json"
"""The media type of formats that repeat the request."""
_LONGEST_ADDRESS: Final = 8_000  # characters; longer ones are refused by many a proxy


def digest(wanted: Wanted, form: Format, *, packed: bool) -> str:
    """A name for the bytes: of the request as understood, the data it is asked of, the format and the encoder."""
    ask = _that_matters(wanted.ask, form)
    data = [(dataset_state.dataset, dataset_state.version, selection) for dataset_state, selection in wanted.datasets]
    named: tuple[object, ...] = (wanted.licence, wanted.citation)
    if repeats(form):
        named += (wanted.beacon_id, wanted.page_limit, wanted.ask.datasets)
        named += (wanted.base, wanted.downloads) if form.sets else ()  # it has links
    named += (wanted.downloads,) if form.links else ()
    named += (wanted.base, drawn_as(wanted.ask)) if form in (HISTOPLOT, SAMPLESPLOT) else ()
    named += (form.library, form.version) if form.library else ()
    named += (sorted(wanted.levels.items()),) if wanted.levels else ()
    named += (bgzf.maker(),) if packed else ()
    named += (tabix.VERSION, form.index) if packed and form.index else ()
    if wanted.bins:
        groups = [(group.id, group.label, group.selection, group.stored) for group in wanted.groups]
        named += (wanted.bins.name, len(wanted.bins), wanted.maps, groups)
    return hashlib.sha256(repr((_ENCODER, form.name, packed, ask, data, named)).encode()).hexdigest()[:40]


def repeats(form: Format) -> bool:
    """Whether the bytes of a format repeat the request, and what was not understood of it."""
    return form.media == _ENVELOPES


def _that_matters(ask: Ask, form: Format) -> Ask:
    """The ask without what changes no byte of a format: else anybody could have a file made again and again."""
    ask = replace(ask, output=None, datasets=(), all_data=False)
    if form.name not in _WITH_PLOTS:
        ask = replace(ask, plot_pars=())
    if not repeats(form):
        ask = replace(ask, warnings=(), handovers=True, resultsets="HIT")
    return ask


def filename(ask: Ask, names: tuple[str, ...], form: Format) -> str:
    """A telling name: dataset, what was asked for, extension; safe on every file system."""
    ids = (*ask.biosample_ids, *ask.individual_ids, *ask.analysis_ids, *ask.variant_ids, *ask.cohort_ids)
    words = [
        *names,
        *([f"handover-{ask.access_id}"] if ask.access_id else ()),
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
    how += ["sorted"] if ask.order else []
    skipped = ask.skip or (ask.handover.page if ask.handover else 0)
    page = [f"page-{skipped}"] if skipped else []
    stem = "_".join(re.sub(r"[^A-Za-z0-9.]+", "-", word).strip("-.") for word in [*words[:6], *how, what, *page])
    return f"{stem[:120]}.{form.extension}"


def address(ask: Ask) -> str:
    """Path and query that ask for the same records, without dataset, paging and output; empty if no URL can."""
    if len(ask.variants) > 1 or len({term.descendants for term in ask.filters}) > 1:
        return ""
    pairs = selecting(ask)
    path = (
        "/beacon/g_variants"
        if ask.entity == "variants"
        else f"/beacon/{'biosamples' if ask.entity == 'frequencies' else ask.entity}"
    )
    said = f"{path}?{urlencode(pairs, safe=':,!')}" if pairs else path
    return said if len(said) <= _LONGEST_ADDRESS else ""


def selecting(ask: Ask) -> list[tuple[str, str]]:
    """The parameters that select the records of an ask; of several variant queries they say only one."""
    pairs = [("filters", ",".join(term.asked for term in ask.filters))] if ask.filters else []
    pairs += [("accessid", ask.access_id)] if ask.access_id else []
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
    for query in ask.variants[:1]:
        pairs += _variant_words(query)
    return pairs


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
        ("geneId", query.gene),
        ("mateName", query.mate_chromosome),
        ("mateStart", query.mate_start),
        ("mateEnd", query.mate_end),
    ]
    return [(name, str(value)) for name, value in words if value not in (None, "")]
