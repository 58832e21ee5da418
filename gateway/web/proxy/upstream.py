"""Requests to the Beacon and its answers, streamed both ways.

A connection a request, so many at once and no more.  Until the answer's head is there a failure is a clean 502 or 504;
from then on one that breaks off is cut for the client, too.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp
from aiohttp import HttpVersion11, web
from yarl import URL

from gateway import metrics, spans
from gateway.config import Config
from gateway.errors import (
    BadRequest,
    BeaconDown,
    BeaconSlow,
    GatewayError,
    MethodNotAllowed,
    NotSupported,
    RequestTimeout,
)
from gateway.logs import fields
from gateway.metrics import lasted
from gateway.web.app_keys import CONFIG, REQUEST_ID
from gateway.web.limits.connections import LONGEST_FIELD, LONGEST_LINE
from gateway.web.limits.slots import Slots
from gateway.web.messages.request import base_of
from gateway.web.messages.transfer import FORWARDED, Transfer, tune
from gateway.web.proxy.headers import DECODED, answered, asked, hops, readable, told

__all__ = ["UPSTREAM", "Upstream", "open_upstream"]

log = logging.getLogger("gateway.web")

_CONNECT: Final = 10.0  # seconds
_BUFFER: Final = 64 * 1024  # bytes of an answer; twice as many may be waiting for a client
_MOST_HOPS: Final = 3
_REASON: Final = re.compile(r"[\t -~]{0,200}\Z")
_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
# What aiohttp would add to what the client said.
_NOT_OURS: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Upstream:
    """The Beacon behind the gateway.  Create it inside the running event loop; `close` it."""

    def __init__(self, config: Config) -> None:
        self._origin = URL(config.beacon_url)
        self._timeout = config.beacon_timeout
        some = max(1, config.beacon_connections // 2)
        self._slots = Slots(config.beacon_connections, "requests to the Beacon", limit="beacon", each=some)
        self._session = aiohttp.ClientSession(
            # None is used twice: one that was closed meanwhile would be an error for a request that is not repeated.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=min(_CONNECT, self._timeout), sock_read=self._timeout
            ),
            auto_decompress=False,
            read_bufsize=_BUFFER,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_FIELD,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def idle(self) -> None:
        """Wait until nothing is being forwarded."""
        await self._slots.empty()

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """The Beacon's answer to a request, sent to the client.

        Raises BeaconDown, BeaconSlow, Busy, or BadRequest and its kin for what is not forwarded.
        """
        _check(request)
        with self._slots.take():
            async with self._answer(request) as answer:
                tune(request)
                with _Relay(request, "", "", "", source=FORWARDED) as relay:
                    located = _Located(str(self._origin.origin()), base_of(request))
                    length = None if _is_bodiless(request, answer) else answer.content_length
                    return await relay.send(_response(request, answer, located), _chunks(answer), length)

    @asynccontextmanager
    async def _answer(self, request: web.Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """The Beacon's answer, whose body is still to be read."""
        upload = _Upload(request, self._timeout)
        own = _fields(request)
        body = await upload.body(own)
        try:
            with spans.span("beacon"), lasted(metrics.BEACON_SECONDS):
                async with asyncio.timeout(self._timeout) as upload.limit:
                    answer = await self._session.request(
                        request.method,
                        self._url(request),
                        headers=own,
                        data=body,
                        skip_auto_headers=_NOT_OURS,
                        allow_redirects=False,
                    )
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise upload.blame(error) from error
        finally:
            upload.limit = None
        try:
            if answer.status < HTTPStatus.OK:
                raise BeaconDown("the Beacon changes the protocol, which was not asked for")
            yield answer
        finally:
            answer.close()

    def _url(self, request: web.Request) -> URL:
        """The same path and query at the Beacon, letter by letter."""
        path, _, query = request.rel_url.raw_path_qs.partition("?")
        origin = self._origin
        return URL.build(
            scheme=origin.scheme,
            host=origin.host or "",
            port=origin.explicit_port,
            path=path,
            query_string=query,
            encoded=True,
        )


UPSTREAM: Final = web.AppKey("upstream", Upstream)


async def open_upstream(app: web.Application) -> AsyncIterator[None]:
    """Open the way to the Beacon for the application's lifetime."""
    app[UPSTREAM] = upstream = Upstream(app[CONFIG])
    yield
    await upstream.close()


# --- the request -----------------------------------------------------------------------------------------------------


def _check(request: web.Request) -> None:
    """Refuse what an intermediary must not forward, or could not make sense of."""
    if request.method in {"CONNECT", "TRACE"} or not request.rel_url.raw_path.startswith("/"):
        raise MethodNotAllowed(f"{request.method} is not for this server")
    wanted = ",".join(request.headers.getall("Upgrade", [])).lower()
    if "websocket" in wanted and "upgrade" in request.headers.get("Connection", "").lower():
        raise NotSupported("WebSocket connections are not forwarded")
    codings = ",".join(request.headers.getall("Transfer-Encoding", [])).strip().lower()
    if codings not in {"", "chunked"}:
        raise NotSupported("no transfer coding but chunked is understood")
    if hops(request.headers) >= _MOST_HOPS:
        raise BeaconDown("this request has been here before: --beacon-url leads back to the gateway")


