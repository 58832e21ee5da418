"""What the page at `/` loads: assets whose addresses change with their content, and the icon that browsers ask for."""

from typing import Final

from aiohttp import web

from gateway.errors import NotFound
from gateway.page import assets, assets_hash

__all__ = ["asset", "favicon"]

_FOREVER: Final = "public, max-age=31536000, immutable"
_A_DAY: Final = "public, max-age=86400"


async def asset(request: web.Request) -> web.Response:
    """An asset of this version; another version's address is not found, never answered with other bytes."""
    if request.match_info["hash"] != assets_hash():
        raise NotFound("the page has changed; reload it")
    return _answered(request, request.match_info["name"], _FOREVER)


async def favicon(request: web.Request) -> web.Response:
    """The icon at the address where browsers look for one."""
    return _answered(request, "favicon.svg", _A_DAY)


def _answered(request: web.Request, name: str, cached: str) -> web.Response:
    found = assets().get(name)
    if found is None:
        raise NotFound("no such path")
    packed = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    headers = {
        "Cache-Control": cached,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        **({"Content-Encoding": "gzip"} if packed else {}),
    }
    body = found.packed if packed else found.body
    return web.Response(body=body, content_type=found.media, charset="utf-8", headers=headers)
