"""Requests become `Ask` values: both eras' URLs, every spelling of a parameter, and what is refused."""

from functools import partial
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from gateway.download_types import Ask, FilterTerm, VariantAsk
from gateway.errors import BadRequest, NotFound
from gateway.planning.route_table import ROUTES
from gateway.query.beacon_request import parse_request
from gateway.query.parameters import PARAMETERS, normal
from gateway.query.routes import BEACON, service

read = partial(parse_request, routes=ROUTES)


def ask(url: str, body: object | None = None) -> Ask:
    split = urlsplit(url)
    return read(split.path, parse_qsl(split.query, keep_blank_values=True), body)


CODE = FilterTerm(id="NCIT:C3058")
DUCTAL = FilterTerm(id="pgx:icdom-85003")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # The seed's URLs, of 2021.
        (
            "/beacon/biosamples/?filters=icdom-85003&method=callsetsvariants",
            Ask(entity="biosamples", filters=(DUCTAL,), output="callsetsvariants"),
        ),
        (
            "/beacon/biosamples/?filters=icdom-85003&method=pgxseg",
            Ask(entity="biosamples", filters=(DUCTAL,), output="pgxseg"),
        ),
        ("/beacon/variants/?filters=NCIT:C3058&method=pgxseg", Ask(filters=(CODE,), output="pgxseg")),
        (
            "/beacon/variants/?filters=NCIT:C3058&method=callsetspgxseg",
            Ask(filters=(CODE,), output="callsetspgxseg"),
        ),
        ("/beacon/variants/?filters=NCIT:C3058&method=details", Ask(filters=(CODE,))),
        ("/beacon/biosamples/?method=callsetstats", Ask(entity="biosamples")),
        ("/beacon/biosamples/?method=ids&output=jsonl", Ask(entity="biosamples", output="jsonl")),
        ("/beacon/biosamples?output=ndjson&method=jsonl", Ask(entity="biosamples", output="jsonl")),
        # Current URLs.
        ("/beacon/g_variants?output=JSON", Ask(output="json")),
        ("/beacon/g_variants?sorted=position", Ask(order="position")),
        ("/beacon/g_variants?sorted=True", Ask(order="position")),
        ("/beacon/g_variants?sorted=false", Ask()),
        ("/beacon/g_variants?output=spreadsheet", Ask(output="spreadsheet")),
        ("/beacon/biosamples/pgxbs-1", Ask(entity="biosamples", biosample_ids=("pgxbs-1",))),
        ("/beacon/biosamples/pgxbs-2,pgxbs-1/g_variants/", Ask(biosample_ids=("pgxbs-1", "pgxbs-2"))),
        ("/beacon/biosamples/pgxbs-1/variants", Ask(biosample_ids=("pgxbs-1",))),
        ("/beacon/biosamples/a/g_variants?biosampleIds=a", Ask(biosample_ids=("a",))),
        ("/beacon/callsets/pgxcs-1/variants", Ask(analysis_ids=("pgxcs-1",))),
        ("/beacon/analyses/pgxcs-1/g_variants", Ask(analysis_ids=("pgxcs-1",))),
        ("/beacon/individuals/pgxind-1/g_variants", Ask(individual_ids=("pgxind-1",))),
        ("/services/pgxsegvariants/pgxbs-1/", Ask(biosample_ids=("pgxbs-1",), output="pgxseg")),
        ("/services/pgxseg?filters=NCIT:C3058", Ask(filters=(CODE,), output="pgxseg")),
        ("/services/pgxsegvariants?output=json&analysisIds=x", Ask(analysis_ids=("x",), output="json")),
        ("/beacon/individuals/a,b", Ask(entity="individuals", individual_ids=("a", "b"))),
        ("/beacon/callsets?output=table", Ask(entity="analyses", output="table")),
        ("/beacon/runs/a", Ask(entity="runs", analysis_ids=("a",))),
        ("/beacon/runs?runIds=a,b", Ask(entity="runs", analysis_ids=("a", "b"))),
        ("/beacon/cohorts/pgx:cohort-TCGA", Ask(entity="cohorts", cohort_ids=("pgx:cohort-TCGA",))),
        ("/beacon/cohorts/pgx:cohort-TCGA/individuals", Ask(entity="individuals", cohort_ids=("pgx:cohort-TCGA",))),
        ("/beacon/datasets/cellz", Ask(entity="datasets", datasets=("cellz",))),
        ("/beacon/datasets/cellz/g_variants", Ask(datasets=("cellz",))),
        ("/beacon/g_variants/v1", Ask(variant_ids=("v1",))),
        ("/beacon/g_variants/v1/biosamples", Ask(entity="biosamples", variant_ids=("v1",))),
        (
            "/beacon/runs?testMode=true&filters=NCIT:C1&skip=3&output=json&testModeCount=7",
            Ask(entity="runs", output="json", limit=7, handovers=False, all_data=True, test_mode=True),
        ),
        # Parameters.
        ("/services/pgxsegvariants?responseEntityPathId=individuals", Ask(entity="individuals", output="pgxseg")),
        ("/beacon/biosamples?request_entity_id=g_variant", Ask()),
        (
            "/beacon/cohorts/pgx:cohort-1?tableType=analysis,callsets",
            Ask(entity="analyses", cohort_ids=("pgx:cohort-1",)),
        ),
        (
            "/beacon/biosamples?filters=NCIT:C1&method=codematches&output=table",
            Ask(entity="biosamples", output="table", filters=(FilterTerm(id="NCIT:C1", descendants=False),)),
        ),
        ("/beacon/variants?groupBy=NCIT&deliveryKeys=b,a,b", Ask(group_by="ncit", delivery_keys=("a", "b"))),
        ("/beacon/variants?plotPars=a=1;b=x,%3Dy", Ask(plot_pars=(("a", "1"), ("b", "x,=y")))),
        ("/beacon/variants?plotpars=a=1::b=", Ask(plot_pars=(("a", "1"), ("b", "")))),
        ("/beacon/variants?dataset_ids=cellz&datasetIds=progenetix,cellz", Ask(datasets=("cellz", "progenetix"))),
        ("/beacon/variants?callsetIds=b&analysis_ids=a", Ask(analysis_ids=("a", "b"))),
        ("/beacon/variants?filters=undefined&biosampleIds=&individualIds=null,None", Ask()),
        ("/beacon/variants?limit=0&skip=2", Ask(limit=0, skip=2)),
        ("/beacon/variants?requestedGranularity=aggregated", Ask(granularity="count")),
        ("/beacon/variants?requestedGranularity=Boolean", Ask(granularity="boolean")),
        ("/beacon/variants?includeResultsetResponses=NONE", Ask(resultsets="NONE")),
        ("/beacon/variants?includeHandovers=no&allData=yes", Ask(handovers=False, all_data=True)),
        ("/beacon/variants?filterLogic=or", Ask(logic="OR")),
        ("/beacon/variants?testMode=false&filterPrecision=exact&debug=1&apiVersion=v2.0", Ask()),
        (
            "/beacon/variants?filters=NCIT:C3058&includeDescendantTerms=0",
            Ask(filters=(FilterTerm(id="NCIT:C3058", descendants=False),)),
        ),
        (
            "/beacon/variants?referenceName=chr9&start=21000000,21975098&end=21967753,23000000&variantType=DEL",
            Ask(
                variants=(
                    VariantAsk(
                        chromosome="9",
                        start=(21000000, 21975098),
                        end=(21967753, 23000000),
                        states=("EFO:0020073", "EFO:0030067", "EFO:0030068", "EFO:0030069", "SO:0001743"),
                    ),
                )
            ),
        ),
        ("/beacon/variants?assemblyId=hg38", Ask()),
    ],
)
def test_urls(url, expected):
    assert ask(url) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("filters=A,B", "filters=B&filters=A&filters=B"),
        ("filters=icdot-C50.9", "filters=pgx:icdot-c50.9"),
        ("filters=PMID:1,ncit:c2", "filters=NCIT_C2,pubmed:1"),
        ("filters=followup:>=p60m", "filters=followupTime>=P60M"),
        ("referenceName=9", "reference_name=NC_000009.12"),
        ("referenceName=9&start=5,1&end=9,7", "end=7&end=9&start=1&start=5&referenceName=chr9,9"),
        ("variantType=DUP,DEL", "variantType=del&variantType=EFO:0030070"),
        ("varMinLength=5&referenceName=X", "variant_min_length=5&referenceName=chrX"),
        ("alternateBases=acn", "alternateBases=ACN"),
        ("foo=1&bar=2", "bar=3&foo=4&bar=1"),
    ],
)
def test_spelling_and_order_do_not_matter(one, other):
    assert ask(f"/beacon/variants?{one}") == ask(f"/beacon/g_variants/?{other}")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=-1", "limit"),
        ("responseEntityId=tables", "responseEntityPathId"),
        ("responseEntityId=biosample&tableType=individual", "responseEntityPathId"),
        ("limit=ten", "limit"),
        ("limit=1,2", "limit"),
        ("limit=2147483648", "limit"),
        ("limit=%D9%A3", "limit"),  # an Arabic digit
        ("skip=1.5", "skip"),
        ("filterLogic=XOR", "filterLogic"),
        ("sorted=name", "sorted"),
        ("includeDescendantTerms=maybe", "includeDescendantTerms"),
        ("requestedGranularity=all", "requestedGranularity"),
        ("includeResultsetResponses=SOME", "includeResultsetResponses"),
        ("biosampleIds=$where", "biosampleIds"),
        ("biosampleIds=a%00", "biosampleIds"),
        ("biosampleIds=a%C2%A0b", "biosampleIds"),
        ("variantIds=" + "x" * 129, "variantIds"),
        ("datasetIds='ab", "datasetIds"),
        ("filters=%24where", "filters"),
        ("filters=a%00b", "filters"),
        ("filters=!", "filters"),
        ("filters=followupTime:>=60", "filters"),
        ("filters=" + ",".join(f"NCIT:C{n}" for n in range(501)), "filters"),
        ("output=json&method=pgxseg", "output"),
        ("output=json,pgxseg", "output"),
        ("output=<script>", "output"),
        ("referenceName=25", "referenceName"),
        ("start=5", "referenceName"),
        ("referenceName=9&end=5", "start"),
        ("referenceName=9&start=1,2&end=5", "end"),
        ("referenceName=9&start=1&end=5,6", "start"),
        ("referenceName=9&start=10&end=5", "end"),
        ("referenceName=9&start=1,2,3", "start"),
        ("referenceName=9&start=-1", "start"),
        ("referenceName=8,9", "referenceName"),
        ("variantType=FOO", "variantType"),
        ("referenceBases=AXT", "referenceBases"),
        ("alternateBases=A.*", "alternateBases"),
        ("variantMinLength=10&variantMaxLength=9", "variantMaxLength"),
        ("mateName=9", "referenceName"),
        ("referenceName=9&mateStart=5", "mateName"),
        ("assemblyId=GRCh37", "assemblyId"),
        ("geneId=TP53&referenceName=17", "geneId"),
        ("gene_symbol=TP53&mateName=9", "geneId"),
        (f"geneId={'A' * 65}", "geneId"),
        (f"geneId={','.join(f'GENE{n}' for n in range(51))}", "geneId"),
        ("cytoBands=8q24", "cytoBands"),
        ("city=Zurich", "city"),
        ("geolatitude=47", "geoLatitude"),
        ("filterPrecision=start", "filterPrecision"),
        ("testMode=perhaps", "testMode"),
        ("testMode=true&testModeCount=0", "testModeCount"),
        ("testMode=true&testModeCount=1001", "testModeCount"),
        ("variantMultiPars=[]", "variantMultiPars"),
    ],
)
def test_malformed_values_name_their_parameter(query, parameter):
    with pytest.raises(BadRequest) as caught:
        ask(f"/beacon/variants?{query}")
    assert caught.value.parameter == parameter
    assert caught.value.message.isascii()


