"""Handovers: what existing Beacons stored under an `accessid`, of both eras, as downloads of just these records."""

import uuid
from typing import Any

import pytest
from bson import ObjectId
from bson.code import Code
from bson.regex import Regex

from tests.harness import Answer, Gateway, until
from tests.web.conftest import complete, path_of
from tests.web.handed import Buffers

GLIOBLASTOMA = {"histological_diagnosis.id": {"$in": ["NCIT:C3058"]}}


@pytest.fixture
def gateway(handed: Gateway) -> Gateway:
    return handed


def rows(answer: Answer) -> list[str]:
    """What is told of records, without what is told of the request."""
    assert answer.status == 200, answer.text
    assert answer.whole
    if answer.headers["Content-Type"] == "application/json":
        told = answer.json["response"]
        return list(map(repr, told["results"] if "results" in told else told["resultSets"][0]["results"]))
    return [line for line in answer.text.splitlines() if not line.startswith(("#", "track"))]


def places(answer: Answer) -> list[str]:
    """The same without the genotypes of a VCF, whose columns are those of the samples in it."""
    return [
        "\t".join(row.split("\t")[: 8 if "vcf" in answer.headers["Content-Disposition"] else None])
        for row in rows(answer)
    ]


def told(gateway: Gateway, query: str) -> list[str]:
    """The rows of a download of segments."""
    return rows(gateway.ask(f"/services/pgxsegvariants?{query}"))[1:]


def refused(answer: Answer, *, status: int = 404) -> str:
    assert answer.status == status, answer.text
    error = answer.json["error"]
    assert error["errorCode"] == status
    assert error["errorMessage"].startswith("accessid: ")
    return str(error["errorMessage"])


# --- the records that are listed -------------------------------------------------------------------------------------

# What is handed over, the path of its link with `{id}`, and a path that names the same records by `{ids}`.
LINKS = [
    ("variants", "/services/pgxsegvariants?{id}&skip=0&limit=200", "/services/pgxsegvariants?variantIds={ids}"),
    ("variants", "/services/vcfvariants/?{id}&skip=0&limit=200", "/services/vcfvariants?variantIds={ids}"),
    ("variants", "/beacon/g_variants?limit=0&{id}", "/beacon/g_variants?variantIds={ids}&limit=0"),
    ("variants", "/beacon/variants?method=callsetspgxseg&{id}", "/beacon/variants?output=whole&variantIds={ids}"),
    ("variants", "/services/sampletable?{id}", "/services/sampletable?variantIds={ids}"),
    ("biosamples", "/services/sampletable?{id}", "/services/sampletable?biosampleIds={ids}"),
    ("biosamples", "/beacon/biosamples?{id}", "/beacon/biosamples?biosampleIds={ids}"),
    ("biosamples", "/services/pgxsegvariants?{id}", "/services/pgxsegvariants?biosampleIds={ids}"),
    ("individuals", "/beacon/individuals?{id}", "/beacon/individuals?individualIds={ids}"),
    ("analyses", "/services/samplematrix?{id}", "/services/samplematrix?analysisIds={ids}"),
    ("analyses", "/services/cnvstats?{id}", "/services/cnvstats?analysisIds={ids}"),
    ("analyses", "/services/pgxsegvariants?{id}", "/services/pgxsegvariants?analysisIds={ids}"),
    ("analyses", "/services/intervalFrequencies?{id}", "/services/intervalFrequencies?analysisIds={ids}"),
]
STEPS = {"variants": 17, "biosamples": 6, "individuals": 6, "analyses": 6, "callsets": 6}
WHOLE = "method=callsetspgxseg"


@pytest.mark.parametrize(("collection", "link", "named"), LINKS)
def test_a_handover_of_today(gateway: Gateway, buffers: Buffers, collection: str, link: str, named: str):
    ids = buffers.some(collection, step=STEPS[collection])
    accessid = buffers.keep(collection, [*ids, ids[0]])
    expected = rows(gateway.ask(named.replace("output=whole", WHOLE).format(ids=",".join(ids))))
    assert expected
    answer = gateway.ask(link.format(id=f"datasetIds=handed&accessid={accessid}"))
    assert rows(answer) == expected
    assert "Warning" not in answer.headers
    assert f"handover-{accessid[:8]}" in answer.headers["Content-Disposition"]


