"""pgxseg to the byte: Progenetix's example documents of both eras, and the rows that they must become."""

import math

import pytest
from bson import ObjectId

from gateway.download_types import FilterTerm
from gateway.errors import BadRequest
from gateway.rows import Tally
from tests.formats.layout import encoded, parts
from tests.formats.test_pgxseg_samples import BIOSAMPLE_OF_THE_BYTES, LINE_OF_THE_BYTES

LOSS = {"id": "EFO:0030067", "label": "loss"}
SNV = {"id": "SO:0001059", "label": "sequence_alteration"}


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


# --- around them -----------------------------------------------------------------------------------------------------


def test_a_file_is_meta_lines_sample_lines_one_header_line_and_rows():
    samples, rows = parts(
        FilterTerm(id="NCIT:C4017"),
        group_by="ncit",
        plot_pars=(("a", "1"), ("b", "x;")),
        said={"licence": "CC-BY 4.0", "citation": "me; you#"},
    )
    text = samples.before.decode() + encoded(samples, BIOSAMPLE_OF_THE_BYTES) + samples.closing([Tally(1)]).decode()
    text += rows.before.decode() + encoded(rows, SNV_CURRENT, CNV)
    assert text == (
        "#meta=>id=progenetix\n"
        "#meta=>assemblyId=GRCh38\n"
        "#meta=>filters=NCIT:C4017\n"
        "#meta=>dataVersion=1\n"
        "#meta=>licence=CC-BY 4.0\n"
        "#meta=>citation=me%3B you%23\n"
        "#meta=>groupBy=ncit\n"
        "#plotpars=>a=1;b=x%3B\n"
        + LINE_OF_THE_BYTES
        + "#meta=>biosampleCount=1\n"
        + "biosample_id\treference_name\tstart\tend\tlog2\tvariant_type\t"
        + "reference_sequence\tsequence\tvariant_state_id\tvariant_state_label\n"
        + f"pgxbs-zz0demo1\t{SNV_ROW}\npgxbs-zz0demo1\t{CNV_ROW}\n"
    )
    assert (samples.collection, samples.key) == ("biosamples", "id")
    assert (rows.collection, rows.key) == ("variants", "biosample_id")


def test_nothing_found_is_a_header_line_with_the_reason():
    samples, rows = parts(FilterTerm(id="NCIT:C1"), nothing=True, warnings=("no such filter: NCIT:C1\n#x",))
    assert b"#meta=>filters=NCIT:C1\n#meta=>dataVersion=1\n" in samples.before
    assert samples.before.endswith(b"#meta=>warning=no such filter: NCIT:C1%0A%23x\n")
    assert encoded(samples) == encoded(rows) == ""


def test_filters_are_spelled_as_they_are_asked_for():
    samples, _ = parts(
        FilterTerm(id="NCIT:C3262"),
        FilterTerm(id="EFO:0009654", excluded=True),
        FilterTerm(id="followupTime", operator=">=", value="P60M"),
    )
    assert b"#meta=>filters=NCIT:C3262,!EFO:0009654,followupTime:>=P60M\n" in samples.before


def test_only_a_single_inclusive_code_names_the_group_and_only_where_asked():
    code, other = FilterTerm(id="NCIT:C1"), FilterTerm(id="NCIT:C2")
    compared = FilterTerm(id="followupTime", operator=">=", value="P60M")

    def grouped(*filters: FilterTerm) -> bool:
        samples, _ = parts(*filters, labels={"NCIT:C1": "one"}, group_by="filter")
        return "group_id=NCIT:C1;group_label=one" in encoded(samples, {"id": "s"})

    assert grouped(code)
    assert grouped(code, FilterTerm(id="NCIT:C2", excluded=True), compared)
    for filters in ((code, other), (FilterTerm(id="NCIT:C1", excluded=True),), (compared,), ()):
        with pytest.raises(BadRequest, match="groupBy=filter"):
            grouped(*filters)
    samples, _ = parts(code)
    assert "group_id" not in encoded(samples, {"id": "s"})


def test_limits_are_of_variants_and_skip_counts_pages_of_them():
    samples, rows = parts(limit=50, skip=3)
    assert (samples.limit, samples.skip) == (0, 0)
    assert (rows.limit, rows.skip) == (50, 150)
    assert [(part.limit, part.skip) for part in parts()] == [(0, 0), (0, 0)]
