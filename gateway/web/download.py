"""The one download handler: request to plan, plan to stream.

Until the first chunk is in hand every failure is a Beacon error response; from then on it is a cut connection, without
the final chunk, so that no client takes a part for the whole.
"""

import asyncio
import json
import logging
import re
import socket
import struct
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Final, Self

from aiohttp import HttpVersion11, web

from gateway.errors import BadRequest, GatewayError, MethodNotAllowed, TooLarge
from gateway.flow.squeeze import CODINGS, squeezed
from gateway.model import Plan, Tally
from gateway.query import params
from gateway.web.keys import CONFIG, EXECUTOR, PUMP, REQUEST_ID, SLOTS, STOPPING, SURVEYOR
from gateway.web.prepare import prepare
from gateway.web.routes import ROUTES

__all__ = ["POSTED", "download"]

log = logging.getLogger("gateway.web")

# aiohttp drains once per 64 KiB: larger writes would sit in the transport's buffer.
_PIECE: Final = 64 * 1024
_WARNINGS: Final = 5
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?\Z|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?\Z")
POSTED: Final = frozenset(route.path for route in ROUTES if route.post)


async def download(request: web.Request) -> web.StreamResponse:
    """Answer any request for variants or biosamples."""
    body = await _body(request)
    read = partial(params.read, request.path, list(request.query.items()), body, routes=ROUTES)
    # A body of a megabyte takes its time to read; a query string does not.
    ask = read() if body is None else await asyncio.get_running_loop().run_in_executor(request.app[EXECUTOR], read)
    config = request.app[CONFIG]
    host = request.headers.get("Host", "")
    base = f"{request.scheme}://{host}" if _HOST.match(host) else ""
    accept = ",".join(request.headers.getall("Accept", []))
    plan = await prepare(ask, accept, base, config=config, surveyor=request.app[SURVEYOR])
    coding = None if plan.packing else _coding(request.headers.get("Accept-Encoding", ""))
    headers = _headers(plan, coding)
    if _matches(request.headers.get("If-None-Match", ""), headers["ETag"]):
        kept = {name: headers[name] for name in ("ETag", "Cache-Control", "Vary")}
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=kept)
    if request.method == "HEAD":
        return web.Response(headers=headers)
    with request.app[SLOTS].take():
        return await _deliver(request, plan, headers, plan.packing or coding)


@dataclass(slots=True)
class _Transfer:
    """What a download came to; one line in the log."""

    request_id: str
    plan: Plan
    began: float
    tallies: list[Tally] = field(default_factory=list)
    size: int = 0
    outcome: str = "failed"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        log.info(
            'download id=%s file="%s" digest=%s rows=%d bytes=%d seconds=%.3f outcome="%s"',
            self.request_id,
            self.plan.filename,
            self.plan.digest,
            sum(tally.rows for tally in self.tallies[-1:]),
            self.size,
            time.monotonic() - self.began,
            self.outcome,
        )


async def _deliver(request: web.Request, plan: Plan, headers: dict[str, str], coding: str | None) -> web.StreamResponse:
    """Run a plan and send what comes, compressed where there is a coding."""
    with _Transfer(request[REQUEST_ID], plan, time.monotonic()) as transfer:
        async with aclosing(request.app[PUMP].chunks(plan, transfer.tallies)) as plain:
            chunks = squeezed(plain, coding, request.app[EXECUTOR]) if coding else plain
            first = await anext(aiter(chunks), b"")
            response = web.StreamResponse(headers=headers)
            if request.version < HttpVersion11:
                response.force_close()
                _reset_on_close(request, on=True)
            await response.prepare(request)
            try:
                await _send(response, first, chunks, transfer, request.app[CONFIG].client_timeout)
                transfer.outcome = "complete"
                _reset_on_close(request, on=False)
            except (ConnectionError, asyncio.CancelledError):
                transfer.outcome = "cut: stopping" if request.app[STOPPING] else "client left"
                raise
            except Exception as error:
                transfer.outcome = f"cut: {error}" if isinstance(error, GatewayError | TimeoutError) else "cut"
                _cut(request, error)
                raise ConnectionResetError("cut") from error
    return response


