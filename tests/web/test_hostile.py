"""Bad input: a clear Beacon error naming the parameter, never a 500, never an operator in a query.

That nothing was logged as an internal error is checked where the gateway stops, in tests/conftest.py.
"""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from gateway.demo.store import Store
from tests.examples import examples
from tests.harness import Gateway

BAD = [
    ("/beacon/g_variants?start=x&referenceName=9", "start"),
    ("/beacon/g_variants?start=-5&referenceName=9", "start"),
    ("/beacon/g_variants?start=1&end=2&referenceName=Q", "referenceName"),
    ("/beacon/g_variants?variantType=nonsense", "variantType"),
    ("/beacon/g_variants?referenceBases=XYZ&referenceName=1&start=1", "referenceBases"),
    ("/beacon/g_variants?limit=-1", "limit"),
    ("/beacon/g_variants?limit=1e3", "limit"),
    ("/beacon/g_variants?skip=99999999999999999999", "skip"),
    ("/beacon/g_variants?filterLogic=XOR", "filterLogic"),
    ("/beacon/g_variants?includeDescendantTerms=maybe", "includeDescendantTerms"),
    ("/beacon/g_variants?filters=followupTime:>=P6Q", "filters"),
    ("/beacon/g_variants?biosampleIds=$where", "biosampleIds"),
    ("/beacon/g_variants?requestedGranularity=all", "requestedGranularity"),
    ("/beacon/g_variants?geneId=TP53", "geneId"),
]


@pytest.mark.parametrize(("path", "parameter"), BAD)
def test_malformed_values_name_their_parameter(gateway: Gateway, path: str, parameter: str):
    answer = gateway.ask(path)
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("application/json")
    assert parameter in answer.json["error"]["errorMessage"]
    assert answer.json["error"]["errorCode"] == 400
    assert {"apiVersion", "beaconId", "receivedRequestSummary"} <= answer.json["meta"].keys()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/beacon/nothing", "GET", 404),
        ("/nothing", "GET", 404),
        ("/beacon/g_variants?datasetIds=secret&filters=x", "GET", 404),
        ("/beacon/g_variants", "DELETE", 405),
        ("/services/pgxsegvariants?filters=x", "POST", 405),
        ("/health", "POST", 405),
        ("/beacon/g_variants?filters=x&output=docx", "GET", 406),
    ],
)
def test_errors_are_envelopes_with_the_right_status(gateway: Gateway, path: str, method: str, status: int):
    answer = gateway.ask(path, method)
    assert answer.status == status == answer.json["error"]["errorCode"]
    if status == 406:
        assert "pgxseg" in answer.json["error"]["errorMessage"]
        assert "jsonl" in answer.json["error"]["errorMessage"]


def test_accept_chooses_where_no_parameter_does(gateway: Gateway):
    path = "/beacon/g_variants?filters=NCIT:C3058&limit=1"
    for accept, media in (
        ("text/plain", "text/plain"),
        ("application/x-ndjson, application/json;q=0.5", "application/x-ndjson"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/json"),
        ("text/pgxseg;q=0.9, application/json;q=0.1", "text/plain"),
    ):
        assert gateway.ask(path, Accept=accept).headers["Content-Type"].startswith(media)
        assert gateway.ask(path + "&output=json", Accept=accept).headers["Content-Type"] == "application/json"
    assert gateway.ask(path, Accept="image/png").status == 406


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b" 5 ",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"query": 5}',
        b'{"query": {"filters": {"$gt": ""}}}',
        b'{"query": {"filters": [{"id": {"$gt": ""}}]}}',
        b'{"query": {"filters": [{"id": "NCIT:C3058", "operator": "$gt", "value": 5}]}}',
        b'{"query": {"requestParameters": {"g_variant": {"start": [{"$gt": 0}], "referenceName": "9"}}}}',
        b'{"query": {"pagination": {"limit": {"$gt": 0}}}}',
        b'{"query": {"requestParameters": {"biosampleIds": [{"$ne": null}]}}}',
    ],
)
def test_bodies_that_are_no_request(gateway: Gateway, body: bytes):
    answer = gateway.ask("/beacon/g_variants", "POST", body, Content_Type="application/json")
    assert answer.status == 400
    assert answer.json["error"]["errorMessage"]


