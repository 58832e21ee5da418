"""Documents: the current model's shape, and rows that come back as they went in."""

import io

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import codec
from gateway.codes import current_code
from gateway.formats import sample_lines
from gateway.formats.pgxseg import COLUMNS
from gateway.genome import CHROMOSOMES, STATES
from gateway.ids import flaw
from gateway.loading.documents import row_key, sample, variant
from gateway.loading.reader import Row, SampleLine, read

BASES = st.text("ACGT", max_size=5)
ROWS = st.builds(
    lambda name, place, start, length, log2, state, reference, sequence: Row(
        name, place, start, start + length, log2, state, STATES[state].label, reference, sequence
    ),
    st.text(min_size=1, max_size=9).filter(lambda text: not flaw(text) and text != "NA"),
    st.sampled_from(sorted(CHROMOSOMES)),
    st.integers(0, 10**8),
    st.integers(0, 10**8),
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(sorted(state for state in STATES if STATES[state].variant_type)),
    BASES,
    BASES,
)


@given(st.lists(ROWS, max_size=4))
def test_rows_come_back_as_they_went_in(rows):
    documents = [variant(row, row_key(row), 0, "i", "a") for row in rows]
    array = bson.encode({str(at): {"_id": at, **document} for at, document in enumerate(documents)})
    text = codec.rows([array], COLUMNS, "biosample_id").data
    found = [item for item in read(io.BytesIO(text), "f") if isinstance(item, Row)]
    assert sorted(map(repr, found)) == sorted(map(repr, rows))


PAIRS = {
    "individual_id": "pgxind-1",
    "biosample_name": "DEMO 1",
    "notes": "a;b\tc%09 #1 ",
    "histological_diagnosis_id": "NCIT:C4017",
    "histological_diagnosis_label": "Invasive Breast Ductal Carcinoma",
    "tnm": "NCIT:C48724::T2 Stage Finding&&NCIT:C48706::N1 Stage Finding",
    "age_iso": "P61Y2M13D",
    "cohorts": "pgx:cohort-TCGA::TCGA samples&&pgx:cohort-x",
    "geoprov_city": "Zurich",
    "geoprov_long_lat": "8.55::47.37",
    "sex_id": "NCIT:C16576",
    "followup_state_id": "EFO:0030041",
    "followup_time": "P44M",
    "series_id": "geo:GSE1",
    "platform_id": "geo:GPL6801",
    "group_id": "x",
    "group_label": "y",
    "stage": "II",
    "my.own $key": "v",
}


def line(pairs: dict[str, str]) -> SampleLine:
    return SampleLine("s", tuple(pairs.items()))


def test_a_sample_line_becomes_the_documents_of_the_current_model():
    made = sample("s", [line(PAIRS)])
    (_, individual), (_, biosample), (_, analysis) = made.documents("pgxind-1", "pgxcs-1")
    disease = {"followup_state": {"id": "EFO:0030041"}, "followup_time": "P44M", "followup_days": 1338}
    assert individual == {"id": "pgxind-1", "sex": {"id": "NCIT:C16576"}, "index_disease": disease}
    assert biosample["individual_info"] == {"sex": {"id": "NCIT:C16576"}, "index_disease": disease}
    assert biosample["collection_moment_days"] == 22353
    assert biosample["geo_location"] == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [8.55, 47.37]},
        "properties": {"city": "Zurich"},
    }
    assert biosample["cohorts"] == [{"id": "pgx:cohort-TCGA", "label": "TCGA samples"}, {"id": "pgx:cohort-x"}]
    assert biosample["info"]["pgxseg"]["my\uff0eown \uff04key"] == "v"
    assert analysis == {
        "id": "pgxcs-1",
        "biosample_id": "s",
        "individual_id": "pgxind-1",
        "series": {"id": "geo:GSE1"},
        "platform_model": {"id": "geo:GPL6801"},
    }


