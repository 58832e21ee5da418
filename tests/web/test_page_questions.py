"""What the page asks: numbers are those of the downloads, addresses lead to them, and hostile words to nothing."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gateway.demo.genes import genes
from gateway.demo.store import Store
from tests.harness import Gateway, free_port, until
from tests.web.conftest import PACED, Quick

MARKUP = '<img src=x onerror="alert(1)">\x07 $where .* \u202e'


@pytest.fixture(scope="module")
def asked(
    store: Store, mongo: MongoClient[dict[str, Any]], demo: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway with genes, and with a dataset of terms whose labels are not nice."""
    for name in ("asked_genes", "asked_odd"):  # modules may be set up twice
        mongo.drop_database(name)
    mongo["asked_genes"]["today"].insert_many([*genes(), *odd_genes()])
    terms = [
        {"id": "NCIT:C1", "label": MARKUP, "count": 3, "collation_type": "NCIT", "hierarchy_paths": "none"},
        {"id": "NCIT:C2", "label": {"$gt": ""}, "count": -1, "hierarchy_paths": [{"path": ["NCIT:C1", "NCIT:C2"]}]},
        {"id": "NCIT:C3", "label": "round", "count": True, "hierarchy_paths": [{"path": ["NCIT:C4", "NCIT:C3"]}]},
        {"id": "NCIT:C4", "label": "about", "count": 2, "hierarchy_paths": [{"path": ["NCIT:C3", "NCIT:C4"]}]},
        {"id": ["NCIT:C5"], "label": "a list"},
        {"label": "nothing"},
    ]
    mongo["asked_odd"]["biosamples"].insert_one({"id": "pgxbs-1"})
    mongo["asked_odd"]["collations"].insert_many(terms)
    log = tmp_path_factory.mktemp("asked") / "log"
    with Gateway(store.uri, [demo, "asked_odd"], log=log, genes="asked_genes.none,asked_genes.today") as running:
        yield running
        assert "request failed" not in running.log


def odd_genes() -> list[dict[str, Any]]:
    """Genes of 2021, with places in several assemblies, and such as cannot be placed."""
    later = [
        {"accession_version": "NC_060933.1", "assembly": "T2T-CHM13", "start": 1, "end": 2},
        {"sequence_id": "refseq:NC_000009.12", "start": 100, "end": 200},
    ]
    return [
        {"_id": ObjectId(), "gene_symbol": "OLDGENE", "reference_name": "9", "start": 10.0, "end": 20},
        {"_id": ObjectId(), "symbol": "LATERGENE", "synonyms": ["MARKUP<b>", 5, None], "location": later},
        {"_id": ObjectId(), "symbol": "NOGENE1", "accession_version": "NC_000009.11", "start": 10, "end": 20},
        {"_id": ObjectId(), "symbol": "NOGENE2", "location": later[:1]},
        {"_id": ObjectId(), "symbol": "NOGENE3", "reference_name": "9", "start": 20, "end": 10},
        {"_id": ObjectId(), "symbol": "NOGENE4", "reference_name": "9", "start": 20, "end": float("nan")},
        {"_id": ObjectId(), "symbol": "NOGENE5", "reference_name": "9", "assembly": "GRCh37", "start": 1, "end": 2},
        {"_id": ObjectId(), "symbol": {"$gt": 1}, "reference_name": "9", "start": 1, "end": 2},
    ]


def ask(gateway: Gateway, path: str, **parameters: str) -> Any:
    answer = gateway.ask(f"/gateway/{path}?{urlencode(parameters)}")
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json


# --- estimates ------------------------------------------------------------------------------------------------------

REGION = {"referenceName": "9", "start": "0", "end": "43000000", "variantType": "DEL"}
SELECTIONS: dict[str, dict[str, str]] = {
    "a term": {"filters": "NCIT:C3058"},
    "several, and a region": {"filters": "NCIT:C3058,NCIT:C4872", "filterLogic": "OR", **REGION},
    "none of a term": {"filters": "!NCIT:C3058"},
    "an id": {"biosampleIds": "pgxbs-kftv0066"},
    "nothing that is there": {"filters": "NCIT:C3058,PATO:0000001"},
    "all": {},
}


def lines(gateway: Gateway, path: str, selection: dict[str, str]) -> int:
    everything = {} if selection else {"allData": "true"}
    body = gateway.ask(f"/beacon/{path}?{urlencode({**selection, **everything, 'output': 'jsonl'})}")
    assert body.status == 200, body.text
    return len(body.text.splitlines())


