"""`.seg` for GISTIC: each sample's chromosomes in segments from border to border, none upon another, 0 between them.

GISTIC refuses segments of a sample that overlap, and drops every place that some sample leaves out: where samples are
told by their gains and losses alone, that is all of them.  So they are laid flat, over all segments of a sample: at
each place the high-level event has the word, then the shorter one, which is the more focal; and what none covers is 0,
also of samples that have no segment at all.  Samples that were not looked at for copy numbers are left out: their
zeros would be claims.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import pairwise
from typing import Final

from gateway.bins.coverage import CHROMOSOME_NUMBERS
from gateway.codec import Cell, Column
from gateway.download_types import Part, Wanted, both
from gateway.formats import seg
from gateway.formats.base import Format
from gateway.formats.cnv_profiles import CNV_OPERATION, analyses_part
from gateway.formats.variant_columns import by_state, encoder, names, projection
from gateway.genome import CHROMOSOMES, HIGH_LEVEL
from gateway.rows import Rows, in_pieces
from gateway.text import escape_cell

__all__ = ["FORMAT", "Segment", "flat"]

Segment = tuple[int, int, bool, str]
"""First and last base (from 1 on), whether it is a high-level event, and its log2."""

_COLUMNS: Final = (
    *seg.COLUMNS,
    Column("level", by_state(dict.fromkeys(HIGH_LEVEL, "1"), "0")),
    Column("analysis", (Cell("analysis_id"), Cell("callset_id"))),
)
_NEUTRAL: Final = "0"
_PIECE: Final = 64 * 1024


def flat(segments: Iterable[Segment], size: int) -> Iterator[tuple[int, int, str]]:
    """What is told of a chromosome of `size` bases: segments from its first base to its last."""
    waiting = sorted(segments, reverse=True)
    points = {1, size + 1, *(start for start, *_ in waiting), *(end + 1 for _, end, *_ in waiting)}
    # What covers the place, the one that has the word first.
    covering: list[tuple[bool, int, float, str, int]] = []
    first, told = 1, ""
    for start, stop in pairwise(sorted(points)):
        while waiting and waiting[-1][0] <= start:
            begin, end, high, log2 = waiting.pop()
            heappush(covering, (not high, end - begin, -abs(float(log2)), log2, end))
        while covering and covering[0][-1] < start:
            heappop(covering)
        log2 = covering[0][3] if covering else _NEUTRAL
        if log2 != told and start > first:
            yield first, start - 1, told
            first = start
        told = log2
        if stop > size:
            yield first, size, told


class _Flattened:
    """The fold.  Sources: analyses, and segments."""

    def __init__(self) -> None:
        self._stated: dict[str, dict[str, bool]] = {}  # by biosample: analysis, and whether it is of copy numbers
        # By biosample and chromosome the lines as they came: as objects they would take five times as much.
        self._segments: dict[str, dict[str, bytearray]] = {}

    def feed(self, source: int, data: bytes) -> None:
        """Take in rows of `analyses_part`, or of `_COLUMNS`."""
        for lines in in_pieces(data):
            for line in lines.decode().split("\n")[:-1]:
                if source:
                    sample, chromosome, rest = line.split("\t", 2)
                    kept = self._segments.setdefault(sample, {}).setdefault(chromosome, bytearray())
                    kept += f"{rest}\n".encode()
                else:
                    sample, analysis, operation = line.split("\t")
                    self._stated.setdefault(sample, {})[analysis] = operation == CNV_OPERATION

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Yield the rows of complete biosamples."""
        kept: list[str] = []
        rows = size = 0
        for sample in map(escape_cell, ids):
            lines = list(self._lines(sample))
            rows += len(lines)
            size += sum(map(len, lines))
            kept += lines
            if size >= _PIECE:
                yield Rows("".join(kept).encode(), rows, rows)
                kept, rows, size = [], 0, 0
        if kept:
            yield Rows("".join(kept).encode(), rows, rows)

    def _lines(self, sample: str) -> Iterator[str]:
        stated, found = self._stated.pop(sample, {}), self._segments.pop(sample, {})
        if stated and not any(stated.values()) and not any(_segments(kept, stated) for kept in found.values()):
            return
        for name in CHROMOSOME_NUMBERS:
            for start, end, log2 in flat(_segments(found.get(name, b""), stated), CHROMOSOMES[name].size):
                yield f"{sample}\t{name}\t{start}\t{end}\t1\t{log2}\n"

    def finish(self) -> Iterator[Rows]:
        """Nothing follows the last row."""
        return iter(())


def _segments(kept: bytes | bytearray, stated: Mapping[str, bool]) -> list[Segment]:
    """The segments of some lines, but for those of analyses that are stated to be of something else."""
    rows = (line.split("\t") for line in kept.decode().split("\n")[:-1])
    return [
        (int(start), int(end), level == "1", log2)
        for start, end, _, log2, level, analysis in rows
        if stated.get(analysis, True)
    ]


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    part = analyses_part(wanted, dataset_state, selection, _Flattened)
    (variants,) = part.beside
    # Whatever is read has a row here.
    narrow = both([variants.narrow, variants.unread])
    segments = replace(variants, projection=projection(_COLUMNS), encode=encoder(_COLUMNS), narrow=narrow)
    return (replace(part, before=names(seg.COLUMNS), beside=(segments,)),)


FORMAT: Final = Format(
    name="seg",
    words=("seg", "gistic"),
    media="text/x-seg; charset=utf-8",
    accepts=("text/x-seg",),
    extension="seg",
    summary="segments for GISTIC: whole chromosomes of each sample, gains and losses laid flat, 0 between them",
    parts=_parts,
    entities=("analyses",),
    pages=False,
)
