"""Beacon v2 JSON: streamed, always JSON, counts true."""

from typing import Any

from pymongo import MongoClient

from tests.harness import Gateway

Client = MongoClient[dict[str, Any]]


def test_pages_tile_the_whole_and_counts_are_true(gateway: Gateway, mongo: Client):
    ids = [d["id"] for d in mongo["demo"].biosamples.find({"histological_diagnosis.id": "NCIT:C3058"})]
    total = mongo["demo"].variants.count_documents({"biosample_id": {"$in": ids}})
    path = "/beacon/g_variants?filters=NCIT:C3058&includeDescendantTerms=false"
    whole = gateway.ask(f"{path}&limit=0").json
    (everything,) = whole["response"]["resultSets"]
    assert len(everything["results"]) == everything["resultsCount"] == total
    size = total // 3 + 1
    pages = [gateway.ask(f"{path}&limit={size}&skip={page}").json for page in range(4)]
    assert all(page["responseSummary"] == {"exists": True, "numTotalResults": total} for page in pages)
    assert [r for p in pages for r in p["response"]["resultSets"][0]["results"]] == everything["results"]
    first = gateway.ask("/beacon/g_variants?datasetIds=demo").json
    assert first["meta"]["receivedRequestSummary"]["pagination"] == {"skip": 0, "limit": 200}
    assert len(first["response"]["resultSets"][0]["results"]) == 200


