"""In front of a Beacon: who answers, what the Beacon is sent, and what comes back from it."""

import gzip
import hashlib
import socket
from collections.abc import Iterator

import pytest

from gateway.demo.store import Store
from tests.harness import Gateway, until
from tests.schemas import framework
from tests.stand_in import Asked, StandIn, answer, exchange, in_front_of, read_message

COHORT = "filters=NCIT:C3058"
LONG = b"0123456789abcdef" * 200_000


def _digest(asked: Asked, client: socket.socket) -> None:
    told = f"{hashlib.sha256(asked.body).hexdigest()} {len(asked.body)} {asked.whole}".encode()
    answer(told)(asked, client)


@pytest.fixture(scope="module")
def beacon() -> Iterator[StandIn]:
    shared = answer(b"[]", Access_Control_Allow_Origin="https://one.example", Vary="Origin")
    with StandIn({"/digest": _digest, "/beacon/phenopackets/shared": shared}) as running:
        yield running


@pytest.fixture(scope="module")
def front(store: Store, demo: str, beacon: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with in_front_of(beacon, store.uri, demo, tmp_path_factory.mktemp("front") / "log") as running:
        yield running


# --- who answers -----------------------------------------------------------------------------------------------------

BODY = {"query": {"filters": [{"id": "NCIT:C3058"}], "pagination": {"limit": 1}}}
THE_BEACON = [
    "GET /",
    "GET /favicon.ico",
    "GET /biosamples/any/page",
    "GET /beacon",
    "GET /beacon/",
    "GET /beacon/info/",
    "GET /beacon/service-info",
    "GET /beacon/map",
    "GET /beacon/filtering_terms",
    "GET /beacon/datasets",
    "GET /beacon/phenopackets?filters=NCIT:C3058",
    "HEAD /beacon/phenopackets",
    "GET /services/ids/pgxbs-1",
    "GET /services/sampleplots?datasetIds=demo&accessid=0a1b&plotType=histoplot",
    f"GET /services/intervalFrequencies?{COHORT}&output=histoheatplot",
    f"GET /services/intervalFrequencies?{COHORT}&plotType=samplesplot",
    f"GET /services/collationplots?{COHORT}&plotPars=plot_gene_symbols=TP53",
    f"GET /services/collationplots?{COHORT}&plotWidth=90000",
    f"GET /beacon/biosamples?{COHORT}&plotType=histoplot",
    "GET /services/pgxsegvariants?datasetIds=demo&accessid=0a1b&skip=0&limit=200",
    "GET /services/vcfvariants?biosampleIds=pgxbs-kftv0066&skip=0&limit=200",
    "GET /beacon/g_variants?geneId=TP53",
    f"GET /beacon/biosamples?{COHORT}&responseFormat=simple",
    f"GET /beacon/biosamples?datasetIds=elsewhere&{COHORT}",
    f"GET /beacon/biosamples?{COHORT}&responseEntityPathId=phenopackets",
    f"GET /beacon/g_variants?{COHORT}&assemblyId=GRCh37",
    f"GET /beacon/g_variants?{COHORT}&output=ucsc",
    "OPTIONS /beacon/phenopackets",
    "OPTIONS /beacon/info",
    "PUT /beacon/biosamples",
    "POST /services/uploader",
]
OURS = {
    f"GET /services/intervalFrequencies?{COHORT}&output=histoplot": 200,
    f"GET /services/collationplots?{COHORT}&plotType=histoplot": 200,
    "GET /beacon/biosamples/pgxbs-kftv0066": 200,
    f"GET /beacon/g_variants?{COHORT}&limit=1": 200,
    f"GET /services/pgxsegvariants?{COHORT}": 200,
    f"HEAD /services/sampletable?{COHORT}": 200,
    "GET /health": 200,
    "GET /ready": 200,
    "GET /openapi.json": 200,
    "GET /gateway/": 200,
    "GET /gateway/health": 200,
    "GET /htsget/service-info": 200,
    f"GET /htsget/variants/{COHORT.partition('=')[2]}?referenceName=9": 200,
    "GET /ga4gh/drs/v1/service-info": 200,
    f"GET /gateway/estimate?{COHORT}": 200,
    "GET /gateway/estimate?geneId=TP53": 400,
    "GET /gateway/terms?text=glioblastoma": 200,
    "GET /gateway/terms?datasetIds=elsewhere": 404,
    "GET /gateway/running": 200,
    "GET /gateway/nothing": 404,
    "GET /exports/0123/x": 404,
    "OPTIONS /beacon/biosamples": 204,
    "OPTIONS /exports/0123/x": 204,
    # malformed, or of formats that no Beacon has
    "GET /beacon/biosamples?limit=x": 400,
    "GET /services/pgxsegvariants": 400,
    f"GET /beacon/g_variants?datasetIds=elsewhere&{COHORT}&output=parquet": 404,
    f"GET /beacon/g_variants?{COHORT}&geneId=TP53&output=vcf.gz": 400,
    "GET /services/pgxsegvariants?datasetIds=demo&geneId=TP53&ticket=true": 400,
}


def test_who_answers(front: Gateway, beacon: StandIn):
    for asked in THE_BEACON:
        method, path = asked.split(" ")
        told = front.ask(path, method, b"x" if method in {"PUT", "POST"} else None)
        assert told.status == 200, asked
        assert beacon.seen[-1].line == f"{asked} HTTP/1.1"
        assert method == "HEAD" or told.text == f"the Beacon: {path}"
    before = len(beacon.seen)
    for asked, status in OURS.items():
        method, path = asked.split(" ")
        told = front.ask(path, method)
        assert told.status == status, asked
        if status >= 400:
            framework("Error").validate(told.json)
    ours = front.ask("/beacon/biosamples", "POST", BODY, Content_Type="application/json")
    assert ours.json["responseSummary"]["exists"]
    assert len(beacon.seen) == before


def test_each_says_for_itself_which_origins_may_read(front: Gateway):
    """Never two answers to that, nor ours to what is not ours to share."""
    bare = front.ask("/beacon/phenopackets", Origin="https://two.example")
    assert not {name for name in bare.headers if name.startswith("Access-Control-")}
    own = front.ask("/beacon/phenopackets/shared", Origin="https://two.example")
    assert (own.headers["Access-Control-Allow-Origin"], own.headers["Vary"]) == ("https://one.example", "Origin")
    for path in (f"/beacon/g_variants?{COHORT}&limit=1", "/exports/0123/x"):
        assert front.ask(path, Origin="https://two.example").headers["Access-Control-Allow-Origin"] == "*"
    named = front.ask(f"/beacon/variants/x.vcf?{COHORT}&datasetIds=elsewhere")
    assert named.status == 404  # a Beacon would answer with JSON


def test_bodies_that_we_refuse_are_the_beacons(front: Gateway, beacon: StandIn):
    """They were read here already; what is compressed was unpacked for that."""
    strange = {"query": {"filters": [{"id": "x", "similarity": "low"}]}}
    for body in (b'{"query": ', b"not JSON", strange):
        for packed in (False, True):
            plain = body if isinstance(body, bytes) else b'{"query":{"filters":[{"id":"x","similarity":"low"}]}}'
            coding = {"Content_Encoding": "gzip"} if packed else {}
            told = front.ask("/beacon/g_variants", "POST", gzip.compress(plain) if packed else plain, **coding)
            assert told.text == "the Beacon: /beacon/g_variants"
            assert (beacon.seen[-1].body, "content-encoding" in beacon.seen[-1].names) == (plain, False)
    before = len(beacon.seen)
    for body, status, coding in (
        (b"[" * 1_100_000, 413, {}),
        (gzip.compress(b"x" * 1_100_000), 413, {"Content_Encoding": "gzip"}),
        (b"no gzip", 400, {"Content_Encoding": "gzip"}),
    ):
        for path in ("/beacon/g_variants", "/services/uploader")[: 1 if not coding else 2]:
            refused = front.ask(path, "POST", body, **coding)
            assert refused.status in {status, 400}
            framework("Error").validate(refused.json)
    assert len(beacon.seen) == before


# --- what the Beacon is sent -----------------------------------------------------------------------------------------

TARGETS = [
    b'/a//b/../c;d=e/%2e%2E/%zz?x=%20+%C3%A9&y={z}|^`"<>&&=',
    b"//elsewhere.example/x",
    b"/x?http://elsewhere.example/#",
    b"/" + b"a" * 20_000,
]


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
def test_targets_arrive_letter_by_letter(front: Gateway, beacon: StandIn, target: bytes):
    told = exchange(front.port, b"GET " + target + b" HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200 ")
    assert beacon.seen[-1].path == target.decode().rstrip("#")


def test_what_no_url_may_hold_is_refused(front: Gateway, beacon: StandIn):
    before = len(beacon.seen)
    for target in (b"/caf\xe9", b"/caf\xc3\xa9", b"/x?\xff", b"/\x00", b"/\x7f"):
        told = exchange(front.port, b"GET " + target + b" HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert b" 400 " in told.splitlines()[0]
    assert len(beacon.seen) == before


def test_fields_of_requests(front: Gateway, beacon: StandIn):
    sent = (
        b"GET /fields HTTP/1.1\r\nHost: beacon.example.org:81\r\nCookie: a=1; b=\xe9\r\nAuthorization: Bearer x\r\n"
        b'Accept-Encoding: br;q=1, gzip\r\nRange: bytes=2-4\r\nIf-None-Match: W/"x"\r\nX-Twice: 1\r\nX-Twice: 2\r\n'
        b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n"
        b"Forwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nX_Forwarded_For: 203.0.113.9\r\nVia: 1.0 outer\r\n"
        b"Connection: close, X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nTrailer: X\r\n"
        b"Proxy-Authorization: Basic eA==\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nExpect: 100-continue\r\n\r\n"
    )
    assert b"HTTP/1.1 200 OK" in exchange(front.port, sent)
    seen = beacon.seen[-1]
    for name, values in {
        "Host": ["beacon.example.org:81"],
        "Cookie": ["a=1; b=\xc3\xa9"],  # read as Latin-1 here: it is UTF-8 now
        "Authorization": ["Bearer x"],
        "Accept-Encoding": ["br;q=1, gzip"],
        "Range": ["bytes=2-4"],
        "If-None-Match": ['W/"x"'],
        "X-Twice": ["1", "2"],
        "X-Forwarded-For": ["203.0.113.9, 127.0.0.1"],
        "X-Forwarded-Proto": ["http"],
        "X-Forwarded-Host": ["beacon.example.org:81"],
        "Via": ["1.0 outer, 1.1 pgx-gateway"],
        "Connection": ["close"],
    }.items():
        assert seen.all(name) == values, name
    gone = {"forwarded", "x-real-ip", "x_forwarded_for", "x-own", "keep-alive", "te", "trailer", "proxy-authorization"}
    assert not seen.names & (gone | {"proxy-connection", "upgrade", "expect", "content-length", "transfer-encoding"})
    assert not seen.names & {"accept", "user-agent", "content-type"}  # none is made up
    told = exchange(front.port, b"GET /fields HTTP/1.0\r\n\r\n")
    assert beacon.seen[-1].all("Via") == ["1.0 pgx-gateway"]
    assert told.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))


