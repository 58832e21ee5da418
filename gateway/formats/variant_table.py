"""The table of variants as columns, so that the core can write it: the same text as `tables` makes of each document.

Documents are of one of three forms: of the current model, of that of 2021 with bases, or without.  What mixes them,
what has partners, and what holds values that tables have to look into is odd: its line is made by `tables` itself.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.codec import Cell, Column, Form, Kind
from gateway.formats import model_2021
from gateway.formats.variant_columns import LABELS, lookup
from gateway.genome import CHROMOSOMES, STATE_OF_TYPE, STATES

__all__ = ["forms"]

# What makes a document one of 2021, if it has no place of the current model; and what it then does not have.
_OLD: Final = tuple(sorted(model_2021.OLD_VARIANT))
_CURRENT: Final = (
    *("location", "adjoined_sequences", "analysis_id", "variant_internal_id", "reference_sequence", "sequence"),
    *("state", "variant_state"),
)
_TYPES: Final = {state.id: state.variant_type or "" for state in STATES.values()}
# As names of chromosomes are spelt; other spellings are odd.
_NAMES: Final = {text: c for c in CHROMOSOMES.values() for text in (c.name, f"chr{c.name}")}


def _value(path: str) -> tuple[Cell, ...]:
    return (Cell(path, Kind.VALUE, strict=True),)


def _whole(path: str) -> tuple[Cell, ...]:
    return (Cell(path, Kind.WHOLE, strict=True),)


def _either(first: str, second: str) -> tuple[Cell, ...]:
    """The first, where it is a text that says something."""
    return (Cell(first, Kind.STRING, strict=True), *_value(second))


def _known(path: str, table: Mapping[str, str]) -> tuple[Cell, ...]:
    """Texts of a table; others are odd."""
    return (Cell(path, Kind.LOOKUP, dict(table), strict=True),)


# What both models have in the same place.
_SAME: Final = {
    "variant_id": _value("id"),
    "biosample_id": _value("biosample_id"),
    "individual_id": _value("individual_id"),
    "vrs_type": _value("type"),
    "annotation_derived": _value("info.annotation_derived"),
    "aminoacid_changes": _value("molecular_attributes.aminoacid_changes"),
    "genomic_hgvs_id": _value("identifiers.genomicHGVS_id"),
    "var_length": _value("info.var_length"),
    "updated": _value("updated"),
    "log2": _value("info.cnv_value"),
}
_OF_TODAY: Final = _SAME | {
    "variant_internal_id": _value("variant_internal_id"),
    "analysis_id": _value("analysis_id"),
    "sequence_id": _value("location.sequence_id"),
    "reference_name": _value("location.chromosome"),
    "start": _whole("location.start"),
    "end": _whole("location.end"),
    "variant_state_id": _value("variant_state.id"),
    "variant_state_label": (lookup("variant_state.id", LABELS), *_value("variant_state.label")),
    "reference_sequence": _either("reference_sequence", "state.reference_sequence"),
    "sequence": _either("sequence", "state.sequence"),
    "variant_type": (lookup("variant_state.id", _TYPES),),
}
_OF_2021: Final = _SAME | {
    "variant_internal_id": _value("digest"),
    "analysis_id": _value("callset_id"),
    "sequence_id": _known("reference_name", {text: c.sequence_id for text, c in _NAMES.items()}),
    "reference_name": _known("reference_name", {text: c.name for text, c in _NAMES.items()}),
    "start": _whole("start"),
    "end": _whole("end"),
    "variant_state_id": _known("variant_type", STATE_OF_TYPE),
    "variant_state_label": _known("variant_type", {short: LABELS[state] for short, state in STATE_OF_TYPE.items()}),
    "reference_sequence": (Cell("reference_bases", Kind.STRING, strict=True),),
    "sequence": _value("alternate_bases"),
    "variant_type": _known("variant_type", {short: _TYPES[state] for short, state in STATE_OF_TYPE.items()}),
}
# What has bases, and no type, is a sequence alteration.
_ALTERED: Final = {
    "variant_state_id": STATE_OF_TYPE["SNV"],
    "variant_state_label": LABELS[STATE_OF_TYPE["SNV"]],
    "variant_type": "SNV",
}


def forms(names: Sequence[str]) -> tuple[Form, ...]:
    """The forms of documents, with these columns of the table of variants."""

    def columns(found: Mapping[str, tuple[Cell, ...]], missing: Mapping[str, str]) -> tuple[Column, ...]:
        return tuple(Column(name, found.get(name, ()), missing.get(name, "")) for name in names)

    return (
        Form(columns(_OF_TODAY, {}), lacks=(*_OLD, "adjoined_sequences")),
        Form(columns(_OF_2021, _ALTERED), has=("alternate_bases",), lacks=_CURRENT),
        Form(columns(_OF_2021, {}), has=_OLD, lacks=_CURRENT),
    )
