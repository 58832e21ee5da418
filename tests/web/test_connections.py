"""What is no proper HTTP: refused in the Beacon envelope, without harm to the requests before and behind it."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import ujson

from gateway.demo.store import Store
from tests.harness import Gateway

END = b"\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /beacon/g_variants HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b'{"query":{"filters":[{"id":"NCIT:C3058"}],"pagination":{"limit":1}}}'


@pytest.fixture(scope="module")
def served(store: Store, demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(store.uri, [demo], log=tmp_path_factory.mktemp("connections") / "log", client_timeout=20) as running:
        yield running
        assert "Traceback" not in running.log
        assert " ERROR " not in running.log


def exchanged(gateway: Gateway, *pieces: bytes, pause: float = 0.05, half: bool = False) -> bytes:
    """All that a connection answers to these bytes, until it is closed."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as client:
        for piece in pieces:
            try:
                client.sendall(piece)
            except ConnectionError:  # it has said what it had to say
                break
            time.sleep(pause)
        if half:
            client.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while data := client.recv(65536):
                found += data
        except ConnectionResetError:
            pass
        return found


def answers(data: bytes) -> list[tuple[int, Any]]:
    """Status and JSON of each response; all of them have a length."""
    found = []
    while data:
        head, _, rest = data.partition(END)
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        if "chunked" in headers.get("transfer-encoding", ""):
            body = b""
            while True:
                size, _, rest = rest.partition(b"\r\n")
                body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
                if not int(size, 16):
                    break
        else:
            length = int(headers["content-length"])
            body, rest = rest[:length], rest[length:]
        assert headers["content-type"].startswith("application/json"), head
        assert lines[0].startswith(("HTTP/1.1 ", "HTTP/1.0 "))
        found.append((int(lines[0].split()[1]), ujson.loads(body)))
        data = rest
    return found


def refusal(data: bytes) -> tuple[int, str]:
    """Status and message of the only response, an error in its envelope."""
    ((status, told),) = answers(data)
    assert told["error"]["errorCode"] == status
    assert told["meta"]["info"]["requestId"]
    message: str = told["error"]["errorMessage"]
    assert "bytearray" not in message
    assert "b'" not in message
    return status, message


@pytest.mark.parametrize(
    ("request_bytes", "status", "word"),
    [
        (b"nonsense\r\n\r\n", 400, "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "HTTPS"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "version"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400, "header"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 400, "header"),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400, "HTTP"),
        (b"GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 400, "HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "HTTP"),
        (b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n", 505, "HTTP/1.1"),
        (b"GET /health HTTP/0.9\r\nHost: x\r\n\r\n", 505, "HTTP/1.1"),
        (b"GET /beacon/g_variants?filters=" + b"x," * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "POST"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: /" + b"x" * 70_000 + b"\r\n\r\n", 431, "header"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X" * 70_000 + b": y\r\n\r\n", 431, "header"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n", 431, "header"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nExpect: a pony\r\nConnection: close\r\n\r\n", 417, "Expect"),
        (CHUNKED + b"zz\r\n", 400, "body"),
        (CHUNKED + b"5;" + b"x" * 1_000_000 + b"\r\n{    \r\n1\r\n}\r\n0\r\n\r\n", 400, "body"),
        (CHUNKED + b"".join(b"1;%b\r\n \r\n" % (b"x" * 200) for _ in range(5_000)) + b"0\r\n\r\n", 400, "body"),
        (POST + b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nxxxxxxx", 400, "body"),
        (POST + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nxxxxxxx\r\n0\r\n\r\n", 400, "body"),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP"),
        (POST + b"Content-Length: 5, 6\r\n\r\n", 400, "HTTP"),
        (POST + b"Content-Length: -1\r\n\r\n", 400, "HTTP"),
    ],
    ids=lambda value: value[:60] if isinstance(value, bytes) else None,
)
def test_what_is_no_request_is_told_so_in_an_envelope(served: Gateway, request_bytes: bytes, status: int, word: str):
    told, message = refusal(exchanged(served, request_bytes))
    assert told == status
    assert word in message


@pytest.mark.parametrize("bad", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"\0" * 5000])
@pytest.mark.parametrize("cut", [0, 1, 2, 3, 4, 6])
def test_what_came_before_a_malformed_request_is_answered(served: Gateway, bad: bytes, cut: int):
    good = HEALTH + POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY + HEALTH
    for pieces in ([good + bad], [good[:-cut], good[-cut:] + bad] if cut else [good, bad]):
        found = answers(exchanged(served, *pieces))
        assert [status for status, _ in found] == [200, 200, 200, 400]
        assert found[1][1]["responseSummary"]["exists"]
        assert found[3][1]["error"]["errorCode"] == 400


def test_nothing_behind_a_malformed_request_is_answered(served: Gateway):
    assert [status for status, _ in answers(exchanged(served, b"bad\r\n\r\n" + HEALTH, HEALTH))] == [400]


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0", b"h2c, websocket"])
def test_an_upgrade_is_ignored(served: Gateway, upgrade: bytes):
    headers = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nUpgrade: " + upgrade + END
    asked = b"GET /health HTTP/1.1\r\nHost: x\r\n" + headers
    posted = POST + b"Content-Length: %d\r\n" % len(BODY) + headers + BODY
    for pieces in ([asked, LAST], [asked + LAST], [posted, LAST], [posted + LAST]):
        assert [status for status, _ in answers(exchanged(served, *pieces))] == [200, 200], pieces


def test_bodies_that_are_right_are_read_however_they_come(served: Gateway):
    """In one piece or byte by byte, in chunks with extensions and trailers, packed, large, full of ends of heads."""
    packed = gzip.compress(BODY)
    large = BODY + END * 200_000
    close = b"Connection: close\r\n"
    post = POST + close
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
    whole = chunked + b'%x;note="a b"\r\n%b\r\n0\r\nTrailer: x\r\n\r\n' % (len(BODY), BODY)
    for pieces in (
        [whole],
        [whole[at : at + 1] for at in range(len(whole))],
        [chunked + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY + b" " * 50_000) + b"0\r\n\r\n"],
        [post + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed],
        [post + b"Content-Length: %d\r\n\r\n" % len(large) + large],
        [chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(large), large)],
    ):
        ((status, told),) = answers(exchanged(served, *pieces, pause=0.001))
        assert (status, told.get("error")) == (200, None)


def test_many_requests_at_once_are_answered_in_their_order(served: Gateway):
    # More together than the head of one may have.
    asked = [b"GET /beacon/x%d HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (number, b"x" * 900) for number in range(200)]
    found = answers(exchanged(served, b"".join(asked) + LAST))
    assert [status for status, _ in found] == [404] * 200 + [200]
    assert all(f"x{number}" in json.dumps(told) for number, (_, told) in enumerate(found[:200]))


def test_a_client_that_will_send_no_more_is_answered(served: Gateway):
    assert [status for status, _ in answers(exchanged(served, LAST, half=True))] == [200]
