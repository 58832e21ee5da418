"""In front of a Beacon: what comes back from it, and what becomes of its faults."""

import gzip
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from gateway.demo.store import Store
from tests.harness import Answer, Gateway, free_port, listens, until
from tests.schemas import framework
from tests.stand_in import Asked, StandIn, answer, exchange, in_front_of, raw, read_message, reset

COHORT = "filters=NCIT:C3058"
PACKED = gzip.compress(b"packed by the Beacon" * 9)
DONE = threading.Event()
LONG = b"0123456789abcdef" * 200_000


def _halting(_: Asked, client: socket.socket) -> None:
    """The first chunk at once, the second when it is told that the first has arrived."""
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    assert DONE.wait(60)
    client.sendall(b"6\r\nsecond\r\n0\r\nTrailer: no\r\n\r\n")


def _cgi(asked: Asked, client: socket.socket) -> None:
    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end")


SCRIPTS = {
    "/halting": _halting,
    "/cgi": _cgi,
    "/packed": answer(PACKED, Content_Encoding="gzip", ETag='"x"', Vary="Accept-Encoding"),
    "/long": answer(LONG),
    "/part": answer(b"cde", "206 Partial Content", Content_Range="bytes 2-4/26"),
    "/known": raw(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'),
    "/nothing": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "/early": raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "/odd": raw(
        b"HTTP/1.1 299 \xe9t\xe9\r\nX-Latin: caf\xe9\r\nX-Utf: caf\xc3\xa9\r\n"
        b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n"
        b"Connection: X-Own, close\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\nServer: Beacon\r\nVia: 1.0 inner\r\n"
        b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
    ),
    # broken off
    "/short": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "/chunks": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    "/within": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf"),
    "/garbled": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"),
    "/unframed": reset(b"HTTP/1.0 200 OK\r\n\r\n" + b"half" * 100_000),
    # no answer
    "/empty": raw(b""),
    "/other": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "/long-field": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "/two-lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "/upgraded": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
}
MOVED = {
    "BEACON/x?a=1#b": "GATEWAY/x?a=1#b",
    "BEACON": "GATEWAY",
    "BEACON?x": "GATEWAY?x",
    "BEACON.evil.example/": "BEACON.evil.example/",
    "https://elsewhere.example/x": "https://elsewhere.example/x",
    "/beacon/info": "/beacon/info",
}


@pytest.fixture(scope="module")
def beacon() -> Iterator[StandIn]:
    with StandIn(dict(SCRIPTS)) as running:
        yield running


@pytest.fixture(scope="module")
def front(store: Store, demo: str, beacon: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with in_front_of(beacon, store.uri, demo, tmp_path_factory.mktemp("front") / "log") as running:
        yield running


# --- what comes back -------------------------------------------------------------------------------------------------


def test_answers_come_as_they_are(front: Gateway):
    packed = front.ask("/packed", Accept_Encoding="gzip")
    assert (packed.body, packed.headers["Content-Encoding"], packed.headers["Etag"]) == (PACKED, "gzip", '"x"')
    assert packed.headers["Content-Length"] == str(len(PACKED))
    assert front.ask("/long").body == LONG
    head = front.ask("/long", "HEAD")
    assert (head.body, head.headers["Content-Length"]) == (b"", str(len(LONG)))
    part = front.ask("/part", Range="bytes=2-4")
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"cde", "bytes 2-4/26")
    known = front.ask("/known", If_None_Match='"x"')
    assert (known.status, known.body, known.headers["Etag"]) == (304, b"", '"x"')
    assert (front.ask("/nothing").status, front.ask("/nothing").body) == (204, b"")
    assert front.ask("/early").text == "ok"


def test_fields_of_answers(front: Gateway):
    following = b"GET /packed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    told = exchange(front.port, b"GET /odd HTTP/1.1\r\nHost: x\r\n\r\n" + following)
    assert told.endswith(PACKED)  # the connection is ours to keep
    head = told.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0].startswith(b"HTTP/1.1 299")
    for line in (
        *(b"X-Latin: caf\xc3\xa9", b"X-Utf: caf\xc3\xa9", b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2"),
        *(b"Server: Beacon", b"Via: 1.0 inner, 1.1 pgx-gateway", b"Date: Thu, 01 Jan 1970 00:00:00 GMT"),
    ):
        assert line in head
    assert not [line for line in head if line.startswith((b"X-Own", b"Keep-Alive", b"Connection"))]


def test_redirects_are_passed_on(front: Gateway, beacon: StandIn):
    for said, heard in MOVED.items():
        url, expected = (text.replace("BEACON", beacon.url).replace("GATEWAY", front.url) for text in (said, heard))
        beacon.scripts["/moved"] = answer(b"", "302 Found", Location=url, Content_Location=url)
        told = front.ask("/moved")
        assert (told.status, told.headers["Location"], told.headers["Content-Location"]) == (302, expected, expected)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_bytes_flow_at_once(front: Gateway, version: str):
    DONE.clear()
    with front.open("/halting", version=version) as client:
        told = b""
        while not told.endswith((b"first", b"first\r\n")):
            told += client.recv(1)
        DONE.set()
        while b"second" not in told:
            more = client.recv(100)
            assert more
            told += more


def test_an_end_without_a_length_stays_one(front: Gateway):
    """A last chunk would say that the answer is whole: nobody knows that."""
    told = exchange(front.port, b"GET /cgi HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = told.partition(b"\r\n\r\n")
    assert (body, b"chunked" in head, b"Connection: close" in head) == (b"to the end", False, True)


@pytest.mark.parametrize("path", ["/short", "/chunks", "/within", "/garbled", "/unframed"])
def test_an_answer_that_breaks_off_breaks_off(front: Gateway, path: str):
    broken: Answer | None = None
    try:
        broken = front.ask(path)
    except ConnectionError:
        return
    assert broken.status == 502 or not broken.whole  # where the fault was seen before the answer began


@pytest.mark.parametrize("path", ["/empty", "/other", "/long-field", "/two-lengths", "/upgraded"])
def test_what_is_no_answer_is_a_bad_gateway(front: Gateway, path: str):
    refused = front.ask(path)
    assert (refused.status, refused.headers["Retry-After"]) == (502, "5")
    framework("Error").validate(refused.json)
    assert "127.0.0.1" not in refused.text


def test_who_leaves_leaves_the_beacon_too(front: Gateway, beacon: StandIn):
    left = threading.Event()

    def endless(_: Asked, client: socket.socket) -> None:
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                client.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            left.set()

    beacon.scripts["/endless"] = endless
    with front.open("/endless") as client:
        assert client.recv(10)
    assert left.wait(60)


# --- without it ------------------------------------------------------------------------------------------------------


def test_a_beacon_that_is_down_hurts_nothing_else(store: Store, demo: str, gateway: Gateway, tmp_path_factory):
    log = tmp_path_factory.mktemp("alone") / "log"
    with Gateway(store.uri, [demo], log=log, beacon_url=f"http://127.0.0.1:{free_port()}") as alone:
        refused = alone.ask("/beacon/info")
        assert (refused.status, "cannot be reached" in refused.text) == (502, True)
        framework("Error").validate(refused.json)
        path = f"/services/pgxsegvariants?{COHORT}"
        assert alone.ask(path).body == gateway.ask(path).body
        assert alone.ask("/ready").status == 200
        assert "Traceback" not in alone.log


def test_requests_to_the_beacon_are_bounded(store: Store, demo: str, gateway: Gateway, tmp_path_factory):
    held, go = threading.Event(), threading.Event()

    def hold(_: Asked, client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        held.set()
        assert go.wait(60)
        client.sendall(b"half")

    log = tmp_path_factory.mktemp("bounded") / "log"
    with (
        StandIn({"/hold": hold}) as beacon,
        Gateway(store.uri, [demo], log=log, beacon_url=beacon.url, beacon_connections=1, grace=60) as bounded,
        bounded.open("/hold") as client,
    ):
        assert held.wait(60)
        busy = bounded.ask("/beacon/info")
        assert (busy.status, busy.headers["Retry-After"]) == (503, "10")
        framework("Error").validate(busy.json)
        path = f"/services/pgxsegvariants?{COHORT}"
        assert bounded.ask(path).body == gateway.ask(path).body
        bounded.process.send_signal(signal.SIGTERM)
        until(lambda: not listens(bounded.port))
        go.set()  # what is under way has its grace time
        whole = read_message(client)
        assert whole is not None
        assert whole.body == b"halfhalf"
        assert bounded.stop() == 0


def test_a_beacon_that_falls_silent(store: Store, demo: str, tmp_path_factory):
    """It is given a second; so is a client whose body is waited for."""
    go = threading.Event()

    def silent(_: Asked, client: socket.socket) -> None:
        assert client.recv(1) == b""  # until the gateway gives up

    def halted(_: Asked, client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        assert go.wait(60)

    log = tmp_path_factory.mktemp("silent") / "log"
    with (
        StandIn({"/silent": silent, "/halted": halted}) as beacon,
        Gateway(store.uri, [demo], log=log, beacon_url=beacon.url, beacon_timeout=1) as patient,
    ):
        slow = patient.ask("/silent")
        assert (slow.status, slow.headers["Retry-After"]) == (504, "30")
        framework("Error").validate(slow.json)
        assert not patient.ask("/halted").whole
        go.set()
        with socket.create_connection(("127.0.0.1", patient.port), 60) as client:
            client.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            late = read_message(client)
            assert late is not None
            assert late.line.split(" ")[1] == "408"
        assert "Traceback" not in patient.log


def test_a_gateway_before_itself_says_so(store: Store, demo: str, tmp_path_factory):
    port = free_port()
    log = tmp_path_factory.mktemp("loop") / "log"
    with Gateway(store.uri, [demo], log=log, port=port, beacon_url=f"http://127.0.0.1:{port}") as loop:
        refused = loop.ask("/nothing")
        assert (refused.status, "leads back" in refused.text) == (502, True)
