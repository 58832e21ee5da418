"""The application: routes in one table, errors in one place, resources opened and closed in one place."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from gateway import metrics
from gateway.config import Config
from gateway.errors import GatewayError, MethodNotAllowed, NotFound, refusal
from gateway.flow.resources import opened
from gateway.flow.sizes import Sizes
from gateway.formats import envelope_error
from gateway.logs import fields
from gateway.spool.folder import Folder
from gateway.spool.making import Charge, Pass
from gateway.spool.spool import Spool
from gateway.tasks import cancelled
from gateway.web.access.access import ACCESS, Access, identify
from gateway.web.app_keys import (
    AWAY,
    BODIES,
    CATALOG,
    CLIENTS,
    CONFIG,
    DAILY,
    EXECUTOR,
    GENES,
    MEASURED,
    PAGES,
    PUMP,
    REFUSAL,
    REQUEST_ID,
    SIZES,
    SLOTS,
    SOURCE,
    SPOOL,
    STOPPING,
    TERMS,
)
from gateway.web.beacon.views import VIEWS
from gateway.web.endpoints import assets, exports, health, index, openapi, tickets
from gateway.web.endpoints.downloads import download
from gateway.web.endpoints.questions import QUESTIONS
from gateway.web.first_look import look
from gateway.web.learning import learn_from
from gateway.web.limits.daily import DailyBytes
from gateway.web.limits.shares import Shares
from gateway.web.limits.slots import Slots
from gateway.web.messages.origins import allowed_methods, answer_options, share
from gateway.web.operations import traces
from gateway.web.operations.request_log import name_request, observed
from gateway.web.protocols import add_protocols, error_body
from gateway.web.proxy.choice import forward_others
from gateway.web.proxy.upstream import UPSTREAM, open_upstream

__all__ = ["MAX_BODY", "create_app", "open_resources"]

log = logging.getLogger("gateway.web")

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request body; some 50,000 ids."""