def test_bodies_are_streamed(front: Gateway):
    whole = hashlib.sha256(LONG).hexdigest()
    assert front.ask("/digest", "POST", LONG).text == f"{whole} {len(LONG)} True"
    pieces = (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (LONG[:5], LONG[5:2_000_000], LONG[2_000_000:]))
    head = b"PUT /digest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert whole.encode() in exchange(front.port, head + b"".join(pieces) + b"0\r\n\r\n")
    with socket.create_connection(("127.0.0.1", front.port), 60) as client:
        client.sendall(b"POST /digest HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        told = read_message(client)
        assert told is not None
        assert hashlib.sha256(b"abc").hexdigest().encode() in told.body


@pytest.mark.parametrize(
    ("framing", "rest"),
    [("Content-Length: 20", b"half"), ("Transfer-Encoding: chunked", b"4\r\nhalf\r\n")],
    ids=["sized", "chunked"],
)
@pytest.mark.parametrize("end", [b"", b"zz\r\n\r\n"], ids=["left", "garbled"])
def test_a_body_that_breaks_off_never_looks_whole(
    front: Gateway, beacon: StandIn, framing: str, rest: bytes, end: bytes
):
    begun, ended, seen = beacon.begun, len(beacon.ended), len(beacon.seen)
    with socket.create_connection(("127.0.0.1", front.port), 60) as client:
        client.sendall(f"POST /digest HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode() + rest)
        until(lambda: beacon.begun > begun)
        client.sendall(end)
        if not end or "Length" in framing:
            client.shutdown(socket.SHUT_WR)
        told = b"".join(iter(lambda: client.recv(65536), b""))
        assert not told or told.startswith(b"HTTP/1.1 400 ")
    until(lambda: len(beacon.ended) > ended)
    assert not any(asked.whole for asked in beacon.seen[seen:])


REFUSED = {
    b"GET /x HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n": 501,
    b"POST /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n": 501,
    b"POST /x HTTP/1.1\r\nTransfer-Encoding: identity\r\n": 400,
    b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n": 400,
    b"POST /x HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n": 400,
    b"POST /x HTTP/1.1\r\nContent-Length: +5\r\n": 400,
    b"POST /x HTTP/1.1\r\nContent-Length : 5\r\n": 400,
    b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n": 400,
    b"POST /x HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n": 400,
    b"GET /x HTTP/1.1\r\nX: a\r\n b\r\n": 400,
    b"GET /x HTTP/1.1\r\nX: a\x00b\r\n": 400,
    b"TRACE /x HTTP/1.1\r\n": 405,
    b"CONNECT elsewhere.example:443 HTTP/1.1\r\n": 405,
    b"OPTIONS * HTTP/1.1\r\n": 405,
    b"GET /x HTTP/2.0\r\n": 505,
    b"GET /x HTTP/1.1\r\nVia: 1.1 pgx-gateway, 1.1 x, 1.1 pgx-gateway, 1.1 pgx-gateway\r\n": 502,
}


@pytest.mark.parametrize("head", REFUSED, ids=range(len(REFUSED)))
def test_what_is_never_forwarded(front: Gateway, beacon: StandIn, head: bytes):
    before = len(beacon.seen)
    with socket.create_connection(("127.0.0.1", front.port), 60) as client:
        client.sendall(head + b"Host: here\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n")
        status = read_message(client)
    assert status is not None
    assert status.line.split(" ")[1] == str(REFUSED[head]), status.line
    assert b'"errorCode"' in status.body
    assert all(asked.path == "/smuggled" for asked in beacon.seen[before:])
