"""The server as a fetch sees it: a few kinds of answers, whatever happens on the wire.

Trouble that passes (resets, time-outs, 5xx, bodies that end early) is `Broken`; 4xx is `Refused`; 410 is `Gone`.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp

from gateway import __version__
from gateway.fetch import responses, urls
from gateway.fetch.errors import Broken, FetchError, Gone, Refused
from gateway.fetch.responses import Export

__all__ = ["Answer", "Nothing", "Server", "connected"]

_CONNECT: Final = 30.0  # seconds
_ASK: Final = 60.0
_LONGEST_TICKET: Final = 1024 * 1024
_LONGEST_REASON: Final = 1000
_READ: Final = 256 * 1024
# Refusals that a pause may cure; and failures of the server that it will not.
_PASSING: Final = frozenset({408, 425, 429})
_LASTING: Final = frozenset({500, 501, 505})
_NO_HEAD: Final = frozenset({405, 501})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body is being read."""

    whole: bool
    """The body is all of it (200), not what was asked behind an offset (206)."""
    start: int
    stop: int | None
    """Behind its last byte, as it says itself."""
    total: int | None
    """The length of the whole, as it says itself."""
    etag: str | None
    sha256: str | None
    framed: bool
    """A body that ends early does not look complete."""
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Nothing:
    """No byte is behind the offset (416); `total` is where it says that the end is."""

    total: int | None


