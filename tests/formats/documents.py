"""Documents that are odd in every way, and what formats are told of a request for them."""

from datetime import UTC, datetime
from typing import Any

import bson
from bson import Binary, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import strategies as st

from gateway.dataset_state import DatasetState
from gateway.download_types import Ask, Selection, Wanted
from gateway.formats import downloads

# Strings that could end a cell, a value or a line, or be taken for a code, beside any other.
texts = st.one_of(st.text(max_size=8), st.text(st.sampled_from('\t\r\n\0\x7f#;="%2509B:&\x85\u2028é'), max_size=8))
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats())
scalars = st.one_of(
    texts,
    numbers,
    st.sampled_from([None, True, False, Int64(2**40), ObjectId(b"twelve bytes"), datetime(9999, 12, 31, tzinfo=UTC)]),
    st.sampled_from([b"\xff", Binary(b"a", 5), Regex("a", "i"), Timestamp(1, 2)]),
    st.sampled_from([MinKey(), MaxKey(), DatetimeMS(2**62), DatetimeMS(-(2**62))]),
    st.sampled_from(["NaN", "sNaN", "-Infinity", "9E+6144", "1E-6176", "-1.25", "12"]).map(Decimal128),
)
names = st.one_of(
    st.sampled_from(["id", "label", "start", "end", "chromosome", "0"]), texts.filter(lambda text: "\0" not in text)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def documents(draw: st.DrawFn, example: dict[str, Any]) -> dict[str, Any]:
    """The example with anything in place of any of its parts, and with fields left out."""

    def bent(part: Any) -> Any:
        if draw(st.integers(0, 5)) == 5:
            return draw(anything)
        if isinstance(part, dict):
            return bent_fields(part)
        return [bent(item) for item in part] if isinstance(part, list) else part

    def bent_fields(part: dict[str, Any]) -> dict[str, Any]:
        kept = draw(st.sets(st.sampled_from(sorted(part)))) if part else set()
        return {name: bent(part[name]) for name in part if name in kept}

    return bent_fields(example)


TERM = {"id": "NCIT:C4017", "label": "label"}
VARIANT = {
    "id": "pgxvar-1",
    "biosample_id": "pgxbs-1",
    "analysis_id": "a",
    "callset_id": "c",
    "digest": "9:1-2:DEL",
    "variant_internal_id": "9:1-2",
    "type": "Allele",
    "reference_name": "chr9",
    "start": 1,
    "end": 2.0,
    "variant_type": "DEL",
    "location": {"sequence_id": "refseq:NC_000009.12", "chromosome": "9", "start": 1, "end": 2},
    "adjoined_sequences": [{"chromosome": "8", "start": [1, 2], "end": [0, 3]}, {"end": [1, 2]}],
    "variant_state": {"id": "EFO:0030067", "label": "loss"},
    "reference_bases": "A",
    "alternate_bases": "G",
    "reference_sequence": "A",
    "sequence": "G",
    "state": {"sequence": "G", "reference_sequence": "A"},
    "identifiers": {"genomicHGVS_id": "x"},
    "molecular_attributes": {"aminoacid_changes": ["R273C"]},
    "variant_level_data": {},
    "info": {"cnv_value": -0.5},
}
BIOSAMPLE = {
    "id": "pgxbs-1",
    "description": "d",
    "notes": "n",
    "histological_diagnosis": TERM,
    "pathological_tnm_findings": [TERM, TERM],
    "references": {"pubmed": {"id": "pubmed:1", "label": "l"}, "cellosaurus": {"id": "cellosaurus:CVCL_1"}},
    "cohorts": [TERM],
    "geo_location": {"properties": {"city": "Zurich"}, "geometry": {"coordinates": [8.55, 47.37]}},
    "biocharacteristics": [TERM, {"id": "icdom-85003", "label": "l"}],
    "external_references": [{"id": "PMID:1", "label": "l"}],
    "provenance": {"material": TERM, "geo_location": {"properties": {"city": "Zurich"}}},
    "individual_age_at_collection": {"age": "P61Y"},
    "collection_moment": "P61Y",
    "info": {"group_id": "g", "group_label": "l", "pgxseg": {"key": "value"}},
}


def array(found: list[dict[str, Any]]) -> bytes:
    return bson.encode({str(number): document for number, document in enumerate(found)})


def wanted(ask: Ask, datasets: tuple[str, ...] = ("demo",)) -> Wanted:
    sets = tuple((DatasetState(dataset=name, version="1"), Selection(dataset=name)) for name in datasets)
    said = {"base": "http://h", "address": "/beacon/g_variants", "downloads": downloads(ask.entity)}
    return Wanted(ask=ask, datasets=sets, beacon_id="b", page_limit=200, **said)