def test_a_body_that_is_too_large(gateway: Gateway):
    answer = gateway.ask("/beacon/g_variants", "POST", b" " * (1024 * 1024 + 1), Content_Type="application/json")
    assert answer.status == 413
    assert answer.json["error"]["errorCode"] == 413


def test_a_body_that_is_not_what_its_headers_say(gateway: Gateway):
    answer = gateway.ask("/beacon/g_variants", "POST", b"xxxxxxx", Content_Encoding="gzip")
    assert answer.status == 400
    assert answer.json["error"]["errorMessage"]


def test_a_host_header_is_not_repeated_unless_it_is_one(gateway: Gateway):
    path = "/beacon/g_variants?filters=NCIT:C3058&limit=1"
    for host in ('evil.example/x?"<script>', "a b", "x\x7f"):
        answer = gateway.ask(path, Host=host)
        if answer.status == 200:
            assert b"script" not in answer.body
            assert answer.json["response"]["resultSets"][0]["resultsHandovers"][0]["url"].startswith("/beacon/")


def test_a_selection_that_costs_too_much_is_refused(store: Store, demo: str, tmp_path: Path):
    selected = "filters=followupTime:>=P1M&variantType=DEL"
    with Gateway(store.uri, [demo], log=tmp_path / "log", selection_budget="0.000001") as careful:
        for path in ("biosamples?", "g_variants?", "g_variants?output=pgxseg&", "biosamples?output=table&"):
            answer = careful.ask(f"/beacon/{path}{selected}")
            assert (answer.status, answer.headers.get("Retry-After")) == (503, "60"), answer.text
            assert "filters" in answer.json["error"]["errorMessage"]
        assert careful.ask("/beacon/biosamples?limit=3").status == 200


def test_a_large_body_does_not_stall_the_others(gateway: Gateway):
    body = {"query": {"requestParameters": {"g_variant": {"start": [1] * 400_000}}}}
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(gateway.ask, "/beacon/g_variants", "POST", body, Content_Type="application/json")
        served = 0
        while not posted.done():
            assert gateway.ask("/health").status == 200
            served += 1
        assert posted.result().status == 400
    assert served > 3


def test_unknown_parameters_are_ignored_and_said(gateway: Gateway):
    answer = gateway.ask("/beacon/g_variants?filters=NCIT:C3058&limit=1&colour=blue%0d%0aX-Evil:%201")
    assert answer.status == 200
    assert "colour" in answer.headers["Warning"]
    assert "X-Evil" not in answer.headers


NAMES = st.sampled_from(
    ["filters", "datasetIds", "biosampleIds", "start", "end", "limit", "skip", "output", "method", "variantType",
     "referenceName", "filterLogic", "alternateBases", "variantMinLength", "analysisIds", "$where", "allData"]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["NCIT:C3058", "{$gt:1}", "$ne", "^.*", "1,2", "9", "pgxseg", "json", "!x", ">=P1Y", "0", "NaN", "%00"]
    ),
)
PATHS = st.sampled_from(["/beacon/variants", "/beacon/biosamples/a,b", "/services/pgxsegvariants", "/beacon/x"])


@examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=4), path=PATHS)
def test_no_query_string_makes_a_500(gateway: Gateway, path: str, pairs: list[tuple[str, str]]):
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in [*pairs, ("limit", "1")])
    answer = gateway.ask(f"{path}?{query}")
    assert answer.status in {200, 400, 404, 406}
    assert answer.whole
    if answer.status != 200:
        assert answer.json["error"]["errorMessage"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /beacon/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /beacon/g_variants?filters=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /beacon/g_variants?filters=\xc3\x28 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET //beacon//g_variants HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /beacon/biosamples/..%2f..%2fetc HTTP/1.1\r\nHost: x\r\n\r\n",
        b'GET /beacon/g_variants?filters=a HTTP/1.1\r\nHost: a b"<\r\n\r\n',
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /beacon/g_variants?filters=" + b"x," * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_broken_requests_get_an_answer_that_is_no_500(gateway: Gateway, request_bytes: bytes):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(request_bytes)
        answer = client.recv(65536)
    assert answer == b"" or b" 500 " not in answer.split(b"\r\n")[0]
