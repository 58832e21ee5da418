"""Live addresses: a request for records, its plan, and the export that this plan makes now."""

from aiohttp import web

from gateway import spans
from gateway.errors import BadRequest, NotAcceptable
from gateway.web.access.access import audit
from gateway.web.app_keys import VIEW
from gateway.web.endpoints import tickets
from gateway.web.messages.indexes import answer_index
from gateway.web.messages.representation import Representation, answer
from gateway.web.messages.request import DownloadRequest

__all__ = ["download"]


async def download(request: web.Request) -> web.StreamResponse:
    """Answer any request for variants or biosamples."""
    download_request = await DownloadRequest.of(request)
    with spans.span("plan"):
        plan = await download_request.plan(request.app, request[VIEW])
    audit(request, plan.digest, plan.datasets)
    representation = Representation.of(plan, download_request, request.app)
    if download_request.index is not None:
        if download_request.ticket:
            raise BadRequest("an index has no ticket of its own; ask for that of its file", parameter="ticket")
        if representation.index is None:
            raise NotAcceptable(f"there is no index of {plan.form} files", parameter="output")
        return await answer_index(request, representation, download_request.index)
    return await (
        tickets.issue(request, representation) if download_request.ticket else answer(request, representation)
    )
