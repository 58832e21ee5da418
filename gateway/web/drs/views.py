"""`/ga4gh/drs/v1`: objects, one or many, what is needed to have them, and what the service says of itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from gateway.errors import BadRequest, GatewayError, TooLarge
from gateway.formats.base import dumps
from gateway.web.app_keys import PAGES
from gateway.web.drs.objects import authorizations, described
from gateway.web.messages.about import service_info, told
from gateway.web.messages.request import body_of

__all__ = ["PREFIX", "VERSION", "about", "authorize", "authorize_many", "many", "one"]

PREFIX: Final = "/ga4gh/drs/"
VERSION: Final = "1.4.0"
_MOST: Final = 100  # objects of a request
_TOGETHER: Final = 4  # of them that are looked for at once
_SOON: Final = 2  # seconds after which to ask again for an object that is being made
_PENDING: Final = 202

Find = Callable[[web.Request, str], Awaitable[dict[str, Any] | None]]


async def about(request: web.Request) -> web.Response:
    """What the service is, and how many objects may be asked for at once."""
    return service_info(request, "drs", VERSION, {"maxBulkRequestLength": _MOST})


async def one(request: web.Request) -> web.Response:
    """An object; 202 while it is being made.  Passports in a body are not read: the header `Authorization` is."""
    if request.method == "POST":
        await body_of(request)
    found = await described(request, request.match_info["id"])
    if found is None:
        headers = {"Retry-After": str(_SOON), "Cache-Control": "no-store"}
        return web.Response(status=_PENDING, headers=headers)
    return told(dumps(found))


async def authorize(request: web.Request) -> web.Response:
    """What a caller has to show to have an object."""
    return told(dumps(await authorizations(request, request.match_info["id"])))


async def many(request: web.Request) -> web.Response:
    """Objects by their ids, and why there are no others."""
    return await _many(request, described)


async def authorize_many(request: web.Request) -> web.Response:
    """What a caller has to show to have each of some objects."""
    return await _many(request, authorizations)


async def _many(request: web.Request, find: Find) -> web.Response:
    names = _names(await body_of(request))
    places = asyncio.Semaphore(_TOGETHER)
    resolved: list[dict[str, Any]] = []
    unresolved: dict[int, list[str]] = {}

    async def look(name: str) -> dict[str, Any] | int:
        async with places:
            try:
                return await find(request, name) or _PENDING
            except GatewayError as error:
                return int(error.status)

    with request.app[PAGES].take():
        found = await asyncio.gather(*map(look, names))
    for name, each in zip(names, found, strict=True):
        if isinstance(each, int):
            unresolved.setdefault(each, []).append(name)
        else:
            resolved.append(each)
    summary = {"requested": len(names), "resolved": len(resolved), "unresolved": len(names) - len(resolved)}
    others = [{"error_code": status, "object_ids": ids} for status, ids in sorted(unresolved.items())]
    answer = {"summary": summary, "unresolved_drs_objects": others, "resolved_drs_object": resolved}
    return told(dumps(answer))


def _names(body: object) -> list[str]:
    """The ids in a body, each once.  Raises BadRequest, TooLarge."""
    asked = body.get("bulk_object_ids") if isinstance(body, dict) else None
    if not isinstance(asked, list) or not all(isinstance(name, str) for name in asked):
        raise BadRequest("bulk_object_ids is a list of ids", parameter="bulk_object_ids")
    if len(asked) > _MOST:
        raise TooLarge(f"bulk_object_ids: {len(asked)} are more than the {_MOST} that may be asked for at once")
    return list(dict.fromkeys(asked))
