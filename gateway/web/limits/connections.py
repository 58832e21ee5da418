"""Connections as aiohttp has them, and what it leaves to be wished for where a client does not speak HTTP properly.

What is no request, or one whose head is too long or too slow, is refused in Beacon's envelope, with one line in the
log.  Heads and bodies are handed to the parser one by one: it gives back nothing of a piece of data in which it finds a
fault, and forgets what came behind a request for an upgrade that it does not know.  A body with a fault fails for who
reads it, at once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo  # there is no public way to have a refusal stand in line

from gateway.errors import (
    AddressTooLong,
    BadRequest,
    ExpectationFailed,
    GatewayError,
    HeadersTooLarge,
    RequestTimeout,
    VersionNotSpoken,
)
from gateway.web.limits.addresses import current, peer_of
from gateway.web.limits.door import Door, told

__all__ = ["LONGEST_FIELD", "LONGEST_FIELDS", "LONGEST_LINE", "Connection", "Runner", "Terms"]

LONGEST_LINE: Final = 64 * 1024
"""Bytes of an address.  Long lists of ids in a URL are usual at Beacons; more than this belongs into a POST body."""
LONGEST_FIELD: Final = 32 * 1024
"""Bytes of a header field."""
LONGEST_FIELDS: Final = 64 * 1024
"""Bytes of all header fields of a request together."""
_SPEAKS: Final = web.RequestKey("speaks", bool)
_SPOKEN: Final = frozenset({HttpVersion10, HttpVersion11})
_END: Final = b"\r\n\r\n"  # of a head
_MOST_PIECES: Final = 64  # that are made of what comes at once
# Bytes beside the body in its chunks, extensions and trailers: some, and some for each byte, as chunks may be small.
_BESIDE: Final = 64 * 1024
_BESIDE_A_BYTE: Final = 8


@dataclass(frozen=True, slots=True)
class Terms:
    """What connections are held to: who may have one, and the seconds that a head may take (0: any number).

    `shared` are headers by which scripts may read what is refused.
    """

    door: Door
    head_timeout: float
    beacon_id: str
    shared: Mapping[str, str]


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = (
        "_broken",
        "_came",
        "_fields",
        "_left",
        "_line",
        "_received",
        "_seam",
        "_terms",
        "_timer",
        "_unread",
        "peer",
    )

    def __init__(self, manager: web.Server, *, terms: Terms, **options: Any) -> None:
        super().__init__(manager, **options)
        self._terms = terms
        self.peer: str | None = None
        self._broken = False
        self._came = False  # whether anything of a head has come
        self._line = False  # whether the first line of it has
        self._fields = 0  # bytes behind that
        self._timer: asyncio.TimerHandle | None = None  # until when the head must have come
        self._seam = b""  # the last bytes that came
        self._unread: StreamReader | None = None  # the body of the newest request
        self._left = 0  # bytes of that which are still to come, where it was said how long it is
        self._received = 0  # bytes of that in the form in which they came

    # --- who comes and goes ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or tell it why not."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self.peer = peer_of(transport)
        if error := self._terms.door.enter(self, self.peer):
            self._broken = True
            self._terms.door.turn_away(transport, error, self._terms.beacon_id, self._terms.shared)
            return
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the client."""
        self._terms.door.leave(self)
        self._head_came()
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        """Whether nothing is being asked or answered."""
        return self._waiter is not None and not self._waiter.done() and not self._came

    # --- what comes in -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take in what came, a head or a body at a time."""
        pieces = 0
        while True:
            pieces += 1
            piece, data = self._first(data) if pieces < _MOST_PIECES else (data, b"")
            if self._broken:  # what is behind a fault means nothing
                return
            of_body = self._unread is not None and not self._unread.is_eof()
            if not of_body and not self._bearable(piece):
                return
            requests = self._request_count
            super().data_received(piece)
            if self._request_count > requests:
                self._begun()
            elif of_body:
                self._went_on(len(piece))
            elif self._came:
                self._await_head()
            if not data:
                return

    def _first(self, data: bytes) -> tuple[bytes, bytes]:
        """What comes first in this data: a body as long as it was said to be, or all to the end of a head."""
        if self._left:
            end = min(self._left, len(data))
            self._left -= end
        else:
            text, at = self._seam + data, len(self._seam)  # a head may end with what came now
            found = text.find(_END, max(0, at - len(_END) + 1))
            end = found + len(_END) - at if found >= 0 else len(data)
        self._seam = (self._seam + data[max(0, end - len(_END)) : end])[-len(_END) + 1 :]
        return data[:end], data[end:]

    def _bearable(self, piece: bytes) -> bool:
        """Whether this piece of a head may be parsed: it is refused before there is too much of it."""
        self._came = self._came or bool(piece.strip(b"\r\n"))  # empty lines before a request are none of it
        if 0 <= (last := piece.rfind(_END)) < len(piece) - len(_END):  # several heads: the newest counts
            self._line, self._fields, piece = False, 0, piece[last + len(_END) :]
        if self._line:
            self._fields += len(piece)
        elif (at := piece.find(b"\n")) >= 0:
            self._line, self._fields = True, len(piece) - at - 1
        if self._fields > LONGEST_FIELDS:
            self._refuse(HeadersTooLarge(f"the header fields are longer than {LONGEST_FIELDS} bytes"))
            return False
        return True

    def _await_head(self) -> None:
        if self._timer is None and self._terms.head_timeout:
            self._timer = self._loop.call_later(self._terms.head_timeout, self._late)

    def _head_came(self) -> None:
        self._came, self._line, self._fields = False, False, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        """The time for a head is over: say so, unless it is us who have not read it yet."""
        self._timer = None
        if self._request_in_progress or self._reading_paused or self._buffer_paused:
            self._await_head()
        elif self._came:
            why = f"the head of the request took more than {self._terms.head_timeout:g} seconds"
            self._refuse(RequestTimeout(why, limit="head time"))
        elif not self._request_count:  # nobody waits for an answer
            self.force_close()

    def _refuse(self, error: GatewayError) -> None:
        """Have this answered behind what was asked before, and read no more."""
        self._head_came()
        self._spoil(error.message)
        self._request_count += 1
        self._messages.append((_ErrInfo(error.status, error, error.message), EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _begun(self) -> None:
        """Look at the newest message: a request, or a fault where there should have been one."""
        self._head_came()
        message, body = self._messages[-1]
        if isinstance(message, RawRequestMessage):
            self._unread, self._received = body, 0
            self._left = int(message.headers.get("Content-Length", 0))
        else:
            self._spoil("it is not what the headers say")

    def _went_on(self, size: int) -> None:
        """Look at the body that more came of."""
        body = self._unread
        # While reading is paused the parser holds some of it back.
        if body is None or self._reading_paused or body.is_eof():
            return
        self._received += size
        if self._received - body.total_bytes > _BESIDE + _BESIDE_A_BYTE * body.total_bytes:
            self._spoil("there is too much beside it")

    def _spoil(self, why: str) -> None:
        """Read no more from this client; the body that is being read has failed."""
        self._broken = True
        if self._unread is not None and not self._unread.is_eof():
            self._unread.set_exception(web.RequestPayloadError(why))

    # --- what is said of it ------------------------------------------------------------------------------------------

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what is no request, or to one that failed outside the application; the last on a connection."""
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("the response has begun, or there is nobody to hear it")
        if isinstance(exc, HttpProcessingError):
            error = _refusal(exc)
        elif isinstance(exc, GatewayError):
            error = exc
        else:
            error = GatewayError(message or HTTPStatus(status).phrase)
            error.status = status
            if exc is not None:
                self.log_exception("a request failed", exc_info=exc)
        headers, body = told(error, self._terms.beacon_id, self._terms.shared)
        response = web.Response(body=body, content_type="application/json", status=error.status, headers=headers)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Nothing of clients that left, nor of bodies that are none: who was answered has a line already."""
        if not isinstance(options.get("exc_info"), ConnectionError | web.RequestPayloadError):
            super().log_exception(*args, **options)


def _refusal(fault: HttpProcessingError) -> GatewayError:
    """What a client is told of the parser's finding, without the bytes that it found."""
    if isinstance(fault, LineTooLong):
        # The parser tells lines from fields by their limits alone.
        if fault.args[1] == LONGEST_LINE:
            return AddressTooLong(f"the URL is longer than {LONGEST_LINE} bytes; a POST body may hold more")
        return HeadersTooLarge(f"a header field is longer than {LONGEST_FIELD} bytes")
    lines = [line for line in fault.message.removeprefix("Bad status line:").splitlines() if line.strip()]
    reason = lines[0].partition(":")[0].strip() if lines else ""
    if reason.startswith("Too many headers"):
        return HeadersTooLarge("there are too many header fields")
    return BadRequest(f"this is no request as HTTP/1.1 has them: {reason or 'it cannot be read'}")


class _Server(web.Server):
    """The server of an application, on connections of this kind, with what the application is not asked."""

    def __init__(self, made: web.Server, terms: Terms, options: Mapping[str, Any]) -> None:
        super().__init__(self._answer, request_factory=self._request, **options)
        self._made = made
        self._terms = terms

    def __call__(self) -> Connection:
        """A protocol for a new connection."""
        return Connection(self, loop=self._loop, terms=self._terms, **self._kwargs)

    def _request(self, message: RawRequestMessage, *others: Any) -> web.BaseRequest:
        """The request of a message; one of another version is answered in ours."""
        spoken = message.version in _SPOKEN
        if not spoken:
            message = message._replace(version=HttpVersion11)
        request = self._made.request_factory(message, *others)
        request[_SPEAKS] = spoken
        return request

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        forwarded = request.headers.getall("X-Forwarded-For", [])
        assert isinstance(request.protocol, Connection)  # noqa: S101 - for the type checker
        current.set(self._terms.door.client(request.protocol.peer, forwarded))
        try:
            if request[_SPEAKS]:
                return await self._made.request_handler(request)
            error: GatewayError = VersionNotSpoken("HTTP/1.1 and HTTP/1.0 are spoken here")
        except web.HTTPExpectationFailed:
            error = ExpectationFailed("Expect: nothing but 100-continue is understood")
        return request.protocol.handle_error(request, error.status, error)


class Runner(web.AppRunner):
    """Sets an application up, on connections of this kind."""

    def __init__(self, app: web.Application, terms: Terms, **options: Any) -> None:
        super().__init__(app, max_line_size=LONGEST_LINE, max_field_size=LONGEST_FIELD, **options)
        self._terms = terms

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._terms, self._kwargs)