@pytest.mark.parametrize("value", ["$where", "a,b", "{}", "a%00", "../x", "x" * 129, "%ED%A0%80"])
def test_what_is_no_id_of_a_handover_is_known_to_nobody(value):
    with pytest.raises(NotFound) as caught:
        ask(f"/beacon/variants?accessid={value}")
    assert caught.value.parameter == "accessid"


@pytest.mark.parametrize("path", ["/beacon/cohorts", "/beacon/datasets", "/services/collations"])
def test_a_handover_holds_records(path):
    with pytest.raises(BadRequest) as caught:
        ask(f"{path}?accessid=0a1b2c3d-4e5f-4678-9abc-def012345678")
    assert caught.value.parameter == "accessid"


@pytest.mark.parametrize(
    "path",
    ["", "/", "/beacon", "/beacon/", "/beacon/nothing", "/beacon/biosamples//variants", "/beacon/biosamples/{ids}/x",
     "/beacon/variants/a/b/c", "/services", "beacon/variants", "/services/pgxsegvariants/a/b"],
)  # fmt: skip
def test_other_paths(path):
    with pytest.raises(NotFound):
        read(path, ())


@pytest.mark.parametrize(
    "path", ["/services/collations?filters=", "/services/collations/", "/beacon/filtering_terms?id="]
)
def test_what_collations_begin_with_is_no_filter_on_samples(path):
    found = ask(f"{path}NCIT:C3058")
    assert (found.prefixes, found.filters) == (("NCIT:C3058",), ())


