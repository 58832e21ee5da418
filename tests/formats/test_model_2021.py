"""The documents of 2021 in the current model: Progenetix's own table of what became what."""

import copy

import pytest

from gateway.codes import current_code
from gateway.formats import model_2021
from gateway.genome import CHROMOSOMES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("icdom-85003", "pgx:icdom-85003"),
        ("icdot-C50.9", "pgx:icdot-C50.9"),
        ("TCGA-BRCA", "pgx:TCGA-BRCA"),
        ("pgxcohort-TCGA", "pgx:cohort-TCGA"),
        ("PMID:99900001", "pubmed:99900001"),
    ],
)
def test_codes(old, new):
    assert current_code(old) == new
    assert current_code(new) == new


@pytest.mark.parametrize("code", ["NCIT:C4017", "UBERON:0000310", "cellosaurus:CVCL_9Z01", "geo:GSM1", "", "xPMID:1"])
def test_codes_that_did_not_change(code):
    assert current_code(code) == code


DIAGNOSIS = {"id": "NCIT:C4017", "label": "Invasive Breast Ductal Carcinoma"}
PLACE = {"type": "Feature", "properties": {"city": "Zurich"}, "geometry": {"coordinates": [8.55, 47.37]}}
BIOSAMPLE = {
    "id": "pgxbs-zz0demo1",
    "individual_id": "pgxind-zz0demo3",
    "description": "breast carcinoma [ductal]",
    "biocharacteristics": [
        {"id": "UBERON:0000310", "label": "breast"},
        {"id": "icdot-C50.9", "label": "Breast, NOS"},
        {"id": "icdom-85003", "label": "Infiltrating duct carcinoma, NOS"},
        DIAGNOSIS,
    ],
    "external_references": [
        {"id": "PMID:99900001", "label": "Demo A et al. (2009)", "description": "…"},
        {"id": "geo:GSM990001", "label": ""},
        {"id": "geo:GPL6801", "label": ""},
        {"id": "cellosaurus:CVCL_9Z01", "label": "DEMO-1"},
    ],
    "cohorts": [{"id": "pgxcohort-TCGA", "label": "TCGA samples"}],
    "individual_age_at_collection": {"age": "P61Y"},
    "provenance": {"material": {"id": "EFO:0009656", "label": "neoplastic sample"}, "geo_location": PLACE},
    "data_use_conditions": {"id": "DUO:0000004", "label": "no restriction"},
    "info": {"death": "0"},
}


def test_a_biosample():
    assert model_2021.biosample(BIOSAMPLE) == {
        "id": "pgxbs-zz0demo1",
        "individual_id": "pgxind-zz0demo3",
        "notes": "breast carcinoma [ductal]",
        "histological_diagnosis": DIAGNOSIS,
        "icdo_morphology": {"id": "pgx:icdom-85003", "label": "Infiltrating duct carcinoma, NOS"},
        "icdo_topography": {"id": "pgx:icdot-C50.9", "label": "Breast, NOS"},
        "sample_origin_detail": {"id": "UBERON:0000310", "label": "breast"},
        "references": {
            "pubmed": {"id": "pubmed:99900001", "label": "Demo A et al. (2009)"},
            "cellosaurus": {"id": "cellosaurus:CVCL_9Z01", "label": "DEMO-1"},
        },
        "cohorts": [{"id": "pgx:cohort-TCGA", "label": "TCGA samples"}],
        "collection_moment": "P61Y",
        "biosample_status": {"id": "EFO:0009656", "label": "neoplastic sample"},
        "geo_location": PLACE,
        "data_use_conditions": {"id": "DUO:0000004", "label": "no restriction"},
        "info": {"death": "0"},
    }


def test_what_a_document_holds_in_the_new_way_already_stands():
    other = {"id": "NCIT:C3262", "label": "Neoplasm"}
    both = {"biocharacteristics": [DIAGNOSIS], "histological_diagnosis": other, "notes": "n", "description": "d"}
    assert model_2021.biosample(both)["histological_diagnosis"] == other
    assert model_2021.biosample(both)["notes"] == "n"


@pytest.mark.parametrize("empty", [None, {}], ids=repr)
def test_an_empty_new_field_does_not_hide_the_old_one(empty):
    document = {
        "biocharacteristics": [DIAGNOSIS],
        "histological_diagnosis": empty,
        "external_references": [{"id": "PMID:1", "label": "a"}],
        "references": empty,
    }
    assert model_2021.biosample(document)["histological_diagnosis"] == DIAGNOSIS
    assert model_2021.biosample(document)["references"] == {"pubmed": {"id": "pubmed:1", "label": "a"}}


def test_the_first_of_several_terms_of_a_kind_counts():
    other = {"id": "NCIT:C3262", "label": "Neoplasm"}
    assert model_2021.biosample({"biocharacteristics": [DIAGNOSIS, other]})["histological_diagnosis"] == DIAGNOSIS
    assert model_2021.biosample({"biocharacteristics": [other, DIAGNOSIS]})["histological_diagnosis"] == other


