"""Scripts on pages of other origins (CORS, in the Fetch standard): who may read answers, and which of their headers.

What everybody may see any page may read, where the setting has a `*`; what a token is needed for just pages of the
origins that it names.  Browsers send no cookies with such requests, nor passwords: there is no credentials mode.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.config import Config
from gateway.errors import NotFound
from gateway.planning.route_table import ROUTES
from gateway.web.access.access import ACCESS
from gateway.web.app_keys import CONFIG
from gateway.web.beacon.views import VIEWS
from gateway.web.messages.headers import PRIVATE
from gateway.web.messages.request import POSTED, of_file
from gateway.web.messages.transfer import FORWARDED, TRANSFER

__all__ = ["EXPOSED", "allowed_methods", "answer_options", "share", "shared_errors"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ANY: Final = "*"
"""All origins."""
EXPOSED: Final = (
    *("Accept-Ranges", "Allow", "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Range", "ETag"),
    *("Last-Modified", "Link", "Repr-Digest", "Retry-After", "Vary", "Warning", "WWW-Authenticate", "X-Request-ID"),
)
"""Headers of answers that scripts may read."""
_TAKEN: Final = (
    *("Accept", "Content-Type", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since"),
    *("Range", "X-Request-ID"),
)
# Shown to those who may read what it is good for.
_AUTHORIZATION: Final = "Authorization"
_METHOD: Final = "Access-Control-Request-Method"
_SECONDS: Final = 86_400  # for which a browser need not ask again
_ORIGIN: Final = "Access-Control-Allow-Origin"
_EXPOSE: Final = {"Access-Control-Expose-Headers": ", ".join(EXPOSED)}


def _granted(request: web.Request, *, guarded: bool) -> tuple[str, bool]:
    """The origin whose pages may read an answer, empty for none; and whether that depends on who asks."""
    origins = request.app[CONFIG].allowed_origins
    if ANY in origins and not guarded:
        return ANY, False
    named = origins - {ANY}
    origin = request.headers.get("Origin", "")
    return origin if origin in named else "", bool(named)


async def share(request: web.Request, response: web.StreamResponse) -> None:
    """Let scripts read an answer of ours, if they may.  What is forwarded says so for itself."""
    transfer = request.get(TRANSFER)
    if (transfer is not None and transfer.source == FORWARDED) or _ORIGIN in response.headers:
        return
    shown = _AUTHORIZATION in request.headers and request.app[ACCESS].rules is not None
    # What no cache may keep, such as errors and tickets, may tell who shows a token what others do not see.
    caching = response.headers.get("Cache-Control", "no-store")
    origin, depends = _granted(request, guarded=caching == PRIVATE or (shown and caching == "no-store"))
    if depends and "Origin" not in response.headers.get("Vary", ""):  # a preflight that is refused has it already
        response.headers["Vary"] = ", ".join(filter(None, (response.headers.get("Vary"), "Origin")))
    if origin:
        response.headers.update({_ORIGIN: origin, **_EXPOSE})


def shared_errors(config: Config) -> dict[str, str]:
    """The same of errors that are answered outside the application: they tell nothing of data."""
    return {_ORIGIN: ANY, **_EXPOSE} if ANY in config.allowed_origins else {}


def allowed_methods(request: web.Request) -> frozenset[str]:
    """The methods that a path takes, none if there is no such path."""
    refused = request.match_info.http_exception
    if isinstance(refused, web.HTTPMethodNotAllowed):
        own = frozenset(refused.allowed_methods)
    elif refused is not None:
        return frozenset()
    elif request.match_info.route.method == "OPTIONS":
        own = frozenset(route.method for route in request.match_info.route.resource or ())
    else:
        path = request.path.rstrip("/")
        if path not in VIEWS and not ROUTES.has(of_file(request.rel_url.raw_path, request.query.items())[0]):
            return frozenset()
        own = frozenset({"GET", "HEAD", "POST"} if path in POSTED else {"GET", "HEAD"})
    return own | {"OPTIONS"}


@web.middleware
async def answer_options(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer `OPTIONS`: what a path takes, and, to browsers, what scripts may send there; it needs no token.

    Where a protocol has an answer of its own to it, that is for who is no browser.
    """
    own = request.match_info.route.method == "OPTIONS" and _METHOD not in request.headers
    if request.method != "OPTIONS" or own:
        return await handler(request)
    methods = allowed_methods(request)
    if not methods:
        raise NotFound("no such path")
    headers = {"Allow": ", ".join(sorted(methods)), "Cache-Control": "no-store"}
    # Whether an answer is for everybody is not known before there is one: that says so itself.
    named, depends = _granted(request, guarded=True)
    if depends:
        headers["Vary"] = "Origin"
    if origin := named or _granted(request, guarded=False)[0]:
        headers |= {
            _ORIGIN: origin,
            "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
            "Access-Control-Allow-Headers": ", ".join((*_TAKEN, *((_AUTHORIZATION,) if named else ()))),
            "Access-Control-Max-Age": str(_SECONDS),
        }
    return web.Response(status=204, headers=headers)
