"""Plots as formats: the histogram of CNV frequencies, and single samples as rows.  SVG, drawn when all is counted.

A plot says where its data are: the file of frequencies, or of segments, that the same request gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import quote, urlencode

from gateway.bins.coverage import CHROMOSOME_NUMBERS, DEL, DUP, HIGH_DEL, HIGH_DUP
from gateway.bins.maps import DEFAULT, BinMap, bin_map
from gateway.download_types import Ask, Group, Part, Wanted
from gateway.errors import Unsupported
from gateway.formats.base import Format
from gateway.formats.cnv_profiles import Analysis, Profiles, analyses_part
from gateway.formats.frequencies import Counted, frequency_parts
from gateway.genome import ASSEMBLY
from gateway.plots.frame import About
from gateway.plots.histogram import GroupFrequencies, histogram, spans
from gateway.plots.likeness import Numbers, features, in_order
from gateway.plots.parameters import PlotSettings, settings
from gateway.plots.samples import MOST_SEGMENTS, Row, Segment, sample_strips
from gateway.plots.svg import brief
from gateway.rows import Rows
from gateway.text import unescape

__all__ = ["HISTOPLOT", "SAMPLESPLOT", "drawn_as"]

# Bars of one plot, groups by bins: a picture of some 5 MB.
_MOST_BARS: Final = 200_000
# Rows of one plot: each has a pixel on a large screen.
_MOST_ROWS: Final = 1_000
_PAGE: Final = 200
_NAMES: Final = tuple(CHROMOSOME_NUMBERS)
_STATES: Final = {DUP: 1, HIGH_DUP: 2, DEL: -1, HIGH_DEL: -2}
_LONGEST_LINK: Final = 7_000  # characters
_MEDIA: Final = "image/svg+xml"


def drawn_as(ask: Ask) -> PlotSettings:
    """How a request wants its plot; its own parameters count before those in `plotPars`.  Raises BadRequest."""
    return settings((*ask.plot_pars, *ask.plot))


# --- frequencies -----------------------------------------------------------------------------------------------------


def _frequencies(wanted: Wanted) -> tuple[Part, ...]:
    bins, chosen = wanted.bins or bin_map(), drawn_as(wanted.ask)
    bars = sum(stop - start for start, stop in spans(bins, chosen).values())
    if bars * len(wanted.groups) > _MOST_BARS:
        name = "filters" if bars <= _MOST_BARS else "genomeBinning"
        told = f"{name}: {len(wanted.groups)} groups of {bars} bins do not fit one plot, which has {_MOST_BARS} bars"
        raise Unsupported(f"{told} at most; plotChros draws fewer chromosomes", parameter=name)
    about = _about_frequencies(wanted, bins)
    return tuple(frequency_parts(wanted, partial(_tell_frequencies, groups=wanted.groups, chosen=chosen, about=about)))


def _tell_frequencies(
    counted: list[tuple[Group, Counted]],
    bins: BinMap,
    *,
    groups: Sequence[Group],
    chosen: PlotSettings,
    about: About,
) -> Iterator[Rows]:
    told = {group.id for group, _ in counted}
    if left_out := ", ".join(brief(group.id) for group in groups if group.id not in told):
        about = replace(about, notes=(*about.notes, f"left out, with no or too few analyses: {left_out}"))
    drawn = [
        GroupFrequencies(
            id=brief(group.id),
            label=brief(group.label),
            dataset=group.selection.dataset,
            analyses=found.analyses,
            values=found.frequencies(0, len(bins)),
        )
        for group, found in counted
    ]
    for piece in histogram(drawn, bins, chosen, about):
        yield Rows(piece.encode(), int('class="plot-group"' in piece), 0)


def _about_frequencies(wanted: Wanted, bins: BinMap) -> About:
    ask = wanted.ask
    more = [("genomeBinning", ask.binning)] if ask.binning != DEFAULT else []
    more += [("minNumber", str(ask.min_number))] if ask.min_number else []
    path = wanted.address.replace("/beacon/biosamples", "/services/intervalFrequencies", 1) if ask.each else ""
    sources = {
        name: _link(wanted, path or wanted.address, [*more, ("output", word)])
        for name, word in (("frequencies", "pgxfreq"), ("json", "frequencies"))
    }
    notes = dict.fromkeys(warning for group in wanted.groups for warning in group.selection.warnings)
    datasets = dict.fromkeys(group.selection.dataset for group in wanted.groups)
    size = f"{bins.name.replace('Mb', ' Mb').replace('kb', ' kb')} bins" if bins.name[0].isdigit() else bins.name
    facts = [f"% of analyses, {size}, {ASSEMBLY}", f"dataset {', '.join(datasets)}"]
    return _about(wanted, sources, facts, tuple(notes))


def _about(wanted: Wanted, sources: dict[str, str], facts: Sequence[str], notes: Sequence[str]) -> About:
    said = {name: url for name, url in sources.items() if url}
    return About(sources=said, facts=facts, licence=wanted.licence, citation=wanted.citation, notes=notes)


def _link(wanted: Wanted, address: str, more: Sequence[tuple[str, str]]) -> str:
    """The URL of a file of the same data; empty if no URL can ask for them."""
    if not address and not wanted.ask.selects_everything:
        return ""
    names = ",".join(dataset_state.dataset for dataset_state, _ in wanted.datasets)
    pairs = [("datasetIds", names), *([("allData", "true")] if wanted.ask.selects_everything else []), *more]
    return f"{wanted.base}{address}{'&' if '?' in address else '?'}{urlencode(pairs, safe=':,!')}"


# --- samples ---------------------------------------------------------------------------------------------------------


class _Samples:
    """Holds the segments of the rows of a page, then draws them, as soon as it is known whether more are behind them.

    Rows are counted with the last piece: a pass that has all rows of a page ends.
    """

    def __init__(self, wanted: Wanted, chosen: PlotSettings, first: int, limit: int) -> None:
        self._wanted, self._chosen = wanted, chosen
        self._profiles = Profiles(bin_map())
        self._rows: list[Row] = []
        self._features: list[Numbers] = []  # of each row, what of coarse bins is gained and lost
        self._segments = 0
        self._skip, self._limit = first, limit
        self._drawn = False

    def feed(self, source: int, data: bytes) -> None:
        """Take in analyses (source 0) and their segments (1)."""
        (self._profiles.feed_segments if source else self._profiles.feed_analyses)(data)

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Keep the segments of complete biosamples; draw them once the page is full and a further one is there."""
        for batch in self._profiles.batches(ids):
            passed = min(self._skip, len(batch))
            self._skip -= passed
            if self._chosen.cluster_results and passed < len(batch):
                self._features += features([analysis.segments for analysis in batch[passed:]], self._chosen.chros)
            for analysis in batch[passed:]:
                if len(self._rows) == (self._limit or _MOST_ROWS):
                    yield from self._draw(more=True)
                    return
                self._rows.append(_row(analysis))
                self._segments += len(self._rows[-1].segments)
            if self._segments > MOST_SEGMENTS:
                told = f"limit: {len(self._rows)} samples have more than {MOST_SEGMENTS} segments"
                raise Unsupported(f"{told}, and no more fit one plot; ask for fewer", parameter="limit")
            yield Rows(b"", 0, len(batch))

    def finish(self) -> Iterator[Rows]:
        """Draw them, if that is not done yet."""
        if not self._drawn:
            yield from self._draw(more=False)

    def _draw(self, *, more: bool) -> Iterator[Rows]:
        if more and not self._limit:
            told = f"limit: more than {_MOST_ROWS} samples do not fit one plot"
            raise Unsupported(f"{told}; say limit, and skip for those behind them", parameter="limit")
        self._drawn = True
        order, merges = in_order(self._features[: len(self._rows)])
        rows = [self._rows[at] for at in order] or self._rows
        about = _about_samples(self._wanted, rows, more=more)
        for piece in sample_strips(rows, self._chosen, about, more=more, merges=merges):
            yield Rows(piece.encode(), 0, 0)
        yield Rows(b"\n", len(self._rows), 0)


