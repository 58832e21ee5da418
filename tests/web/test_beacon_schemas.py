"""Every answer in Beacon JSON against the official schemas, of datasets of both models; granularity, test mode."""

import json
import re
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.formats import OFFERED, delivered
from tests.harness import Gateway
from tests.schemas import framework, model, vrs

Client = MongoClient[dict[str, Any]]

SETS = {
    "g_variants": ("genomicVariant", "genomicVariations"),
    "biosamples": ("biosample", "biosamples"),
    "individuals": ("individual", "individuals"),
    "analyses": ("analysis", "analyses"),
    "runs": ("run", "runs"),
}
COLLECTIONS = {"cohorts": "cohorts", "datasets": "datasets"}
DATASETS = {"demo": "filters=pgx:icdom-85003,!NCIT:C20197", "flat": "filters=icdom-85003", "odd": ""}
WITHOUT_VRS = {"EFO:0030065"}  # a loss of heterozygosity


def results(answer: Any) -> list[dict[str, Any]]:
    return [record for one in answer["response"]["resultSets"] for record in one["results"]]


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("entity", SETS)
def test_result_sets_and_their_records_are_valid(gateway: Gateway, entity: str, dataset: str):
    kind, collection = SETS[entity]
    answer = gateway.ask(f"/beacon/{entity}?datasetIds={dataset}&{DATASETS[dataset]}&limit=40").json
    framework("Resultsets").validate(answer)
    found = results(answer)
    assert bool(found) == (dataset != "odd" or entity in {"g_variants", "biosamples"})
    assert all(one["responseEntityId"] == kind for one in answer["response"]["resultSets"])
    for record in found:
        model(collection).validate(record)


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_variations_are_those_of_vrs(gateway: Gateway, dataset: str):
    seen = set()
    for record in results(gateway.ask(f"/beacon/g_variants?allData=true&datasetIds={dataset}&limit=0").json):
        variation = record["variation"]
        if variation["variantState"]["id"] in WITHOUT_VRS:
            assert "copyChange" not in variation
            continue
        vrs(variation)
        assert (variation.get("location") or variation["adjoinedSequences"][0])["sequenceReference"]
        seen.add(variation["type"])
    assert seen == {"CopyNumberChange", "Allele"} | ({"Adjacency"} if dataset == "demo" else set())


@pytest.mark.parametrize(
    "wrong",
    [
        {"copyChange": "less"},
        {"location": {"type": "SequenceLocation", "start": -1, "end": 5}},
        {"location": {"type": "SequenceLocation", "start": 1.0, "end": 5}},
        {"log2": 1},
    ],
)
def test_what_is_not_of_vrs_is_found(wrong: dict[str, Any]):
    place = {"type": "SequenceLocation", "start": 1, "end": 5, "chromosome": "9"}
    right = {"type": "CopyNumberChange", "copyChange": "loss", "location": place, "variantState": {"id": "EFO:0030067"}}
    vrs(right)
    with pytest.raises(ValueError, match="validation error"):
        vrs({**right, **wrong})


@pytest.mark.parametrize("entity", COLLECTIONS)
def test_collections_are_valid(gateway: Gateway, entity: str):
    answer = gateway.ask(f"/beacon/{entity}").json
    framework("Collections").validate(answer)
    found = answer["response"]["collections"]
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": len(found)}
    for record in found:
        model(COLLECTIONS[entity]).validate(record)
    ids = [record["id"] for record in found]
    pages = [gateway.ask(f"/beacon/{entity}?limit=1&skip={n}").json["response"]["collections"] for n in range(len(ids))]
    assert [record["id"] for page in pages for record in page] == ids == list(dict.fromkeys(ids))
    (one,) = gateway.ask(f"/beacon/{entity}/{ids[1]}").json["response"]["collections"]
    assert one == found[1]


def test_datasets_are_those_that_are_served(gateway: Gateway, mongo: Client):
    found = {record["id"]: record for record in gateway.ask("/beacon/datasets").json["response"]["collections"]}
    assert list(found) == ["demo", "flat", "odd"]
    for name, record in found.items():
        counts = record["info"]["counts"]
        assert counts["variants"] == mongo[name].variants.count_documents({})
        assert counts["analyses"] == mongo[name]["callsets" if name == "flat" else "analyses"].count_documents({})
    assert gateway.ask("/beacon/datasets/nowhere").status == 404


