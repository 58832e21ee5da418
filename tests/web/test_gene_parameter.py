"""`geneId=`: the same bytes, under the same name, as the region of the gene; refused where it is not known."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.harness import Gateway

GENES = [
    {"symbol": "CDKN2A", "reference_name": "9", "start": 21967751, "end": 21995301},
    {"symbol": "EGFR", "reference_name": "7", "start": 55019017, "end": 55211628},
]
REGION = "referenceName=9&start=21967751&end=21995301"
BOTH = [
    {"geneId": gene["symbol"]} if named else {"referenceName": gene["reference_name"], **place}
    for named in (True, False)
    for gene in GENES
    for place in [{"start": [gene["start"]], "end": [gene["end"]]}]
]


@pytest.fixture(scope="module")
def knowing(
    store: Store, mongo: MongoClient[dict[str, Any]], demo: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    mongo.drop_database("genes_asked")
    mongo["genes_asked"].genes.insert_many([{**gene} for gene in GENES])
    log = tmp_path_factory.mktemp("genes") / "log"
    with Gateway(store.uri, [demo], log=log, genes="genes_asked.genes") as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/beacon/g_variants?output=pgxseg&filters=NCIT:C3058&",
        "/beacon/g_variants?output=vcf.gz&",
        "/beacon/biosamples?output=jsonl&variantType=DEL&",
        "/services/samplematrix?genomeBinning=20Mb&",
        "/services/sampleplots?filters=NCIT:C3058&",
    ],
)
def test_a_gene_is_its_region(knowing: Gateway, path: str):
    region = knowing.ask(path + REGION)
    for gene in ("geneId=CDKN2A", "gene_symbol=cdkn2a", "geneIds=CDKN2A,CDKN2A"):
        named = knowing.ask(path + gene)
        assert (named.status, named.whole, named.body) == (200, True, region.body)
        for header in ("ETag", "Content-Disposition"):
            assert named.headers[header] == region.headers[header]
    assert knowing.ask(path + "geneId=EGFR").body != region.body
    assert "Warning" not in knowing.ask(path + "geneId=CDKN2A", "HEAD").headers


def test_several_genes_are_as_many_queries(knowing: Gateway):
    named = knowing.ask("/beacon/biosamples?geneId=EGFR,CDKN2A").json
    multi = [knowing.ask("/beacon/biosamples", "POST", body(queries)).json for queries in (BOTH[:2], BOTH[2:])]
    ids = [[each["id"] for each in told["response"]["resultSets"][0]["results"]] for told in (named, *multi)]
    assert ids[0] == ids[1] == ids[2] != []
    listed = {"query": {"requestParameters": {"geneId": ["EGFR", "CDKN2A"]}}}  # as the page has it to copy
    assert knowing.ask("/beacon/biosamples", "POST", listed).json["response"] == named["response"]


def body(queries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"meta": {"apiVersion": "2.0"}, "query": {"requestParameters": {"variantMultiPars": queries}}}


def test_its_address_and_its_links_ask_for_the_gene_alone(knowing: Gateway):
    ticket = knowing.ask("/beacon/g_variants?output=pgxseg&geneId=CDKN2A&ticket=true").json
    region = knowing.ask(f"/beacon/g_variants?output=pgxseg&{REGION}")
    assert knowing.ask(ticket["address"].removeprefix(knowing.url)).body == region.body
    session = knowing.ask("/beacon/variants/session.xml?filters=NCIT:C3058&geneId=CDKN2A")
    assert session.status == 200
    assert session.body == knowing.ask(f"/beacon/variants/session.xml?filters=NCIT:C3058&{REGION}").body
    found = knowing.ask("/beacon/g_variants?geneId=CDKN2A&limit=1").json
    links = [each["url"] for each in found["response"]["resultSets"][0]["resultsHandovers"]]
    assert links
    assert all("start=21967751" in link for link in links if "/beacon/" in link or "/services/" in link)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("geneId=NOSUCHGENE", "is no gene that is known here"),
        ("geneId=EGFR,NOSUCHGENE", "NOSUCHGENE"),
        ("geneId=%24ne", "geneId"),
        ("geneId=%00", "geneId"),
        ("geneId=CDKN2A&start=5", "geneId"),
    ],
)
def test_what_is_no_gene_is_refused(knowing: Gateway, asked: str, why: str):
    for path in ("/beacon/g_variants?output=pgxseg&", "/services/samplematrix?", "/gateway/estimate?"):
        answer = knowing.ask(f"{path}filters=NCIT:C3058&{asked}")
        assert answer.status == 400
        assert why in answer.text
        assert "geneId" in answer.text


def test_without_genes_it_is_refused(gateway: Gateway):
    answer = gateway.ask("/beacon/g_variants?geneId=CDKN2A&output=pgxseg")
    assert answer.status == 400
    assert "geneId: no genes are known here" in answer.json["error"]["errorMessage"]