OLD_LINKS = [
    ("variants", "_id", "/beacon/variants/?method=pgxseg&{id}", "/beacon/variants?method=pgxseg&variantIds={ids}"),
    ("biosamples", "_id", "/beacon/variants/?{id}&method=callsetsvariants", "/services/pgxseg?biosampleIds={ids}"),
    ("biosamples", "_id", "/beacon/biosamples/?{id}", "/beacon/biosamples?biosampleIds={ids}"),
    ("individuals", "_id", "/beacon/individuals/?{id}", "/beacon/individuals/?individualIds={ids}"),
    ("callsets", "_id", "/services/samplematrix?{id}", "/services/samplematrix?analysisIds={ids}"),
    ("callsets", "id", "/beacon/variants/?method=pgxseg&{id}", "/services/pgxseg?analysisIds={ids}"),
]


@pytest.mark.parametrize(("collection", "key", "link", "named"), OLD_LINKS)
def test_a_handover_of_2021(gateway: Gateway, buffers: Buffers, *, collection: str, key: str, link: str, named: str):
    found = list(buffers.flat[collection].find({}, {"id": 1}))[:: STEPS[collection]]
    accessid = buffers.keep_old(collection, key, [document[key] for document in found])
    ids = ",".join(str(document["id"]) for document in found)
    expected = rows(gateway.ask(f"{named.format(ids=ids)}&datasetIds=handed2021"))
    assert expected
    answer = gateway.ask(link.format(id=f"accessid={accessid}"))
    assert rows(answer) == expected
    assert "Warning" not in answer.headers


def test_digests_of_2021(gateway: Gateway, buffers: Buffers):
    """They mean every observation of these variations."""
    buffers.flat.variants.update_many({"variant_type": "LOH"}, {"$set": {"digest": "x:LOH"}})
    number = buffers.flat.variants.count_documents({"digest": "x:LOH"})
    accessid = buffers.keep_old("variants", "digest", ["x:LOH", "none"])
    assert number > 1
    answer = gateway.ask(f"/beacon/variants?method=pgxseg&accessid={accessid}")
    assert len(answer.rows) == number
    assert "Warning" not in answer.headers


def test_other_filters_narrow_it_further(gateway: Gateway, buffers: Buffers):
    ids = ",".join(buffers.some("biosamples"))
    accessid = buffers.keep("biosamples", ids.split(","))
    variants = buffers.keep("variants", buffers.some("variants", step=2))
    for more in ("&filters=NCIT:C3058", "&referenceName=9&variantType=DEL"):
        named = told(gateway, f"biosampleIds={ids}{more}")
        assert told(gateway, f"accessid={accessid}{more}") == named
        listed = told(gateway, f"accessid={variants}{more}")
        everything = told(gateway, f"allData=true{more}")
        assert 0 < len(listed) < len(everything)
        assert set(listed) < set(everything)


@pytest.mark.parametrize("path", ["/services/pgxsegvariants", "/services/variantsbedfile", "/services/vcfvariants"])
def test_pages_are_of_the_whole(gateway: Gateway, buffers: Buffers, path: str):
    accessid = buffers.keep("variants", buffers.some("variants", step=40))
    whole = gateway.ask(f"{path}?accessid={accessid}&limit=0")
    pages = [gateway.ask(f"{path}?accessid={accessid}&skip={n}&limit=2") for n in range(3)]
    columns = set.intersection(*({*places(page)} for page in pages))
    paged = [row for page in pages for row in places(page) if row not in columns]
    assert sorted(paged) == sorted(row for row in places(whole) if row not in columns)
    assert len(paged) == 5
    assert len({page.headers["Content-Disposition"] for page in (whole, *pages)}) == 3


def test_a_page_says_how_many_there_are(gateway: Gateway, buffers: Buffers):
    ids = buffers.some("variants", step=17)
    path = f"/beacon/g_variants?accessid={buffers.keep('variants', ids)}"
    for more in ("&limit=7", "&limit=7&skip=1", "&requestedGranularity=count"):
        answer = gateway.ask(path + more).json
        assert answer["responseSummary"] == {"exists": True, "numTotalResults": len(ids)}
    assert gateway.ask(f"{path}&requestedGranularity=boolean").json["responseSummary"] == {"exists": True}
    told = gateway.ask(f"{path}&limit=7").json
    parameters = told["meta"]["receivedRequestSummary"]["requestParameters"]
    assert parameters["handover"] == {"accessid": path.partition("=")[2]}
    links = [each["url"] for each in told["response"]["resultSets"][0]["resultsHandovers"]]
    pgxseg = next(url for url in links if url.endswith("output=pgxseg"))
    assert len(gateway.ask(pgxseg.removeprefix(gateway.url)).rows) == len(ids)