def test_cohorts_lead_to_their_samples(gateway: Gateway, mongo: Client):
    cohorts = gateway.ask("/beacon/cohorts?datasetIds=demo").json["response"]["collections"]
    assert len(cohorts) > 1
    assert all(cohort["id"].startswith("pgx:cohort-") and cohort["name"] for cohort in cohorts)
    for cohort in cohorts:
        samples = gateway.ask(f"/beacon/cohorts/{cohort['id']}/biosamples").json
        assert samples["responseSummary"]["numTotalResults"] == cohort["cohortSize"]
        assert samples["responseSummary"]["numTotalResults"] == mongo.demo.biosamples.count_documents(
            {"cohorts.id": cohort["id"]}
        )
    both = ",".join(cohort["id"] for cohort in cohorts)
    total = mongo.demo.biosamples.count_documents({"cohorts.0": {"$exists": True}})
    asked = gateway.ask(f"/beacon/biosamples?cohortIds={both.replace('pgx:cohort', 'pgxcohort')}").json
    assert asked["responseSummary"]["numTotalResults"] == total
    for refused in ("cohorts?filters=NCIT:C3058", "datasets?biosampleIds=a", "datasets?referenceName=9&start=1&end=2"):
        answer = gateway.ask(f"/beacon/{refused}")
        assert answer.status == 400
        assert re.search("filters|biosampleIds|referenceName", answer.json["error"]["errorMessage"])
    assert gateway.ask("/beacon/cohorts?output=pgxseg").status == 406


@pytest.mark.parametrize("entity", [*SETS, *COLLECTIONS])
def test_less_than_records(gateway: Gateway, entity: str):
    query = "" if entity in COLLECTIONS else "filters=NCIT:C3058&"
    full = gateway.ask(f"/beacon/{entity}?{query}limit=0").json
    for granularity, response in (("count", "Count"), ("boolean", "Boolean")):
        answer = gateway.ask(f"/beacon/{entity}?{query}requestedGranularity={granularity}").json
        framework(response).validate(answer)
        assert answer["meta"]["returnedGranularity"] == granularity
        counted = {} if granularity == "boolean" else {"numTotalResults": full["responseSummary"]["numTotalResults"]}
        assert answer["responseSummary"] == {"exists": True, **counted}
        assert "results" not in str(answer["response"]).replace("resultsCount", "").replace("resultsHandovers", "")
        assert "collections" not in answer["response"]
    if entity in SETS:
        for choice in ("ALL", "MISS", "NONE"):
            asked = f"/beacon/{entity}?{query}datasetIds=demo,odd&includeResultsetResponses={choice}&limit=3"
            answer = gateway.ask(asked).json
            framework("Resultsets").validate(answer)
            expected = {"ALL": ["demo", "odd"], "MISS": ["odd"], "NONE": []}[choice]
            assert [one["id"] for one in answer["response"]["resultSets"]] == expected


@pytest.mark.parametrize("entity", [*SETS, *COLLECTIONS])
def test_test_mode_answers_whatever_is_asked(gateway: Gateway, entity: str):
    asked = f"/beacon/{entity}?filters=NCIT:C9999998&testMode=true&testModeCount=2"
    answer = gateway.ask(asked).json
    framework("Collections" if entity in COLLECTIONS else "Resultsets").validate(answer)
    assert answer["meta"]["testMode"] is answer["meta"]["receivedRequestSummary"]["testMode"] is True
    found = answer["response"]["collections"] if entity in COLLECTIONS else results(answer)
    assert len(found) == 2
    posted = {"query": {"testMode": True, "testModeCount": 2, "filters": [{"id": "NCIT:C3058"}]}}
    assert gateway.ask(f"/beacon/{entity}", "POST", posted, Content_Type="application/json").json == answer
    lines = gateway.ask(f"{asked}&output=jsonl")
    assert len(lines.text.splitlines()) == 2 if entity in SETS else lines.status == 406
    refused = gateway.ask(f"/beacon/{entity}?testMode=true&output=pgxseg")
    assert refused.status == (406 if entity in COLLECTIONS else 400)


