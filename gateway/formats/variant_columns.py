"""Cells of variants that several formats share: where documents of either model keep place, value, bases and state."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final

from gateway import codec
from gateway.codec import Cell, Column, Kind, Sheet
from gateway.download_types import Part, Wanted
from gateway.formats.base import compiled
from gateway.genome import CHROMOSOMES, STATE_OF_TYPE, STATES
from gateway.rows import Encode

__all__ = [
    "BY_SEQUENCE",
    "ENDS",
    "LABELS",
    "LOG2",
    "REFERENCE",
    "SEQUENCE",
    "STARTS",
    "by_state",
    "cells",
    "chromosome",
    "encoder",
    "lookup",
    "names",
    "positions",
    "projection",
    "rows_part",
    "sizes",
]

LABELS: Final = {state.id: state.label for state in STATES.values()}
BY_SEQUENCE: Final = {c.sequence_id: c.name for c in CHROMOSOMES.values()}
# A document without a state: what its VRS type, or having bases at all (2021), says of it.
_VRS_TYPES: Final = {"Adjacency": "BND", "Allele": "SNV"}


def lookup(path: str, table: Mapping[str, str], default: str | None = None) -> Cell:
    """A cell that translates a text by a table that does not change."""
    return Cell(path, Kind.LOOKUP, MappingProxyType(dict(table)), default)


def cells(kind: Kind, *paths: str) -> tuple[Cell, ...]:
    """Places to look for a value of a kind."""
    return tuple(Cell(path, kind) for path in paths)


LOG2: Final = cells(Kind.NUMBER, "info.cnv_value")
REFERENCE: Final = cells(Kind.TEXT, "reference_sequence", "state.reference_sequence", "reference_bases")
SEQUENCE: Final = cells(Kind.TEXT, "sequence", "state.sequence", "alternate_bases")
# A fusion has no location of its own: its first partner's stands.
STARTS: Final = ("location.start", "start", "adjoined_sequences.0.start.0", "adjoined_sequences.0.end.0")
ENDS: Final = ("location.end", "end", "adjoined_sequences.0.start.1", "adjoined_sequences.0.end.1")


def chromosome(
    *,
    prefix: str = "",
    mitochondrion: str = "MT",
    paths: Sequence[str] = ("location.chromosome", "reference_name", "adjoined_sequences.0.chromosome"),
    sequences: Sequence[str] = ("location.sequence_id", "adjoined_sequences.0.sequence_id"),
) -> tuple[Cell, ...]:
    """Cells that name a chromosome of the assembly, in one spelling; they find nothing where it is another sequence.

    `paths` are where names may be, `sequences` where identifiers of sequences may.
    """
    named = _named(prefix, mitochondrion)
    spelled = {
        **named,
        **{f"chr{name}": text for name, text in named.items()},
        "M": named["MT"],
        "chrM": named["MT"],
        "23": named["X"],
        "24": named["Y"],
    }
    by_sequence = {CHROMOSOMES[name].sequence_id: text for name, text in named.items()}
    return (*(lookup(path, spelled) for path in paths), *(lookup(path, by_sequence) for path in sequences))


def sizes(*, prefix: str = "", mitochondrion: str = "MT") -> Mapping[str, int]:
    """The number of bases of each chromosome, under the names that `chromosome` gives them."""
    return MappingProxyType({text: CHROMOSOMES[name].size for name, text in _named(prefix, mitochondrion).items()})


def _named(prefix: str, mitochondrion: str) -> dict[str, str]:
    return {name: prefix + (mitochondrion if name == "MT" else name) for name in CHROMOSOMES}


def positions(paths: Sequence[str], *, shift: int = 0) -> tuple[Cell, ...]:
    """Cells that find a position, moved by `shift` bases."""
    return tuple(Cell(path, Kind.POSITION, shift=shift) for path in paths)


def by_state(table: Mapping[str, str], others: str) -> tuple[Cell, ...]:
    """Cells that say what a table of state ids says of a variant, also of one that knows only its short type.

    `others` is said of states that are not in the table.  Nothing is found for what has neither state nor known type.
    """
    of_type = {short: table.get(state, others) for short, state in STATE_OF_TYPE.items()}
    return (
        lookup("variant_state.id", table, others),
        lookup("variant_type", of_type),
        lookup("type", {vrs: of_type[short] for vrs, short in _VRS_TYPES.items()}),
        lookup("alternate_bases", {}, of_type["SNV"]),
    )


def projection(columns: Sequence[Column], *more: str) -> dict[str, int]:
    """Just the fields that the columns read, whole arrays for paths into them, and what orders the rows."""
    paths = {re.split(r"\.[0-9]", cell.path, maxsplit=1)[0] for column in columns for cell in column.cells}
    return dict.fromkeys(sorted(paths | {"_id", "biosample_id", *more}), 1)


def encoder(columns: tuple[Column, ...] | Sheet, key: str = "biosample_id") -> Encode:
    """The encoder that writes the columns' cells, or a sheet's, a line a document."""
    return compiled(partial(codec.sure_rows, columns=columns, key=key), partial(codec.rows, columns=columns, key=key))


def names(columns: Sequence[Column]) -> bytes:
    """The line that names the columns."""
    return ("\t".join(column.name for column in columns) + "\n").encode()


def rows_part(wanted: Wanted, columns: tuple[Column, ...]) -> Part:
    """The variants of the one dataset, a line of cells each."""
    ((dataset_state, selection),) = wanted.datasets
    return Part(
        dataset_state=dataset_state,
        selection=selection,
        collection="variants",
        projection=projection(columns),
        encode=encoder(columns),
    )
