"""A corpus of hostile requests against one gateway with everything on: none is a surprise to it, or to the database.

Every parameter and every field of a body with operators and with what is not of its kind; heads, tokens, addresses of
clients and of exports as no client writes them.  The database is a stand-in that keeps the commands it is sent.
"""

import base64
import json
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from bson import Regex

from gateway.demo.cohort import documents
from gateway.demo.store import Store
from gateway.loading.writer import load
from gateway.query.parameters import PARAMETERS
from gateway.web.access import static_tokens
from tests import datasets
from tests.harness import Gateway, free_port
from tests.topology import Standalone

MARK = "zqzq"
"""In every operator and value of the corpus, and in nothing else."""
RULES = """
tokens = "tokens"
[datasets.corpus]
public = "record"
grants = [{ tokens = "alice" }]
"""
LIMITS = {"client_pages": 16, "max_pages": 16, "selection_budget": 60, "query_buffers": "buffers.querybuffer"}
OK = frozenset({200, 204, 206, 304, 400, 401, 403, 404, 405, 406, 412, 413, 414, 416, 417, 431, 501, 505})


@dataclass
class Attacked:
    """The gateway, and what its database was sent."""

    gateway: Gateway
    database: Standalone
    metrics: int  # the port

    def answers(self, requests: list[bytes], allowed: frozenset[int] = OK) -> list[int]:
        """The statuses of these, a connection each; what any of them answers is whole, and allowed."""
        found = []
        for request in requests:
            status, body = exchanged(self.gateway.port, request)
            assert status in allowed, (status, request[:300], body[:300])
            if status >= 400:
                told = json.loads(body)["error"]
                assert told["errorCode"] == status, request[:300]
                assert told["errorMessage"], request[:300]
            found.append(status)
        return found


