"""Documents of 2021 brought to the current model, so that every format is written once.

Pure.  A current document passes through untouched; a flat one comes back with the fields that the current model has.
Mapping: Progenetix's own conversions of 2021-2025 (`biocharacteristics` to diagnosis and codes, `external_references`
to `references`, `provenance` to status and place, flat coordinates to `location`).
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.codes import current_code
from gateway.genome import COPY_CHANGES, STATE_OF_TYPE, STATES, VRS_TYPES, chromosome

__all__ = [
    "NEW_VARIANT",
    "OLD_BIOSAMPLE",
    "OLD_VARIANT",
    "analysis",
    "biosample",
    "individual",
    "variant",
    "variation",
]

Document = dict[str, Any]

_CHARACTERISTICS: Final = (
    ("NCIT:C", "histological_diagnosis"),
    ("pgx:icdom-", "icdo_morphology"),
    ("pgx:icdot-", "icdo_topography"),
    ("UBERON:", "sample_origin_detail"),
)
_REFERENCES: Final = (
    ("pubmed:", "pubmed"),
    ("cellosaurus:", "cellosaurus"),
    ("cbioportal:", "cbioportal"),
    ("pgx:TCGA-", "tcgaproject"),
)


_ANALYSIS_REFERENCES: Final = (
    ("geo:GPL", "platform_model"),
    ("geo:GSE", "series"),
    ("geo:GSM", "experiment"),
)


OLD_BIOSAMPLE: Final = frozenset(
    {"biocharacteristics", "external_references", "provenance", "individual_age_at_collection", "description"}
)
"""Fields by which a biosample of 2021 is known."""
OLD_VARIANT: Final = frozenset({"reference_name", "callset_id", "variant_type", "reference_bases", "alternate_bases"})
"""A variant that has one of these fields is of 2021, but not if it has one of the following."""
NEW_VARIANT: Final = frozenset({"location", "adjoined_sequences"})


def _terms(value: Any) -> list[Document]:
    """The {id, label} objects of a list, ids in their current spelling; anything else is passed over."""
    if not isinstance(value, list):
        return []
    found = [item for item in value if isinstance(item, dict) and isinstance(item.get("id"), str)]
    # `str`, because JavaScript code is a string that cannot be looked up.
    return [{**item, "id": current_code(str(item["id"]))} for item in found]


def _sorted_in(terms: list[Document], prefixes: tuple[tuple[str, str], ...]) -> Document:
    """The first term of each prefix, under the field that the prefix belongs to."""
    found: Document = {}
    for prefix, field in prefixes:
        for term in terms:
            if str(term["id"]).startswith(prefix):
                found.setdefault(field, {"id": term["id"], "label": term.get("label", "")})
    return found


def biosample(document: Mapping[str, Any]) -> Document:
    """A biosample in the current model."""
    new = dict(document)
    if isinstance(new.get("cohorts"), list):
        new["cohorts"] = _terms(new["cohorts"])
    if not document.keys() & OLD_BIOSAMPLE:
        return new
    for field, value in _sorted_in(_terms(new.pop("biocharacteristics", None)), _CHARACTERISTICS).items():
        _fill(new, field, value)
    references = _sorted_in(_terms(new.pop("external_references", None)), _REFERENCES)
    if references:
        _fill(new, "references", references)
    provenance = new.pop("provenance", None)
    if isinstance(provenance, dict):
        for old, field in (("material", "biosample_status"), ("geo_location", "geo_location")):
            if isinstance(provenance.get(old), dict):
                _fill(new, field, provenance[old])
    age = new.pop("individual_age_at_collection", None)
    if isinstance(age, dict) and "age" in age:
        _fill(new, "collection_moment", age["age"])
    if "description" in new:
        _fill(new, "notes", new.pop("description"))
    return new


def individual(document: Mapping[str, Any]) -> Document:
    """An individual in the current model."""
    new = _with_legacy_ids(document)
    if "genotypic_sex" in new:
        _fill(new, "sex", new.pop("genotypic_sex"))
    diagnosis = _sorted_in(_terms(new.pop("biocharacteristics", None)), _CHARACTERISTICS[:1])
    if diagnosis:
        _fill(new, "index_disease", {"disease_code": diagnosis["histological_diagnosis"]})
    return new


def analysis(document: Mapping[str, Any]) -> Document:
    """An analysis in the current model."""
    new = _with_legacy_ids(document)
    references = _terms(new.pop("external_references", None))
    for field, value in _sorted_in(references, _ANALYSIS_REFERENCES).items():
        _fill(new, field, value)
    return new


def _with_legacy_ids(document: Mapping[str, Any]) -> Document:
    new = dict(document)
    info = new.get("info")
    if isinstance(info, dict) and "legacy_id" in info and "legacy_ids" not in info:
        new["info"] = {**info, "legacy_ids": info["legacy_id"]}
    return new


def _fill(document: Document, field: str, value: Any) -> None:
    """Set a field that says nothing yet."""
    if not document.get(field):
        document[field] = value


def variant(document: Mapping[str, Any]) -> Document:
    """A variant in the current model."""
    new = dict(document)
    if not _is_flat(document):
        return new
    new["location"] = _location(new)
    for old, field in (
        ("callset_id", "analysis_id"),
        ("digest", "variant_internal_id"),
        ("reference_bases", "reference_sequence"),
    ):
        if old in new:
            _fill(new, field, new.pop(old))
    if "alternate_bases" in new:
        _fill(new, "state", {"type": "LiteralSequenceExpression", "sequence": new.pop("alternate_bases")})
        _fill(new, "variant_type", "SNV")
    kind = new.get("variant_type")
    state = STATES.get(STATE_OF_TYPE.get(str(kind), "")) if isinstance(kind, str) else None
    if state:  # a type that is not in the table is kept as it is
        del new["variant_type"]
        _fill(new, "variant_state", {"id": state.id, "label": state.label})
    return new


def _is_flat(document: Mapping[str, Any]) -> bool:
    return bool(document.keys() & OLD_VARIANT) and not document.keys() & NEW_VARIANT


def variation(document: Mapping[str, Any]) -> Document:
    """A variant in the current model, one of 2021 with all that VRS v2 says of it, as Progenetix converted them."""
    new = variant(document)
    if not _is_flat(document):
        return new
    place, state = new["location"], new.get("variant_state")
    if known := chromosome(str(place.get("chromosome"))):
        place["sequence_reference"] = {"type": "SequenceReference", "refget_accession": known.refget}
    for end in ("start", "end"):
        if isinstance(place.get(end), float) and place[end].is_integer():
            place[end] = int(place[end])
    code = str(state.get("id")) if isinstance(state, dict) else ""
    kind = VRS_TYPES.get(code)
    if kind == "CopyNumberChange" and code in COPY_CHANGES:
        _fill(new, "type", kind)
        _fill(new, "copy_change", COPY_CHANGES[code])
    elif kind == "Allele" and new.get("state"):
        _fill(new, "type", kind)
    return new


def _location(flat: Document) -> Document:
    """The location of flat coordinates, which are taken out of the document."""
    place: Document = {"type": "SequenceLocation"}
    name = flat.pop("reference_name", None)
    if isinstance(name, str | int) and not isinstance(name, bool):
        known = chromosome(str(name))
        if known:
            place["sequence_id"] = known.sequence_id
        place["chromosome"] = known.name if known else str(name)
    for field in ("start", "end"):
        if field in flat:
            place[field] = flat.pop(field)
    return place