@pytest.mark.parametrize("name", SELECTIONS)
def test_numbers_are_those_of_the_downloads(gateway: Gateway, name: str):
    selection = SELECTIONS[name]
    found = ask(gateway, "estimate", **selection)
    ids = gateway.ask(f"/beacon/biosamples?{urlencode({**selection, 'allData': 'true', 'output': 'jsonl'})}").text
    samples = [json.loads(line)["id"] for line in ids.splitlines()]
    every = sum(lines(gateway, "g_variants", {"biosampleIds": ",".join(samples)}) for _ in samples[:1])
    told = {key: found[key]["count"] for key in ("samples", "variants", "matchedVariants")}
    expected = {"samples": len(samples), "variants": every, "matchedVariants": lines(gateway, "g_variants", selection)}
    assert told == expected
    assert all(found[key]["exact"] and found[key]["exists"] is bool(told[key]) for key in told)
    assert found["narrowed"] is bool(selection)
    assert found["granularity"] == "record"
    # What a format holds is offered once, or for those that match and for all of their samples.
    offered = [(each["output"], each["entity"], each["whole"]) for each in found["formats"]]
    assert len(offered) == len(set(offered))
    assert {whole for _, entity, whole in offered if entity == "variants"} == (
        {True, False} if "start" in selection else {True}
    )


def test_addresses_lead_to_the_files_and_sizes_become_known(asked: Gateway):
    """Typical at first, then by what was delivered, and exact where the very file is kept."""
    selection = {"filters": "NCIT:C3058", **REGION}
    before = {each["url"]: each for each in ask(asked, "estimate", **selection)["formats"]}
    assert len(before) == len(ask(asked, "estimate", **selection)["formats"]) > 15  # each at an address of its own
    bodies = {}
    for url, offer in before.items():
        answer = asked.ask(f"/{url}")
        assert (answer.status, answer.whole) == (200, True), url
        assert answer.headers["Content-Disposition"].startswith("attachment")
        bodies[url] = answer.body
        if packed := offer["packed"]:
            assert packed["url"] == url + ".gz"
            assert asked.ask(f"/{packed['url']}", "HEAD").headers["Content-Type"] == "application/gzip"

    # All variants of the samples are more than those that match.
    large, small = ({o["output"]: len(bodies[u]) for u, o in before.items() if o["whole"] is w} for w in (True, False))
    assert all(size > small[output] for output, size in large.items())
    assert len(large) > 3

    def kept() -> list[Any]:
        return [each for each in ask(asked, "estimate", **selection)["formats"] if each["basis"] == "complete"]

    until(lambda: len(kept()) == len(before), seconds=150)  # the last of them is written while it is delivered
    for each in kept():
        assert each["bytes"] == len(bodies[each["url"]]), each["url"]
    others = ask(asked, "estimate", filters="NCIT:C3171")["formats"]
    known = {each["output"] for each in others if each["basis"] == "delivered"}
    assert known >= {"pgxseg", "table", "pgxmatrix", "seg"}
    for each in others:
        answer = asked.ask(f"/{each['url']}")
        assert each["basis"] == "complete" or 0.3 < each["bytes"] / len(answer.body) < 3, (each, len(answer.body))


def test_what_is_not_known_is_suggested(gateway: Gateway):
    found = ask(gateway, "estimate", filters="NCIT:C30588,icdom-94403,NCIT:C3058", filterLogic="OR")
    assert [each["id"] for each in found["unknown"]] == ["NCIT:C30588"]
    assert found["unknown"][0]["suggestions"][0] == {
        "id": "NCIT:C3058",
        "label": "Glioblastoma",
        "count": found["samples"]["count"],
    }
    assert found["warnings"]


def test_a_lower_bound_says_so_and_is_exact_later(store: Store, demo: str, tmp_path: Any):
    with Gateway(store.uri, [demo], log=tmp_path / "log", count_budget=0) as hurried:
        first = ask(hurried, "estimate", filters="NCIT:C3058")
        exact = lambda found: found["variants"]["exact"] and found["samples"]["exact"]  # noqa: E731
        until(lambda: exact(ask(hurried, "estimate", filters="NCIT:C3058")))
        then = ask(hurried, "estimate", filters="NCIT:C3058")
    for key in ("samples", "variants"):
        assert first[key]["count"] <= then[key]["count"]
        assert first[key]["exact"] is (first[key]["count"] == then[key]["count"]) or not first[key]["exact"]


