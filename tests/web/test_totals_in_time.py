"""Pages whose total takes longer than its budget: their rows come, and they say a lower bound."""

from pathlib import Path

from gateway.demo.store import Store
from tests.harness import Gateway, until
from tests.schemas import framework

PAGE = "/beacon/g_variants?filters=NCIT:C3262&limit=5"


def test_a_lower_bound_says_so_and_has_no_etag(store: Store, demo: str, tmp_path: Path):
    with Gateway(store.uri, [demo], log=tmp_path / "log", count_budget=0) as gateway:
        first = gateway.ask(PAGE)
        framework("Resultsets").validate(first.json)
        (found,) = first.json["response"]["resultSets"]
        assert len(found["results"]) == 5
        assert found["info"]["resultsCountIsLowerBound"] is True
        assert "at least" in found["info"]["warnings"][0]
        assert first.json["info"]["numTotalResultsIsLowerBound"] is True
        assert found["resultsCount"] == first.json["responseSummary"]["numTotalResults"] >= 6
        assert "ETag" not in first.headers
        assert first.headers["Cache-Control"] == "no-store"
        assert 'rel="next"' in first.headers["Link"]

        counted = gateway.ask(f"{PAGE}&requestedGranularity=count").json
        assert counted["responseSummary"]["exists"] is True

        until(lambda: "ETag" in gateway.ask(PAGE).headers, what="the total")
        known = gateway.ask(PAGE)
        total = known.json["responseSummary"]["numTotalResults"]
        assert total == len(gateway.ask("/beacon/g_variants?filters=NCIT:C3262&output=jsonl").body.splitlines())
        assert "info" not in known.json
        assert known.json["response"]["resultSets"][0]["results"] == found["results"]
        again = gateway.ask(PAGE, If_None_Match=known.headers["ETag"])
        assert again.status == 304


def test_of_a_number_that_is_not_known_in_time_it_is_known_whether_it_is_none(store: Store, demo: str, tmp_path: Path):
    with Gateway(store.uri, [demo], log=tmp_path / "log", count_budget=0) as gateway:
        for question, exists in (("filters=NCIT:C3262", True), ("variantType=DEL&referenceName=Y", False)):
            answer = gateway.ask(f"/beacon/g_variants?{question}&requestedGranularity=count").json
            assert answer["responseSummary"]["exists"] is exists
            skipped = gateway.ask(f"/beacon/g_variants?{question}&limit=100&skip=10000").json
            assert skipped["responseSummary"]["exists"] is exists


def test_a_page_that_comes_to_the_end_has_counted_all(store: Store, demo: str, tmp_path: Path):
    with Gateway(store.uri, [demo], log=tmp_path / "log", count_budget=0) as gateway:
        page = gateway.ask("/beacon/biosamples?filters=NCIT:C3262&limit=1000")
        (found,) = page.json["response"]["resultSets"]
        assert found["resultsCount"] == len(found["results"]) > 0
        assert "info" not in found
        assert page.headers["ETag"]


def test_head_promises_no_more_than_get_keeps(store: Store, demo: str, tmp_path: Path):
    with Gateway(store.uri, [demo], log=tmp_path / "log", count_budget=0) as gateway:
        assert "ETag" not in gateway.ask(PAGE, "HEAD").headers
        until(lambda: "ETag" in gateway.ask(PAGE).headers, what="the total")
        assert gateway.ask(PAGE, "HEAD").headers["ETag"] == gateway.ask(PAGE).headers["ETag"]


def test_pages_of_every_entity_asked_again_are_the_same(gateway: Gateway):
    for entity in ("g_variants", "biosamples", "individuals", "analyses", "runs"):
        path = f"/beacon/{entity}?filters=NCIT:C3262&limit=3&datasetIds=demo"
        first, again = gateway.ask(path), gateway.ask(path)
        assert len(first.json["response"]["resultSets"][0]["results"]) == 3
        assert again.body == first.body
        assert again.headers.get("Link") == first.headers["Link"]
