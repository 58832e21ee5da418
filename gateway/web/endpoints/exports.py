"""Exports at their immutable addresses.

`/exports/EXPORT/NAME` is the bytes, now and later, or 410: never other bytes.  `NAME.tbi` and `NAME.csi` are indexes
of a sorted file; `.sha256` behind any of them is its hash, as `sha256sum -c` reads it.  A host that does not know the
export makes it from the question in the address.
"""

import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.download_types import Plan
from gateway.errors import BadRequest, Busy, GatewayError, Gone, NotFound
from gateway.logs import fields
from gateway.rights import View
from gateway.rows import Tally
from gateway.spool.folder import Sum
from gateway.spool.spool import Spool, Unspooled
from gateway.spool.writer import UNKEPT
from gateway.tabix import EXTENSIONS, Kind
from gateway.web.access.access import audit
from gateway.web.app_keys import CATALOG, CLIENTS, SPOOL, VIEW
from gateway.web.messages import addresses
from gateway.web.messages.headers import dated, is_known
from gateway.web.messages.indexes import answer_index, index_of
from gateway.web.messages.production import produced
from gateway.web.messages.representation import Representation, answer
from gateway.web.messages.request import DownloadRequest, base_of, lasting_base

__all__ = ["HASH_EXTENSION", "export", "represented", "spool_of"]

log = logging.getLogger("gateway.web")

HASH_EXTENSION: Final = ".sha256"
_LONGEST_LINK: Final = 2_000  # characters; proxies take some 4 KiB of an answer's head


async def export(request: web.Request) -> web.StreamResponse:
    """The bytes of an export, their index, or the hash of either."""
    representation = await represented(request)
    name = request.match_info["name"]
    whole = name.removesuffix(HASH_EXTENSION)
    known: dict[str, Kind | None] = {representation.filename: None}
    if representation.index is not None:
        known |= {representation.filename + extension: kind for extension, kind in EXTENSIONS.items()}
    if whole not in known:
        raise NotFound("this export has another name")
    kind = known[whole]
    try:
        if whole != name:
            return await _hash(request, representation, kind)
        return await (answer_index(request, representation, kind) if kind else answer(request, representation))
    except GatewayError as error:
        if error.status == HTTPStatus.GONE:
            raise _gone((representation.record or {})["live"], base_of(request)) from error
        raise


def spool_of(request: web.Request) -> Spool:
    """The spool; NotFound where there is none."""
    spool = request.app.get(SPOOL)
    if spool is None:
        raise NotFound("this gateway keeps no exports (it runs without a spool): ask without ticket")
    return spool


async def represented(request: web.Request, segment: str | None = None) -> Representation:
    """The export that an address names, or a segment of one: asked for here before, or by the question in the address.

    Raises NotFound where neither is known; Gone, with the live address, where the data are others now.
    """
    digest, question = addresses.read(request.match_info["export"] if segment is None else segment)
    record = await _recalled(request, digest, known=bool(question))
    view = request[VIEW]  # the right is looked at each time, and what may not be seen is not there
    if record is not None and view.admits(record["datasets"]):
        audit(request, digest, record["datasets"])
        return _kept(request.app, digest, record, view.only(record["datasets"]))
    if not question:
        spool_of(request)
        raise NotFound("no such export; ask the live query again")
    asked = DownloadRequest.asked(question, lasting_base(request))
    plan = await _planned(request.app, asked, digest, view)
    audit(request, digest, plan.datasets)
    representation = Representation.of(plan, asked, request.app)
    if representation.record is None:
        raise NotFound("pages have no address of their own; ask the live query")
    return replace(representation, immutable=True)


async def _recalled(request: web.Request, digest: str, *, known: bool) -> dict[str, Any] | None:
    """What was asked for here; a disk that cannot be read is no reason to fail where it is `known` otherwise."""
    spool = request.app.get(SPOOL)
    try:
        record = await spool.recall(digest) if spool is not None else None
        return None if record is None or Representation.KEPT - record.keys() else record
    except OSError as error:
        log.warning("the spool cannot be used", extra=fields(digest=digest, reason=error))
        if known:
            return None
        raise Busy("the spool cannot be read now; try again soon") from error


def _kept(app: web.Application, digest: str, record: Mapping[str, Any], view: View) -> Representation:
    beside: dict[str, bytes] = {}

    async def produce(tallies: list[Tally]) -> AsyncGenerator[bytes, None]:
        # Not before it is needed: an export that is complete needs no database.
        try:
            plan = await _planned(app, DownloadRequest.kept(record), digest, view)
        except (BadRequest, NotFound) as error:
            raise _gone(record["live"], "") from error
        async with aclosing(produced(app, plan, tallies, beside)) as chunks:
            async for chunk in chunks:
                yield chunk

    found = Representation.kept(digest, record, produce, beside)
    return replace(found, guarded=bool(view.guarded & {*record["datasets"]}))


async def _planned(app: web.Application, asked: DownloadRequest, digest: str, view: View) -> Plan:
    """The plan of a request if it makes these bytes; Gone if it makes others, whatever this host knew before."""
    since = time.monotonic()
    plan = await asked.plan(app, view)
    if plan.reduced:  # the bytes of that name are those of who may see more
        raise NotFound("no such export; ask the live query again")
    if plan.digest != digest:
        # Another host may have seen newer data: what is known here is believed only if it was read since.
        for dataset in {part.dataset_state.dataset for part in plan.parts}:
            await app[CATALOG].renew(dataset, since)
        plan = await asked.plan(app, view)
    if plan.digest != digest:
        raise _gone(asked.live, asked.base)
    return plan


def _gone(path: str, base: str) -> Gone:
    """What says so, with the live address as the client names this host: others may have been told other names."""
    live = base + path if path and len(path) <= _LONGEST_LINK else ""
    where = f"the new data are at {live}" if live else "send the request again for the new data"
    headers = {"Link": f'<{live}>; rel="latest-version"'} if live else {}
    return Gone(f"the data behind this address has changed since; {where}", headers=headers)


async def _hash(request: web.Request, representation: Representation, kind: Kind | None) -> web.Response:
    with request.app[CLIENTS].take():
        if kind is not None:
            data = await index_of(request.app, representation, kind)
            known = Sum(len(data), 0, hashlib.sha256(data).hexdigest())
        else:
            known = await _sum(request, representation)
    text = f"{known.sha256}  {representation.filename}{f'.{kind}' if kind else ''}\n"
    headers = {"Cache-Control": representation.headers(None)["Cache-Control"], **dated(known)}
    if is_known(request, f'"{known.sha256}"', known.completed):
        return web.Response(status=304, headers=headers)
    return web.Response(text=text, headers={**headers, "X-Content-Type-Options": "nosniff"})


async def _sum(request: web.Request, representation: Representation) -> Sum:
    try:
        async with spool_of(request).join(representation.making) as running:
            known = await running.finished()
            if not running.to_be_kept:
                raise UNKEPT
            return known
    except Unspooled as error:
        raise NotFound("the spool cannot hold this export, so its hash is not known") from error