def _row(analysis: Analysis) -> Row:
    found: list[Segment] = []
    for segments in analysis.segments:
        for number, start, end, state, _ in segments.table.T.tolist():
            found.append((_NAMES[number], start, end, _STATES[state]))
    found.sort(key=lambda each: (CHROMOSOME_NUMBERS[each[0]], *each[1:]))
    return Row(unescape(analysis.biosample), unescape(analysis.id), found)


def _about_samples(wanted: Wanted, rows: Sequence[Row], *, more: bool) -> About:
    ((_, selection),) = wanted.datasets
    output = [("output", "pgxseg")]
    address = wanted.address
    if more or wanted.ask.skip:
        ids = quote(",".join(dict.fromkeys(row.sample for row in rows)), safe=":,")
        address = f"/services/pgxsegvariants?biosampleIds={ids}" if len(ids) <= _LONGEST_LINK else ""
        output = []
    sources = {"segments": _link(wanted, address, output)}
    return _about(wanted, sources, (ASSEMBLY, f"dataset {selection.dataset}"), selection.warnings)


def _samples(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    ask, chosen = wanted.ask, drawn_as(wanted.ask)
    limit = _PAGE if ask.limit is None else ask.limit
    if limit > _MOST_ROWS:
        raise Unsupported(f"limit: at most {_MOST_ROWS} samples fit one plot", parameter="limit")
    fold = partial(_Samples, wanted, chosen, ask.skip * limit, limit)
    return (replace(analyses_part(wanted, dataset_state, selection, fold), limit=limit),)


HISTOPLOT: Final = Format(
    name="histoplot",
    words=("histoplot",),
    also=("svg",),
    services=("collationplots",),
    ids="filters",
    each=True,
    media=_MEDIA,
    accepts=(),
    extension="svg",
    summary="histogram of CNV frequencies along the genome, of one group or several, as SVG",
    parts=_frequencies,
    entities=("frequencies",),
    of_all=True,
    sets=True,
    attachment=False,
    handover="pgx:HO.histoplot",
)
SAMPLESPLOT: Final = Format(
    name="samplesplot",
    words=("samplesplot",),
    also=("svg",),
    media=_MEDIA,
    accepts=(),
    extension="svg",
    summary="CNV segments of single samples as rows along the genome, as SVG; 200 of them, or `limit`",
    parts=_samples,
    entities=("analyses",),
    attachment=False,
    handover="pgx:HO.samplesplot",
)
