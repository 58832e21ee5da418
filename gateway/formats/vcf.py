"""VCF 4.4: sites sorted by position, a column a sample, for bcftools and whoever reads as it does.

Documents come by sample, a VCF goes by position.  Each variant becomes a line that begins with what sorts it; the lines
are sorted in bounded memory (`gateway.sorting`), and lines of one site become one record, or several where a sample has
several ratios there.  So the header, with the names of all samples, goes out at once, and the records when all variants
have been read.

`0/1` says that the sample has the variant, `.` that nothing is said of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Final

from gateway.codec import Cell, Column
from gateway.download_types import Part, Wanted
from gateway.formats.base import Format
from gateway.formats.variant_columns import (
    LOG2,
    REFERENCE,
    SEQUENCE,
    by_state,
    chromosome,
    encoder,
    positions,
    rows_part,
)
from gateway.formats.vcf_sites import Seen, copies, entries
from gateway.genome import ASSEMBLY, CHROMOSOMES, STATES
from gateway.rows import Rows, in_pieces
from gateway.sorting import Sorter
from gateway.tabix import VCF_LINES
from gateway.text import escape_cell

__all__ = ["COLUMNS", "FORMAT", "Records"]

_NOWHERE: Final = "."


def _partner(number: int) -> tuple[Column, ...]:
    path = f"adjoined_sequences.{number}"
    ends = (f"{path}.{side}.{n}" for side in ("start", "end") for n in (0, 1))
    place = Column(f"partner {number}", chromosome(paths=(f"{path}.chromosome",), sequences=(f"{path}.sequence_id",)))
    return (place, *(Column(end, positions((end,))) for end in ends))


# What a site is made of, in the order of `sites.Seen`.
COLUMNS: Final = (
    Column("sample", (Cell("biosample_id"),)),
    Column("chromosome", chromosome(), required=True),
    Column("start", positions(("location.start", "start"))),
    Column("end", positions(("location.end", "end"))),
    Column("state", by_state({state: state for state in STATES}, _NOWHERE)),
    Column("reference", REFERENCE),
    Column("sequence", SEQUENCE),
    Column("log2", LOG2),
    *_partner(0),
    *_partner(1),
)

_LINES: Final = (
    '##FILTER=<ID=PASS,Description="All filters passed">',
    '##ALT=<ID=DEL,Description="Deletion, or loss of copies">',
    '##ALT=<ID=DUP,Description="Duplication, or gain of copies">',
    '##ALT=<ID=CNV,Description="Copy number variation, of no known direction">',
    '##ALT=<ID=LOH,Description="Copy-neutral loss of heterozygosity">',
    '##ALT=<ID=INS,Description="Insertion of unknown sequence">',
    '##ALT=<ID=*,Description="An allele that is not known">',
    '##INFO=<ID=END,Number=1,Type=Integer,Description="Last position of the variant">',
    '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type of structural variant">',
    '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length of structural variant">',
    '##INFO=<ID=SVCLAIM,Number=A,Type=String,Description="What is claimed: D abundance, J adjacency, DJ both">',
    '##INFO=<ID=CN,Number=A,Type=Float,Description="Copy number, where the state implies it">',
    '##INFO=<ID=CIPOS,Number=.,Type=Integer,Description="Confidence interval around POS">',
    '##INFO=<ID=MATEID,Number=A,Type=String,Description="ID of the other breakend">',
    '##INFO=<ID=IMPRECISE,Number=0,Type=Flag,Description="Imprecise structural variation">',
    '##INFO=<ID=STATE,Number=1,Type=String,Description="State of the variant, a term of EFO or SO">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="0/1 where the sample has the variant">',
    '##FORMAT=<ID=LOG2,Number=1,Type=Float,Description="log2 of the copy number ratio">',
)


def _head(wanted: Wanted) -> bytes:
    ((dataset_state, selection),) = wanted.datasets
    lines = ["##fileformat=VCFv4.4", "##source=pgx-gateway", f"##reference={ASSEMBLY}"]
    lines += [f"##contig=<ID={c.name},length={c.size},assembly={ASSEMBLY}>" for c in CHROMOSOMES.values()]
    lines += [f"##dataset={escape_cell(selection.dataset)}", f"##dataVersion={dataset_state.version}"]
    lines += [f"##filters={','.join(escape_cell(term.asked) for term in wanted.ask.filters)}"] * bool(
        wanted.ask.filters
    )
    lines += [f"##licence={escape_cell(wanted.licence)}"] * bool(wanted.licence)
    lines += [f"##citation={escape_cell(wanted.citation)}"] * bool(wanted.citation)
    lines += [f"##warning={escape_cell(warning)}" for warning in selection.warnings]
    return "\n".join([*lines, *_LINES, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]).encode()


class Records:
    """The fold of a VCF: first the names of the samples, then, of what was fed, the records."""

    def __init__(self, sorter: Sorter | None = None) -> None:
        self._sorter = sorter or Sorter()
        self._samples: dict[str, str] = {}  # each with its column, as lines have it
        self._named = False

    def feed(self, _: int, data: bytes) -> None:
        """Take in rows of `COLUMNS`; those of the samples' own documents say nothing that is not known."""
        if self._named:
            for lines in in_pieces(data):
                self._sorter.add(self._entries(lines.decode().split("\n")[:-1]))

    def _entries(self, lines: Iterable[str]) -> Iterator[bytes]:
        for line in lines:
            cells = line.split("\t")
            column = self._samples.get(cells[0])
            if column is None:
                continue
            place = copies(cells[1], cells[2], cells[3], cells[4]) if cells[_PARTNER] == _NOWHERE else None
            if place:
                yield f"{place}{column}0/1:{cells[_LOG2]}\n".encode()
            elif place is None:
                for other, value in entries(Seen(*cells)):
                    yield f"{other}{column}{value}\n".encode()

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        """The names of samples, where they are not all said yet."""
        if not self._named and ids:
            names = "".join(f"\t{escape_cell(name)}" for name in ids)
            names = names if self._samples else "\tFORMAT" + names
            for name in ids:
                self._samples[escape_cell(name)] = f"\t{len(self._samples):0{_COLUMN}d}\t"
            yield Rows(names.encode(), 0, 0)

    def finish(self) -> Iterator[Rows]:
        """The end of the names; then the records."""
        if self._named:
            yield from self._records()
        else:
            self._named = True
            yield Rows(b"\n", 0, 0)

    def _records(self) -> Iterator[Rows]:
        gaps = b"\t." * len(self._samples)
        kept: list[bytes] = []
        size = 0
        for place, group in groupby(map(_parted, self._sorter.sorted()), key=itemgetter(0)):
            # Behind what sorts the line come the fields of the record.
            records = _site(place[_KEY:], group, gaps)
            kept += records
            size += sum(map(len, records))
            if size >= _PIECE:
                yield Rows(b"".join(kept), len(kept), 0)
                kept, size = [], 0
        yield Rows(b"".join(kept), len(kept), 0)


