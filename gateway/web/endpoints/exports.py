"""Exports by their names: immutable addresses, and the tickets that lead to them.

`/exports/DIGEST/NAME` is the bytes, now and later, or 410: never other bytes.  `NAME.sha256` is their hash, as
`sha256sum -c` reads it.  `/exports/DIGEST` is the ticket: how far the export is, and what to do with it.
"""

import asyncio
import json
import shlex
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.errors import BadRequest, Busy, GatewayError, Gone, NotFound
from gateway.formats.base import dumps
from gateway.rows import Tally
from gateway.spool.folder import Sum, is_digest
from gateway.spool.spool import Progress, Spool, Unspooled
from gateway.web.app_keys import CLIENTS, CONFIG, SPOOL
from gateway.web.messages.representation import Representation, answer, produced
from gateway.web.messages.request import DownloadRequest, base_of

__all__ = ["export", "issue", "ticket"]

_SHA: Final = ".sha256"
# A small export is complete by then, and its ticket says so at once.
_AT_ONCE: Final = 0.1


async def export(request: web.Request) -> web.StreamResponse:
    """The bytes of an export, or their hash."""
    representation = await _represented(request)
    name = request.match_info["name"]
    if name not in {representation.filename, representation.filename + _SHA}:
        raise NotFound("this export has another name")
    try:
        return await (
            answer(request, representation) if name == representation.filename else _hash(request, representation)
        )
    except GatewayError as error:
        if error.status == HTTPStatus.GONE:
            raise _gone(representation.record or {}, base_of(request)) from error
        raise


async def ticket(request: web.Request) -> web.StreamResponse:
    """How far an export is; starts it if nobody makes it, unless it failed."""
    return await _ticket(request, await _represented(request), fresh=False)


async def issue(request: web.Request, representation: Representation) -> web.StreamResponse:
    """The ticket of a live request: starts the export if it is not there."""
    if representation.record is None:
        raise BadRequest("only whole downloads have a ticket: no page, no limit", parameter="ticket")
    return await _ticket(request, representation, fresh=True)


def _spool(request: web.Request) -> Spool:
    spool = request.app.get(SPOOL)
    if spool is None:
        raise NotFound("this gateway keeps no exports (it runs without a spool): ask without ticket")
    return spool


async def _represented(request: web.Request) -> Representation:
    """An export that was asked for before."""
    spool, digest = _spool(request), request.match_info["digest"]
    try:
        record = await spool.recall(digest) if is_digest(digest) else None
    except OSError as error:
        raise Busy("the spool cannot be read now; try again soon") from error
    if record is None or Representation.KEPT - record.keys():
        raise NotFound("no such export; ask the live query again")
    app = request.app
    if not set(record["datasets"]) <= set(app[CONFIG].datasets):
        raise NotFound("the dataset of this export is not served")

    async def produce(tallies: list[Tally]) -> AsyncGenerator[bytes, None]:
        # Not before it is needed: an export that is complete needs no database.
        try:
            plan = await DownloadRequest.kept(record).plan(app)
        except (BadRequest, NotFound) as error:
            raise _gone(record, "") from error
        if plan.digest != digest:
            raise _gone(record, "")
        async with aclosing(produced(app, plan, tallies)) as chunks:
            async for chunk in chunks:
                yield chunk

    return Representation.kept(digest, record, produce)


def _gone(record: Mapping[str, Any], base: str) -> Gone:
    """What says so, with the live address as the client names this host: others may have been told other names."""
    live = record["live"] and base + record["live"]
    where = f"the new data are at {live}" if live else "send the request again for the new data"
    headers = {"Link": f'<{live}>; rel="latest-version"'} if live else {}
    return Gone(f"the data behind this address has changed since; {where}", headers=headers)


async def _hash(request: web.Request, representation: Representation) -> web.Response:
    with request.app[CLIENTS].take():
        try:
            async with _spool(request).join(representation.making) as running:
                known = await running.finished()
        except Unspooled as error:
            raise NotFound("there is no room in the spool for this export, so its hash is not known") from error
    text = f"{known.sha256}  {representation.filename}\n"
    headers = {"Cache-Control": representation.headers(None)["Cache-Control"], "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, headers=headers)


# --- tickets ---------------------------------------------------------------------------------------------------------


async def _ticket(request: web.Request, representation: Representation, *, fresh: bool) -> web.Response:
    spool = _spool(request)
    # A fresh one is joined even if it is complete: its record, which the address needs, is mended by that.
    known = None if fresh else await spool.look(representation.digest)
    state: dict[str, Any]
    if known is not None:
        state = _complete(known)
    elif not fresh and (note := await spool.failure(representation.digest)):
        state = (
            _failed(HTTPStatus.INSUFFICIENT_STORAGE, "there is no room in the spool")
            if note.full
            else (_failed(note.status, note.message))
        )
    else:
        state = await _started(spool, representation, fresh=fresh)
    value = {**_constant(request, representation), **state}
    return web.Response(
        body=dumps(value) + b"\n", content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def _started(spool: Spool, representation: Representation, *, fresh: bool) -> dict[str, Any]:
    """The state of an export that is not complete yet."""
    try:
        async with spool.join(representation.making) as running:
            await running.begins()
            with suppress(TimeoutError):
                async with asyncio.timeout(_AT_ONCE):
                    return _complete(await running.finished())
            return _producing(running.progress)
    except Unspooled:
        return _failed(HTTPStatus.INSUFFICIENT_STORAGE, "there is no room in the spool")
    except GatewayError as error:
        if fresh:
            raise
        return _failed(error.status, error.message)


def _producing(progress: Progress) -> dict[str, Any]:
    return {"state": "producing", "rows": progress.rows, "bytes": progress.size}


def _complete(known: Sum) -> dict[str, Any]:
    counted = {"rows": known.rows, "bytes": known.size, "size": known.size, "sha256": known.sha256}
    return {"state": "complete", **counted}


def _failed(status: int, message: str) -> dict[str, Any]:
    return {"state": "failed", "error": {"status": int(status), "message": message}}


def _constant(request: web.Request, representation: Representation) -> dict[str, Any]:
    """What a ticket says at any time."""
    base, record = base_of(request), representation.record or {}
    own = f"{base}/exports/{representation.digest}"
    address = f"{own}/{representation.filename}"
    return {
        "digest": representation.digest,
        "address": address,
        "sha256Address": address + _SHA,
        "self": own,
        "query": base + record["live"] if record["live"] else None,
        "name": representation.filename,
        "mediaType": representation.media,
        "etag": f'"{representation.digest}"',
        "expected": record["expected"],
        "commands": _commands(address, representation.filename),
    }


def _commands(address: str, name: str) -> dict[str, str]:
    """Command lines that fetch an export and go on after any break."""
    url, quoted, file = shlex.quote(address), json.dumps(address), json.dumps(name)
    # 22 is any refusal, 416 of a file that is complete among them: the checksum tells.
    curl = f"until curl -fO -C - --retry 1000 --retry-connrefused {url}; do [ $? -ne 22 ] || break; sleep 5; done"
    return {
        "wget": f"wget -c --tries=0 --retry-connrefused {url}",
        "curl": f"{curl}; curl -fsS --retry 9 {url}{_SHA} | sha256sum -c",
        "aria2c": f"aria2c -c -x1 --max-tries=0 --retry-wait=5 {url}",
        "R": f"options(timeout = 86400); download.file({quoted}, {file}, mode = 'wb', method = 'libcurl')",
        "python": f"import urllib.request; urllib.request.urlretrieve({quoted}, {file})",
        "fetch": f"pgx-gateway fetch {url}",
    }