# --- terms ----------------------------------------------------------------------------------------------------------

TYPED = {
    "glioblastoma": "NCIT:C3058",  # the whole label
    "ncit:c3058": "NCIT:C3058",
    "icdom-94403": "pgx:icdom-94403",  # as it was spelled in 2021
    "9440": "pgx:icdom-94403",
    "gliob": "NCIT:C3058",  # of two with as many samples, by their codes
    "breast carcinoma": "NCIT:C4872",
    "carcinoma breast": "NCIT:C4872",
    "NEOPLASM": "NCIT:C3262",
    "  brain   nos ": "pgx:icdot-C71.9",
}


@pytest.mark.parametrize("text", TYPED)
def test_terms_are_found_by_typing(gateway: Gateway, text: str):
    found = ask(gateway, "terms", text=text, limit="100")
    assert found["terms"][0]["id"] == TYPED[text]
    assert (
        all(w in f"{t['id']} {t['label']}".lower() for t in found["terms"] for w in text.lower().split())
        or "icdom" in text
    )
    assert not found["suggestions"]


def test_terms_say_what_is_above_and_below(gateway: Gateway):
    (term,) = ask(gateway, "terms", ids="NCIT_C3058")["terms"]
    assert [each["id"] for each in term["path"][0]] == ["NCIT:C3262", "NCIT:C3263", "NCIT:C3268", "NCIT:C3059"]
    assert (term["parents"], term["children"]) == (["NCIT:C3059"], 0)
    below = ask(gateway, "terms", below="NCIT:C3059")["terms"]
    assert [each["id"] for each in below] == ["NCIT:C3058"]
    roots = ask(gateway, "terms", collationTypes="NCIT", limit="100")
    assert [each["id"] for each in roots["terms"]] == ["NCIT:C3262"]
    assert ask(gateway, "terms", limit="1")["more"] is True
    stored = gateway.ask("/services/collations/NCIT:C3058?deliveryKeys=id,count,codeMatches").json["response"][
        "results"
    ]
    assert {key: term[key] for key in ("id", "count", "codeMatches")} in stored


def test_misspelled_terms_are_suggested(gateway: Gateway):
    assert ask(gateway, "terms", text="gliobastoma")["suggestions"][0]["id"] == "NCIT:C3058"
    assert ask(gateway, "terms", text="NCIT:C3058x")["suggestions"][0]["id"] == "NCIT:C3058"
    (unknown,) = ask(gateway, "terms", ids="NCIT:C3059,NCIT:C30590")["unknown"]
    assert (unknown["id"], unknown["suggestions"][0]["id"]) == ("NCIT:C30590", "NCIT:C3059")
    assert ask(gateway, "terms", text="zzzzzzzz")["suggestions"] == []
    # Each is compared with all terms: of a long list the first are explained.
    several = ask(gateway, "terms", ids=",".join(f"NCIT:C3059{number}" for number in range(100)))["unknown"]
    assert [bool(one["suggestions"]) for one in several] == [True] * 20 + [False] * 80


def test_labels_are_texts_and_circles_end(asked: Gateway):
    terms = {
        each["id"]: each for each in ask(asked, "terms", datasetIds="asked_odd", text="NCIT:C", limit="50")["terms"]
    }
    assert set(terms) == {"NCIT:C1", "NCIT:C2", "NCIT:C3", "NCIT:C4"}
    assert terms["NCIT:C1"]["label"] == MARKUP
    assert (terms["NCIT:C2"]["label"], terms["NCIT:C2"]["count"], terms["NCIT:C2"]["parents"]) == (
        "",
        None,
        ["NCIT:C1"],
    )
    assert terms["NCIT:C3"]["path"] == [[{"id": "NCIT:C4", "label": "about"}]]