def test_a_sample_line_comes_back_with_all_that_went_in():
    (_, (_, document), _) = sample("s", [line(PAIRS)]).documents("pgxind-1", "pgxcs-1")
    (back,) = read(io.BytesIO(sample_lines.line(document).encode()), "f")
    assert isinstance(back, SampleLine)
    given_pairs = {key.replace(".", "\uff0e").replace("$", "\uff04"): text for key, text in PAIRS.items()}
    assert given_pairs.items() <= dict(back.pairs).items()
    assert sample("s", [back]) == sample("s", [line(given_pairs)])


@given(st.dictionaries(st.sampled_from(sorted(PAIRS)) | st.text(min_size=1, max_size=5), st.text(max_size=8)))
def test_any_sample_line_can_be_stored_and_comes_back_stable(pairs):
    (_, (_, document), _) = sample("s", [line(pairs)]).documents("i", "a")
    assert bson.decode(bson.encode(document)) == document


def test_what_does_not_fit_its_place_is_kept_as_written():
    pairs = {"tnm": "T2N0", "geoprov_long_lat": "500::1", "NCIT::id": "NCIT:C2", "histological_diagnosis_id": "NCIT:C1"}
    made = sample("s", [line(pairs)])
    assert made.biosample["histological_diagnosis"] == {"id": "NCIT:C2"}
    assert made.biosample["info"]["pgxseg"] == {
        "tnm": "T2N0",
        "geoprov_long_lat": "500::1",
        "histological_diagnosis_id": "NCIT:C1",
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("icdom-85003", "pgx:icdom-85003"),
        ("pgx:icdom-85003", "pgx:icdom-85003"),
        ("icdot-C50.9", "pgx:icdot-C50.9"),
        ("PMID:1", "pubmed:1"),
        ("pgxcohort-TCGA", "pgx:cohort-TCGA"),
        ("TCGA-BRCA", "pgx:TCGA-BRCA"),
        ("NCIT_C4017", "NCIT:C4017"),
        ("GPL6801", "geo:GPL6801"),
        ("CVCL_0001", "cellosaurus:CVCL_0001"),
        ("NCIT:C4017", "NCIT:C4017"),
    ],
)
def test_old_codes_get_their_current_spelling(old, new):
    assert current_code(old) == new


def row(**changes: object) -> Row:
    values = {
        "biosample_id": "s", "chromosome": "9", "start": 10, "end": 20, "log2": -0.5, "state_id": "EFO:0030067",
        "state_label": "loss", "reference": "", "sequence": "",
    }  # fmt: skip
    return Row(**(values | changes))


def test_the_shapes_of_variants():
    loss = variant(row(), row_key(row()), 0, "i", "a")
    assert (loss["type"], loss["copy_change"], loss["info"]["cnv_value"]) == ("CopyNumberChange", "loss", -0.5)
    assert loss["variant_internal_id"] == "NC_000009.12:10-20:EFO_0030067"
    assert loss["location"]["sequence_reference"]["refget_accession"].startswith("SQ.")
    silent = row(log2=None)
    assert "cnv_value" not in variant(silent, row_key(silent), 0, "i", "a")["info"]
    snv = row(state_id="SO:0001059", log2=None, reference="G", sequence="A")
    allele = variant(snv, row_key(snv), 0, "i", "a")
    assert (allele["type"], allele["reference_sequence"], allele["state"]["sequence"]) == ("Allele", "G", "A")
    fusion = row(state_id="SO:0000806", log2=None)
    adjacency = variant(fusion, row_key(fusion), 0, "i", "a")
    assert "location" not in adjacency
    assert adjacency["adjoined_sequences"][0]["start"] == [10, 20]


def test_ids_follow_from_content_and_lie_in_the_order_of_the_genome():
    places = [("1", 5), ("1", 300), ("2", 4), ("10", 1), ("X", 0), ("Y", 0), ("MT", 0)]
    some = [row(chromosome=name, start=start, end=10**6) for name, start in places]
    ids = [variant(one, row_key(one), 0, "i", "a")["id"] for one in some]
    assert ids == sorted(ids)
    assert variant(some[0], row_key(some[0]), 1, "i", "a")["id"] != ids[0]
    assert variant(some[0], row_key(some[0]), 0, "other", "other")["id"] == ids[0]
