"""Errors as htsget has them: a word of its list, and a message."""

from http import HTTPStatus
from typing import ClassVar, Final

from gateway.errors import BadRequest, GatewayError
from gateway.formats.base import dumps

__all__ = ["InvalidRange", "UnsupportedFormat", "body"]

_WORDS: Final = {
    400: "InvalidInput",
    401: "InvalidAuthentication",
    403: "PermissionDenied",
    404: "NotFound",
    410: "NotFound",
    413: "PayloadTooLarge",
    500: "InternalServerError",
}


class UnsupportedFormat(BadRequest):
    """A format that there is not."""

    word: ClassVar[str] = "UnsupportedFormat"


class InvalidRange(BadRequest):
    """A range that ends before it begins."""

    word: ClassVar[str] = "InvalidRange"


def body(error: GatewayError) -> bytes:
    """The body of an error response; statuses that htsget does not list are called as HTTP calls them."""
    word = getattr(error, "word", "") or _WORDS.get(error.status) or _phrase(error.status)
    return dumps({"htsget": {"error": word, "message": error.message}})


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