def _site(fields: bytes, cells: Iterable[tuple[bytes, int, bytes]], gaps: bytes) -> list[bytes]:
    """The records of a site, of its cells in order: as many as the most values that a sample has there.

    Two analyses of a sample may find one segment with two ratios.
    """
    records = []
    while True:
        record, at = [fields], 0
        others = []
        for place, column, value in cells:
            if column >= at:
                record += (gaps[: 2 * (column - at)], value)
                at = column + 1
            elif value != record[-1]:
                others.append((place, column, value))
        records.append(b"".join((*record, gaps[2 * at :], b"\n")))
        if not others:
            return records
        cells = others


_PIECE: Final = 64 * 1024
_KEY: Final = 12
"""Characters that sort a line: two of the chromosome's rank, ten of the position."""
_COLUMN: Final = 8
"""Digits of a column's number."""
_LOG2, _PARTNER = 7, 8
"""Where cells of `COLUMNS` are."""


def _parted(line: bytes) -> tuple[bytes, int, bytes]:
    """Place, column, and cell of a line with the tab before it."""
    end = line.rindex(b"\t")
    return line[: end - _COLUMN - 1], int(line[end - _COLUMN : end]), line[end:-1]


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets

    def records() -> Records:
        return Records()

    names = Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="biosamples",
        projection={"id": 1},
        encode=encoder(_NAMES, "id"),
        before=_head(wanted),
        fold=records,
    )
    return (names, replace(rows_part(wanted, COLUMNS), fold=records))


_NAMES: Final = (Column("sample", (Cell("id"),)),)

FORMAT: Final = Format(
    name="vcf",
    words=("vcf",),
    services=("vcfvariants", "vcf"),
    media="text/x-vcf; charset=utf-8",
    accepts=("text/x-vcf",),
    extension="vcf",
    summary="VCF 4.4, sorted by position, a column a sample; `vcf.gz` is BGZF, for tabix",
    parts=_parts,
    pages=False,
    packing="bgzf",
    index=VCF_LINES,
    handover="EDAM:3016",
)
