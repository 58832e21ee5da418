"""Live addresses: a request for variants or biosamples, its plan, and the export that this plan makes now."""

from aiohttp import web

from gateway.web.endpoints import exports
from gateway.web.messages.representation import Offer, answer
from gateway.web.messages.request import Question

__all__ = ["download"]


async def download(request: web.Request) -> web.StreamResponse:
    """Answer any request for variants or biosamples."""
    question = await Question.of(request)
    offer = Offer.of(await question.plan(request.app), question, request.app)
    return await (exports.issue(request, offer) if question.ticket else answer(request, offer))