def test_a_long_list(gateway: Gateway, buffers: Buffers):
    """More than a look-up takes at once; most of it is not there, which is said."""
    ids = buffers.some("variants", step=1)
    accessid = buffers.keep("variants", [*(f"pgxvar-none-{n}" for n in range(900)), *ids])
    answer = gateway.ask(f"/services/pgxsegvariants?accessid={accessid}")
    assert answer.rows == told(gateway, "allData=true")
    assert f"900 of {900 + len(ids)} records of this handover are no longer in handed" in answer.headers["Warning"]


# --- the query that is stored beside the list ------------------------------------------------------------------------


def test_the_query_is_asked_again_rather_than_the_list(gateway: Gateway, buffers: Buffers):
    """The list is of then, may be part of the result, and is not whole here."""
    loss = {"variant_state.id": {"$in": ["EFO:0030067", "EFO:0030068", "EFO:0020073", "EFO:0030069", "SO:0001743"]}}
    named = told(gateway, "filters=NCIT:C3058")
    losses = told(gateway, "filters=NCIT:C3058&variantType=EFO:0030067")
    few = buffers.some("variants", step=40)
    for collection, queries, expected in (
        ("variants", {"biosamples": [GLIOBLASTOMA]}, named),
        ("variants", {"biosample": [GLIOBLASTOMA], "genomicVariant": [loss]}, losses),
        ("biosamples", {"biosamples": [GLIOBLASTOMA], "variants": [loss]}, named),
        ("analyses", {"biosamples": [GLIOBLASTOMA]}, named),
    ):
        accessid = buffers.keep(collection, few, count=999_999, original_queries=queries)
        found = told(gateway, f"datasetIds=handed&accessid={accessid}")
        assert found == expected
    assert 0 < len(losses) < len(named)


# A few of those of `test_stored_query`.
SAFE_NOWHERE = [
    {"biosamples": [{"$where": "sleep(10000) || true"}]},
    {"biosamples": [{"$where": Code("sleep(10000) || true")}]},
    {"biosamples": [GLIOBLASTOMA, {"id": {"$in": [Regex(".*")]}}]},
    {"biosamples": [{}]},
    {"analyses": [{"operation.id": "EDAM:operation_3961"}]},  # safe, but the list says it better
]


@pytest.mark.parametrize("queries", SAFE_NOWHERE, ids=lambda queries: repr(queries)[:50])
def test_a_query_that_is_not_known_to_be_safe_is_not_asked(gateway: Gateway, buffers: Buffers, queries: Any):
    ids = buffers.some("variants", step=17)
    accessid = buffers.keep("variants", ids, original_queries=queries)
    answer = gateway.ask(f"/services/pgxsegvariants?accessid={accessid}")
    assert answer.rows == told(gateway, f"variantIds={','.join(ids)}")
    without = buffers.keep("variants", ids[:2], count=len(ids), original_queries=queries)
    assert "only 2 of" in refused(gateway.ask(f"/services/pgxsegvariants?accessid={without}"))


# --- what is not there -----------------------------------------------------------------------------------------------


def test_what_is_unknown_here_is_not_found(gateway: Gateway, buffers: Buffers):
    ids = buffers.some("variants", step=17)
    known = buffers.keep("variants", ids)
    gone = buffers.keep("variants", ids)
    buffers.today.delete_one({"id": gone})
    said = {
        refused(gateway.ask(f"/services/pgxsegvariants?{query}"))
        for query in (
            f"accessid={uuid.uuid4()}",
            f"accessid={gone}",
            "accessid=1",
            "accessid=$where",
            "accessid={}",
            "accessid=" + "x" * 10_000,
            f"accessid={known},{known}",
            f"accessid={known}&datasetIds=handed2021",
            f"accessid={buffers.keep('variants', ids, ds_id='secret')}",  # which is not served
            f"accessid={buffers.keep('publications', ids)}",
            f"accessid={buffers.keep('variants', ids, ds_id=['handed'])}",
            f"accessid={buffers.keep_old('variant_annotations', '_id', ids)}",
            f"accessid={buffers.keep_old('variants', '$where', ids)}",
        )
    }
    assert len(said) == 1
    assert len(told(gateway, f"accessid={known}")) == len(ids)
    assert gateway.ask(f"/services/pgxsegvariants?accessid={known}&accessid={gone}").status == 400


