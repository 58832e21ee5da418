"""What a Beacon says of itself, against the schemas of Beacon's framework and of GA4GH; its filtering terms."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.harness import Gateway
from tests.schemas import framework, service_info

Client = MongoClient[dict[str, Any]]

VIEWS = {"": "Info", "info": "Info", "configuration": "Configuration", "map": "Map", "entry_types": "EntryTypes"}


@pytest.fixture(scope="module")
def named(store: Store, demo: str, flat: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = {
        "beacon_id": "org.example.beacon",
        "beacon_name": "An example",
        "organization": "Example Institute",
        "organization_url": "https://example.org/beacon",
        "contact_url": "mailto:beacon@example.org",
        "environment": "test",
        "public_url": "https://beacon.example.org/x",
    }
    with Gateway(store.uri, [demo, flat], log=tmp_path_factory.mktemp("named") / "log", **settings) as running:
        yield running


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("view", VIEWS)
def test_views_are_valid(gateway: Gateway, named: Gateway, view: str, slash: str):
    for each, beacon in ((gateway, "org.progenetix"), (named, "org.example.beacon")):
        path = f"/beacon/{view}{slash}".replace("//", "/")
        answer = each.ask(path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        framework(VIEWS[view]).validate(answer.json)
        meta = answer.json["meta"]
        assert meta["beaconId"] == beacon
        assert meta["returnedSchemas"] == meta["receivedRequestSummary"]["requestedSchemas"] != []
        head = each.ask(path, "HEAD")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(answer.body)))
        assert each.ask(path, "DELETE").status == 405


def test_service_info_is_valid(gateway: Gateway, named: Gateway):
    for each in (gateway, named):
        for path in ("/beacon/service-info", "/beacon/info?requestedSchema=ga4gh-service-info-v1.0"):
            service_info().validate(each.ask(path).json)
    found = named.ask("/beacon/service-info").json
    assert found["organization"] == {"name": "Example Institute", "url": "https://example.org/beacon"}
    assert (found["name"], found["environment"]) == ("An example", "test")
    assert found["contactUrl"] == "mailto:beacon@example.org"
    assert gateway.ask("/beacon/service-info").json["organization"]["url"] == "https://progenetix.org"


def test_the_map_leads_to_what_answers(named: Gateway):
    types = named.ask("/beacon/entry_types").json["response"]["entryTypes"]
    assert named.ask("/beacon/configuration").json["response"]["entryTypes"] == types
    ids = {}
    for sets in (found := named.ask("/beacon/map").json["response"]["endpointSets"]).values():
        path = sets["rootUrl"].removeprefix("https://beacon.example.org/x")
        answer = named.ask(f"{path}?limit=1").json
        (schema,) = answer["meta"]["returnedSchemas"]
        assert schema["entityType"] == sets["entryType"]
        assert schema["schema"] == types[sets["entryType"]]["defaultSchema"]["referenceToSchemaDefinition"]
        response = answer["response"]
        (record,) = response.get("collections") or response["resultSets"][0]["results"]
        ids[sets["entryType"]] = record.get("id") or record["caseLevelData"][0]["variantId"]
        assert named.ask(sets["filteringTermsUrl"].removeprefix("https://beacon.example.org/x")).status == 200
    assert ids.keys() == types.keys()
    for sets in found.values():
        for kind, url in (
            (sets["entryType"], sets["singleEntryUrl"]),
            *((each["returnedEntryType"], each["url"]) for each in sets["endpoints"].values()),
        ):
            path = url.removeprefix("https://beacon.example.org/x").replace("{id}", ids[sets["entryType"]])
            answer = named.ask(f"{path}?limit=1").json
            assert answer["meta"]["returnedSchemas"][0]["entityType"] == kind
            assert answer["responseSummary"]["exists"], path


def test_links_are_never_those_of_a_broken_host(gateway: Gateway, named: Gateway):
    for host, begins in (("a b", "/beacon/"), ('"><script>', "/beacon/"), ("there:80", "http://there:80/beacon/")):
        for each, start in ((gateway, begins), (named, "https://beacon.example.org/x/beacon/")):
            with socket.create_connection(("127.0.0.1", each.port), 60) as client:
                client.sendall(f"GET /beacon/map HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                text = b"".join(iter(lambda: client.recv(65536), b"")).decode()
            assert f'"rootUrl":"{start}' in text
            assert "no-store" in text


@pytest.mark.parametrize("dataset", ["demo", "flat"])
def test_filtering_terms_are_the_collations(gateway: Gateway, mongo: Client, dataset: str):
    answer = gateway.ask(f"/beacon/filtering_terms?datasetIds={dataset}")
    framework("FilteringTerms").validate(answer.json)
    terms = answer.json["response"]["filteringTerms"]
    stored = {each["id"]: each for each in mongo[dataset].collations.find({})}
    assert [term["id"] for term in terms] == sorted(stored)
    assert answer.json["responseSummary"] == {"exists": True, "numTotalResults": len(stored)}
    kinds = {"biosample", "individual", "analysis"}
    for term in terms:
        each = stored[term["id"]]
        assert (term.get("label", ""), term["count"]) == (each["label"], each["count"])
        assert (dataset == "demo" and kinds >= {*term["scopes"]}) or "scopes" not in term  # in 2021 they said none
    assert gateway.ask(f"/beacon/filteringTerms/?datasetIds={dataset}").body == answer.body
    etag = answer.headers["ETag"]
    assert gateway.ask(f"/beacon/filtering_terms?datasetIds={dataset}", If_None_Match=etag).status == 304
    # as they are asked for: a code that is listed selects as many as are told
    for term in [term for term in terms if "icdom" in term["id"]][:3]:
        found = gateway.ask(f"/beacon/biosamples?datasetIds={dataset}&filters={term['id']}&limit=1").json
        assert found["responseSummary"]["numTotalResults"] == term["count"]


def test_pages_of_filtering_terms(gateway: Gateway):
    def terms(query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = gateway.ask(f"/beacon/filtering_terms?{query}").json["response"]["filteringTerms"]
        return found

    whole = terms("limit=0")
    assert [*terms("limit=50"), *terms("limit=50&skip=1"), *terms("limit=50&skip=2")] == whole
    assert terms("filters=NCIT") == [term for term in whole if term["id"].startswith("NCIT")] != []
    assert terms("filters=icdom-94403") == [term for term in whole if term["id"] == "pgx:icdom-94403"]
    assert terms("datasetIds=Demo") == whole  # pgxRpi 1.0 asks for `Progenetix`
    page = gateway.ask("/beacon/filtering_terms?limit=5&skip=1").json
    assert page["meta"]["receivedRequestSummary"]["pagination"] == {"skip": 1, "limit": 5}
    assert page["responseSummary"]["numTotalResults"] == len(whole)
    untold = gateway.ask("/beacon/filtering_terms?requestedGranularity=boolean").json
    assert untold["responseSummary"] == {"exists": True}
    assert all("count" not in term for term in untold["response"]["filteringTerms"])
    for wrong, parameter in (("limit=x", "limit"), ("skip=1", "skip"), ("filters=$where", "filters")):
        refused = gateway.ask(f"/beacon/filtering_terms?{wrong}")
        assert (refused.status, parameter in refused.json["error"]["errorMessage"]) == (400, True)
    assert gateway.ask("/beacon/filtering_terms?datasetIds=nowhere").status == 404


def test_odd_collations_are_terms_or_left_out(gateway: Gateway, mongo: Client):
    answer = gateway.ask("/beacon/filtering_terms?datasetIds=odd").json
    framework("FilteringTerms").validate(answer)
    told = [term["id"] for term in answer["response"]["filteringTerms"]]
    assert told == sorted(each["id"] for each in mongo.odd.collations.find({}) if type(each.get("id")) is str)
