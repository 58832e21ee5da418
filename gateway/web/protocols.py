"""The protocols of GA4GH beside Beacon: their paths, and the form of their errors."""

from typing import Final

from aiohttp import web

from gateway.errors import GatewayError
from gateway.web.drs import errors as drs_errors
from gateway.web.drs import views as drs
from gateway.web.htsget import errors as htsget_errors
from gateway.web.htsget import views as htsget

__all__ = ["PREFIXES", "add_protocols", "error_body"]

_ERRORS: Final = {htsget.PREFIX: htsget_errors.body, drs.PREFIX: drs_errors.body}
PREFIXES: Final = tuple(_ERRORS)
"""What their paths begin with."""
_DRS: Final = f"{drs.PREFIX}v1"


def add_protocols(app: web.Application) -> None:
    """Add their paths to an application."""
    router = app.router
    for path in ("service-info", "variants/service-info"):
        router.add_get(f"{htsget.PREFIX}{path}", htsget.about)
    router.add_get(f"{htsget.PREFIX}variants/{{id:.+}}", htsget.ticket)
    router.add_post(f"{htsget.PREFIX}variants/{{id:.+}}", htsget.ticket)
    router.add_get(f"{_DRS}/service-info", drs.about)
    router.add_post(f"{_DRS}/objects", drs.many)
    router.add_options(f"{_DRS}/objects", drs.authorize_many)
    router.add_get(f"{_DRS}/objects/{{id}}", drs.one)
    router.add_post(f"{_DRS}/objects/{{id}}", drs.one)
    router.add_options(f"{_DRS}/objects/{{id}}", drs.authorize)


def error_body(request: web.Request, error: GatewayError) -> bytes | None:
    """The body of an error response in the form of its protocol; None for paths of others."""
    return next((body(error) for begin, body in _ERRORS.items() if request.path.startswith(begin)), None)