# What the gateway says of itself.
_ABOUT: Final = {
    "/": index.page,
    "/health": health.health,
    "/ready": health.ready,
    "/openapi.json": openapi.describe,
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(config: Config) -> web.Application:
    """The gateway as an aiohttp application; nothing is connected before it starts."""
    tracing = [traces.traced] if config.traces else []
    others = [forward_others] if config.beacon_url else []
    inner = [_errors, *others, answer_options, identify]
    app = web.Application(middlewares=[observed, *tracing, *inner], client_max_size=MAX_BODY)
    app[CONFIG] = config
    app[ACCESS] = Access.of(config)
    app[STOPPING] = []
    if config.traces:
        app.cleanup_ctx.append(traces.tracing)
    app.cleanup_ctx.append(open_resources)
    if config.beacon_url:
        app.cleanup_ctx.append(open_upstream)
    app.on_shutdown.append(_let_finish)
    app.on_response_prepare.extend([name_request, share])
    for path, view in _ABOUT.items():
        app.router.add_get(path, view)
        app.router.add_get(f"/gateway{path}", view)  # a Beacon's own may have these names
    app.router.add_get("/gateway/assets/{hash}/{name}", assets.asset)
    app.router.add_get("/favicon.ico", assets.favicon)
    for path, question in QUESTIONS.items():
        app.router.add_get(path, question)
    app.router.add_get("/exports/{export}", tickets.ticket)
    app.router.add_get("/exports/{export}/{name}", exports.export)
    add_protocols(app)
    for path, described in VIEWS.items():
        app.router.add_get(path, described)
    for prefix in ("/beacon/{path:.*}", "/services/{path:.*}"):
        app.router.add_route("*", prefix, download)
    return app


async def open_resources(app: web.Application) -> AsyncIterator[None]:
    """Open what the application needs for its lifetime, and close it."""
    config = app[CONFIG]
    app[SLOTS] = Slots(config.max_passes, "downloads", each=config.client_passes)
    app[PAGES] = Slots(config.max_pages, "pages", each=config.client_pages)
    app[BODIES] = Slots(config.max_pages, "bodies of requests", limit="bodies", each=config.client_pages)
    app[DAILY] = DailyBytes(config.client_bytes)
    app[CLIENTS] = Slots(config.max_clients, "requests for data", limit="requests", each=config.client_connections)
    app[MEASURED] = {}
    app[SIZES] = Sizes()
    app[AWAY] = []
    metrics.PASSES_MOST.put(app[CONFIG].max_passes)
    async with opened(app[CONFIG]) as resources:
        app[SOURCE] = resources.source
        app[CATALOG] = resources.catalog
        app[TERMS] = resources.terms
        app[GENES] = resources.genes
        app[EXECUTOR] = resources.executor
        app[PUMP] = resources.pump
        spool = await _open_spool(app[CONFIG], app[SLOTS])
        if spool is not None:
            app[SPOOL] = spool
        first = [asyncio.create_task(look(resources.catalog, config.datasets, resources.pump.totals.small.learn))]
        first += [asyncio.create_task(learn_from(spool, app[SIZES]))] if spool is not None else []
        yield
        await cancelled(*first)
        if spool is not None:
            await spool.close()
    await app[ACCESS].close()


async def _open_spool(config: Config, slots: Slots) -> Spool | None:
    if config.no_spool:
        return None
    if not config.spool:
        log.warning("there is no home to keep exports in: they are delivered directly; --spool names a folder")
        return None
    folder = Folder(Path(config.spool), config.spool_quota, trusting=config.trust_local_users)

    @contextmanager
    def held(one: Pass) -> Iterator[Charge]:
        with slots.take(one), shares.writing(one.digest) as charge:
            yield charge

    spool = Spool(folder, held)
    shares = Shares(lambda: config.client_spool or folder.room.quota // 2, spool.give_up)
    try:
        await spool.open()
    except OSError as error:
        log.warning(
            "the spool cannot be used: exports are delivered directly", extra=fields(folder=config.spool, reason=error)
        )
        await spool.close()
        return None
    return spool


async def _let_finish(app: web.Application) -> None:
    """No new connection comes in any more: give running downloads their grace time."""
    app[STOPPING].append(True)
    grace = app[CONFIG].grace
    log.info("stopping: running downloads have their grace time", extra=fields(grace_seconds=grace))
    with suppress(TimeoutError):
        async with asyncio.timeout(grace):
            await app[CLIENTS].empty()
            if spool := app.get(SPOOL):
                await spool.idle()
            if upstream := app.get(UPSTREAM):
                await upstream.idle()


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure before the first byte becomes a Beacon error response."""
    try:
        response = await handler(request)
    except GatewayError as error:
        return _failed(request, error)
    except web.HTTPException as error:
        return _failed(request, _of_http(error))
    except (ConnectionError, TimeoutError):
        raise
    except (MemoryError, OSError) as error:  # of memory, files or disks: nothing that was asked is at fault
        log.exception("request failed: the system refuses", extra=_asked(request))
        return _failed(request, refusal(error))
    except Exception:
        metrics.INTERNAL_ERRORS.add(1)
        log.exception("request failed", extra=_asked(request))
        return _failed(request, GatewayError(f"an internal error; it is logged as {request[REQUEST_ID]}"))
    return response


def _asked(request: web.Request) -> dict[str, Any]:
    return fields(method=request.method, path=request.rel_url.raw_path)


def _of_http(error: web.HTTPException) -> GatewayError:
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed("this path answers GET")
    found = NotFound("no such path") if error.status == HTTPStatus.NOT_FOUND else GatewayError(error.reason)
    found.status = error.status
    return found


def _failed(request: web.Request, error: GatewayError) -> web.Response:
    request[REFUSAL] = error
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | error.headers
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(allowed_methods(request) or {"GET", "HEAD"}))
    body = error_body(request, error) or envelope_error(error, request.app[CONFIG].beacon_id, request[REQUEST_ID])
    return web.Response(body=body + b"\n", content_type="application/json", status=error.status, headers=headers)
