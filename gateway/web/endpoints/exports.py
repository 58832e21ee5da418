"""Exports at their immutable addresses.

`/exports/DIGEST/NAME` is the bytes, now and later, or 410: never other bytes.  `NAME.sha256` is their hash, as
`sha256sum -c` reads it.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.errors import BadRequest, Busy, GatewayError, Gone, NotFound
from gateway.rows import Tally
from gateway.spool.folder import is_digest
from gateway.spool.spool import Spool, Unspooled
from gateway.spool.writer import UNKEPT
from gateway.web.access.access import audit
from gateway.web.app_keys import CLIENTS, SPOOL, VIEW
from gateway.web.messages.representation import Representation, answer, produced
from gateway.web.messages.request import DownloadRequest, base_of

__all__ = ["HASH_EXTENSION", "export", "represented", "spool_of"]

HASH_EXTENSION: Final = ".sha256"


async def export(request: web.Request) -> web.StreamResponse:
    """The bytes of an export, or their hash."""
    representation = await represented(request)
    name = request.match_info["name"]
    if name not in {representation.filename, representation.filename + HASH_EXTENSION}:
        raise NotFound("this export has another name")
    try:
        return await (
            answer(request, representation) if name == representation.filename else _hash(request, representation)
        )
    except GatewayError as error:
        if error.status == HTTPStatus.GONE:
            raise _gone(representation.record or {}, base_of(request)) from error
        raise


def spool_of(request: web.Request) -> Spool:
    """The spool; NotFound where there is none."""
    spool = request.app.get(SPOOL)
    if spool is None:
        raise NotFound("this gateway keeps no exports (it runs without a spool): ask without ticket")
    return spool


async def represented(request: web.Request) -> Representation:
    """An export that was asked for before."""
    spool, digest = spool_of(request), request.match_info["digest"]
    try:
        record = await spool.recall(digest) if is_digest(digest) else None
    except OSError as error:
        raise Busy("the spool cannot be read now; try again soon") from error
    app, view = request.app, request[VIEW]
    # The right is looked at each time, and what may not be seen is not there.
    if record is None or Representation.KEPT - record.keys() or not view.admits(record["datasets"]):
        raise NotFound("no such export; ask the live query again")
    audit(request, digest, record["datasets"])
    view = view.only(record["datasets"])

    async def produce(tallies: list[Tally]) -> AsyncGenerator[bytes, None]:
        # Not before it is needed: an export that is complete needs no database.
        try:
            plan = await DownloadRequest.kept(record).plan(app, view)
        except (BadRequest, NotFound) as error:
            raise _gone(record, "") from error
        if plan.digest != digest:
            raise _gone(record, "")
        async with aclosing(produced(app, plan, tallies)) as chunks:
            async for chunk in chunks:
                yield chunk

    return replace(Representation.kept(digest, record, produce), guarded=bool(view.guarded & {*record["datasets"]}))


def _gone(record: Mapping[str, Any], base: str) -> Gone:
    """What says so, with the live address as the client names this host: others may have been told other names."""
    live = record["live"] and base + record["live"]
    where = f"the new data are at {live}" if live else "send the request again for the new data"
    headers = {"Link": f'<{live}>; rel="latest-version"'} if live else {}
    return Gone(f"the data behind this address has changed since; {where}", headers=headers)


async def _hash(request: web.Request, representation: Representation) -> web.Response:
    with request.app[CLIENTS].take():
        try:
            async with spool_of(request).join(representation.making) as running:
                known = await running.finished()
                if not running.to_be_kept:
                    raise UNKEPT
        except Unspooled as error:
            raise NotFound("there is no room in the spool for this export, so its hash is not known") from error
    text = f"{known.sha256}  {representation.filename}\n"
    headers = {"Cache-Control": representation.headers(None)["Cache-Control"], "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, headers=headers)
