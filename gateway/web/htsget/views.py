"""`/htsget/variants/{id}`: the ticket of a VCF file, or of regions of it; and what the service says of itself."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, TypeVar

from aiohttp import web

from gateway.bgzf import END
from gateway.errors import BadRequest, Busy, Forbidden
from gateway.formats.base import dumps
from gateway.spool.spool import Unspooled
from gateway.tabix import Index
from gateway.web.access.access import audit
from gateway.web.app_keys import CLIENTS, CONFIG, EXECUTOR, VIEW
from gateway.web.endpoints.exports import spool_of
from gateway.web.endpoints.tickets import address_of
from gateway.web.htsget.blocks import Block, Piece, blocks, joined, written
from gateway.web.htsget.names import requested
from gateway.web.htsget.query import FORMATS, Query, Region, of_body, of_parameters
from gateway.web.messages.about import service_info
from gateway.web.messages.headers import PRIVATE
from gateway.web.messages.indexes import IndexedExport, opened
from gateway.web.messages.representation import Representation
from gateway.web.messages.request import body_of, lasting_base

__all__ = ["MEDIA", "PREFIX", "VERSION", "about", "ticket"]

PREFIX: Final = "/htsget/"
VERSION: Final = "1.3.0"
MEDIA: Final = f"application/vnd.ga4gh.htsget.v{VERSION}+json"
T = TypeVar("T")
_SOON: Final = 5  # seconds after which to ask again for a file that is being made


async def about(request: web.Request) -> web.Response:
    """What the service is, and what it can do."""
    own = {
        "datatype": "variants",
        "formats": list(FORMATS),
        "fieldsParameterEffective": False,
        "tagsParametersEffective": False,
    }
    return service_info(request, "htsget", VERSION, {"htsget": own})


async def ticket(request: web.Request) -> web.Response:
    """Where the header and the records are; starts the file if it is not there, and waits for it a while."""
    query = await _asked(request)
    spool_of(request)
    download_request = await requested(request, request.match_info["id"])
    plan = await download_request.plan(request.app, request[VIEW])
    audit(request, plan.digest, plan.datasets)
    representation = Representation.of(plan, download_request, request.app)
    # All are to be parts of one file, or none: where that is not certain a range would be answered by the whole.
    headers = {"If-Match": f'"{representation.digest}"'} | (_credentials(request) if representation.guarded else {})
    url = f"{await address_of(request, representation)}/{representation.filename}"
    with request.app[CLIENTS].take():
        try:
            async with AsyncExitStack() as stack:
                file = await _opened(request, representation, stack)
                found = await _blocks(request.app, file, query)
        except Unspooled as error:
            raise Busy("the spool cannot hold this file now; try again later") from error

    def packed() -> bytes:
        return dumps({"htsget": {"format": FORMATS[0], "urls": written(found, url, headers)}})

    body = await _aside(request.app, packed)
    kept = PRIVATE if representation.guarded else "no-store"
    told = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body + b"\n", content_type=MEDIA, charset="utf-8", headers=told)


async def _asked(request: web.Request) -> Query:
    if request.method != "POST":
        return of_parameters({name: request.query.getall(name) for name in request.query})
    if request.query:
        raise BadRequest("a POST takes no parameters in its URL: they stand in its body", parameter="body")
    return await _aside(request.app, partial(of_body, await body_of(request)))


async def _aside(app: web.Application, work: Callable[[], T]) -> T:
    """Do where nobody is kept waiting what takes its time: a body may name some fifty thousand regions."""
    return await asyncio.get_running_loop().run_in_executor(app[EXECUTOR], work)


async def _opened(request: web.Request, representation: Representation, stack: AsyncExitStack) -> IndexedExport:
    """The complete file; Busy if it takes longer to make than one waits for it."""
    there = await spool_of(request).look(representation.digest)
    limit = asyncio.timeout(None if there else request.app[CONFIG].htsget_wait)
    try:
        async with limit:
            return await stack.enter_async_context(opened(request.app, representation))
    except TimeoutError:
        if not limit.expired():
            raise
        busy = Busy("the file is being made; ask again")
        busy.retry_after = _SOON
        raise busy from None


async def _blocks(app: web.Application, file: IndexedExport, query: Query) -> list[Block]:
    end = file.known.size - len(END) << 16
    if query.header:
        pieces = []
    elif query.regions is None:
        pieces = joined([(file.header_end, end)])
    else:
        pieces = await _aside(app, partial(_pieces, file.index, query.regions))
    return await blocks(file, file.header_end, pieces)


def _pieces(index: Index, regions: Iterable[Region]) -> list[Piece]:
    of: dict[str, list[tuple[int, int]]] = {}
    for region in regions:
        of.setdefault(region.name, []).append((region.start, region.end))
    return joined(chunk for name, some in of.items() for chunk in index.among(name, some))


def _credentials(request: web.Request) -> dict[str, str]:
    """What a client is to send for data that not everybody gets: what it sent here, and only to where we are.

    The specification has it send nothing by itself.  Where nothing but the request says what host this is, a client
    would be told to send its token wherever that says.
    """
    if not lasting_base(request):
        raise Forbidden("this gateway does not know its own address (--public-url), and would not have tokens sent on")
    return {name: value for name, value in request.headers.items() if name.lower() == "authorization"}
