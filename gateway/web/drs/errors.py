"""Errors as DRS has them."""

from gateway.errors import GatewayError
from gateway.formats.base import dumps

__all__ = ["body"]


def body(error: GatewayError) -> bytes:
    """The body of an error response."""
    return dumps({"msg": error.message, "status_code": int(error.status)})
