"""A server of exports that misbehaves when told to, as networks, bugs and other servers do.

It speaks the gateway's contract (tickets, immutable addresses, ranges) over bytes that it is given.
"""

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

__all__ = ["Stand"]


@dataclass
class Stand:
    """What it serves and what goes wrong; change it at any time."""

    body: bytes
    digest: str = "d1"
    name: str = "cohort.pgxseg"
    tickets: bool = True
    ranges: bool = True
    made: int | None = None
    """Bytes made so far of an export that is in the making; None: it is complete."""
    checksum: str | None = None
    """What is said to be the SHA-256; None: the truth; empty: nothing is said."""
    gone: set[str] = field(default_factory=set)
    """Digests of data that is no more."""
    cuts: list[int] = field(default_factory=list)
    """The next bodies end after so many bytes, without their end."""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """What the next requests for bytes are answered with instead: status, headers."""
    polled: Callable[["Stand"], None] = lambda _: None
    """Called at each ticket."""
    closing: bool = False
    """Bodies end with the connection, as HTTP/1.0 has it."""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and `Range` of every request."""

    def __enter__(self) -> Self:
        stand = self

        class Handler(_Handler):
            of = stand

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/beacon/variants?filters=x"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest() if self.checksum is None else self.checksum

    @property
    def address(self) -> str:
        return f"{self.url.split('/beacon')[0]}/exports/{self.digest}/{self.name}"

    def ranges_asked(self) -> list[str | None]:
        """The `Range` of each request for bytes."""
        return [asked for method, path, asked in self.requests if method == "GET" and "ticket" not in path]

    def ticket(self) -> dict[str, Any]:
        self.polled(self)
        complete = self.made is None
        said: dict[str, Any] = {
            "digest": self.digest,
            "state": "complete" if complete else "producing",
            "address": urlsplit(self.address).path,
            "self": f"/exports/{self.digest}",
            "name": self.name,
            "etag": f'"{self.digest}"',
            "rows": 10,
            "bytes": len(self.body) if self.made is None else self.made,
            "expected": {"variants": 20},
        }
        if complete and self.sha256:
            said |= {"size": len(self.body), "sha256": self.sha256}
        return said


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients leave as they like."""


class _Handler(http.server.BaseHTTPRequestHandler):
    of: Stand
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        stand, address, asked = self.of, urlsplit(self.path), self.headers["Range"]
        ticket = "ticket=true" in address.query or re.fullmatch(r"/exports/\w+", address.path) is not None
        stand.requests.append((self.command, self.path + " ticket" * ticket, asked))
        if address.path.startswith("/exports/") and address.path.split("/")[2] in stand.gone:
            self._json(410, {"error": {"errorCode": 410, "errorMessage": "data version gone"}})
        elif ticket and stand.tickets:
            self._json(200, stand.ticket())
        elif stand.answers and self.command == "GET" and not ticket:
            status, headers = stand.answers.pop(0)
            self._json(status, {"error": {"errorMessage": "told to"}}, headers)
        else:
            cut = stand.cuts.pop(0) if stand.cuts and self.command == "GET" and not ticket else None
            self._bytes(stand.body, asked, cut)

    def _json(self, status: int, said: object, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(raw), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(raw)

    def _bytes(self, body: bytes, asked: str | None, cut: int | None) -> None:
        stand, complete, start, stop = self.of, self.of.made is None, 0, len(body)
        partial = False
        etag = f'"{stand.digest}"'
        if asked and stand.ranges and complete and self.headers["If-Range"] in {None, etag}:
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
            assert found
            start, partial = int(found[1]), True
            stop = min(stop, int(found[2]) + 1) if found[2] else stop
            if start >= len(body):
                self._json(416, {}, {"Content-Range": f"bytes */{len(body)}"})
                return
        self.send_response(206 if partial else 200)
        self.send_header("ETag", etag)
        self.send_header("Content-Disposition", f'attachment; filename="{stand.name}"')
        chunked = not complete and not stand.closing
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(body)}")
        if complete and stand.tickets and stand.sha256:
            self.send_header("Repr-Digest", f"sha-256=:{base64.b64encode(bytes.fromhex(stand.sha256)).decode()}:")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif stand.closing:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if self.command == "GET":
            self._write(body[start:stop], cut, chunked=chunked)

    def _write(self, body: bytes, cut: int | None, *, chunked: bool) -> None:
        for at in range(0, len(body[:cut]), 1000):
            piece = body[:cut][at : at + 1000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if cut is not None:
            self.close_connection = True
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")
