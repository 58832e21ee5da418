"""What comes out equals what is stored: every row, every byte, against an independent rendering of the documents."""

from typing import Any

import pytest
from pymongo import MongoClient

from gateway.genome import STATES
from tests.datasets import ODD_VARIANTS
from tests.harness import Gateway

Client = MongoClient[dict[str, Any]]
HEADER = (
    "biosample_id\treference_name\tstart\tend\tlog2\tvariant_type\t"
    "reference_sequence\tsequence\tvariant_state_id\tvariant_state_label"
)


def row(document: dict[str, Any]) -> str:
    """A well-formed document of the current model, as its row should be."""
    place = document.get("location")
    if place is None:
        partner = document["adjoined_sequences"][0]
        start, end = partner.get("start") or partner["end"]
        place = {"chromosome": partner["chromosome"], "start": start, "end": end}
    state = STATES[document["variant_state"]["id"]]
    log2 = document.get("info", {}).get("cnv_value", ".")
    cells = (document["biosample_id"], place["chromosome"], place["start"], place["end"], log2, state.variant_type)
    bases = (document.get("reference_sequence", "."), document.get("state", {}).get("sequence", "."))
    return "\t".join(map(str, (*cells, *bases, state.id, state.label)))


def stored(mongo: Client, condition: dict[str, Any]) -> list[str]:
    ids = sorted(document["id"] for document in mongo["demo"].biosamples.find(condition, {"id": 1}))
    found = mongo["demo"].variants.find({"biosample_id": {"$in": ids}})
    return [row(d) for d in sorted(found, key=lambda d: (d["biosample_id"].encode(), d["_id"]))]


def test_whole_dataset_in_order_and_to_the_byte(gateway: Gateway, mongo: Client):
    answer = gateway.ask("/beacon/variants/?output=pgxseg&allData=true")
    assert answer.status == 200
    head, rows = answer.text.split(HEADER + "\n")
    assert rows == "".join(line + "\n" for line in stored(mongo, {}))
    assert head.startswith("#meta=>id=demo\n#meta=>assemblyId=GRCh38\n#meta=>dataVersion=")
    assert head.endswith(f"#meta=>biosampleCount={len(answer.samples)}\n")
    assert [s["biosample_id"] for s in answer.samples] == sorted(mongo["demo"].biosamples.distinct("id"))


@pytest.mark.parametrize("code", ["NCIT:C3058", "pgx:icdom-85003", "UBERON:0000955"])
def test_a_filter_brings_all_variants_of_its_samples(gateway: Gateway, mongo: Client, code: str):
    terms = mongo["demo"].collations.find_one({"id": code})["child_terms"]
    fields = ("histological_diagnosis.id", "icdo_morphology.id", "sample_origin_detail.id")
    expected = stored(mongo, {"$or": [{field: {"$in": terms}} for field in fields]})
    answer = gateway.ask(f"/beacon/biosamples/?filters={code}&method=callsetsvariants")
    assert expected
    assert answer.rows == expected
    assert f"#meta=>filters={code}\n" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/beacon/biosamples/?filters=icdom-94403&method=callsetsvariants",
        "/beacon/biosamples?filters=icdom-94403&method=pgxseg",
        "/beacon/variants/?filters=icdom-94403&method=callsetspgxseg",
        "/beacon/variants?filters=icdom-94403&method=pgxseg",
        "/beacon/g_variants/?filters=pgx:icdom-94403&output=pgxseg",
        "/services/pgxsegvariants?filters=pgx:icdom-94403",
        "/services/pgxsegvariants/?filters=pgx%3Aicdom-94403&datasetIds=demo",
    ],
)
def test_both_eras_spell_the_same_download(gateway: Gateway, path: str):
    asked = gateway.ask(path)
    known = gateway.ask("/services/pgxsegvariants?filters=pgx:icdom-94403")
    assert asked.rows
    assert asked.body == known.body


def test_the_flat_model_of_2021_gives_the_same_rows(gateway: Gateway, mongo: Client):
    current = gateway.ask("/beacon/biosamples/?filters=pgx:icdom-85003&method=callsetsvariants&datasetIds=demo")
    old = gateway.ask("/beacon/biosamples/?filters=icdom-85003&method=callsetsvariants&datasetIds=flat")

    def essence(rows: list[str]) -> list[list[str]]:
        # The old model knew neither ends of SNVs nor levels of gains and losses, nor fusions.
        cells = [line.split("\t") for line in rows]
        return [c[:3] + ([c[3]] if c[5] != "SNV" else []) + c[4:8] for c in cells if c[5] != "BND"]

    assert current.rows
    assert essence(old.rows) == essence(current.rows)
    assert [s["histological_diagnosis_id"] for s in old.samples] == [
        s["histological_diagnosis_id"] for s in current.samples
    ]
    same = ("id", "individual_id", "icdo_morphology_id", "sampled_tissue_label", "age_iso", "geoprov_city")
    for new, was in zip(current.samples, old.samples, strict=True):
        assert {k: new.get(k) for k in same} == {k: was.get(k) for k in same}


def test_odd_documents_come_out_right(gateway: Gateway):
    answer = gateway.ask("/beacon/variants?output=pgxseg&allData=true&datasetIds=odd")
    expected = ["\t".join((document["biosample_id"], *cells)) for document, cells in ODD_VARIANTS]
    order = sorted(expected, key=lambda line: line.split("\t")[0].encode())
    assert answer.rows == order
    assert [sample["id"] for sample in answer.samples] == ["odd-1", "odd-2", "odd-empty", "odd-ÄÖ ü"]
    assert answer.samples[1]["histological_diagnosis_label"] == 'semi%3B colon%09tab "quote"'
    assert all(len(line.split("\t")) == 10 for line in answer.rows)


def test_twice_is_byte_identical_and_the_etag_says_so(gateway: Gateway):
    path = "/beacon/variants?filters=NCIT:C3058&output=pgxseg"
    first, second = gateway.ask(path), gateway.ask(path)
    assert first.body == second.body
    assert first.headers["ETag"] == second.headers["ETag"]
    kept = gateway.ask(path, If_None_Match=f'W/"x", {first.headers["ETag"]}')
    assert (kept.status, kept.body) == (304, b"")
    other = gateway.ask("/beacon/variants?filters=NCIT:C3058&output=jsonl")
    assert other.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("query", ["filters=NCIT:C3058", "biosampleIds=pgxbs-kftv0022,pgxbs-kftv00cc"])
def test_windows_of_rows_tile_the_whole(gateway: Gateway, query: str):
    whole = gateway.ask(f"/services/pgxsegvariants?{query}&limit=0").rows
    size = len(whole) // 5 + 1
    pages = [gateway.ask(f"/services/pgxsegvariants?{query}&limit={size}&skip={page}").rows for page in range(6)]
    assert pages[0]
    assert [line for page in pages for line in page] == whole
    assert pages[-1] == []


def test_groups_of_sample_lines(gateway: Gateway):
    asked = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3058&groupBy=filter").samples
    assert {(s["group_id"], s["group_label"]) for s in asked} == {("NCIT:C3058", "Glioblastoma")}
    own = gateway.ask("/services/pgxsegvariants?filters=NCIT:C3262").samples
    assert len({s["group_id"] for s in own}) > 1
    by_id = gateway.ask(f"/services/pgxsegvariants/{asked[0]['id']}").samples
    for sample in (*own, *by_id):
        assert sample.get("group_id") == sample.get("histological_diagnosis_id")
        assert sample.get("group_label") == sample.get("histological_diagnosis_label")