def _fields(request: web.Request) -> Any:
    """The header fields of a request as the Beacon is sent them."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    public = request.app[CONFIG].public_url
    return asked(
        request.headers,
        version=f"{request.version.major}.{request.version.minor}",
        peer=str(peer[0]) if isinstance(peer, tuple) else "",
        host=readable(request.headers.get("Host", "")),
        scheme=public.partition(":")[0] if public else request.scheme,
        request_id=request[REQUEST_ID],
    )


class _Upload:
    """The body of a request on its way to the Beacon, and whose fault it is if it does not get there."""

    def __init__(self, request: web.Request, timeout: float) -> None:
        self.limit: asyncio.Timeout | None = None
        self._request = request
        self._timeout = timeout
        self._reading = False  # the client is waited for
        self._error: Exception | None = None  # of reading from the client

    async def body(self, own: Any) -> AsyncIterator[bytes] | bytes | None:
        """What is sent as the body; completes the header fields."""
        request = self._request
        coded = request.headers.get("Content-Encoding", "").lower() in DECODED
        try:
            if request.content.exception() is None and request.can_read_body and not coded:
                if (length := told(request.headers)) is not None:
                    own["Content-Length"] = length
                return self._chunks()
            # What was read already, to see whether it is ours, or what could grow without end: one MiB at most.
            body = await request.read()
        except web.RequestPayloadError as error:
            raise _unreadable() from error
        except web.HTTPRequestEntityTooLarge as error:
            raise BadRequest("a compressed request body may hold 1 MiB") from error
        if body and coded:
            del own["Content-Encoding"]
        if body or told(request.headers) is not None:
            own["Content-Length"] = str(len(body))
        return body or None

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            self._reading = True
            try:
                chunk = await self._request.content.readany()
            except Exception as error:
                self._error = error
                raise
            self._reading = False
            if self.limit is not None and not self.limit.expired():
                self.limit.reschedule(asyncio.get_running_loop().time() + self._timeout)
            if not chunk:
                return
            yield chunk

    def blame(self, error: Exception) -> GatewayError:
        """What the client is told of a request that got no answer."""
        if self._error is not None:
            return _unreadable()
        if isinstance(error, TimeoutError):
            if self._reading:
                return RequestTimeout(f"nothing came of the request body for {self._timeout:g} seconds")
            return BeaconSlow(f"the Beacon behind this gateway did not answer within {self._timeout:g} seconds")
        log.info("the Beacon cannot be asked", extra=fields(error=type(error).__name__, reason=error))
        return BeaconDown("the Beacon behind this gateway cannot be reached, or its answer cannot be read")


def _unreadable() -> BadRequest:
    return BadRequest("the request body does not hold what its headers say", parameter="body")


# --- the answer ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Located:
    """Maps URLs of the Beacon to those that its users see."""

    origin: str
    base: str

    def __call__(self, url: str) -> str:
        rest = url[len(self.origin) :]
        inside = url[: len(self.origin)].lower() == self.origin.lower() and (not rest or rest[0] in "/?#")
        return (self.base + rest or "/") if inside else url


class _Unframed(web.StreamResponse):
    """A response whose end is that of the connection, as its origin's: a last chunk would say that it is whole."""

    _length_check = False


def _is_bodiless(request: web.Request, answer: aiohttp.ClientResponse) -> bool:
    return request.method == "HEAD" or answer.status in _WITHOUT_BODY


def _response(request: web.Request, answer: aiohttp.ClientResponse, located: _Located) -> web.StreamResponse:
    """The head of the answer."""
    version = answer.version or HttpVersion11
    fields = answered(answer.headers, version=f"{version.major}.{version.minor}", located=located)
    reason = answer.reason if answer.reason and _REASON.match(answer.reason) else None
    length = answer.content_length
    unframed = length is None and not _is_bodiless(request, answer) and "Transfer-Encoding" not in answer.headers
    kind = _Unframed if unframed else web.StreamResponse
    response = kind(status=answer.status, reason=reason, headers=fields)
    if length is not None:
        response.headers["Content-Length"] = str(length)
    if unframed or request.version < HttpVersion11:
        response.force_close()
    return response


async def _chunks(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body of the answer as it comes, not decoded."""
    protocol = answer.connection.protocol if answer.connection is not None else None
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except TimeoutError as error:
        raise BeaconSlow("the Beacon fell silent within its answer") from error
    except (aiohttp.ClientError, OSError) as error:
        raise BeaconDown("the Beacon's answer broke off") from error
    # The end of a connection is the end of a body without a length, but not if it was a reset.
    if protocol is not None and isinstance(fault := protocol.exception(), OSError):
        raise BeaconDown("the Beacon's answer broke off") from fault


@dataclass(slots=True)
class _Relay(Transfer):
    """An answer on its way to the client."""

    def _note(self, change: int) -> None:
        """Count that it ends."""
        if change < 0:
            metrics.FORWARDED.add(1, self.outcome)
