"""A dataset in which every field that the gateway reads holds a value of every type that BSON has."""

import math
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final

from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo.database import Database

__all__ = ["CODE", "VALUES", "write_types"]

Document = dict[str, Any]

CODE: Final = "NCIT:C3058"
_SCALARS: Final[tuple[Any, ...]] = (
    None,
    *(True, -1, 2**31, Int64(2**62), 20.0, 1e300, math.nan, math.inf),
    *("", "1", CODE, 'tab\there, "quote" and nul \0', "ÄÖ🧬"),
    *(Code(CODE), Code("x", {"y": 1}), ObjectId("650000000000000000000001")),
    *(Decimal128("1.5"), Decimal128("NaN"), Decimal128("1E+6000")),
    *(Binary(b"\xff\0x"), Binary(bytes(16), 4), Regex("(", "i"), Timestamp(5, 6), MinKey(), MaxKey()),
    *(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
)
VALUES: Final[tuple[Any, ...]] = (
    *_SCALARS,
    *([], [[[CODE]]], [CODE], list(_SCALARS)),
    *({}, {"id": CODE}, {"id": Code(CODE), "label": Code("l")}, {"": 1, "a.b": {"$c": 2}, "x\ty=;": [1]}),
    *([{"id": Code(CODE), "label": []}], [{"id": [CODE], "label": {}}]),
)
"""A value or more of every type, in lists and documents as well."""
_POINTERS: Final = (DBRef("biosamples", "x"), [DBRef("biosamples", "x")])
_ASKED: Final = frozenset({"id", "biosample_id"})
_INDEXED: Final = _ASKED | {"updated"}  # the embedded database cannot index pointers

_TERM: Final = {"id": CODE, "label": "Glioblastoma"}
_MAP: Final = {
    "interval_count": 3106,
    "binning": "1Mb",
    "frequencymap_samples": 5,
    "intervals": [{"gain_frequency": 1}],
}
_BASE: Final[dict[str, Document]] = {
    "biosamples": {"individual_id": "ind-1", "histological_diagnosis": _TERM, "cohorts": [{"id": "pgx:cohort-c"}]},
    "individuals": {"sex": _TERM, "index_disease": {"disease_code": _TERM, "followup_days": 5}},
    "analyses": {"operation": {"id": "EDAM:operation_3961"}, "platform_model": _TERM},
    "callsets": {"info": {"cnvstatistics": {"cnvfraction": 0.5}}},
    "variants": {
        "analysis_id": "a-1",
        "location": {"chromosome": "9", "sequence_id": "refseq:NC_000009.12", "start": 100, "end": 2_000_000},
        "variant_state": {"id": "EFO:0030067", "label": "loss"},
        "info": {"cnv_value": -0.5},
    },
    "collations": {"label": "l", "db_key": "histological_diagnosis.id", "entity": "biosample", "count": 5}
    | {"child_terms": [CODE], "collation_type": "NCIT", "code_matches": 1, "frequencymap": _MAP},
    "analyses_1Mb_maps": {"analysis_id": "a-1", "cnv_statusmaps": {"binning": "1Mb", "interval_count": 3106}},
    "collations_1Mb_frequencymaps": {"frequencymap": _MAP, "cnv_analyses": 5, "counts": {"analyses": 5}},
}
_PATHS: Final[dict[str, str]] = {
    "biosamples": "id individual_id name notes histological_diagnosis histological_diagnosis.id "
    "histological_diagnosis.label pathological_stage pathological_tnm_findings tumor_grade collection_moment "
    "references references.pubmed references.pubmed.id cohorts geo_location geo_location.properties "
    "geo_location.properties.city geo_location.geometry.coordinates info info.pgxseg info.group_id updated "
    "biocharacteristics external_references provenance provenance.material provenance.geo_location description "
    "individual_age_at_collection individual_age_at_collection.age individual_info individual_info.sex",
    "individuals": "id sex sex.id sex.label name index_disease index_disease.onset index_disease.onset.age_days "
    "index_disease.disease_code index_disease.disease_code.id index_disease.followup_days updated genotypic_sex "
    "auxiliary_disease biocharacteristics external_references info info.legacy_id info.legacy_ids ethnicity",
    "analyses": "id biosample_id individual_id operation operation.id platform_model platform_model.id pipeline_name "
    "experiment series series.id updated info info.cnvstatistics cnv_stats cnv_chro_stats cnv_statusmaps "
    "cnv_statusmaps.interval_count cnv_statusmaps.dup analysis_date run_date external_references",
    "variants": "id biosample_id analysis_id variant_internal_id location location.chromosome location.sequence_id "
    "location.start location.end variant_state variant_state.id variant_state.label info info.cnv_value "
    "info.var_length info.annotation_derived reference_sequence sequence state state.sequence type variant_type "
    "adjoined_sequences adjoined_sequences.0 identifiers molecular_attributes molecular_attributes.aminoacid_changes "
    "variant_level_data updated reference_name start end callset_id digest reference_bases alternate_bases",
    "collations": "id label db_key entity scope count code_matches child_terms parent_terms hierarchy_paths "
    "collation_type frequencymap frequencymap.binning frequencymap.interval_count frequencymap.intervals "
    "frequencymap.frequencymap_samples cnv_analyses counts updated name",
    "analyses_1Mb_maps": "biosample_id analysis_id cnv_statusmaps cnv_statusmaps.interval_count "
    "cnv_statusmaps.binning cnv_statusmaps.dup cnv_statusmaps.del cnv_statusmaps.interval_values",
    "collations_1Mb_frequencymaps": "id frequencymap frequencymap.binning frequencymap.interval_count "
    "frequencymap.intervals frequencymap.frequencymap_samples frequencymap.sample_count cnv_analyses counts",
}
_PATHS["callsets"] = _PATHS["analyses"]


def _set(document: Document, path: str, value: Any) -> None:
    """Put a value at a path, into objects that are made where there are none."""
    at: Any = document
    *before, last = path.split(".")
    for name in before:
        at[name] = at[name] if isinstance(at.get(name), dict) else {}
        at = at[name]
    at[last] = value


def _classes(paths: list[str]) -> list[list[str]]:
    """The paths of which values are odd in the same documents: none hides another, or what is asked for by an id."""
    own = [path for path in paths if path in _ASKED]
    others = [path for path in paths if path not in _ASKED]
    depths = sorted({path.count(".") for path in others})
    return [[path] for path in own] + [[path for path in others if path.count(".") == depth] for depth in depths]


def _documents(collection: str) -> Iterator[Document]:
    """Every path with every value once, several paths a document."""
    number = 0
    for paths in _classes(_PATHS[collection].split()):
        turns = len(VALUES) + (0 if _INDEXED.issuperset(paths) else len(_POINTERS))
        for turn in range(turns):
            number += 1
            new = {**deepcopy(_BASE[collection]), "id": _id(collection, number)}
            if collection not in {"biosamples", "individuals", "collations", "collations_1Mb_frequencymaps"}:
                new["biosample_id"] = _id("biosamples", number)
            for at, path in enumerate(paths):
                values = VALUES if path in _INDEXED else (*VALUES, *_POINTERS)
                _set(new, path, deepcopy(values[(turn + 5 * at) % len(values)]))
            yield new


def _id(collection: str, number: int) -> str:
    """The id of a document that has a right one; some collations are the one that is asked for."""
    if collection.startswith("collations"):
        return CODE if number % 2 else f"NCIT:C{number}"
    return f"{collection[:2]}-{number}"


def write_types(database: Database[Document], *, old: bool = False) -> None:
    """Write it; `old` has callsets where the current model has analyses."""
    names = ["biosamples", "individuals", "callsets" if old else "analyses", "variants", "collations"]
    names += [] if old else ["analyses_1Mb_maps", "collations_1Mb_frequencymaps"]
    indexes = {"biosamples": "id updated", "individuals": "id", "variants": "biosample_id updated", "collations": "id"}
    for name in names:
        for field in indexes.get(name, "biosample_id id").split():
            database[name].create_index(field)
        database[name].insert_many(list(_documents(name)))
    database.dataversion.insert_many([{"_id": database.name, "version": Code("1"), "counts": {"variants": Code("1")}}])
