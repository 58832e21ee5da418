"""Who answers where a Beacon stands behind the gateway: what is ours and can be answered is, all else is forwarded.

What describes the Beacon as a whole is its own to say, as are its site's pages.  What we refuse as unknown or not
supported is asked of the Beacon: the answer is the one that there was before the gateway came.  What is malformed stays
refused; but a body that was sent to a Beacon's path may be of a kind that the Beacon understands.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from gateway.errors import BadRequest, GatewayError, MethodNotAllowed, NotAcceptable, NotFound, Unsupported
from gateway.formats import FORMATS
from gateway.planning.format_choice import PACKED
from gateway.planning.route_table import ROUTES
from gateway.query import plots
from gateway.query.parameters import OTHER_FORMS, normal
from gateway.tabix import EXTENSIONS
from gateway.web.app_keys import VIEW
from gateway.web.beacon.views import VIEWS
from gateway.web.messages.request import of_file
from gateway.web.protocols import PREFIXES
from gateway.web.proxy.upstream import UPSTREAM

__all__ = ["forward_others"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OURS: Final = ("/exports/", "/gateway/", "/health", "/ready", "/openapi.json", *PREFIXES)
_THE_BEACONS: Final = frozenset(
    {"", "/favicon.ico", *(path.rstrip("/") for path in VIEWS)}
    | {"/beacon/filtering_terms", "/beacon/filteringTerms", "/beacon/datasets"}
)
_DATA: Final = ("/beacon/", "/services/")
_FORMS: Final = frozenset(map(normal, OTHER_FORMS))
_PLOT: Final = normal(plots.TYPE)
_OUTPUTS: Final = frozenset({"output", "method"})  # parameters that name formats
# Formats that Beacons knew, now or once.  Of others they answer with JSON, which would look like the file.
_OF_BEACONS: Final = frozenset(
    {
        *("json", "pgxseg", "callsetspgxseg", "callsetsvariants", "vcf", "igv", "table", "datatable", "sampletable"),
        *("idtable", "pgxmatrix", "pgxfreq", "frequencies", "cnvstats", "collations", "filteringterms"),
        *("histoplot", "samplesplot"),
    }
)
_OURS_ALONE: Final = frozenset(word for form in FORMATS for word in (*form.words, *form.whole)) - _OF_BEACONS
_FILES: Final = (PACKED, *(PACKED + extension for extension in EXTENSIONS))
_REFUSED_HERE: Final = (NotFound, MethodNotAllowed, NotAcceptable, Unsupported)


@web.middleware
async def forward_others(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Forward what is not ours, and what we refuse because we do not know it."""
    if request.path.startswith(_OURS):
        return await handler(request)
    if _is_known(request) and not _wants_another_form(request):
        try:
            return await handler(request)
        except (GatewayError, web.HTTPException) as error:
            if _wants_ours(request) or not _is_refused(request, error):
                raise
    return await request.app[UPSTREAM].forward(request)


def _is_known(request: web.Request) -> bool:
    """Whether the path is one of ours; what is none is forwarded as it came, whoever asks."""
    if request.path.rstrip("/") in _THE_BEACONS or request.match_info.http_exception is not None:
        return False
    if request.path.startswith(_DATA):
        return ROUTES.has(of_file(request.rel_url.raw_path, request.query.items())[0])
    return True


def _is_refused(request: web.Request, error: GatewayError | web.HTTPException) -> bool:
    if isinstance(error, BadRequest) and request.method == "POST":
        return VIEW in request  # else it was a token that was shown wrongly, which is no matter of the body
    return isinstance(error, (*_REFUSED_HERE, web.HTTPNotFound, web.HTTPMethodNotAllowed))


def _wants_another_form(request: web.Request) -> bool:
    """Whether it asks for what is never made here: forms of JSON, or plots of paths that have none here."""
    asked = {normal(name) for name, value in request.query.items() if value}
    return not asked.isdisjoint(_FORMS) or (
        _PLOT in asked and not plots.draws(ROUTES.find(request.rel_url.raw_path)[0])
    )


def _wants_ours(request: web.Request) -> bool:
    """Whether a ticket is asked for, a format that Beacons do not know, or a file by a name."""
    with suppress(NotFound):
        if ROUTES.find(request.rel_url.raw_path)[0].outputs:
            return True
    asked = [(normal(name), value.strip().lower()) for name, value in request.query.items()]
    return ("ticket", "true") in asked or any(
        name in _OUTPUTS and (word.endswith(_FILES) or word in _OURS_ALONE) for name, word in asked
    )
