"""Cells of variants that several formats share: where documents of either model keep place, value, bases and state."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gateway.codec import Cell, Column, Kind
from gateway.genome import CHROMOSOMES, STATE_OF_TYPE, STATES

__all__ = ["BY_SEQUENCE", "LABELS", "LOG2", "REFERENCE", "SEQUENCE", "by_state", "cells", "lookup", "projection"]

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


def by_state(table: Mapping[str, str]) -> tuple[Cell, ...]:
    """Cells that say what a table of state ids says of a variant, also of one that knows only its short type.

    A state in the table has the last word; so has one that is not, if the table's "" says what is said of others.
    """
    others = table.get("")
    known = {state: text for state, text in table.items() if state}
    of_type = {short: known[state] for short, state in STATE_OF_TYPE.items() if state in known}
    of_vrs = {vrs: of_type[short] for vrs, short in _VRS_TYPES.items() if short in of_type}
    return (
        lookup("variant_state.id", known, others),
        lookup("variant_type", of_type, others),
        lookup("type", of_vrs, None),
        lookup("alternate_bases", {}, of_type.get("SNV")),
    )


def projection(columns: Sequence[Column], *more: str) -> dict[str, int]:
    """Just the fields that the columns read, whole arrays for paths into them, and what orders the rows."""
    paths = {cell.path.split(".0", maxsplit=1)[0] for column in columns for cell in column.cells}
    return dict.fromkeys(sorted(paths | {"_id", "biosample_id", *more}), 1)