def test_path_that_names_no_id_is_not_the_whole_dataset():
    with pytest.raises(BadRequest):
        read("/beacon/biosamples/,none,/g_variants", ())


def test_contradicting_ids_in_path_and_query():
    with pytest.raises(BadRequest) as caught:
        ask("/beacon/biosamples/a/g_variants?biosampleIds=b")
    assert caught.value.parameter == "biosampleIds"


def test_unknown_parameters_warn_and_are_shown_harmlessly():
    found = ask("/beacon/variants?filters=NCIT:C1&foo=1&%0d%0aSet-Cookie:=1&" + "é" * 200 + "=1").warnings
    assert len(found) == 3
    assert all(w.isascii() and w.isprintable() and len(w) < 100 for w in found)
    many = ask("/beacon/variants?" + "&".join(f"x{n}=1" for n in range(100))).warnings
    assert len(many) == 20
    assert many[-1] == "81 more unknown parameters ignored"


BODY = {
    "$schema": "…",
    "meta": {"apiVersion": "v2.0", "requestedSchemas": []},
    "query": {
        "requestParameters": {
            "datasets": {"datasetIds": ["progenetix"]},
            "g_variant": {
                "referenceName": "9",
                "start": [21000000, 21975098.0],
                "end": [21967753, 23000000],
                "variantType": "EFO:0030069",
            },
        },
        "filters": [
            {"id": "NCIT:C3058", "includeDescendantTerms": False},
            {"id": "NCIT:C4017", "excluded": True},
            {"id": "followupTime", "operator": ">=", "value": "P60M"},
            "PMID:1",
        ],
        "pagination": {"skip": 0, "limit": 10},
        "requestedGranularity": "record",
        "includeResultsetResponses": "ALL",
        "testMode": False,
    },
}
FROM_BODY = Ask(
    datasets=("progenetix",),
    filters=(
        FilterTerm(id="NCIT:C3058", descendants=False),
        FilterTerm(id="NCIT:C4017", excluded=True),
        FilterTerm(id="followupTime", operator=">=", value="P60M"),
        FilterTerm(id="pubmed:1"),
    ),
    variants=(
        VariantAsk(chromosome="9", start=(21000000, 21975098), end=(21967753, 23000000), states=("EFO:0030069",)),
    ),
    limit=10,
    resultsets="ALL",
)