def exchanged(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and body of the first answer on a connection that is closed behind it; all others are none."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        with suppress(ConnectionError):  # it was refused before all of it was read
            client.sendall(request)
        with suppress(ConnectionResetError):
            while data := client.recv(65536):
                found += data
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1."), (request[:300], found[:300])
    if b"transfer-encoding: chunked" in head.lower():
        assert body.endswith(b"0\r\n\r\n"), request[:300]
    elif length := re.search(rb"(?i)content-length: (\d+)", head):
        assert request.startswith(b"HEAD ") or len(body) == int(length[1]), (request[:300], body[:1000])
    return int(head.split(b" ")[1]), body


@pytest.fixture(scope="module")
def attacked(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    load(store.uri, "corpus", datasets.thinned(documents(3), most=3))
    (folder / "tokens").write_text(static_tokens.line_of("alice", static_tokens.make(), "") + "\n")
    (folder / "access.toml").write_text(RULES)
    with Standalone("5.0", store=store) as database:
        database.seed("corpus")
        settings: dict[str, Any] = {
            **LIMITS,
            "access": folder / "access.toml",
            "metrics_port": (metrics := free_port()),
        }
        with Gateway(database.uri, ["corpus"], log=Path(folder / "log"), **settings) as gateway:
            assert gateway.ask("/beacon/g_variants?filters=NCIT:C3058&limit=1").status == 200
            yield Attacked(gateway, database, metrics)
            assert gateway.ask("/health").status == 200
            assert "Traceback" not in gateway.log
            assert " ERROR " not in gateway.log
            assert "request failed" not in gateway.log
        for command in database.asked():
            assert_clean(command)


def assert_clean(value: Any, key: str = "") -> None:
    """No key of a command is of a request, nor anything that the database would evaluate: texts are compared, only."""
    if isinstance(value, dict):
        for name, inner in value.items():
            assert MARK not in name, value
            assert_clean(inner, name)
    elif isinstance(value, list):
        for inner in value:
            assert_clean(inner, key)
    elif isinstance(value, Regex | re.Pattern):
        assert MARK not in str(value.pattern), value
    elif isinstance(value, str) and MARK in value:
        assert not value.startswith("$"), (key, value)
        assert key in {"$in", "$eq", "$gte", "$lt"} or not key.startswith("$"), (key, value)


def get(path: str, *fields: bytes, method: bytes = b"GET") -> bytes:
    head = [method + b" " + path.encode() + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *fields]
    return b"\r\n".join(head) + b"\r\n\r\n"


def post(body: bytes, path: str = "/beacon/g_variants", *fields: bytes) -> bytes:
    kind, length = b"Content-Type: application/json", b"Content-Length: %d" % len(body)
    return get(path, kind, length, *fields, method=b"POST") + body


# --- parameters ------------------------------------------------------------------------------------------------------

VALUES = [
    f"$where{MARK}",
    f'{{"$ne":"{MARK}"}}',
    f"^.*{MARK}(a+)+$",
    "%00",
    "%FF%FE%zz%",
    "9" * 400,
    "-0,NaN,1e999,Infinity",
]


def test_parameters(attacked: Attacked):
    path = "/beacon/g_variants?limit=1&filters=NCIT:C3058"
    for value in VALUES:
        said = value if "%" in value else quote(value)
        requests = [get(f"{path}&{one.name}={said}") for one in PARAMETERS]
        requests += [get(f"/services/collations?limit=1&{name}={said}") for name in ("filters", "id", "collationTypes")]
        assert {200, 400} <= set(attacked.answers(requests))
    # What is a text like any other is looked for: the record of commands is one of what was asked.
    assert attacked.answers([get(f"/beacon/g_variants?limit=1&biosampleIds=x{MARK}")]) == [200]
    assert any(f"x{MARK}" in repr(command) for command in attacked.database.asked())


def test_operators_as_names_and_paths(attacked: Attacked):
    names = [f"filters[$ne{MARK}]", f"$where{MARK}", f"filters.$gt{MARK}", "__proto__", "%00", "=", "&&&", "%24or[]"]
    attacked.answers([get(f"/beacon/g_variants?limit=1&filters=NCIT:C3058&{name}=1") for name in names])
    ids = [f"$ne{MARK}", f'{{"$gt":"{MARK}"}}', "%00", "%FF", "%2e%2e%2f", "%E2%80%AE", ",,,", f"a.$b{MARK}", "%zz"]
    paths = (
        "/beacon/biosamples/{}",
        "/beacon/biosamples/{}/g_variants",
        "/services/cnvstats/{}",
        "/beacon/datasets/{}",
    )
    attacked.answers([get(path.format(quote(i, safe="%,"))) for path in paths for i in ids])


def test_numbers_and_ids_of_any_length(attacked: Attacked):
    """An id of 10^5 characters fits in no URL, but in a body."""
    (status,) = attacked.answers([get(f"/beacon/biosamples/{'x' * 100_000}")])
    assert status == 414
    for length in (10, 30_000):
        attacked.answers([get(f"/beacon/biosamples/{'x' * length}?limit=1"), get(f"/exports/{'a' * length}/x")])
    query: dict[str, Any] = {"requestParameters": {"biosampleIds": ["x" * 100_000]}}
    attacked.answers([post(json.dumps({"query": query}).encode()), post(b'{"query":' + b"9" * 100_000 + b"}")])


# --- bodies ----------------------------------------------------------------------------------------------------------

BODY: dict[str, Any] = {
    "$schema": "https://example.org/schema",
    "meta": {
        "apiVersion": "v2.1.0",
        "requestedSchemas": [{"entityType": "genomicVariant", "schema": "https://example.org/schema"}],
    },
    "query": {
        "filters": [{"id": "NCIT:C3058", "includeDescendantTerms": True, "similarity": "exact", "scope": "biosamples"}],
        "requestParameters": {
            "datasets": {"datasetIds": ["corpus"]},
            "datasetIds": ["corpus"],
            "biosampleIds": ["pgxbs-1"],
            "analysisIds": ["pgxcs-1"],
            "g_variant": {
                "referenceName": "9",
                "start": [1],
                "end": [100_000_000],
                "variantType": "DEL",
                "variantMinLength": 1,
            },
        },
        "includeResultsetResponses": "HIT",
        "pagination": {"skip": 0, "limit": 1},
        "requestedGranularity": "record",
        "testMode": False,
    },
}
WRONG = [
    f'{{"$where{MARK}":"sleep(1)"}}',
    f'[{{"$ne{MARK}":null}}]',
    f'"$expr{MARK}"',
    '"\\u0000\\ud800"',
    "NaN",
    "1e999",
    "-" + "9" * 4000,
    "null",
    "[[[[[]]]]]",
    f'{{"{MARK}.a":{{"$in":[]}},"__proto__":1}}',
]


def places(value: Any) -> Iterator[Any]:
    """This value with `@` for each of its parts, one after the other."""
    yield "@"
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: other} for other in places(inner))
    elif isinstance(value, list):
        yield from ([other] for other in places(value[0]))