@pytest.mark.parametrize(
    "values",
    [["x", 1], ["x", None], ["x", ["y"]], ["x", {"$gt": ""}], ["x", Regex(".*")], ["x", Code("y")], {"$gt": ""}, "x"],
    ids=repr,
)
def test_what_is_no_list_of_ids_is_none(gateway: Gateway, buffers: Buffers, values: Any):
    refused(gateway.ask(f"/services/pgxsegvariants?accessid={buffers.keep('variants', values)}"))
    refused(gateway.ask(f"/beacon/variants?method=pgxseg&accessid={buffers.keep_old('variants', '_id', values)}"))


def test_ids_that_nothing_has_select_nothing(gateway: Gateway, buffers: Buffers):
    for values in ([], ["$where"], ["none", "x" * 1_000], [str(ObjectId())]):
        accessid = buffers.keep("variants", values)
        answer = gateway.ask(f"/services/pgxsegvariants?accessid={accessid}")
        assert (answer.status, answer.rows) == (200, [])
        assert ("Warning" in answer.headers) == bool(values)
        assert gateway.ask(f"/beacon/g_variants?accessid={accessid}").json["responseSummary"]["exists"] is False


# --- the same bytes, or others that say so ---------------------------------------------------------------------------


def test_what_is_stored_is_part_of_the_question(gateway: Gateway, buffers: Buffers):
    ids = buffers.some("variants", step=17)
    accessid = buffers.keep("variants", ids)
    path = f"/services/pgxsegvariants?accessid={accessid}"
    first, ticket = gateway.ask(path), complete(gateway, path)
    assert gateway.ask(path_of(ticket)).body == first.body
    assert gateway.ask(path, If_None_Match=first.headers["ETag"]).status == 304
    shuffled = {"target_values": ids[::-1] + ids[:1], "target_count": len(ids) + 1}
    buffers.today.update_one({"id": accessid}, {"$set": shuffled})
    assert gateway.ask(path).headers["ETag"] == first.headers["ETag"]
    tail = gateway.ask(path, Range="bytes=100-", If_Range=first.headers["ETag"])
    assert (tail.status, tail.body) == (206, first.body[100:])
    buffers.today.update_one({"id": accessid}, {"$set": {"target_values": ids[1:], "target_count": len(ids) - 1}})
    second = gateway.ask(path)
    assert second.headers["ETag"] != first.headers["ETag"]
    assert len(second.rows) == len(ids) - 1
    assert gateway.ask(path, If_None_Match=first.headers["ETag"]).status == 200
    again = {"original_queries": {"biosamples": [GLIOBLASTOMA]}}
    buffers.today.update_one({"id": accessid}, {"$set": again})
    third = gateway.ask(path)
    assert third.headers["ETag"] not in {first.headers["ETag"], second.headers["ETag"]}
    assert third.rows == told(gateway, "filters=NCIT:C3058")
    assert gateway.ask(path_of(ticket)).body == first.body  # what was kept is still what it was


def test_both_engines_of_paging_agree_on_posts(gateway: Gateway, buffers: Buffers):
    ids = buffers.some("variants", step=17)
    accessid = buffers.keep("variants", ids)
    body = {"query": {"requestParameters": {"accessid": accessid}, "pagination": {"limit": 0}}}
    assert len(rows(gateway.ask("/beacon/g_variants", "POST", body))) == len(ids)


def test_no_line_of_the_log_tells_the_id(gateway: Gateway, buffers: Buffers):
    """Neither as it is, nor in names of files, nor in the question of an address."""
    accessid = buffers.keep("biosamples", buffers.some("biosamples"))
    issued = complete(gateway, f"/services/sampletable?accessid={accessid}")
    address = path_of(issued)
    assert gateway.ask(address).status == 200
    assert gateway.ask(f"/services/sampletable?accessid={accessid}").status == 200
    assert gateway.ask(f"{address}x").status == 404
    question = address.split("/")[2].partition("-")[2]
    until(lambda: gateway.log.count(issued.json["digest"]) > 3, what="their lines")
    assert question
    for told in (accessid, accessid[:13], question):
        assert told not in gateway.log