def test_terms_are_new_when_the_data_are(store: Store, mongo: MongoClient[dict[str, Any]], tmp_path: Any):
    database = mongo["asked_new"]
    database["biosamples"].insert_one({"id": "pgxbs-1"})
    database["collations"].insert_one({"id": "NCIT:C1", "label": "first", "count": 1})
    with Gateway(store.uri, ["asked_new"], log=tmp_path / "log", version_ttl=0) as running:
        assert [each["label"] for each in ask(running, "terms", text="NCIT")["terms"]] == ["first"]
        database["collations"].insert_one({"id": "NCIT:C2", "label": "second", "count": 2})
        until(lambda: [t["label"] for t in ask(running, "terms", text="NCIT")["terms"]] == ["second", "first"])


# --- places ---------------------------------------------------------------------------------------------------------


def test_genes_of_every_shape(asked: Gateway, gateway: Gateway):
    found = ask(asked, "genes", text="cdkn2a")
    assert found["available"] is True
    place = {"referenceName": "9", "start": 21967751, "end": 21995301}
    assert found["genes"] == [{"symbol": "CDKN2A", **place, "synonyms": ["P16", "INK4A", "ARF", "MTS1"]}]
    assert ask(asked, "genes", text="her2")["genes"][0]["symbol"] == "ERBB2"
    assert [each["symbol"] for each in ask(asked, "genes", text="cdk", limit="2")["genes"]] == ["CDK4", "CDKN2A"]
    told = {
        each["symbol"]: (each["start"], each["end"]) for each in ask(asked, "genes", text="gene", limit="50")["genes"]
    }
    assert told == {"OLDGENE": (10, 20), "LATERGENE": (100, 200)}
    # A deletion of a gene, asked for by its place, as the page does.
    beyond = ask(asked, "estimate", referenceName="9", start="21967751", end="21995301", variantType="DEL")
    assert 0 < beyond["matchedVariants"]["count"] < beyond["variants"]["count"]
    assert ask(gateway, "genes", text="cdkn2a") == {
        "available": False,
        "assembly": "GRCh38",
        "text": "cdkn2a",
        "genes": [],
        "more": False,
    }


def test_cytobands(gateway: Gateway):
    found = ask(gateway, "cytobands", text="chr9p21", limit="2")
    assert found["cytobands"][0] == {"symbol": "9p21", "referenceName": "9", "start": 19900000, "end": 33200000}
    assert found["cytobands"][1]["symbol"] == "9p21.3"
    assert found["more"] is True
    assert ask(gateway, "cytobands", text="$regex")["cytobands"] == []


# --- what there is --------------------------------------------------------------------------------------------------


def test_datasets(gateway: Gateway, demo: str):
    found = ask(gateway, "datasets")["datasets"]
    stored = gateway.ask("/beacon/datasets").json["response"]["collections"]
    assert [each["id"] for each in found] == [each["id"] for each in stored]
    assert [each["id"] for each in found if each["default"]] == [demo]
    for each, other in zip(found, stored, strict=True):
        counts = other["info"]["counts"]
        assert each["counts"] == {
            "samples": counts["biosamples"],
            **{k: counts[k] for k in counts if k != "biosamples"},
        }
        segments = gateway.ask(f"/beacon/g_variants?datasetIds={each['id']}&output=pgxseg&limit=1&allData=true").text
        assert f"#meta=>dataVersion={each['dataVersion']}\n" in segments
        assert (each["granularity"], each["licence"], each["empty"]) == ("record", "CC-BY 4.0", False)


def test_running_tells_what_grows_and_what_is_kept_but_not_what_was_asked(kept: Gateway, quick: Quick):
    issued = kept.ask(f"{PACED}&ticket=true").json

    def listed() -> list[dict[str, Any]]:
        found = ask(kept, "running")
        assert found["spool"] is True
        assert {key for each in found["exports"] for key in each} <= {
            *("dataset", "output", "packed", "state", "rows", "bytes", "age")
        }
        return [each for each in found["exports"] if each["dataset"] == "b400v250p30"]

    until(lambda: any(each["state"] == "complete" for each in listed()))
    ticket = kept.ask(issued["self"].removeprefix(kept.url)).json
    assert (ticket["rows"], ticket["bytes"]) in [(each["rows"], each["bytes"]) for each in listed()]
    assert ask(kept, "running")["complete"]["bytes"] >= ticket["bytes"]


# --- what is wrong --------------------------------------------------------------------------------------------------