def test_fields_of_bodies(attacked: Attacked):
    assert attacked.answers([post(json.dumps(BODY).encode())]) == [200]
    texts = [json.dumps(each) for each in places(BODY)]
    assert len(texts) > 35
    for wrong in WRONG:
        attacked.answers([post(text.replace('"@"', wrong).encode()) for text in texts])


BODIES = [
    b"",
    b"\0",
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b'{"query":{},"query":{"filters":5}}',
    b'{"a":' * 50_000,
    b'{"query":' * 500 + b"1" + b"}" * 500,
    b'{"query":{"filters":' + b"[" * 900 + b"]" * 900 + b"}}",
    b'{"query":{"filters":[' + b'{"id":"x"},' * 30_000 + b'{"id":"x"}]}}',
    b'{"query":{"filters":["' + b"\\u0000" * 1000 + b'"]}}',
    b'{"query":{"filters":["\xff\xc0\x80"]}}',
    b'{"query":{"pagination":{"limit":1e400,"skip":-1e400}}}',
    b"Infinity",
    b"{} {}",
    b"query=1&filters=NCIT:C3058",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
]


def test_bodies(attacked: Attacked):
    odd = (b"Content-Type: text/plain", b"Content-Type: application/json; charset=utf-7", b"Content-Encoding: br")
    attacked.answers([post(body) for body in BODIES])
    attacked.answers([post(b"{}", "/beacon/g_variants?limit=1", field) for field in odd])
    bomb = zlib.compress(b" " * 30_000_000)
    assert attacked.answers([post(bomb, "/beacon/g_variants", b"Content-Encoding: deflate")]) == [413]


# --- handovers, exports ----------------------------------------------------------------------------------------------


def test_handovers_and_addresses_of_exports(attacked: Attacked):
    handed = [f"$ne{MARK}", "%00", "x" * 5_000, "../../etc", "0a1b2c3d-4e5f-4678-9abc-def012345678", "a,b", "{}", "%FF"]
    attacked.answers([get(f"/services/pgxsegvariants?accessid={quote(one, safe='%')}") for one in handed])
    attacked.answers([get(f"/services/pgxsegvariants?accessid=a&accessid={one}") for one in ("b", "")])
    digest = "0" * 40
    bomb = base64.urlsafe_b64encode(b"123456\0" + zlib.compress(b"/" * 9_000_000, wbits=-15)).decode().rstrip("=")
    exports = [
        *(digest, digest + "-", digest + "-a", digest + "-" + "A" * 7_000, digest.upper(), digest[:-1], "..", "%2e%2e"),
        *(
            f"{digest}-{bomb}",
            f"{digest}-%00",
            f"{digest}-$ne{MARK}",
            "%ff" * 20,
            "%D9%A0" * 40,
            f"{digest}%0a",
            "-",
            "%2f",
        ),
    ]
    paths = ("/exports/{}", "/exports/{}/x", "/exports/{}/x.sha256", "/exports/{}/..%2f..%2fetc%2fpasswd")
    statuses = attacked.answers([get(path.format(quote(one, safe="%"))) for path in paths for one in exports])
    assert set(statuses) == {404}


# --- heads -----------------------------------------------------------------------------------------------------------

