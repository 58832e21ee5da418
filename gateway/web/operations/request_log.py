"""Each request has an id, a line in the log, and is counted, however it ends.

The id is the client's `X-Request-ID` if that is short and harmless, else a new one; the answer names it.  Of the query
the line has the parameters that the gateway knows; values of others may be anybody's secrets.
"""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from gateway import metrics
from gateway.errors import GatewayError, NotFound
from gateway.logs import fields, request_id, safe_id
from gateway.planning.route_table import ROUTES
from gateway.query.parameters import parameter
from gateway.web.app_keys import REFUSAL, REQUEST_ID
from gateway.web.limits.addresses import current
from gateway.web.messages.transfer import FORWARDED, TRANSFER, Transfer

__all__ = ["ID_HEADER", "endpoint_of", "name_request", "observed", "refused_unheard"]

log = logging.getLogger("gateway.web")

ID_HEADER: Final = "X-Request-ID"
_DOWNLOADS: Final = frozenset({"/beacon/{path}", "/services/{path}"})
# What load balancers ask every few seconds is no news while the answer is good.
_PROBES: Final = frozenset({"/health", "/ready", "/gateway/health", "/gateway/ready"})
_OTHER: Final = "other"
_UNANSWERED: Final = "none"
_FAILURES: Final = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})
_HIDDEN: Final = "***"
# Parameters that lead to what somebody else asked.
_HANDLES: Final = frozenset({"accessid"})
_LONGEST_QUERY: Final = 500
_LONGEST_NAME: Final = 120
# Lines of refusals a second: a flood of them must not fill a disk.  They are counted all the same.
_REFUSALS: Final = 50

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def endpoint_of(request: web.Request) -> str:
    """The name of what answers: of downloads the kind of record or the service, else the path as the router has it."""
    resource = request.match_info.route.resource
    name = resource.canonical if resource is not None else _OTHER
    if name not in _DOWNLOADS:
        return name
    try:
        route, _ = ROUTES.find(request.rel_url.raw_path)
    except NotFound:
        return _OTHER
    _, place, word, *_ = route.path.split("/")
    return f"/{place}/{route.entity if place == 'beacon' else word}"


async def name_request(request: web.Request, response: web.StreamResponse) -> None:
    """Say a request's id in its answer; what never came to the application has one already."""
    if (known := request.get(REQUEST_ID)) is not None:
        response.headers.setdefault(ID_HEADER, known)  # the Beacon behind may have named it


@web.middleware
async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give a request its id, count it, and write its line when it is over."""
    given = request.headers.get(ID_HEADER, "")
    request[REQUEST_ID] = given if safe_id(given) else uuid.uuid4().hex[:16]
    request_id.set(request[REQUEST_ID])  # each request is a task of its own
    began, endpoint, status = time.monotonic(), endpoint_of(request), _UNANSWERED
    response = None
    with metrics.REQUESTS_RUNNING.counted():
        try:
            response = await handler(request)
            status = str(response.status)
        finally:
            transfer = request.pop(TRANSFER, None)  # or each would keep the other
            if transfer is not None and transfer.status:
                status = str(transfer.status)
            if transfer is not None and transfer.source == FORWARDED:
                endpoint = FORWARDED
            metrics.REQUESTS.add(1, endpoint, status)
            if transfer is not None and transfer.first is not None:
                metrics.REQUEST_SECONDS.observe(transfer.first - began, endpoint)
            elif response is not None:
                metrics.REQUEST_SECONDS.observe(time.monotonic() - began, endpoint)
            _write(request, endpoint, status, _numbers(began, transfer, response))
    return response


def _numbers(began: float, transfer: Transfer | None, response: web.StreamResponse | None) -> Mapping[str, object]:
    """What the line of a request says of the answer."""
    seconds = {"seconds": round(time.monotonic() - began, 3)}
    if transfer is not None and (transfer.first is not None or response is None):
        return {
            "bytes": transfer.size,
            **seconds,
            "first_byte_seconds": round(transfer.first - began, 3) if transfer.first is not None else None,
            "client_seconds": round(transfer.held, 3),
            "source": transfer.source,
            "file": transfer.filename or None,
            "digest": transfer.digest or None,
            "rows": transfer.rows() if transfer.digest else None,
            "outcome": transfer.outcome,
            "reason": transfer.reason,
        }
    if response is None:
        return {**seconds, "outcome": "client left"}
    body = response.body if isinstance(response, web.Response) else None
    size = len(body) if isinstance(body, bytes) else 0
    good = response.status < HTTPStatus.BAD_REQUEST
    bad = "failed" if response.status in _FAILURES else "refused"
    return {"bytes": size, **seconds, "outcome": "complete" if good else bad}


def _write(request: web.Request, endpoint: str, status: str, numbers: Mapping[str, object]) -> None:
    error = request.get(REFUSAL)
    if error is not None:
        _count(error)
    level = logging.DEBUG if endpoint in _PROBES and error is None else logging.INFO
    if not log.isEnabledFor(level):
        return
    unwritten = _flood.passes() if error is not None else 0
    if unwritten is None:
        return
    told = {"reason": error.message} if error is not None else {}
    asked = {
        "method": request.method,
        "path": request.rel_url.raw_path,
        "query": _query(request) or None,
        "client": current.get() or request.remote,
        "agent": request.headers.get("User-Agent", "")[:_LONGEST_NAME] or None,
        "status": int(status) if status != _UNANSWERED else None,
    }
    log.log(level, "request", extra=fields(**asked, **{**numbers, **told}, unwritten=unwritten or None))


def _query(request: web.Request) -> str:
    """The query as far as the gateway knows what it says."""
    pairs = [(name, value if _is_told(name) else _HIDDEN) for name, value in request.query.items()]
    return urlencode(pairs, safe=":,!/*", errors="replace")[:_LONGEST_QUERY]


def _is_told(name: str) -> bool:
    known = parameter(name)
    return known is not None and known.use != "narrows" and known.name not in _HANDLES


def refused_unheard(error: GatewayError, identity: str) -> None:
    """Count and tell what was refused before it was a request."""
    metrics.REQUESTS.add(1, _OTHER, str(error.status))
    _count(error)
    if (unwritten := _flood.passes()) is not None:
        told = {"request_id": identity, "status": int(error.status), "outcome": "refused", "reason": error.message}
        log.info("request", extra=fields(**told, unwritten=unwritten or None))


def _count(error: GatewayError) -> None:
    metrics.REFUSALS.add(1, type(error).__name__, error.limit)


class _Flood:
    """Lets so many refusals a second be told."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = float(most)
        self._at = time.monotonic()
        self._unwritten = 0

    def passes(self) -> int | None:
        """How many were not told since the last that was; None if this is another of them."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._most)
        self._at = now
        if self._left < 1:
            self._unwritten += 1
            return None
        self._left -= 1
        unwritten, self._unwritten = self._unwritten, 0
        return unwritten


_flood: Final = _Flood(_REFUSALS)