class Server:
    """Requests of one fetch."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def export(self, url: str) -> Export:
        """What a URL names: by its ticket, or by what HEAD says where the server knows no tickets."""
        return await self.status(urls.ticket_url(url)) or await self._head(url)

    async def status(self, url: str) -> Export | None:
        """A ticket; None if the answer is none."""
        async with self._request("GET", url, {}, _ASK) as response:
            if response.status == HTTPStatus.GONE:
                raise Gone(await _reason(response))
            if response.status >= 500:
                raise await _failure(response)
            if response.status != HTTPStatus.OK or response.content_type != "application/json":
                # A server without tickets sends the download itself, which we leave unread.
                response.close()
                return None
            return responses.ticket(await _some(response, _LONGEST_TICKET), url)

    async def _head(self, url: str) -> Export:
        async with self._request("HEAD", url, {}, _ASK) as response:
            if response.status in _NO_HEAD or (response.status == HTTPStatus.OK and _encoded(response)):
                return Export(address=url, name=responses.named(response.headers, url))
            if response.status == HTTPStatus.OK:
                headers = response.headers
                return Export(
                    address=url,
                    name=responses.named(headers, url),
                    etag=responses.etag(headers),
                    size=response.content_length,
                    sha256=responses.repr_digest(headers),
                )
            failure = await _failure(response)
        if isinstance(failure, Refused):  # HEAD has no body that says why
            async with self._request("GET", url, {}, _ASK) as response:
                if response.status >= 400:
                    raise await _failure(response)
        raise failure

    @asynccontextmanager
    async def body(
        self, export: Export, offset: int, silence: float, last: int | None = None
    ) -> AsyncGenerator[Answer | Nothing, None]:
        """The bytes of an export from an offset on, to its end or `last`.

        `silence` is how many seconds may pass without one.
        """
        asked = f"bytes={offset}-{'' if last is None else last}"
        part = export.etag is not None and (offset > 0 or last is not None)
        headers = {"Range": asked, "If-Range": export.etag} if part and export.etag else {}
        async with self._request("GET", export.address, headers, silence) as response:
            start, stop, total = responses.content_range(response.headers)
            if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and headers:
                yield Nothing(total)
            elif response.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
                whole = response.status == HTTPStatus.OK
                if not whole and (start != offset or not headers):
                    raise FetchError(f"asked for bytes from {offset}, the server sent others")
                if _encoded(response):
                    raise FetchError("the answer is compressed although that was not asked for: a proxy's doing")
                chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
                if whole:
                    stop = total = None if chunked else response.content_length
                yield Answer(
                    whole=whole,
                    start=0 if whole else offset,
                    stop=stop,
                    total=total,
                    etag=responses.etag(response.headers),
                    sha256=responses.repr_digest(response.headers),
                    framed=chunked or response.content_length is not None,
                    pieces=response.content.iter_any(),
                )
            else:
                raise await _failure(response)

    @asynccontextmanager
    async def _request(
        self, method: str, url: str, headers: dict[str, str], silence: float
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=silence)
        try:
            # A limit for the head as well: one that drips would never be silent.
            async with asyncio.timeout(silence) as head:
                async with self._session.request(method, url, headers=headers, timeout=limits) as response:
                    head.reschedule(None)
                    yield response
        except aiohttp.TooManyRedirects as error:
            raise FetchError(f"{url} redirects again and again, in a circle it seems") from error
        except aiohttp.RedirectClientError as error:
            raise FetchError(f"{url} redirects to {error}, which is no URL of a download") from error
        except (aiohttp.InvalidURL, UnicodeError) as error:  # the latter for names that no host can have
            raise FetchError(f"{url} is no URL of a download") from error
        except aiohttp.ClientSSLError as error:
            raise FetchError(f"{url}: {error}") from error
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Broken(_words(error)) from error


@asynccontextmanager
async def connected(url: str, token: str) -> AsyncGenerator[Server, None]:
    """The server of a URL to ask; proxies are those of the environment.

    The token goes to the origin of that URL and no other, wherever tickets and redirects lead.
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": f"pgx-gateway/{__version__}"}
    home = urls.origin(url)

    async def shown(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if token and urls.origin(str(request.url)) == home:
            request.headers["Authorization"] = f"Bearer {token}"
        return await send(request)

    async with aiohttp.ClientSession(
        headers=headers, auto_decompress=False, trust_env=True, read_bufsize=_READ, middlewares=(shown,)
    ) as session:
        yield Server(session)


async def _some(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body if it is not longer than that and comes soon, else nothing."""
    got = bytearray()
    try:
        async with asyncio.timeout(_ASK):
            async for piece in response.content.iter_any():
                got += piece
                if len(got) > most:
                    break
            else:
                return bytes(got)
    except TimeoutError:
        if not got:
            raise
    response.close()
    return b""


def _encoded(response: aiohttp.ClientResponse) -> bool:
    return response.headers.get("Content-Encoding", "identity") != "identity"


async def _reason(response: aiohttp.ClientResponse) -> str:
    """The message of a Beacon error response, else the status."""
    shown = f"{response.status} {response.reason}"[:_LONGEST_REASON]
    try:
        said = json.loads(await _some(response, _LONGEST_TICKET))
        message = said["error"]["errorMessage"]
    except (ValueError, KeyError, TypeError, RecursionError, aiohttp.ClientError, TimeoutError):
        return shown
    return f"{shown}: {str(message)[:_LONGEST_REASON]}"


async def _failure(response: aiohttp.ClientResponse) -> Exception:
    """What a status that is no success means."""
    status, reason, pause = response.status, await _reason(response), responses.retry_after(response.headers)
    if status == HTTPStatus.GONE:
        return Gone(reason)
    if status in _PASSING or (status >= 500 and (status not in _LASTING or pause is not None)):
        return Broken(reason, pause)
    return Refused(reason) if 400 <= status < 500 else FetchError(reason)


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the server was silent for too long"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0  # of names that are not found it is below 0
        reason = os.strerror(number) if number > 0 else error.os_error.strerror or str(error.os_error)
        return f"cannot connect to {error.host}:{error.port}: {reason}"[:_LONGEST_REASON]
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the transfer broke off"
    if type(error) is aiohttp.ClientResponseError:  # its kinds have more to say: of a proxy, for one
        return "what the server sent is no answer in HTTP"
    return str(error)[:_LONGEST_REASON] or type(error).__name__
