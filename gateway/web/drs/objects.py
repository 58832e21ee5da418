"""DRS objects: a complete export each.  Its id is its digest; whatever else names the export here names it, too."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from gateway.errors import BadRequest, Busy, Gone, NotFound
from gateway.spool.folder import Sum
from gateway.spool.spool import Spool, Unspooled
from gateway.spool.writer import UNKEPT
from gateway.web.app_keys import CLIENTS
from gateway.web.drs.uris import uri
from gateway.web.endpoints.exports import represented, spool_of
from gateway.web.endpoints.tickets import address_of
from gateway.web.messages.representation import Representation
from gateway.web.messages.request import base_of, lasting_base

__all__ = ["authorizations", "described"]

# A small export is complete by then.
_AT_ONCE: Final = 0.1


async def described(request: web.Request, name: str) -> dict[str, Any] | None:
    """The object of an id, None while it is being made, which this starts.  Raises NotFound, or why it is not made."""
    representation = await _found(request, name)
    spool = spool_of(request)
    known = await spool.look(representation.digest) or await _made(request, spool, representation)
    if known is None:
        return None
    # Of what an older version left only the time of the file tells; which may just have been removed to make room.
    created = known.completed or await spool.completed(representation.digest)
    if created is None:
        return None
    base = lasting_base(request) or base_of(request)
    if not base:
        raise BadRequest("the request names no host, and an object has a URI with one", parameter="Host")
    own = await address_of(request, representation)
    segment = own.rpartition("/")[2]
    address = {"type": "https", "access_url": {"url": f"{own}/{representation.filename}"}}
    created_at = datetime.fromtimestamp(created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "id": representation.digest,
        "name": representation.filename,
        "self_uri": uri(base, representation.digest),
        "size": known.size,
        "created_time": created_at,
        "updated_time": created_at,
        "version": representation.digest,
        "mime_type": representation.media.partition(";")[0],
        "checksums": [{"type": "sha-256", "checksum": known.sha256}],
        "access_methods": [address | ({"authorizations": _needed(representation)} if representation.guarded else {})],
        # Any host that serves the dataset finds it by this.
        **({"aliases": [segment]} if segment != representation.digest else {}),
    }


async def authorizations(request: web.Request, name: str) -> dict[str, Any]:
    """What a caller has to show to have an object; NotFound if there is none for it."""
    return _needed(await _found(request, name))


def _needed(representation: Representation) -> dict[str, Any]:
    return {
        "drs_object_id": representation.digest,
        "supported_types": ["BearerAuth"] if representation.guarded else ["None"],
    }


async def _found(request: web.Request, name: str) -> Representation:
    try:
        return await represented(request, name)
    except Gone as error:  # which DRS does not know
        raise NotFound(error.message, headers=error.headers) from error


async def _made(request: web.Request, spool: Spool, representation: Representation) -> Sum | None:
    """What is known of an export when it is complete; None if that takes long."""
    with request.app[CLIENTS].take():
        try:
            async with spool.join(representation.making) as running:
                await running.begins()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AT_ONCE):
                        known = await running.finished()
                        if not running.to_be_kept:
                            raise UNKEPT
                        return known
        except Unspooled as error:
            raise Busy("the spool cannot hold this object now; try again later") from error
        except Gone as error:
            raise NotFound(error.message, headers=error.headers) from error
    return None
