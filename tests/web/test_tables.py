"""Tables against the stored documents, in both models, and what `deliveryKeys` leaves of them."""

from typing import Any

import pytest
from pymongo import MongoClient

from tests.harness import Answer, Gateway

QUERY = "filters=pgx:icdom-85003"


def read(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200, answer.text[:300]
    header, *lines = [line.split("\t") for line in answer.text.split("\n")[:-1]]
    return [dict(zip(header, cells, strict=True)) for cells in lines]


def at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name, {}) if isinstance(document, dict) else {}
    return document or ""


COUNTS = {"biosamples": 38, "individuals": 22, "analyses": 14, "g_variants": 22}


@pytest.mark.parametrize(
    ("entity", "paths"),
    [
        ("biosamples", {"biosample_id": "id", "icdo_morphology_label": "icdo_morphology.label", "notes": "notes"}),
        (
            "individuals",
            {"individual_id": "id", "sex_id": "sex.id", "histological_diagnosis_id": "index_disease.disease_code.id"},
        ),
        ("analyses", {"analysis_id": "id", "biosample_id": "biosample_id", "platform_id": "platform_model.id"}),
        ("g_variants", {"variant_id": "id", "start": "location.start", "log2": "info.cnv_value", "vrs_type": "type"}),
    ],
)
def test_a_row_a_record_in_order(
    gateway: Gateway, mongo: MongoClient[dict[str, Any]], entity: str, paths: dict[str, str]
):
    samples = gateway.ask(f"/services/pgxseg?{QUERY}").samples
    rows = read(gateway.ask(f"/beacon/{entity}?{QUERY}&output=datatable"))
    assert len(rows[0]) == COUNTS[entity]
    owners = {"$in": [sample["individual_id" if entity == "individuals" else "id"] for sample in samples]}
    key = "id" if entity in {"biosamples", "individuals"} else "biosample_id"
    found = mongo.demo["variants" if entity == "g_variants" else entity].find({key: owners})
    documents = sorted(found, key=lambda document: (document[key], document["_id"]))
    assert len(documents) == len(rows) > 3
    for row, document in zip(rows, documents, strict=True):
        assert {name: row[name] for name in paths} == {name: str(at(document, path)) for name, path in paths.items()}


def test_both_models_say_the_same(gateway: Gateway):
    new = read(gateway.ask(f"/services/sampletable?{QUERY}&datasetIds=demo"))
    old = read(gateway.ask("/services/sampletable?filters=icdom-85003&datasetIds=flat"))
    same = ("biosample_id", "histological_diagnosis_id", "icdo_topography_id", "geoprov_city", "age_iso", "group_id")
    assert new
    assert [[row[name] for name in same] for row in new] == [[row[name] for name in same] for row in old]


def test_delivery_keys_and_groups(gateway: Gateway):
    answer = gateway.ask(f"/services/sampletable?{QUERY}&deliveryKeys=group_id,biosample_id&groupBy=icdot")
    assert answer.text.splitlines()[0] == "biosample_id\tgroup_id"
    assert all(row["group_id"].startswith("pgx:icdot-") for row in read(answer))
    ids = read(gateway.ask(f"/services/sampletable?{QUERY}&output=idtable"))
    assert all(name.endswith("_id") for name in ids[0])
    refused = gateway.ask(f"/services/sampletable?{QUERY}&deliveryKeys=biosample_id,start")
    assert refused.status == 400
    assert "deliveryKeys: no column start; there are: biosample_id" in refused.json["error"]["errorMessage"]


def test_ids_select_just_their_records(gateway: Gateway):
    analyses = read(gateway.ask(f"/beacon/analyses?{QUERY}&output=table"))
    one = analyses[1]
    assert read(gateway.ask(f"/beacon/analyses/{one['analysis_id']}?output=table")) == [one]
    person = read(gateway.ask(f"/beacon/individuals/{one['individual_id']}?output=table"))
    assert [row["individual_id"] for row in person] == [one["individual_id"]]
    assert read(gateway.ask(f"/services/sampletable/{one['biosample_id']}/individuals")) == person
    pages = [read(gateway.ask(f"/beacon/analyses?{QUERY}&output=table&limit=3&skip={page}")) for page in range(9)]
    assert [row for page in pages for row in page] == analyses


def test_odd_documents_cannot_break_their_rows(gateway: Gateway):
    for entity, rows in (("g_variants", 22), ("biosamples", 4), ("individuals", 0), ("analyses", 0)):
        assert len(read(gateway.ask(f"/beacon/{entity}?allData=true&datasetIds=odd&output=table"))) == rows
    fusion = read(gateway.ask("/beacon/g_variants?allData=true&datasetIds=odd&output=table"))[15]
    assert fusion["adjoined_sequences"] == "NC_000008.11::end::0,12800000&&NC_000012.12::start::108600000,133275309"