async def _send(
    response: web.StreamResponse, first: bytes, rest: AsyncIterator[bytes], transfer: _Transfer, patience: float
) -> None:
    """Write all chunks; `patience` is how many seconds the client may take for each 64 KiB."""
    async with aclosing(_pieces(first, rest)) as pieces:
        async for piece in pieces:
            try:
                async with asyncio.timeout(patience):
                    await response.write(piece)
            except TimeoutError:
                raise TimeoutError(f"the client took none of it for {patience:g} seconds") from None
            transfer.size += len(piece)
    await response.write_eof()


async def _pieces(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes | memoryview, None]:
    """The chunks of a pass in pieces of at most 64 KiB."""
    chunk: bytes | None = first
    while chunk is not None:
        view = memoryview(chunk)
        for at in range(0, len(chunk), _PIECE):
            yield view[at : at + _PIECE]
        chunk = await anext(rest, None)


def _cut(request: web.Request, error: Exception) -> None:
    """Close the connection so that the transfer looks as broken as it is."""
    if not isinstance(error, GatewayError | TimeoutError):
        log.error("request %s failed in mid-stream", request[REQUEST_ID], exc_info=error)
    transport = request.transport
    if transport is None:
        return
    if request.version < HttpVersion11:
        transport.abort()
    else:
        transport.close()


def _reset_on_close(request: web.Request, *, on: bool) -> None:
    """Let an HTTP/1.0 connection end in a reset, until its body is complete.

    Without chunks a plain close looks like the end of the body, whoever closes: we, a shutdown, or the kernel for a
    process that was killed.
    """
    tcp = request.transport.get_extra_info("socket") if request.transport is not None else None
    if request.version < HttpVersion11 and tcp is not None:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", on, 0))


def _coding(header: str) -> str | None:
    """The content coding that `Accept-Encoding` prefers (RFC 9110, 12.5.3), ours first where it does not care."""
    wanted: dict[str, float] = {}
    for item in header.lower().split(","):
        name, _, parameter = item.partition(";")
        quality = re.fullmatch(r"\s*q=([01](\.\d{0,3})?)\s*", parameter) if parameter else None
        wanted[name.strip()] = float(quality[1]) if quality else 0.0 if parameter else 1.0
    best = max(CODINGS, key=lambda name: wanted.get(name, 0.0))
    quality_of_best = wanted.get(best, 0.0)
    return best if quality_of_best > 0 and quality_of_best >= wanted.get("identity", 0.0) else None


def _headers(plan: Plan, coding: str | None) -> dict[str, str]:
    kind = "attachment" if plan.attachment else "inline"
    encoded = {"Content-Encoding": coding} if coding else {}
    headers = {
        **encoded,
        "Content-Type": plan.media,
        "Content-Disposition": f'{kind}; filename="{plan.filename}"',
        # Compressed bytes are other bytes.
        "ETag": f'"{plan.digest}-{coding}"' if coding else f'"{plan.digest}"',
        "Cache-Control": "no-cache",
        "Vary": "Accept, Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        # nginx would otherwise take the stream to its disk.
        "X-Accel-Buffering": "no",
    }
    if plan.warnings:
        shown = [text.encode("ascii", "replace").decode().replace('"', "'") for text in plan.warnings[:_WARNINGS]]
        headers["Warning"] = ", ".join(f'299 pgx-gateway "{text[:200]}"' for text in shown)
    return headers


def _matches(header: str, etag: str) -> bool:
    """Whether `If-None-Match` names the ETag (weak comparison, RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


async def _body(request: web.Request) -> object | None:
    """The JSON body of a Beacon POST, None for other methods."""
    if request.method in {"GET", "HEAD"}:
        return None
    if request.method != "POST" or request.path.rstrip("/") not in POSTED:
        raise MethodNotAllowed(f"{request.method} is not for this path; use GET")
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLarge("the request body is larger than 1 MiB") from error
    except web.RequestPayloadError as error:
        raise BadRequest("the request body does not hold what its headers say", parameter="body") from error
    try:
        body: object = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise BadRequest("the request body is not JSON", parameter="body") from error
    return body