def test_body():
    assert read("/beacon/g_variants", (), BODY) == FROM_BODY
    # Said again in the query string, it stays the same.
    assert read("/beacon/g_variants", [("limit", "10"), ("datasetIds", "progenetix")], BODY) == FROM_BODY


@pytest.mark.parametrize("pair", [("limit", "20"), ("filters", "NCIT:C3058"), ("datasetIds", "cellz"), ("start", "1")])
def test_body_and_query_that_differ(pair):
    with pytest.raises(BadRequest) as caught:
        read("/beacon/g_variants", [pair], BODY)
    assert caught.value.parameter == pair[0]


def test_several_variant_queries():
    queries = [{"referenceName": "9", "start": 1, "end": 5}, {"variantType": "DUP"}, {"referenceName": "chr9"}]
    found = read("/beacon/g_variants", (), {"query": {"requestParameters": {"variantMultiPars": queries}}})
    again = read(
        "/beacon/g_variants", (), {"query": {"requestParameters": {"g_variant": {"variantMultiPars": queries[::-1]}}}}
    )
    assert len(found.variants) == 3
    assert found == again


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ([], "body"),
        ("text", "body"),
        ({"query": []}, "query"),
        ({"query": {"pagination": 5}}, "pagination"),
        ({"query": {"filters": [{}]}}, "filters"),
        ({"query": {"filters": [5]}}, "filters"),
        ({"query": {"filters": [{"id": "NCIT:C1", "excluded": "yes"}]}}, "filters"),
        ({"query": {"filters": [{"id": "age", "operator": "$gt", "value": "P1Y"}]}}, "filters"),
        ({"query": {"filters": [{"id": "NCIT:C1", "similarity": "high"}]}}, "filters"),
        ({"query": {"filters": [{"id": {"$ne": 1}}]}}, "filters"),
        ({"query": {"requestParameters": {"biosampleIds": {"$ne": ""}}}}, "biosampleIds"),
        ({"query": {"requestParameters": {"biosampleIds": [["a"]]}}}, "biosampleIds"),
        ({"query": {"requestParameters": {"g_variant": {"start": 10**30}}}}, "start"),
        ({"query": {"pagination": {"limit": -(10**5000)}}}, "limit"),
        ({"query": {"requestParameters": {"g_variant": {"start": True, "referenceName": 9}}}}, "start"),
        ({"query": {"requestParameters": {"variantMultiPars": 5}}}, "variantMultiPars"),
        ({"query": {"requestParameters": {"variantMultiPars": [{"filters": "x"}]}}}, "variantMultiPars"),
        ({"query": {"requestParameters": {"variantMultiPars": [{"geneId": "TP53", "start": 1}]}}}, "geneId"),
        ({"query": {"requestParameters": {"g_variant": {"geneId": {"$ne": ""}}}}}, "geneId"),
        ({"query": {"requestParameters": {"variantMultiPars": [{}] * 51}}}, "variantMultiPars"),
        ({"query": {"testMode": 5}}, "testMode"),
    ],
)
def test_malformed_bodies(body, parameter):
    with pytest.raises(BadRequest) as caught:
        read("/beacon/g_variants", (), body)
    assert caught.value.parameter == parameter