def test_a_page_says_that_it_is_one_and_where_the_next_is(gateway: Gateway, mongo: Client):
    ids = mongo["demo"].biosamples.distinct("id")
    query = f"biosampleIds={','.join(ids)}"
    total = mongo["demo"].variants.count_documents({"biosample_id": {"$in": ids}})
    assert total > 200
    path, seen, pages = f"/beacon/g_variants?{query}", [], 0
    while path:
        answer = gateway.ask(path)
        (found,) = answer.json["response"]["resultSets"]
        (warning,) = found["info"]["warnings"]
        assert warning.startswith(f"{len(found['results'])} of {total} records are here: ")
        seen += found["results"]
        pages += 1
        link = answer.headers.get("Link", "")
        assert link == "" or (link.startswith(f"<{gateway.url}/") and link.endswith('>; rel="next"'))
        path = link.removeprefix(f"<{gateway.url}").partition(">")[0]
    assert pages == -(-total // 200)
    whole = gateway.ask(f"/beacon/g_variants?{query}&limit=0")
    assert "Link" not in whole.headers
    (every,) = whole.json["response"]["resultSets"]
    assert "info" not in every
    assert every["results"] == seen


def test_the_next_page_is_of_the_same_request(gateway: Gateway):
    path = "/services/cnvstats/?filters=NCIT:C3262&limit=3&Skip=1&requestedGranularity=record&datasetIds=demo"
    link = gateway.ask(path, Accept_Encoding="gzip").headers["Link"]
    rest = "filters=NCIT:C3262&limit=3&requestedGranularity=record&datasetIds=demo"
    assert link == f'<{gateway.url}/services/cnvstats/?{rest}&skip=2>; rel="next"'
    for path in (
        "/beacon/biosamples?filters=NCIT:C3262&limit=1000",
        "/beacon/biosamples?filters=NCIT:C3262&limit=1&requestedGranularity=count",
        "/beacon/biosamples?testMode=true&testModeCount=2",
        "/beacon/biosamples?filters=NCIT:C3262&limit=2&output=table",
    ):
        assert "Link" not in gateway.ask(path).headers, path
    two = gateway.ask("/beacon/biosamples?filters=NCIT:C3058&datasetIds=demo,flat&limit=2")
    assert two.headers["Link"].endswith('&skip=1>; rel="next"')


def test_records_are_those_of_the_model(gateway: Gateway, mongo: Client):
    stored = mongo["demo"].variants.find_one({"type": "CopyNumberChange"})
    answer = gateway.ask(f"/beacon/g_variants?variantIds={stored['id']}").json
    (record,) = answer["response"]["resultSets"][0]["results"]
    assert record["variantInternalId"] == stored["variant_internal_id"]
    assert record["variation"]["variantState"] == stored["variant_state"]
    assert record["variation"]["location"]["start"] == stored["location"]["start"]
    assert record["caseLevelData"] == [
        {
            "analysisId": stored["analysis_id"],
            "biosampleId": stored["biosample_id"],
            "individualId": stored["individual_id"],
            "variantId": stored["id"],
        }
    ]
    sample = gateway.ask(f"/beacon/biosamples/{stored['biosample_id']}").json["response"]["resultSets"][0]["results"][0]
    assert sample["id"] == stored["biosample_id"]
    assert {"_id", "references"}.isdisjoint(sample)
    assert "histologicalDiagnosis" in sample


def test_handovers_lead_to_the_same_query_as_pgxseg(gateway: Gateway):
    for path in (
        "/beacon/g_variants?filters=NCIT:C3058,NCIT:C20197&limit=1",
        "/beacon/biosamples?filters=!NCIT:C3058,followupTime:>=P12M&limit=1",
        "/beacon/g_variants?referenceName=9&start=21967751&end=21995301&variantType=DEL&limit=1",
    ):
        (found,) = gateway.ask(path).json["response"]["resultSets"]
        named = {handover["info"]["contentId"]: handover for handover in found["resultsHandovers"]}
        handover = named["pgxseg"]
        assert handover["url"].startswith(gateway.url)
        download = gateway.ask(handover["url"].removeprefix(gateway.url))
        counted = download.rows if "g_variants?" in path else download.samples
        assert len(counted) == found["resultsCount"]


def test_there_is_no_handover_where_no_url_can_say_the_same(gateway: Gateway):
    queries = [{"referenceName": "9", "start": [n], "end": [n + 10**6]} for n in (21_000_000, 22_000_000)]
    filters = [{"id": "NCIT:C3262"}, {"id": "NCIT:C3058", "includeDescendantTerms": False}]
    for query in ({"requestParameters": {"variantMultiPars": queries}}, {"filters": filters}):
        answer = gateway.ask("/beacon/g_variants", "POST", {"query": query}, Content_Type="application/json")
        assert answer.status == 200
        assert b'"url"' not in answer.body


def test_no_hits(gateway: Gateway):
    answer = gateway.ask("/beacon/g_variants?filters=NCIT:C9999998")
    assert answer.status == 200
    assert answer.json["responseSummary"] == {"exists": False, "numTotalResults": 0}
    assert answer.json["response"]["resultSets"] == []
    every = gateway.ask("/beacon/g_variants?filters=NCIT:C9999998&includeResultsetResponses=ALL").json
    (empty,) = every["response"]["resultSets"]
    assert (empty["exists"], empty["resultsCount"], empty["results"]) == (False, 0, [])


def test_several_datasets_are_several_result_sets(gateway: Gateway):
    path = "/beacon/biosamples?filters=NCIT:C3058&datasetIds=demo,flat,odd&limit=3&includeResultsetResponses={}"
    hit = gateway.ask(path.format("HIT")).json["response"]["resultSets"]
    assert [s["id"] for s in hit] == ["demo", "flat"]
    assert [r["id"] for r in hit[0]["results"]] == [r["id"] for r in hit[1]["results"]]
    for choice, expected in (("ALL", ["demo", "flat", "odd"]), ("MISS", ["odd"]), ("NONE", [])):
        assert [s["id"] for s in gateway.ask(path.format(choice)).json["response"]["resultSets"]] == expected
    refused = gateway.ask("/beacon/variants?filters=NCIT:C3058&datasetIds=demo,flat&output=pgxseg")
    assert refused.status == 400
    assert "datasetIds" in refused.json["error"]["errorMessage"]


def test_granularity(gateway: Gateway):
    path = "/beacon/g_variants?filters=NCIT:C3058&requestedGranularity={}"
    count = gateway.ask(path.format("count")).json
    boolean = gateway.ask(path.format("boolean")).json
    assert count["responseSummary"]["numTotalResults"] > 0
    assert "results" not in count["response"]["resultSets"][0]
    assert boolean["responseSummary"] == {"exists": True}


def test_odd_documents_are_still_json(gateway: Gateway):
    answer = gateway.ask("/beacon/g_variants?datasetIds=odd&limit=0&allData=true")
    (found,) = answer.json["response"]["resultSets"]
    assert found["resultsCount"] == len(found["results"])
    for word in (b"NaN", b"Infinity", b"\\/"):
        assert word not in answer.body
    lines = gateway.ask("/beacon/variants?datasetIds=odd&output=jsonl&allData=true").text.splitlines()
    assert len(lines) == found["resultsCount"]
    assert gateway.ask("/beacon/biosamples?datasetIds=odd").json["responseSummary"]["numTotalResults"] == 4


def test_post_asks_as_get_does(gateway: Gateway):
    body = {
        "meta": {"apiVersion": "v2.0"},
        "query": {
            "requestParameters": {"g_variant": {"referenceName": "9", "start": [21967751], "end": [21995301]}},
            "filters": [{"id": "NCIT:C3262", "includeDescendantTerms": True}, {"id": "NCIT:C3058", "excluded": True}],
            "pagination": {"skip": 0, "limit": 5},
        },
    }
    posted = gateway.ask("/beacon/g_variants", "POST", body, Content_Type="application/json")
    got = gateway.ask(
        "/beacon/g_variants?referenceName=9&start=21967751&end=21995301&filters=NCIT:C3262,!NCIT:C3058&limit=5"
    )
    assert posted.status == 200
    assert posted.json == got.json
    assert posted.headers["ETag"] == got.headers["ETag"]
