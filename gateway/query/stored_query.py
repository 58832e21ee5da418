"""Stored queries: conditions that a Beacon kept in its database, read again before they are asked again.

They are data, whoever wrote them: only known operators on known fields pass, with operands of the types that these
take, in bounded number and depth.  What passes is built anew, so that nothing else can hide in it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.download_types import Condition
from gateway.handovers import Place
from gateway.query.filters import FIELDS

__all__ = ["PLACES", "read"]

PLACES: Final[Mapping[str, Place]] = {
    "biosamples": "biosamples",
    "biosample": "biosamples",
    "individuals": "individuals",
    "individual": "individuals",
    "analyses": "analyses",
    "analysis": "analyses",
    "run": "analyses",
    "callsets": "analyses",
    "variants": "variants",
    "genomicVariant": "variants",
}
"""Collections by what Beacons call them, or what is in them."""

_PARTNERS: Final = tuple(f"adjoined_sequences.{n}" for n in (0, 1))
_OWN: Final[Mapping[Place, frozenset[str]]] = {
    "biosamples": frozenset({"id", "individual_id", *FIELDS["biosamples"]}),
    "individuals": frozenset(
        {"id", "index_disease.followup_days", "index_disease.onset.age_days", "index_disease.disease_code.id"}
    ).union(FIELDS["individuals"]),
    "analyses": frozenset({"id", "biosample_id", "individual_id", "pipeline_name", *FIELDS["analyses"]}),
    "variants": frozenset(
        {
            *("id", "biosample_id", "individual_id", "analysis_id", "type", "variant_internal_id"),
            *("location.sequence_id", "location.chromosome", "location.start", "location.end"),
            *("variant_state.id", "info.var_length", "reference_sequence", "sequence", "state.sequence"),
            *("state.reference_sequence", "identifiers.genomicHGVS_id", "molecular_attributes.aminoacid_changes"),
            *("adjoined_sequences.sequence_id", *(f"{partner}.sequence_id" for partner in _PARTNERS)),
            *(f"{partner}.{side}.{n}" for partner in _PARTNERS for side in ("start", "end") for n in (0, 1)),
        }
    ),
}
_COMPARE: Final = frozenset({"$eq", "$gt", "$gte", "$lt", "$lte"})
_LISTS: Final = frozenset({"$in", "$nin"})
_JOINS: Final = frozenset({"$and", "$or"})
# Of bases with wildcards; in any other pattern there may be what takes a server for ever.
_PATTERN = re.compile(r"\^?[ACGTN.]{1,1000}\$?", re.ASCII)
_PATTERNED: Final = frozenset({"reference_sequence", "sequence", "state.sequence", "state.reference_sequence"})

_DEPTH: Final = 6
_NODES: Final = 1_000
_VALUES: Final = 20_000  # of more ids the list is read in slices, while a condition goes with each read
_TEXT: Final = 10_000  # characters of a value; alleles are long
_MAX_NUMBER: Final = 2**53


class _Unknown(Exception):
    """Something that is not known to be safe."""


def read(stored: object) -> tuple[tuple[Place, Condition], ...]:
    """The conditions of a stored query, each with its collection; none if anything of it is not known to be safe.

    Stored is an object of lists of conditions, or of conditions, by collection (or entity).
    """
    if not isinstance(stored, dict) or len(stored) > len(PLACES):
        return ()
    try:
        reading = _Reading()
        found = [(place, reading.condition(place, one)) for place, one in _pairs(stored)]
    except _Unknown:
        return ()
    # In one order, however they were stored: equal queries are equal questions.
    return tuple(sorted(found, key=repr))


def _pairs(stored: Mapping[Any, Any]) -> Iterator[tuple[Place, Any]]:
    for name, several in stored.items():
        place = PLACES.get(name) if type(name) is str else None
        if place is None:
            raise _Unknown
        for one in several if isinstance(several, list) else [several]:
            yield place, one


class _Reading:
    """One stored query: counts what there is of it."""

    def __init__(self) -> None:
        self._nodes = self._values = 0

    def condition(self, place: Place, stored: object, depth: int = 0) -> Condition:
        """The same condition on a collection, built anew."""
        self._nodes += 1
        # An empty one selects everything: nobody asked that.
        if type(stored) is not dict or not stored or depth > _DEPTH or self._nodes > _NODES:
            raise _Unknown
        found: Condition = {}
        for name, value in stored.items():
            if name in _JOINS:
                if type(value) is not list or not value:
                    raise _Unknown
                found[name] = [self.condition(place, each, depth + 1) for each in value]
            elif name in _OWN[place]:
                found[name] = self._predicate(name, value)
            else:
                raise _Unknown
        return found

    def _predicate(self, name: str, value: object) -> Any:
        self._nodes += 1
        if type(value) is not dict:
            return self._scalar(value)
        if not value:
            raise _Unknown
        return {operator: self._operand(name, operator, operand) for operator, operand in value.items()}

    def _operand(self, name: str, operator: object, operand: object) -> Any:
        if operator in _COMPARE:
            return self._scalar(operand)
        if operator in _LISTS and type(operand) is list and operand:
            return [self._scalar(each) for each in operand]
        if operator == "$regex" and name in _PATTERNED and type(operand) is str and _PATTERN.fullmatch(operand):
            return operand
        raise _Unknown

    def _scalar(self, value: object) -> str | int | float:
        self._values += 1
        if self._values > _VALUES:
            raise _Unknown
        # By their very types: a Regex, or JavaScript code, which is a kind of text, means something else to a server.
        if type(value) is str and len(value) <= _TEXT:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER:
            return int(value)
        if type(value) is float and math.isfinite(value):
            return value
        raise _Unknown