def test_each_old_field_alone_is_read():
    for field in ("description", "biocharacteristics", "external_references", "provenance", "cohorts"):
        whole, alone = model_2021.biosample(BIOSAMPLE), model_2021.biosample({field: BIOSAMPLE[field]})
        assert field == "cohorts" or field not in alone
        assert alone
        assert alone.items() <= whole.items()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            {
                "id": "60a0c1d2e3f4a5b6c7d8e9f0",
                "digest": "9:21864674-21999241:DEL",
                "biosample_id": "pgxbs-zz0demo1",
                "callset_id": "pgxcs-zz0demo2",
                "reference_name": "9",
                "start": 21864674,
                "end": 21999241,
                "variant_type": "DEL",
                "info": {"cnv_value": -0.8731},
            },
            {
                "id": "60a0c1d2e3f4a5b6c7d8e9f0",
                "variant_internal_id": "9:21864674-21999241:DEL",
                "biosample_id": "pgxbs-zz0demo1",
                "analysis_id": "pgxcs-zz0demo2",
                "location": {
                    "type": "SequenceLocation",
                    "sequence_id": "refseq:NC_000009.12",
                    "chromosome": "9",
                    "start": 21864674,
                    "end": 21999241,
                },
                "variant_state": {"id": "EFO:0030067", "label": "loss"},
                "info": {"cnv_value": -0.8731},
            },
            id="CNV",
        ),
        pytest.param(
            {
                "digest": "4:55133558:A>G",
                "reference_name": "4",
                "start": 55133558,
                "reference_bases": "A",
                "alternate_bases": "G",
            },
            {
                "variant_internal_id": "4:55133558:A>G",
                "location": {
                    "type": "SequenceLocation",
                    "sequence_id": "refseq:NC_000004.12",
                    "chromosome": "4",
                    "start": 55133558,
                },
                "reference_sequence": "A",
                "state": {"type": "LiteralSequenceExpression", "sequence": "G"},
                "variant_state": {"id": "SO:0001059", "label": "sequence_alteration"},
            },
            id="SNV",
        ),
        pytest.param(
            {"reference_name": "KI270711.1", "start": 1},
            {"location": {"type": "SequenceLocation", "chromosome": "KI270711.1", "start": 1}},
            id="unplaced contig",
        ),
        pytest.param(
            {"reference_name": None, "start": 1, "callset_id": "c"},
            {"location": {"type": "SequenceLocation", "start": 1}, "analysis_id": "c"},
            id="no chromosome: null is not a name",
        ),
        pytest.param(
            {"start": 1, "end": 2, "callset_id": "c", "variant_type": "DUP"},
            {
                "location": {"type": "SequenceLocation", "start": 1, "end": 2},
                "analysis_id": "c",
                "variant_state": {"id": "EFO:0030070", "label": "gain"},
            },
            id="no chromosome at all: still of 2021",
        ),
    ],
)
def test_variants(old, new):
    assert model_2021.variant(old) == new


@pytest.mark.parametrize(
    ("old", "told"),
    [
        ({"variant_type": "DEL"}, {"type": "CopyNumberChange", "copy_change": "loss"}),
        ({"variant_type": "DUP", "type": "x", "copy_change": "high-level gain"}, {}),
        ({"variant_type": "LOH"}, {}),
        ({"variant_type": "SNV"}, {}),  # of which the allele is not known
        ({"variant_type": ["DUP"]}, {}),
        ({"alternate_bases": "A"}, {"type": "Allele"}),
    ],
)
def test_variations_of_2021_say_what_vrs_says(old, told):
    old = {"reference_name": "chr9", "start": 5.0, "end": 7.5, **old}
    sequence = {"type": "SequenceReference", "refget_accession": CHROMOSOMES["9"].refget}
    place = {"start": 5, "sequence_reference": sequence}
    plain = model_2021.variant(old)
    assert model_2021.variation(old) == {**plain, **told, "location": {**plain["location"], **place}}


def test_a_type_without_a_state_is_not_lost():
    new = model_2021.variant({"reference_name": "9", "start": 1, "variant_type": "AMP"})
    assert "AMP" in str(new)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "Adjacency", "digest": "a VRS digest", "adjoined_sequences": []},
        {"location": {"chromosome": "9", "start": 1}, "digest": "a VRS digest", "variant_internal_id": "9:1"},
        {},
    ],
)
def test_current_variants_pass_untouched(document):
    assert model_2021.variant(document) == model_2021.variation(document) == document


def test_current_biosamples_pass_untouched():
    document = {"id": "1", "histological_diagnosis": DIAGNOSIS, "notes": "n", "geo_location": PLACE}
    assert model_2021.biosample(document) == document


def test_documents_are_not_changed_in_place():
    before = copy.deepcopy(BIOSAMPLE)
    model_2021.biosample(BIOSAMPLE)["notes"] = "changed"
    assert before == BIOSAMPLE
    variant = {"reference_name": "9", "start": 1, "alternate_bases": "A"}
    model_2021.variant(variant)
    assert variant == {"reference_name": "9", "start": 1, "alternate_bases": "A"}