def test_many_ids():
    ids = [f"pgxbs-{n:06}" for n in range(50_000)]
    body = {"query": {"requestParameters": {"biosampleIds": ids}}}
    assert read("/beacon/biosamples", (), body).biosample_ids == tuple(ids)
    ids.append("pgxbs-x")
    with pytest.raises(BadRequest, match="biosampleIds"):
        read("/beacon/biosamples", (), body)


@pytest.mark.parametrize(
    "name", ["Müller-1", "NCI/ADR-X", "HL-00(TB)", "DEMO 1 (B)", "a;b", "#1", "100%", "%2F", "a/g_variants"]
)
def test_ids_of_any_kind(name):
    spelled = quote(name, safe="")
    assert ask(f"/beacon/variants?biosampleIds={spelled}").biosample_ids == (name,)
    assert ask(f"/beacon/biosamples/{spelled}/g_variants").biosample_ids == (name,)
    body = {"query": {"requestParameters": {"biosampleIds": [name]}}}
    assert read("/beacon/biosamples", (), body).biosample_ids == (name,)


def test_table_of_parameters():
    names = [normal(n) for p in PARAMETERS for n in (p.name, *p.aliases)]
    assert len(names) == len(set(names))
    assert len({route.path for route in BEACON}) == len(BEACON)


def test_a_service_delivers_its_first_entity_and_others_by_name():
    paths = {
        route.path: (route.entity, route.ids, route.output) for route in service("s", "f", ("analyses", "variants"))
    }
    assert paths == {
        "/services/s": ("analyses", None, "f"),
        "/services/s/{ids}": ("analyses", "biosampleIds", "f"),
        "/services/s/g_variants": ("variants", None, "f"),
        "/services/s/{ids}/g_variants": ("variants", "biosampleIds", "f"),
    }
