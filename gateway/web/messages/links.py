"""Links to the files that a session opens: absolute, and to immutable addresses, so that a file fits its index."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from aiohttp import web

from gateway import formats
from gateway.download_types import Ask
from gateway.errors import BadRequest
from gateway.planning.format_choice import PACKED
from gateway.planning.plan import make_plan
from gateway.planning.question import canonical, outspoken
from gateway.planning.route_table import ROUTES
from gateway.query.beacon_request import parse_request
from gateway.rights import View
from gateway.web.app_keys import CATALOG, CONFIG
from gateway.web.messages import addresses

__all__ = ["links_of"]

_INDEX = ".tbi"


async def links_of(
    ask: Ask, words: tuple[str, ...], *, base: str, app: web.Application, view: View
) -> tuple[Mapping[str, str], ...]:
    """The files of the same query in these outputs: `name`, `type`, `url`, and `index`, empty where there is none.

    Raises BadRequest where no URL can ask for them, or `base`, the gateway's own, is not known.
    """
    if not base:
        raise BadRequest("its links need this server's name: it is in no Host header", parameter="Host")
    return tuple([await _link(replace(ask, output=word), base, app, view) for word in words])


async def _link(ask: Ask, base: str, app: web.Application, view: View) -> Mapping[str, str]:
    plan = await make_plan(ask, "", base, config=app[CONFIG], catalog=app[CATALOG], view=view)
    segment = addresses.written(plan.digest, _question(outspoken(ask, "", plan.datasets)))
    if segment == plan.digest:
        raise BadRequest("no address can hold this query: leave some of its ids out", parameter="output")
    form = formats.by_word((ask.output or "").removesuffix(PACKED), ask.entity)
    url = f"{base}/exports/{segment}/{plan.filename}"
    index = url + _INDEX if form.index and plan.packing == "bgzf" else ""
    return {"name": plan.filename, "type": form.extension, "url": url, "index": index}


def _question(meant: Ask) -> str:
    path, pairs = canonical(meant)
    said = f"{path}?{urlencode(pairs, safe=':,!')}"
    return said if path and parse_request(path, pairs, routes=ROUTES) == meant else ""
