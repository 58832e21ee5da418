"""VCF 4.4: sites sorted by position, a column a sample, for bcftools and whoever reads as it does.

Documents come by sample, a VCF goes by position.  Each variant becomes a line that begins with what sorts it; the lines
are sorted in bounded memory, and those of one site become one record, or several where a sample has several ratios
there (`vcf_records`).  So the header, with the names of all samples, goes out at once, and the records when all
variants have been read.

`0/1` says that the sample has the variant, `.` that nothing is said of it.
"""

from dataclasses import replace
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
    positions,
    rows_part,
)
from gateway.formats.variant_columns import encoder as rows_encoder
from gateway.formats.vcf_records import encoder, fold
from gateway.genome import ASSEMBLY, CHROMOSOMES, STATES
from gateway.rows import Fold
from gateway.tabix import VCF_LINES
from gateway.text import escape_cell

__all__ = ["COLUMNS", "FORMAT"]

_NOWHERE: Final = "."


def _partner(number: int) -> tuple[Column, ...]:
    path = f"adjoined_sequences.{number}"
    ends = (f"{path}.{side}.{n}" for side in ("start", "end") for n in (0, 1))
    place = Column(f"partner {number}", chromosome(paths=(f"{path}.chromosome",), sequences=(f"{path}.sequence_id",)))
    return (place, *(Column(end, positions((end,))) for end in ends))


# What a site is made of, in the order of `vcf_sites.Seen`.
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


def _parts(wanted: Wanted) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets

    def records() -> Fold:
        return fold()

    names = Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="biosamples",
        projection={"id": 1},
        encode=rows_encoder(_NAMES, "id"),
        before=_head(wanted),
        fold=records,
    )
    return (names, replace(rows_part(wanted, COLUMNS), encode=encoder(COLUMNS), fold=records))


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
    by_position="always",
    index=VCF_LINES,
    handover="EDAM:3016",
)
