"""`.pgxseg`: tab-separated segments under `#meta=>` and `#sample=>` lines, the ten columns of current Progenetix.

Read by pgxRpi with R's `read.table` (comment character `#`, no quoting): one header line without `#`, no `#` in rows.
Values are escaped by `gateway.text`, missing ones are `.`; coordinates are 0-based, interbase.  The six columns of
May 2021 are a format of their own.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from gateway.codec import Cell, Column, Kind
from gateway.download_types import Part, Wanted
from gateway.formats import sample_lines
from gateway.formats.base import Format, paged
from gateway.formats.position_order import InOrder, by_genome
from gateway.formats.variant_columns import (
    BY_SEQUENCE,
    ENDS,
    LABELS,
    LOG2,
    REFERENCE,
    SEQUENCE,
    STARTS,
    cells,
    chromosome,
    lookup,
    names,
    positions,
    rows_part,
)
from gateway.genome import ASSEMBLY, STATE_OF_TYPE, STATES
from gateway.rows import Tally
from gateway.tabix import NAMED_LINES
from gateway.text import escape_value

__all__ = ["COLUMNS", "FORMAT", "FORMAT_2021"]

# A known state has the last word, also where it says that there is no short type.
_TYPES: Final = {state.id: state.variant_type or "." for state in STATES.values()}
_TYPE_LABELS: Final = {short: LABELS[state] for short, state in STATE_OF_TYPE.items()}
# A document without a state: what its VRS type, or having bases at all (2021), says of it.
_VRS_TYPES: Final = {"Adjacency": "BND", "Allele": "SNV"}
_VRS_STATES: Final = {vrs: STATE_OF_TYPE[short] for vrs, short in _VRS_TYPES.items()}
_VRS_LABELS: Final = {vrs: LABELS[state] for vrs, state in _VRS_STATES.items()}

COLUMNS: Final = (
    Column("biosample_id", cells(Kind.TEXT, "biosample_id")),
    Column(
        "reference_name",
        (
            *cells(Kind.TEXT, "location.chromosome", "reference_name"),
            lookup("location.sequence_id", BY_SEQUENCE),
            # A fusion has no location of its own: its first partner's stands.
            Cell("adjoined_sequences.0.chromosome"),
            lookup("adjoined_sequences.0.sequence_id", BY_SEQUENCE),
        ),
    ),
    Column("start", cells(Kind.INTEGER, *STARTS)),
    Column("end", cells(Kind.INTEGER, *ENDS)),
    Column("log2", LOG2),
    Column(
        "variant_type",
        (
            lookup("variant_state.id", _TYPES),
            Cell("variant_type"),
            lookup("type", _VRS_TYPES),
            lookup("alternate_bases", {}, "SNV"),
        ),
    ),
    Column("reference_sequence", REFERENCE),
    Column("sequence", SEQUENCE),
    Column(
        "variant_state_id",
        (
            Cell("variant_state.id"),
            lookup("variant_type", STATE_OF_TYPE),
            lookup("type", _VRS_STATES),
            lookup("alternate_bases", {}, STATE_OF_TYPE["SNV"]),
        ),
    ),
    Column(
        "variant_state_label",
        (
            lookup("variant_state.id", LABELS),
            Cell("variant_state.label"),
            lookup("variant_state.id", {}, "."),  # a state without a known label has none, whatever the type is called
            lookup("variant_type", _TYPE_LABELS),
            lookup("type", _VRS_LABELS),
            lookup("alternate_bases", {}, _TYPE_LABELS["SNV"]),
        ),
    ),
)

_COLUMNS_2021: Final = COLUMNS[:6]


def _meta(wanted: Wanted) -> bytes:
    """What is known of the file before anything is read; pgxRpi expects the dataset, assembly and filters first."""
    ((dataset_state, selection),) = wanted.datasets
    pairs = [("id", selection.dataset), ("assemblyId", ASSEMBLY)]
    lines = [f"#meta=>{name}={escape_value(text)}" for name, text in pairs]
    if wanted.ask.filters:
        lines.append("#meta=>filters=" + ",".join(escape_value(term.asked) for term in wanted.ask.filters))
    pairs = [("dataVersion", dataset_state.version), ("licence", wanted.licence), ("citation", wanted.citation)]
    pairs += [("groupBy", wanted.ask.group_by or ""), *(("warning", warning) for warning in selection.warnings)]
    lines += [f"#meta=>{name}={escape_value(text)}" for name, text in pairs if text]
    if wanted.ask.plot_pars:
        lines.append("#plotpars=>" + ";".join(f"{key}={escape_value(text)}" for key, text in wanted.ask.plot_pars))
    return "".join(f"{line}\n" for line in lines).encode()


def _counted(tallies: Sequence[Tally]) -> bytes:
    """After the lines of samples, before the rows: how many samples there are."""
    return b"#meta=>biosampleCount=%d\n" % tallies[-1].rows


_PLACE: Final = {
    "reference_name": chromosome(),
    "start": positions(STARTS),
    # A variant of 2021 without an end is of one base.
    "end": (*positions(ENDS), *positions(STARTS, shift=1)),
}
_WITH_PLACE: Final = tuple(replace(column, cells=_PLACE.get(column.name, column.cells)) for column in COLUMNS)


def _sorted(wanted: Wanted) -> Part:
    """The lines by position; those without one, by which no file can be read in parts, are left out, and counted."""

    def opening(left_out: int) -> bytes:
        said = f"#meta=>warning={left_out} variants have no place on a chromosome: not in a sorted file\n"
        return said.encode() * (left_out > 0) + names(_WITH_PLACE)

    return replace(rows_part(wanted, _WITH_PLACE), fold=lambda: InOrder(by_genome, opening=opening))


def _parts(wanted: Wanted, columns: tuple[Column, ...], line: sample_lines.Line) -> tuple[Part, ...]:
    ((dataset_state, selection),) = wanted.datasets
    group, read = sample_lines.asked_grouping(wanted)
    if wanted.ask.order:
        rows = _sorted(wanted)
    else:
        rows = paged(replace(rows_part(wanted, columns), before=names(columns)), wanted.ask)
    return (
        Part(
            dataset_state=dataset_state,
            selection=selection,
            collection="biosamples",
            projection={**sample_lines.PROJECTION, read: 1} if read else sample_lines.PROJECTION,
            encode=sample_lines.rows(line, group),
            before=_meta(wanted),
            closing=_counted,
        ),
        rows,
    )


FORMAT: Final = Format(
    name="pgxseg",
    words=("pgxseg",),
    whole=("callsetspgxseg", "callsetsvariants"),
    services=("pgxsegvariants", "pgxseg"),
    media="text/plain; charset=utf-8",
    accepts=("text/plain", "text/pgxseg", "text/tab-separated-values"),
    extension="pgxseg",
    summary="Progenetix segments: a line a variant under `#meta=>` and `#sample=>` lines",
    parts=partial(_parts, columns=COLUMNS, line=sample_lines.LINE),
    by_position="asked",
    index=NAMED_LINES,
)

FORMAT_2021: Final = Format(
    name="pgxseg2021",
    words=("pgxseg2021",),
    media="text/plain; charset=utf-8",
    accepts=(),
    extension="pgxseg",
    summary="pgxseg in the six columns of May 2021, for tools of that time",
    parts=partial(_parts, columns=_COLUMNS_2021, line=sample_lines.LINE_2021),
)