WRONG = {
    "estimate?datasetIds=nowhere": (404, "no such dataset"),
    "estimate?datasetIds=demo,flat": (400, "datasetIds"),
    "estimate?filters=%24where": (400, "filters"),
    "estimate?start=5": (400, "referenceName"),
    "estimate?geneId=CDKN2A": (400, "geneId"),
    "terms?datasetIds=admin": (404, "no such dataset"),
    "terms?limit=0": (400, "limit"),
    "terms?limit=101": (400, "limit"),
    "terms?limit=99999999999999999999": (400, "limit"),
    "terms?limit=1&limit=2": (400, "limit"),
    "terms?text=a&text=b": (400, "text"),
    f"terms?text={'a' * 201}": (400, "text"),
    "terms?text=a&ids=b": (400, "one of"),
    f"terms?ids={','.join(map(str, range(101)))}": (400, "ids"),
    f"terms?ids={'a' * 201}": (400, "ids"),
    "genes": (400, "text"),
    "genes?text=%20": (400, "text"),
    f"cytobands?text={'9' * 201}": (400, "text"),
    "nothing": (404, "no such path"),
}


@pytest.mark.parametrize("path", WRONG)
def test_what_is_wrong_is_named(gateway: Gateway, path: str):
    answer = gateway.ask(f"/gateway/{path}")
    status, named = WRONG[path]
    assert answer.status == status, answer.text
    assert named in answer.json["error"]["errorMessage"]
    assert answer.headers["Cache-Control"] == "no-store"


HOSTILE = (
    *(".*", "(", "[", "\\", "^(a+)+$", "%", "$where", '{"$gt":""}', "a\0b", "\x1f", "\n\r\t", "\u202e", "\ud800"),
    *("a" * 200, " ".join("ab" * 1 for _ in range(60)), "ﬁ", "İ", "<script>", "..", "-1", ",", "!", "*"),
)


@pytest.mark.parametrize("path", ["terms?text=", "terms?ids=", "terms?below=", "genes?text=", "cytobands?text="])
def test_hostile_texts_are_only_looked_for(asked: Gateway, path: str):
    for text in HOSTILE:
        for raw in (quote(text, errors="surrogatepass"), quote(text.encode("utf-16", "surrogatepass"))):
            answer = asked.ask(f"/gateway/{path}{raw}&$where=1&text[$ne]=1")
            assert answer.status in {200, 400}, (text, answer.text)
            assert answer.json


# --- how it is answered ---------------------------------------------------------------------------------------------


def test_answers_are_kept_as_long_as_they_are_true(gateway: Gateway):
    for path in ("datasets", "terms?text=glio", "genes?text=a", "cytobands?text=9"):
        answer = gateway.ask(f"/gateway/{path}")
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = hashlib.sha256(answer.body).hexdigest()[:32]
        assert answer.headers["ETag"] == f'"{tag}"'
        again = gateway.ask(f"/gateway/{path}", If_None_Match=f'"{tag}"')
        assert (again.status, again.body) == (304, b"")
        assert gateway.ask(f"/gateway/{path}", "HEAD").body == b""
    for path in ("estimate?filters=NCIT:C3058", "running"):
        answer = gateway.ask(f"/gateway/{path}")
        assert (answer.headers["Cache-Control"], "ETag" in answer.headers) == ("no-store", False)
        assert gateway.ask(f"/gateway/{path}", "POST", {}).status == 405


def test_without_a_database_it_says_so_and_comes_back_by_itself(tmp_path: Any):
    port = free_port()
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true&serverSelectionTimeoutMS=500"
    with Gateway(uri, ["away"], log=tmp_path / "log", genes="away.genes", version_ttl=0) as alone:
        for path in ("datasets", "estimate?filters=NCIT:C3058", "terms?text=a", "genes?text=a"):
            answer = alone.ask(f"/gateway/{path}")
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5"), path
        assert ask(alone, "cytobands", text="9")["cytobands"]
        assert ask(alone, "running")["exports"] == []
        with Store(tmp_path / "store", port=port), MongoClient[dict[str, Any]](uri) as client:
            client["away"]["biosamples"].insert_one({"id": "pgxbs-1"})
            client["away"]["collations"].insert_one({"id": "NCIT:C1", "label": "a term", "count": 1})
            until(lambda: alone.ask("/gateway/terms?text=a").json.get("terms"))
            assert ask(alone, "terms", text="a")["terms"][0]["label"] == "a term"
            assert ask(alone, "genes", text="a")["available"] is False
            assert ask(alone, "estimate")["samples"] == {"count": 1, "exact": True, "exists": True}
