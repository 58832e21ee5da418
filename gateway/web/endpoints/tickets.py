"""Tickets: `/exports/EXPORT` says how far an export is, and what to do with it; a live URL issues one.

Its addresses carry their question, so that any host answers them; which those of long ones do not, and it says so.
"""

import asyncio
import json
import shlex
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.errors import BadRequest, GatewayError
from gateway.formats.base import dumps
from gateway.spool.folder import Sum
from gateway.spool.spool import Progress, Spool, Unspooled
from gateway.spool.writer import UNKEPT
from gateway.tabix import EXTENSIONS
from gateway.web.access.commands import with_token
from gateway.web.drs.uris import uri
from gateway.web.endpoints.exports import HASH_EXTENSION, represented, spool_of
from gateway.web.messages import addresses
from gateway.web.messages.representation import Representation
from gateway.web.messages.request import DownloadRequest, base_of, lasting_base

__all__ = ["address_of", "issue", "ticket"]

# A small export is complete by then, and its ticket says so at once.
_AT_ONCE: Final = 0.1


async def ticket(request: web.Request) -> web.StreamResponse:
    """How far an export is; starts it if nobody makes it, unless it failed."""
    representation = await represented(request)
    segment = request.match_info["export"]
    if segment == representation.digest:  # as they were before they had questions
        segment = await _segment(request, representation)
    return await _ticket(request, representation, segment, fresh=False)


async def issue(request: web.Request, representation: Representation) -> web.StreamResponse:
    """The ticket of a live request: starts the export if it is not there."""
    if representation.record is None:
        raise BadRequest("only whole downloads have a ticket: no page, no limit", parameter="ticket")
    return await _ticket(request, representation, await _segment(request, representation), fresh=True)


async def address_of(request: web.Request, representation: Representation) -> str:
    """Where the ticket of an export is; the file is behind it, by its name."""
    return f"{base_of(request)}/exports/{await _segment(request, representation)}"


async def _segment(request: web.Request, representation: Representation) -> str:
    record = representation.record or {}
    question = await DownloadRequest.kept(record).question_in(request.app, record["datasets"])
    return addresses.written(representation.digest, question)


async def _ticket(request: web.Request, representation: Representation, segment: str, *, fresh: bool) -> web.Response:
    spool = spool_of(request)
    # A fresh one is joined even if it is complete: its record, which the address needs, is mended by that.
    known = None if fresh else await spool.look(representation.digest)
    state: dict[str, Any]
    if known is not None:
        state = _complete(known)
    elif not fresh and (note := await spool.failure(representation.digest)):
        state = (
            _failed(HTTPStatus.INSUFFICIENT_STORAGE, "the spool cannot hold this export")
            if note.full
            else _failed(note.status, note.message)
        )
    else:
        state = await _started(spool, representation, fresh=fresh)
    value = {**_constant(request, representation, segment), **state}
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
                    known = await running.finished()
                    return _complete(known) if running.to_be_kept else _failed(UNKEPT.status, UNKEPT.message)
            return _producing(running.progress)
    except Unspooled:
        return _failed(HTTPStatus.INSUFFICIENT_STORAGE, "the spool cannot hold this export")
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


def _constant(request: web.Request, representation: Representation, segment: str) -> dict[str, Any]:
    """What a ticket says at any time."""
    base, record = base_of(request), representation.record or {}
    own = f"{base}/exports/{segment}"
    address = f"{own}/{representation.filename}"
    indexes = {kind: address + extension for extension, kind in EXTENSIONS.items()}
    return {
        "digest": representation.digest,
        "address": address,
        "sha256Address": address + HASH_EXTENSION,
        **({"indexAddresses": indexes} if representation.index else {}),
        "self": own,
        **({"drs": named} if (named := uri(lasting_base(request), representation.digest)) else {}),
        "anyHost": segment != representation.digest,
        "query": base + record["live"] if record["live"] else None,
        "name": representation.filename,
        "mediaType": representation.media,
        "etag": f'"{representation.digest}"',
        "expected": record["expected"],
        "commands": (
            with_token(address, representation.filename, address + HASH_EXTENSION)
            if representation.guarded
            else _commands(address, representation.filename)
        ),
    }


def _commands(address: str, name: str) -> dict[str, str]:
    """Command lines that fetch an export and go on after any break; those that join files compare the checksum."""
    url, quoted, file = shlex.quote(address), json.dumps(address), json.dumps(name)
    # 22 is any refusal, 416 of a file that is complete among them: the checksum tells.
    curl = f"until curl -fO -C - --retry 1000 --retry-connrefused {url}; do [ $? -ne 22 ] || break; sleep 5; done"
    compared = f"curl -fsS --retry 9 {url}{HASH_EXTENSION} | sha256sum -c"
    return {
        "wget": f"wget -c --tries=0 --retry-connrefused {url} && wget -qO- {url}{HASH_EXTENSION} | sha256sum -c",
        "curl": f"{curl}; {compared}",
        "aria2c": f"aria2c -c -x1 --max-tries=0 --retry-wait=5 {url} && {compared}",
        "R": f"options(timeout = 86400); download.file({quoted}, {file}, mode = 'wb', method = 'libcurl')",
        "python": f"import urllib.request; urllib.request.urlretrieve({quoted}, {file})",
        "fetch": f"pgx-gateway fetch {url}",
    }
