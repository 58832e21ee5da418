"""Beacon v2 JSON: plain values, and records of both eras."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from gateway.formats.base import camel, dumps, plain
from gateway.formats.beacon_records import analysis, biosample, cohort, individual, run, variant

# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (Int64(2**40), 2**40),
        (-0.8731, -0.8731),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        ("text", "text"),
        (ObjectId("60a0c1d2e3f4a5b6c7d8e9f0"), "60a0c1d2e3f4a5b6c7d8e9f0"),
        (datetime(2021, 2, 3, 10, 11, 12), "2021-02-03T10:11:12Z"),  # noqa: DTZ001  (BSON gives naive UTC)
        (datetime(2021, 2, 3, 10, 11, 12, 345000), "2021-02-03T10:11:12.345Z"),  # noqa: DTZ001
        (datetime(2021, 2, 3, tzinfo=UTC), "2021-02-03T00:00:00+00:00"),
        (datetime(2021, 2, 3, tzinfo=timezone(timedelta(hours=1))), "2021-02-03T00:00:00+01:00"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00Z"),  # noqa: DTZ001
        (DatetimeMS(2**62), 2**62),  # a year that Python's dates cannot hold
        (Decimal128("-1.25"), -1.25),
        (Decimal128("NaN"), None),
        (Decimal128("sNaN"), None),
        (Decimal128("-Infinity"), None),
        (Decimal128("9E+6144"), None),  # finite, but no double
        (Decimal128("1E-6176"), 0.0),
        (b"\x00\xff", "00ff"),
        (Binary(b"\x01", 5), "01"),
        ([1, [math.nan, {"a": [math.inf]}]], [1, [None, {"a": [None]}]]),
    ],
    ids=repr,
)
def test_plain_values(value, expected):
    made = plain(value)
    assert made == expected
    assert type(made) is type(expected)
    assert json.loads(dumps(made)) == expected


@pytest.mark.parametrize(
    "value", [MinKey(), MaxKey(), Timestamp(1, 2), Regex("a/b", "i"), Code("x"), Code("x", {"y": 1})]
)
def test_other_values_of_bson_are_text(value):
    assert isinstance(json.loads(dumps(plain({"a": [value]})))["a"][0], str)


@pytest.mark.parametrize(
    ("snake", "expected"),
    [
        ("variant_state", "variantState"),
        ("cnv_value", "cnvValue"),
        ("genomicHGVS_id", "genomicHGVSId"),
        ("sequence_id", "sequence_id"),
        ("_id", "_id"),
        ("ISO3166alpha3", "ISO3166alpha3"),
        ("1p", "1p"),
        ("icdo_morphology", "icdoMorphology"),
        ("a_b_c_1", "aBC1"),
        ("trailing_", "trailing_"),
        ("", ""),
    ],
)
def test_camel_case(snake, expected):
    assert camel(snake) == expected


def test_names_change_and_words_do_not():
    stored = {"variant_state": {"id": "efo_1", "label": "before hepatocellular"}, "a_list": [{"b_c": "d_e"}]}
    assert plain(stored, camel) == {
        "variantState": {"id": "efo_1", "label": "before hepatocellular"},
        "aList": [{"bC": "d_e"}],
    }
    assert plain(stored) == stored


def test_json_is_compact_utf8():
    assert dumps({"url": "https://a/b", "label": "Zürich 😀 </a>", "n": [1, 0.1, None, True]}) == (
        '{"url":"https://a/b","label":"Zürich 😀 </a>","n":[1,0.1,null,true]}'.encode()
    )
    assert dumps([2**64, -(2**70)]) == b"[18446744073709551616,-1180591620717411303424]"


def test_documents_may_nest_as_deep_as_the_database_allows():
    deep = 1
    for _ in range(100):
        deep = {"a": [deep]}
    assert json.loads(dumps(plain(deep))) == deep


# --- variants --------------------------------------------------------------------------------------------------------

LOCATION = {"type": "SequenceLocation", "sequence_id": "refseq:NC_000009.12", "chromosome": "9"}
CNV = {
    "_id": ObjectId("65f0c1d2e3f4a5b6c7d8e9f0"),
    "id": "pgxvar-65f0c1d2e3f4a5b6c7d8e9f0",
    "variant_internal_id": "NC_000009.12:21864674-21999241:EFO_0030067",
    "analysis_id": "pgxcs-zz0demo2",
    "biosample_id": "pgxbs-zz0demo1",
    "individual_id": "pgxind-zz0demo3",
    "type": "CopyNumberChange",
    "copy_change": "loss",
    "variant_state": {"id": "EFO:0030067", "label": "loss"},
    "location": {
        **LOCATION,
        "start": 21864674,
        "end": 21999241,
        "sequence_reference": {
            "type": "SequenceReference",
            "refget_accession": "SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI",
        },
    },
    "info": {"cnv_value": -0.8731, "var_length": 134567, "version": "VRSv2"},
    "updated": "2025-08-01T10:11:12.123456",
}
# Word for word the documented answer.
CNV_RECORD = """
{ "variantInternalId": "NC_000009.12:21864674-21999241:EFO_0030067",
  "variation": {"type": "CopyNumberChange", "copyChange": "loss",
     "location": {"type": "SequenceLocation", "chromosome": "9", "sequence_id": "refseq:NC_000009.12",
        "start": 21864674, "end": 21999241, "sequenceReference": {
           "type": "SequenceReference", "refgetAccession": "SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI"}},
     "variantState": {"id": "EFO:0030067", "label": "loss"}},
  "caseLevelData": [
     {"analysisId": "pgxcs-zz0demo2", "biosampleId": "pgxbs-zz0demo1", "individualId": "pgxind-zz0demo3",
      "variantId": "pgxvar-65f0c1d2e3f4a5b6c7d8e9f0"}],
  "identifiers": {}, "molecularAttributes": {}, "variantLevelData": {} }
