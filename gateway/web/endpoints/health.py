"""`/health` and `/ready`: whether the process runs, and whether it can serve."""

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway import __version__, codec
from gateway.db.driver import Topology
from gateway.errors import GatewayError
from gateway.formats.base import dumps
from gateway.web.app_keys import CATALOG, CONFIG, SOURCE, STOPPING, VIEW
from gateway.web.messages.headers import PRIVATE

__all__ = ["health", "ready"]

_READY_SECONDS: Final = 5


async def health(_: web.Request) -> web.Response:
    """Whether the process runs."""
    return _json({"status": "ok", "version": __version__})


async def ready(request: web.Request) -> web.Response:
    """Whether downloads can be served: the database answers, and the server is not stopping."""
    app, view = request.app, request[VIEW]
    trouble, empty = "stopping" if app[STOPPING] else None, []
    if trouble is None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await app[SOURCE].ping()
                empty = await _empty(app)
        except (GatewayError, TimeoutError):
            trouble = "the database cannot be reached"
    if len(empty) == len(app[CONFIG].datasets):
        trouble = "no dataset holds data"
    answer = {
        "ready": trouble is None,
        "reason": trouble,
        "engine": codec.IMPLEMENTATION,
        "datasets": list(view.granted),
        "empty": [name for name in empty if name in view.granted],
        "unindexed": [told for told, name in app[CATALOG].unserved.items() if view.granted.get(name) == "record"],
        "database": _told(app[SOURCE].topology),
        "version": __version__,
    }
    headers = {} if trouble is None else {"Retry-After": "5"}
    headers |= {"Cache-Control": PRIVATE, "Vary": "Authorization"} if view.differs else {}
    status = HTTPStatus.OK if trouble is None else HTTPStatus.SERVICE_UNAVAILABLE
    return _json(answer, status=status, headers=headers)


async def _empty(app: web.Application) -> list[str]:
    """Datasets without data; those that were known to have none are looked at again."""
    catalog = app[CATALOG]
    for dataset in catalog.empty:
        with suppress(GatewayError):
            await catalog.state(dataset)
    return [name for name in app[CONFIG].datasets if name in catalog.empty]


def _told(topology: Topology) -> dict[str, object]:
    """What the database is, and what that means for downloads: of one that never answered nobody knows."""
    passes = None if topology.kind == "unknown" else topology.way
    return {"kind": topology.kind, "wireVersion": topology.wire_version, "passes": passes}


def _json(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return web.Response(body=dumps(value) + b"\n", content_type="application/json", status=status, headers=headers)
