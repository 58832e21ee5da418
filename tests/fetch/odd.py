"""A server of which every byte is the test's: what no library would send can be sent.

`honest` is what a good server answers; a test says where its server is another: a function that gives the bytes of an
answer, or None to leave it to `honest`.
"""

import base64
import hashlib
import itertools
import json
import random
import re
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

__all__ = [
    "BODY",
    "ETAG",
    "SHA256",
    "TOO_MUCH",
    "Odd",
    "Request",
    "Sent",
    "chunked",
    "drip",
    "either",
    "endless",
    "on",
    "part",
    "sized",
    "ticket",
    "unframed",
]

BODY: Final = random.Random(1).randbytes(100_000)
SHA256: Final = hashlib.sha256(BODY).hexdigest()
ETAG: Final = 'ETag: "d1"'
TOO_MUCH: Final = 50_000_000
"""What a server without end sends at most: by then a test has failed."""
_DIGEST: Final = f"Repr-Digest: sha-256=:{base64.b64encode(bytes.fromhex(SHA256)).decode()}:"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: `start` is the first byte of a range, `nth` counts the requests of the same kind from 0."""

    kind: Literal["ticket", "head", "bytes"]
    path: str
    start: int | None
    nth: int


Sent = Iterable[bytes] | bytes | None


def sized(data: bytes, *fields: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer with a Content-Length, which may be a lie."""
    said = f"Content-Length: {len(data) if length is None else length}"
    return "\r\n".join([f"HTTP/1.1 {status}", said, *fields, "", ""]).encode("utf-8", "surrogateescape") + data


def unframed(data: bytes, *fields: str) -> bytes:
    """An answer that only the end of the connection ends."""
    return "\r\n".join(["HTTP/1.1 200 OK", ETAG, *fields, "", ""]).encode() + data


def chunked(pieces: Iterable[bytes], *fields: str, status: str = "200 OK") -> Iterable[bytes]:
    """An answer in chunks."""
    yield "\r\n".join([f"HTTP/1.1 {status}", "Transfer-Encoding: chunked", *fields, "", ""]).encode()
    for piece in pieces:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def part(start: int, stop: int = len(BODY), *fields: str, said: str = "", total: object = len(BODY)) -> bytes:
    """A 206 with these bytes; `said` is the range that it says to be instead."""
    where = said or f"bytes {start}-{stop - 1}/{total}"
    return sized(BODY[start:stop], f"Content-Range: {where}", ETAG, *fields, status="206 Partial Content")


def ticket(**changes: object) -> bytes:
    """The ticket of an export, with changes; what is changed to None is left out."""
    said: Mapping[str, Any] = {
        "state": "complete",
        "address": "/exports/d1/cohort.pgxseg",
        "self": "/exports/d1",
        "name": "cohort.pgxseg",
        "etag": '"d1"',
        "size": len(BODY),
        "sha256": SHA256,
    }
    known = {name: value for name, value in {**said, **changes}.items() if value is not None}
    return sized(json.dumps(known).encode(), "Content-Type: application/json")


def honest(request: Request, *, tickets: bool) -> bytes:
    """What a good server answers."""
    fields = [ETAG, 'Content-Disposition: attachment; filename="cohort.pgxseg"', *([_DIGEST] if tickets else [])]
    if request.kind == "ticket" and tickets:
        return ticket()
    if request.kind == "ticket":
        return sized(BODY, *fields)
    if request.kind == "head":
        return sized(b"", *fields, length=len(BODY))
    if request.start is None:
        return sized(BODY, *fields)
    if request.start >= len(BODY):
        return sized(b"", f"Content-Range: bytes */{len(BODY)}", status="416 Range Not Satisfiable")
    return part(request.start)


def on(kind: str, sent: Sent | Callable[[Request], Sent]) -> Callable[[Request], Sent]:
    """Another answer to requests of one kind: `ticket`, `head`, `first` (bytes from the start) or `rest` (a range)."""

    def answer(request: Request) -> Sent:
        found = request.kind
        if request.kind == "bytes":
            found = "first" if request.start is None else "rest"
        if found != kind:
            return None
        return sent(request) if callable(sent) else sent

    return answer


def either(*answers: Callable[[Request], Sent]) -> Callable[[Request], Sent]:
    """What the first of them has to say."""
    return lambda request: next((sent for answer in answers if (sent := answer(request)) is not None), None)


def endless(*first: bytes) -> Iterator[bytes]:
    piece = bytes(65_536)
    yield from first
    yield from itertools.repeat(piece, TOO_MUCH // len(piece))


def drip(data: bytes, *, size: int, pause: float) -> Iterable[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
        time.sleep(pause)


@dataclass
class Odd:
    """The server.  `sent` counts the bytes that it got rid of, `requests` what it was asked."""

    answer: Callable[[Request], Sent] = lambda _: None
    tickets: bool = True
    sent: int = 0
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        odd = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # clients leave as they like
                    odd._serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.base}/beacon/variants?filters=x"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.socket.close()  # not `server_close`, which would wait for those who are still sending

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        lines = []
        while (line := handler.rfile.readline()) not in {b"\r\n", b""}:
            lines.append(line.decode("latin-1"))
        if not lines:
            return
        method, path, _ = lines[0].split(" ", 2)
        ranges = [found for line in lines if (found := re.match(r"(?i)range: bytes=(\d+)-\s", line))]
        is_ticket = "ticket=true" in path or re.fullmatch(r"/exports/\w+", path)
        kind: Literal["ticket", "head", "bytes"] = "head" if method == "HEAD" else "ticket" if is_ticket else "bytes"
        nth = sum(before.kind == kind for before in self.requests)
        request = Request(kind, path, int(ranges[0][1]) if ranges else None, nth)
        self.requests.append(request)
        sent = self.answer(request)
        sent = honest(request, tickets=self.tickets) if sent is None else sent
        if isinstance(sent, bytes) and kind == "head":
            sent = sent.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        for piece in [sent] if isinstance(sent, bytes) else sent:
            handler.wfile.write(piece)
            self.sent += len(piece)