def test_errors_are_valid(gateway: Gateway):
    for path in ("/beacon/nothing", "/beacon/biosamples?limit=x", "/beacon/runs?output=what"):
        answer = gateway.ask(path)
        assert answer.status in {400, 404, 406}
        framework("Error").validate(answer.json)


@pytest.mark.parametrize("entity", SETS)
def test_handovers_list_every_format_of_the_table(gateway: Gateway, entity: str):
    name = "variants" if entity == "g_variants" else entity
    query = "biosampleIds=pgxbs-kftv0022,pgxbs-kftv00cc"
    (found,) = gateway.ask(f"/beacon/{entity}?{query}&limit=1").json["response"]["resultSets"]
    handovers = found["resultsHandovers"]
    told = {handover["info"]["contentId"] for handover in handovers}
    assert told - {"callsetspgxseg"} == {form.words[0] for form in OFFERED if delivered(form, name)}
    assert len(told) == len(handovers) >= sum(form.entities != ("collations",) for form in OFFERED)
    for handover in handovers:
        assert handover["note"]
        assert handover["url"].startswith(f"{gateway.url}/beacon/{entity}?")
        answer = gateway.ask(handover["url"].removeprefix(gateway.url), "HEAD")
        assert answer.status == 200
    whole = next(handover for handover in handovers if handover["info"]["contentId"] == "json")
    everything = gateway.ask(whole["url"].removeprefix(gateway.url)).json
    assert len(results(everything)) == found["resultsCount"]


@pytest.mark.parametrize("entity", SETS)
def test_json_lines_are_the_records_of_the_pages(gateway: Gateway, entity: str):
    for query in ("biosampleIds=pgxbs-kftv0022,pgxbs-kftv00cc", "datasetIds=flat&biosampleIds=pgxbs-kftv0022"):
        lines = gateway.ask(f"/beacon/{entity}?{query}&output=jsonl").text.splitlines()
        records = results(gateway.ask(f"/beacon/{entity}?{query}&limit=0").json)
        assert [json.loads(line) for line in lines] == records
        assert records


def test_analyses_are_json_with_statistics_only_where_these_are_asked_for(gateway: Gateway):
    query = "filters=NCIT:C3058&limit=1"
    plain, stats = (
        gateway.ask(f"{path}?{query}&output=json").json for path in ("/beacon/analyses", "/services/cnvstats")
    )
    told = gateway.ask(f"/beacon/analyses?{query}&output=cnvstats").json
    (bare,), (full,) = results(plain), results(stats)
    assert {name: value for name, value in full.items() if name not in {"cnvStats", "cnvChroStats"}} == bare
    assert "cnvStats" in full
    assert results(told) == [full]


def test_ids_in_paths_lead_from_record_to_record(gateway: Gateway):
    (run,) = results(gateway.ask("/beacon/runs?filters=NCIT:C3058&limit=1").json)
    assert results(gateway.ask(f"/beacon/runs/{run['id']}").json) == [run]
    (analysis,) = results(gateway.ask(f"/beacon/analyses/{run['id']}").json)
    assert analysis["biosampleId"] == run["biosampleId"]
    (sample,) = results(gateway.ask(f"/beacon/runs/{run['id']}/biosamples").json)
    assert sample["id"] == run["biosampleId"]
    (person,) = results(gateway.ask(f"/beacon/biosamples/{sample['id']}/individuals").json)
    assert person["id"] == sample["individualId"]
    variants = results(gateway.ask(f"/beacon/individuals/{person['id']}/g_variants?limit=0").json)
    case = variants[-1]["caseLevelData"][0]
    (one,) = results(gateway.ask(f"/beacon/g_variants/{case['variantId']}").json)
    assert one == variants[-1]
    (owner,) = results(gateway.ask(f"/beacon/g_variants/{case['variantId']}/individuals").json)
    assert owner == person