"""


def test_the_documented_variant():
    assert variant(CNV) == json.loads(CNV_RECORD)


def test_a_sequence_alteration():
    state = {"type": "LiteralSequenceExpression", "sequence": "A"}
    snv = {
        "id": "pgxvar-65f0c1d2e3f4a5b6c7d8e9f1",
        "type": "Allele",
        "digest": "rTWnfyUljMTJU6__jC0jcZqOLILNpNAR",
        "variant_internal_id": "NC_000017.11:7577120:A",
        "biosample_id": "pgxbs-zz0demo1",
        "variant_state": {"id": "SO:0001059", "label": "sequence_alteration"},
        "location": {"sequence_id": "refseq:NC_000017.11", "chromosome": "17", "start": 7577120, "end": 7577121},
        "reference_sequence": "G",
        "state": state,
        "identifiers": {"genomicHGVS_id": "NC_000017.11:g.7577121G>A"},
        "molecular_attributes": {"aminoacid_changes": ["R273C"]},
        "variant_level_data": {"clinical_interpretations": []},
        "info": {"var_length": 1, "version": "VRSv2"},
    }
    record = variant(snv)
    assert record["variation"] == {
        "type": "Allele",
        "digest": "rTWnfyUljMTJU6__jC0jcZqOLILNpNAR",
        "location": snv["location"],
        "state": state,
        "referenceSequence": "G",
        "variantState": {"id": "SO:0001059", "label": "sequence_alteration"},
    }
    assert record["identifiers"] == {"genomicHGVSId": "NC_000017.11:g.7577121G>A"}
    assert record["molecularAttributes"] == {"aminoacidChanges": ["R273C"]}
    assert record["variantLevelData"] == {"clinicalInterpretations": []}
    assert record["caseLevelData"] == [{"biosampleId": "pgxbs-zz0demo1", "variantId": snv["id"]}]


def test_a_fusion():
    partners = [
        {"type": "SequenceLocation", "sequence_id": "refseq:NC_000008.11", "chromosome": "8", "end": [0, 12800000]},
        {"type": "SequenceLocation", "sequence_id": "refseq:NC_000012.12", "start": [108600000, 133275309]},
    ]
    fusion = {"type": "Adjacency", "variant_state": {"id": "SO:0000806"}, "adjoined_sequences": partners}
    assert variant(fusion)["variation"] == {
        "type": "Adjacency",
        "adjoinedSequences": partners,
        "variantState": {"id": "SO:0000806"},
    }


def test_a_variant_of_2021_has_the_current_shape():
    old = {
        "_id": ObjectId("60a0c1d2e3f4a5b6c7d8e9f0"),
        "digest": "9:21864674-21999241:DEL",
        "biosample_id": "pgxbs-zz0demo1",
        "callset_id": "pgxcs-zz0demo2",
        "reference_name": "9",
        "start": 21864674,
        "end": 21999241,
        "variant_type": "DEL",
        "info": {"cnv_value": -0.8731},
        "updated": "2021-02-03T10:11:12.000Z",
    }
    assert variant(old) == {
        "variantInternalId": "9:21864674-21999241:DEL",
        "variation": {
            "type": "CopyNumberChange",
            "copyChange": "loss",
            "location": {
                **LOCATION,
                "start": 21864674,
                "end": 21999241,
                "sequenceReference": {
                    "type": "SequenceReference",
                    "refgetAccession": "SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI",
                },
            },
            "variantState": {"id": "EFO:0030067", "label": "loss"},
        },
        "caseLevelData": [
            {
                "analysisId": "pgxcs-zz0demo2",
                "biosampleId": "pgxbs-zz0demo1",
                "variantId": "60a0c1d2e3f4a5b6c7d8e9f0",
            }
        ],
        "identifiers": {},
        "molecularAttributes": {},
        "variantLevelData": {},
    }


# --- biosamples ------------------------------------------------------------------------------------------------------

SPECIMEN = {"id": "OBI:0001479", "label": "specimen from organism"}


def test_a_biosample():
    stored = {
        "_id": ObjectId(),
        "id": "pgxbs-zz0demo1",
        "individual_id": "pgxind-zz0demo3",
        "name": "",
        "notes": None,
        "histological_diagnosis": {"id": "NCIT:C4017", "label": "Invasive Breast Ductal Carcinoma"},
        "sample_origin_type": {"id": "something else"},
        "pathological_tnm_findings": [],
        "collection_moment": "P61Y2M13D",
        "followup_state": {"id": "EFO:0030041"},
        "followup_time": "P44M",
        "references": {
            "pubmed": {"id": "pubmed:99900001", "label": "Demo A et al. (2012): …"},
            "cellosaurus": {"id": "cellosaurus:CVCL_9Z01", "label": "DEMO-1"},
            "cbioportal": {"id": "cbioportal:demo_2017"},
            "tcgaproject": {"id": "pgx:TCGA-BRCA", "label": "Breast invasive carcinoma"},
            "empty": {},
            "none": None,
        },
        "geo_location": {"properties": {"city": "Zurich", "ISO3166alpha3": "CHE"}},
        "updated": datetime(2025, 8, 1, 10, 11, 12),  # noqa: DTZ001  (BSON gives naive UTC)
    }
    assert biosample(stored) == {
        "id": "pgxbs-zz0demo1",
        "individualId": "pgxind-zz0demo3",
        "histologicalDiagnosis": {"id": "NCIT:C4017", "label": "Invasive Breast Ductal Carcinoma"},
        "sampleOriginType": SPECIMEN,
        "biosampleStatus": {"id": "NCIT:C17998", "label": "Unknown"},
        "collectionMoment": "P61Y2M13D",
        "geoLocation": {"properties": {"city": "Zurich", "ISO3166alpha3": "CHE"}},
        "updated": "2025-08-01T10:11:12Z",
        "externalReferences": [
            {
                "id": "pubmed:99900001",
                "description": "Demo A et al. (2012): …",
                "reference": "https://pubmed.ncbi.nlm.nih.gov/99900001/",
            },
            {
                "id": "cellosaurus:CVCL_9Z01",
                "description": "DEMO-1",
                "reference": "https://www.cellosaurus.org/CVCL_9Z01",
            },
            {"id": "cbioportal:demo_2017", "reference": "https://www.cbioportal.org/study/summary?id=demo_2017"},
            {"id": "pgx:TCGA-BRCA", "description": "Breast invasive carcinoma"},
        ],
    }


def test_a_biosample_of_2021_has_the_current_shape():
    stored = {
        "id": "pgxbs-zz0demo1",
        "description": "breast carcinoma [ductal]",
        "biocharacteristics": [{"id": "icdom-85003", "label": "Infiltrating duct carcinoma, NOS"}],
        "external_references": [{"id": "PMID:99900001", "label": "Demo A et al. (2009)", "description": "…"}],
        "provenance": {"material": {"id": "EFO:0009656", "label": "neoplastic sample"}},
        "individual_age_at_collection": {"age": "P61Y"},
    }
    assert biosample(stored) == {
        "id": "pgxbs-zz0demo1",
        "notes": "breast carcinoma [ductal]",
        "icdoMorphology": {"id": "pgx:icdom-85003", "label": "Infiltrating duct carcinoma, NOS"},
        "biosampleStatus": {"id": "EFO:0009656", "label": "neoplastic sample"},
        "collectionMoment": "P61Y",
        "sampleOriginType": SPECIMEN,
        "externalReferences": [
            {
                "id": "pubmed:99900001",
                "description": "Demo A et al. (2009)",
                "reference": "https://pubmed.ncbi.nlm.nih.gov/99900001/",
            }
        ],
    }


def test_a_biosample_always_says_what_it_is_and_its_references():
    unknown = {"id": "NCIT:C17998", "label": "Unknown"}
    nothing = {"sampleOriginType": SPECIMEN, "biosampleStatus": unknown, "externalReferences": []}
    assert biosample({}) == biosample({"biosample_status": {"id": "", "label": ""}}) == nothing


# --- individuals, analyses, runs, cohorts ----------------------------------------------------------------------------


def test_an_individual_has_its_diseases_in_a_list():
    disease = {"disease_code": {"id": "NCIT:C4017", "label": "x"}, "onset": {"age": "P60Y", "age_days": 21914}}
    stored = {"_id": 1, "id": "i", "sex": {"id": "NCIT:C16576"}, "index_disease": disease, "auxiliary_disease": {}}
    assert individual(stored) == {
        "id": "i",
        "sex": {"id": "NCIT:C16576"},
        "diseases": [
            {
                "diseaseCode": {"id": "NCIT:C4017", "label": "x"},
                "onset": {"age": "P60Y", "ageDays": 21914},
            }
        ],
    }
    old = {"id": "i", "genotypic_sex": {"id": "PATO:0020001"}, "biocharacteristics": [{"id": "NCIT:C4017"}]}
    assert individual(old) == {
        "id": "i",
        "sex": {"id": "PATO:0020001"},
        "diseases": [{"diseaseCode": {"id": "NCIT:C4017", "label": ""}}],
    }
    assert individual({"id": "i"}) == {"id": "i", "sex": {"id": "NCIT:C17998", "label": "Unknown"}}


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ({"analysis_date": "2020-05-06", "run_date": "2020-05-06", "updated": "2025-08-01T10:11:12"}, "2020-05-06"),
        ({"updated": "2021-02-03T10:11:12.000Z"}, "2021-02-03"),
        ({"updated": datetime(2021, 2, 3, tzinfo=UTC)}, "2021-02-03"),
        ({"updated": "lately", "_id": ObjectId("60a0c1d2e3f4a5b6c7d8e9f0")}, "2021-05-16"),
        ({"_id": 7}, None),
    ],
)
def test_an_analysis_and_its_run_are_dated_by_what_is_stored(dates, day):
    platform = {"id": "geo:GPL6801"}
    stored = {"id": "a", "biosample_id": "b", "platform_model": platform, "info": {}, "cnv_stats": {"x": 1}, **dates}
    assert analysis(stored).get("analysisDate") == day
    assert analysis(stored)["pipelineName"] == "progenetix"
    assert {"info", "cnvStats", "_id"}.isdisjoint(analysis(stored))
    assert analysis(stored, stats=True)["cnvStats"] == {"x": 1}
    named = {"id": "a", "biosampleId": "b", "platformModel": platform}
    assert run(stored) == ({**named, "runDate": day} if day else named)


def test_a_cohort():
    stored = {"id": "pgx:cohort-TCGA", "label": "TCGA samples", "count": 3}
    assert cohort(stored) == {
        "id": "pgx:cohort-TCGA",
        "name": "TCGA samples",
        "cohortType": "beacon-defined",
        "cohortSize": 3,
    }
    nameless = {"id": "c", "name": "c", "cohortType": "beacon-defined"}
    assert cohort({"id": "c", "label": None, "count": math.nan}) == nameless
