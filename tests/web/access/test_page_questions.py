"""What the page is told of datasets that are not public: no more than anybody is told by any other door."""

from pathlib import Path
from typing import Any

from gateway.demo.store import Store
from tests.harness import Answer, Gateway, until
from tests.web.access.conftest import Guarded

OTHERS = ("estimate?filters=NCIT:C3262&", "terms?text=neoplasm&", "terms?ids=NCIT:C3262&", "terms?")


def ask(guarded: Guarded, path: str, token: str = "") -> Answer:
    headers = {"Authorization": f"Bearer {guarded.tokens[token]}"} if token else {}
    return guarded.gateway.ask(f"/gateway/{path}", **headers)


def numbers(value: Any) -> list[Any]:
    """All numbers in a JSON value."""
    if isinstance(value, dict | list):
        return [n for each in (value.values() if isinstance(value, dict) else value) for n in numbers(each)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_datasets_that_may_not_be_seen_are_not_there(guarded: Guarded):
    seen = {each["id"]: each["granularity"] for each in ask(guarded, "datasets").json["datasets"]}
    assert seen == {"demo": "record", "flat": "count", "odd": "boolean"}
    seen = {each["id"]: each["granularity"] for each in ask(guarded, "datasets", "alice").json["datasets"]}
    assert seen == {"demo": "record", "secret": "record", "flat": "record", "odd": "boolean"}
    for path in OTHERS:
        hidden, none = (ask(guarded, f"{path}datasetIds={name}") for name in ("secret", "nowhere"))
        assert (hidden.status, hidden.json["error"]) == (none.status, none.json["error"])
        assert ask(guarded, f"{path}datasetIds=secret", "alice").status == 200
        assert ask(guarded, f"{path}datasetIds=secret", "late").status == 401


def test_numbers_without_records(guarded: Guarded):
    found = ask(guarded, "estimate?filters=NCIT:C3262&datasetIds=flat").json
    assert found["samples"]["count"] > 0
    assert found["variants"]["count"] > 0
    assert found["formats"] == []
    assert ask(guarded, "estimate?filters=NCIT:C3262&datasetIds=flat", "alice").json["formats"]
    assert ask(guarded, "datasets").json["datasets"][1]["counts"]["samples"] > 0


def test_no_numbers_where_it_is_said_only_whether(guarded: Guarded):
    found = ask(guarded, "estimate?datasetIds=odd").json
    told = {key: found.pop(key) for key in ("samples", "variants", "matchedVariants")}
    assert list(told.values()) == [{"count": None, "exact": True, "exists": True}] * 3
    assert (found["formats"], numbers(found), found["dataVersion"]) == ([], [], None)
    missed = ask(guarded, "estimate?datasetIds=odd&filters=NCIT:C999999").json
    assert missed["samples"] == {"count": None, "exact": True, "exists": False}
    assert numbers(missed) == []
    (own,) = [each for each in ask(guarded, "datasets").json["datasets"] if each["id"] == "odd"]
    assert (own["counts"], own["dataVersion"]) == (None, None)


def test_terms_without_numbers(store: Store, demo: str, tmp_path: Path):
    (tmp_path / "access.toml").write_text('[datasets.demo]\npublic = "boolean"\n')
    with Gateway(store.uri, [demo], log=tmp_path / "log", access=tmp_path / "access.toml") as gateway:
        for path in ("limit=100", "text=c&limit=100", "below=NCIT:C3263", "ids=NCIT:C3058,NCIT:C30588"):
            found = gateway.ask(f"/gateway/terms?{path}").json
            codes = [each["id"] for each in found["terms"]]
            assert codes
            assert {each[key] for each in found["terms"] for key in ("count", "codeMatches")} == {None}
            assert {each["count"] for unknown in found["unknown"] for each in unknown["suggestions"]} <= {None}
            assert codes == sorted(codes) or "text" in path  # an order by numbers would tell of them
            assert found["dataVersion"] is None


def test_exports_of_others_are_not_listed(guarded: Guarded):
    url = "/beacon/g_variants?datasetIds=secret&allData=true&output=bed"
    own = {"Authorization": f"Bearer {guarded.tokens['alice']}"}
    assert guarded.gateway.ask(url, **own).status == 200

    def seen(token: str = "") -> set[str]:
        return {each["dataset"] for each in ask(guarded, "running", token).json["exports"]}

    until(lambda: "secret" in seen("alice"))
    assert "secret" not in seen() | seen("bob")
    assert guarded.gateway.ask(url).status == 404


def test_no_cache_keeps_what_not_everybody_gets(guarded: Guarded):
    for path in ("datasets", "terms?datasetIds=flat&text=a", "estimate?datasetIds=flat&filters=NCIT:C3262"):
        headers = ask(guarded, path).headers
        assert (headers["Cache-Control"], headers["Vary"]) == ("private, no-store", "Authorization, Origin")
        assert "ETag" not in headers
