"""Datasets that say numbers only, or only whether: by every path and format, alone and beside others."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from gateway.formats import OFFERED
from gateway.formats.base import camel
from gateway.formats.service_json import _FIELDS
from gateway.planning.route_table import ROUTES
from gateway.query.routes import Route
from tests.harness import Answer, Gateway
from tests.schemas import framework
from tests.web.access.conftest import Guarded
from tests.web.access.issuers import sign
from tests.web.conftest import path_of

LEVELS = {"flat": "count", "odd": "boolean"}


def keys_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {*value, *(key for each in value.values() for key in keys_in(each))}
    return {key for each in value for key in keys_in(each)} if isinstance(value, list) else set()


def says_no_more(answer: Answer, level: str, at: str) -> None:
    """Numbers, or whether there are any, and nothing else of the data."""
    assert answer.status == 200, at
    assert answer.headers["Content-Type"] == "application/json", at
    assert answer.json["meta"]["returnedGranularity"] == level, at
    told = keys_in(answer.json["response"]) | keys_in(answer.json["responseSummary"])
    allowed = {"resultSets", "id", "setType", "responseEntityId", "exists"}
    counts = {"resultsCount", "numTotalResults", "info", "warnings"}
    counts |= {"resultsCountIsLowerBound", "numTotalResultsIsLowerBound"}
    assert told <= allowed | (counts if level == "count" else set()), at
    assert "ETag" not in answer.headers, at
    assert answer.headers["Cache-Control"] == "private, no-store", at


def asked(route: Route, dataset: str, output: str = "") -> str:
    ids = dataset if route.ids == "datasetIds" else "pgxbs-kftv0066"
    return f"{route.path.replace('{ids}', ids)}?datasetIds={dataset}&allData=true&limit=0" + (
        f"&output={quote(output)}" if output else ""
    )


def in_time(gateway: Gateway, url: str) -> Answer:
    """An answer of a database that others keep busy, too."""
    for _ in range(20):
        answer = gateway.ask(url)
        if answer.status not in {503, 504}:
            break
    return answer


@pytest.mark.parametrize("dataset", LEVELS)
def test_each_path_and_each_format_says_no_more(guarded: Guarded, dataset: str):
    gateway, level = guarded.gateway, LEVELS[dataset]
    # One path of those that lead to the same.
    kinds = {(route.entity, route.ids, route.output): route for route in ROUTES}
    urls = {asked(route, dataset): route for route in kinds.values()}
    some = [route for route in ROUTES if route.path in {"/beacon/g_variants", "/beacon/biosamples", "/beacon/analyses"}]
    words = [word for form in OFFERED for word in (*form.words[:1], *form.whole[:1])]
    urls |= {asked(route, dataset, word): route for route in some for word in (*words, "json.gz")}
    refused = 0
    for url, route in urls.items():
        answer = in_time(gateway, url)
        if route.entity == "collations" and level == "count":
            assert answer.status == 200, url
            if answer.headers["Content-Type"] == "application/json":
                told = keys_in([*answer.json["response"].values()])
                assert told <= {camel(name) for name in _FIELDS} | {"order", "depth", "path", "scopes"}, url
        elif route.entity == "datasets":
            if answer.status == 200 and "collections" in answer.json["response"]:
                (one,) = answer.json["response"]["collections"]
                assert ("counts" in one["info"], "version" in one) == ((level == "count"),) * 2, url
        elif answer.headers["Content-Type"] == "application/gzip":
            assert url.endswith("output=json.gz")
            assert b"pgxbs" not in gateway.ask(url.removesuffix(".gz")).body.replace(b"pgxbs-kftv0066", b"")
        elif answer.status == 200:
            says_no_more(answer, level, url)
        else:
            assert answer.status in {400, 403, 406}, url
            refused += answer.status == 403
            assert answer.status != 403 or dataset in answer.json["error"]["errorMessage"]
    assert refused > 30


@pytest.mark.parametrize("dataset", LEVELS)
def test_less_may_be_asked_for_and_not_more(guarded: Guarded, dataset: str):
    gateway, level = guarded.gateway, LEVELS[dataset]
    for more in ("", "&includeResultsetResponses=ALL", "&limit=0", "&testMode=true", "&requestedGranularity=record"):
        answer = gateway.ask(f"/beacon/g_variants?datasetIds={dataset}&variantType=DEL{more}")
        framework("Count" if level == "count" else "Boolean").validate(answer.json)
        says_no_more(answer, level, more)
        assert answer.json["responseSummary"]["exists"] is True
    less = gateway.ask(f"/beacon/biosamples?datasetIds={dataset}&requestedGranularity=boolean")
    assert less.json["responseSummary"] == {"exists": True}
    for path in ("output=pgxseg&ticket=true", "limit=0&ticket=true"):
        assert gateway.ask(f"/beacon/g_variants?datasetIds={dataset}&variantType=DEL&{path}").status in {400, 403}


def test_each_dataset_is_reduced_by_itself(guarded: Guarded):
    gateway, query = guarded.gateway, "/beacon/biosamples?includeResultsetResponses=ALL&limit=2"
    alone = {name: gateway.ask(f"{query}&datasetIds={name}").json for name in ("demo", "flat", "odd")}
    mixed = gateway.ask(f"{query}&datasetIds=demo,flat,odd")
    framework("Resultsets").validate(mixed.json)
    assert mixed.json["meta"]["returnedGranularity"] == "record"
    demo, flat, odd = mixed.json["response"]["resultSets"]
    assert demo == alone["demo"]["response"]["resultSets"][0]
    assert len(demo["results"]) == 2
    assert [flat, odd] == [alone[name]["response"]["resultSets"][0] for name in ("flat", "odd")]
    assert odd.keys() == {"id", "setType", "responseEntityId", "exists"}
    summary = mixed.json["responseSummary"]
    assert summary["numTotalResults"] == demo["resultsCount"] + flat["resultsCount"]
    assert mixed.json["info"] == {"numTotalResultsIsLowerBound": True}, "how many odd has is not among them"
    assert "ETag" not in mixed.headers
    everything = gateway.ask("/beacon/biosamples?datasetIds=demo,flat,odd&allData=true&limit=0")
    assert [("results" in one) for one in everything.json["response"]["resultSets"]] == [True, False, False]
    assert gateway.ask("/beacon/biosamples?datasetIds=demo,flat&allData=true&limit=0&ticket=true").status == 400
    cohorts = gateway.ask("/beacon/cohorts?datasetIds=demo,flat").json
    assert cohorts["response"]["collections"] == gateway.ask("/beacon/cohorts").json["response"]["collections"]
    frequencies = gateway.ask("/services/intervalFrequencies?datasetIds=demo,flat&filters=NCIT:C3058")
    assert (frequencies.status, "dataset flat" in frequencies.text) == (403, True)


def test_a_token_shows_more(guarded: Guarded):
    gateway, alice = guarded.gateway, f"Bearer {guarded.tokens['alice']}"
    page = "/beacon/g_variants?datasetIds=flat&variantType=DEL&limit=2"
    whole, less = gateway.ask(page, Authorization=alice), gateway.ask(page)
    assert len(whole.json["response"]["resultSets"][0]["results"]) == 2
    assert whole.json["responseSummary"] == less.json["responseSummary"]
    assert gateway.ask(page, If_None_Match=whole.headers["ETag"]).body == less.body
    ticket = gateway.ask(f"{page}&limit=0&output=pgxseg&ticket=true".replace("&limit=2", ""), Authorization=alice)
    assert gateway.ask(path_of(ticket), Authorization=alice).status == 200
    bare = re.sub(r"-[^/]+(?=/)", "", path_of(ticket), count=1)
    assert [gateway.ask(path).status for path in (path_of(ticket), bare)] == [403, 404], "that it is there is known"
    assert gateway.ask(bare, Authorization=alice).status == 200
    anybody = f"Bearer {sign(guarded.keys['k1'], groups=None)}"
    says_no_more(gateway.ask("/beacon/g_variants?datasetIds=odd", Authorization=anybody), "count", "everyone")
    counting = f"Bearer {sign(guarded.keys['k1'], groups=None, realm={'scope': 'openid count:secret'})}"
    says_no_more(gateway.ask("/beacon/g_variants?datasetIds=secret", Authorization=counting), "count", "scope")
    assert gateway.ask("/beacon/g_variants?datasetIds=secret", Authorization=anybody).status == 404


@pytest.mark.parametrize(("dataset", "level"), LEVELS.items())
def test_who_asks_for_no_more_hears_no_more_either(guarded: Guarded, dataset: str, level: str):
    """Of a dataset that only says whether there is anything not how many of several ids it has."""
    page = f"/beacon/biosamples?datasetIds={dataset}&limit=1&biosampleIds="
    known = guarded.gateway.ask("/beacon/biosamples?datasetIds=demo&limit=1").json["response"]["resultSets"][0]
    for asked_level in ("record", "count", "boolean"):
        ids = f"{known['results'][0]['id']},a,b&requestedGranularity={asked_level}"
        answer = in_time(guarded.gateway, page + ids)
        lesser = min(level, asked_level, key=["boolean", "count", "record"].index)
        assert (answer.status, answer.json["meta"]["returnedGranularity"]) == (200, lesser), ids
        assert "ETag" not in answer.headers, ids
        assert answer.headers["Cache-Control"] == "private, no-store", ids
        assert ("unknown" in answer.text, "Warning" in answer.headers) == ((level == "count"),) * 2
