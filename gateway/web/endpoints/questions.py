"""The questions that the page asks, by their paths."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from gateway.web.endpoints.estimate import estimate
from gateway.web.endpoints.places import cytobands, genes
from gateway.web.endpoints.running import running
from gateway.web.endpoints.served import datasets
from gateway.web.endpoints.terms import terms

__all__ = ["QUESTIONS"]

QUESTIONS: Final[Mapping[str, Callable[[web.Request], Awaitable[web.Response]]]] = {
    "/gateway/datasets": datasets,
    "/gateway/estimate": estimate,
    "/gateway/terms": terms,
    "/gateway/genes": genes,
    "/gateway/cytobands": cytobands,
    "/gateway/running": running,
}
"""What answers each path."""