BEARERS = (b"..", b"e30.e30.", b"eyJhbGciOiJub25lIn0.e30.", b"pgx_", b"\xe9", b"a." * 9_000)
ADDRESSES = (b"", b",,,", b"::1%eth0", b"1.2.3.4:99", b"x" * 9_000, b"\xff", b"1,2", b"[::1]:80", b"999.1.1.1", b"1e9")
VALUES_OF_FIELDS: dict[bytes, tuple[bytes, ...]] = {
    b"X-Request-ID": (b"", b"a" * 30_000, b'"}{"x', b"\xff\xfe", b"a\tb", b"${jndi:ldap://x}"),
    b"Authorization": (b"", b"Bearer", b"Bearer  x y", b"Basic \xff", *(b"Bearer " + each for each in BEARERS)),
    b"X-Forwarded-For": (*ADDRESSES, b"unknown", b"1.2.3.4, " * 900),
    b"X-Forwarded-Proto": (b"javascript", b"\xff"),
    b"Forwarded": (b'for="_\xff',),
    b"Range": (b"bytes=-", b"bytes=9-1", b"bytes=" + b"0-1," * 5_000, b"x=1", b"bytes=" + b"9" * 99 + b"-"),
    b"If-None-Match": (b"*", b'"', b'W/"\xff"', b'"a",' * 5_000),
    b"If-Match": (b"\xff", b'"' * 999),
    b"If-Range": (b"\xff", b"Thu, 99 Foo 9999 99:99:99 GMT"),
    b"Accept": (b"a/b;q=x", b"*/*;q=9e999", b"," * 9_000, b"\xff/\xfe", b"text/html;" * 2_000),
    b"Accept-Encoding": (b"gzip;q=NaN", b"*;q=0", b"," * 9_000, b"zstd;q=-1", b"\xff"),
    b"Cookie": (b"a=" + b"\xff" * 999,),
    b"Traceparent": (b"00-zz-\xff-1",),
}
FIELDS = [name + b": " + value for name, values in VALUES_OF_FIELDS.items() for value in values]


def test_fields_of_heads(attacked: Attacked):
    paths = ("/beacon/g_variants?limit=1&filters=NCIT:C3058", "/services/pgxsegvariants?filters=NCIT:C3058")
    statuses = attacked.answers([get(path, field) for path in paths for field in FIELDS])
    assert {200, 401} <= set(statuses)
    attacked.answers([get(paths[0], b"Authorization: Bearer x", b"authorization: Bearer y")], frozenset({400}))


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
START = b"POST /beacon/g_variants?limit=1 HTTP/1.1\r\nHost: localhost\r\n"
HEADS = [
    START + b"Transfer-Encoding: identity\r\n\r\n",
    START + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    START + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    START + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    START + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    START + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    START + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    START + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
    START + b"Content-Length: +0\r\n\r\n",
    START + b"Content-Length: 0x0\r\n\r\n",
    START + b"Content-Length: \r\n\r\n",
    START + b"Content-Length: 1_0\r\n\r\n",
    START + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    START + b"Content-Length\0: 0\r\n\r\n",
    START + b": 0\r\n\r\n",
    START + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    START + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    START + b"Transfer-Encoding: chunked\r\n\r\n1\r\naa0\r\n\r\n",
    START + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n\r\n",
    START + b"Transfer-Encoding: chunked\r\n\r\n\xd9\xa1\r\na\r\n0\r\n\r\n",
    b"GET /he\0alth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET\t/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health\rHTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
    b"G\xffT /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/11\r\nHost: localhost\r\n\r\n",
]


def test_a_head_that_can_be_read_in_two_ways_ends_its_connection(attacked: Attacked):
    """One answer, a refusal, and nothing of what stands behind it."""
    for head in HEADS:
        assert attacked.answers([head + SMUGGLED]) in ([400], [501]), head


def test_the_port_of_metrics(attacked: Attacked):
    """Found: an error with a traceback in the log for what was no HTTP."""
    for request in [*HEADS, *(get("/metrics", field) for field in FIELDS), b"\0" * 99 + b"\r\n\r\n"]:
        status, _ = exchanged(attacked.metrics, request)
        assert status in {200, 400}, request[:300]


def test_targets(attacked: Attacked):
    targets = ["*", "//", "///..//", "/%", "/?%", "/#x", "http://x/beacon/g_variants?limit=1", "http://[::1/x", "/;a=b"]
    targets += ["http://a:99999999/", "http://\\\\x/", "/beacon/%2e%2e/health", "/" + "a/" * 9_000, "/beacon/\udcff"]
    methods = (b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PATCH", b"M" * 2_000)
    requests = [get("/", method=method).replace(b" / ", b" " + t.encode("utf-8", "surrogateescape") + b" ", 1)
                for t in targets for method in methods]  # fmt: skip
    attacked.answers([one for one in requests if not one.startswith(b"HEAD")])
