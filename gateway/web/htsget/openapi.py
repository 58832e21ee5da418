"""The paths of htsget as OpenAPI describes them."""

from typing import Any, Final

from gateway.web.htsget.query import FORMATS
from gateway.web.htsget.views import MEDIA, PREFIX

__all__ = ["paths"]

_TEXT: Final = {"type": "string"}
_POSITION: Final = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["htsget"],
    "properties": {"htsget": {"type": "object", "required": ["error", "message"], "additionalProperties": _TEXT}},
    "additionalProperties": False,
}
_BLOCK: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["url", "class"],
    "properties": {
        "url": {**_TEXT, "description": "where a block is, or the block itself (`data:`)"},
        "headers": {"type": "object", "additionalProperties": _TEXT, "description": "what is to be sent with the URL"},
        "class": {"enum": ["header", "body"]},
    },
    "additionalProperties": False,
}
_TICKET: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["htsget"],
    "properties": {
        "htsget": {
            "type": "object",
            "required": ["format", "urls"],
            "properties": {"format": {"enum": list(FORMATS)}, "urls": {"type": "array", "items": _BLOCK}},
            "additionalProperties": False,
        }
    },
    "additionalProperties": False,
}
_REGION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["referenceName"],
    "properties": {"referenceName": _TEXT, "start": _POSITION, "end": _POSITION},
}
_BODY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "format": _TEXT,
        "class": {"enum": ["header"]},
        "regions": {"type": "array", "minItems": 1, "items": _REGION},
        "fields": _TEXTS,
        "tags": _TEXTS,
        "notags": _TEXTS,
    },
}
_REFUSALS: Final = {
    "400": "`InvalidInput`, `InvalidRange` or `UnsupportedFormat`: the message names the parameter",
    "401": "`InvalidAuthentication`: the token is not valid",
    "403": "`PermissionDenied`: of this dataset the caller may see less",
    "404": "`NotFound`: no such id or reference",
    "429": "this client has all that one may have at once, or in a day; with Retry-After",
    "503": "the file is being made, or there is no room for it; with Retry-After",
    "504": "the database did not answer in time; with Retry-After",
}
_BODIES: Final = {"408": "the body did not come within its time", "413": "`PayloadTooLarge`: beyond 1 MiB"}
_PARAMETERS: Final = (
    ("format", "the format: VCF", _TEXT),
    ("class", "`header`: the header alone", {"enum": ["header"]}),
    ("referenceName", "a chromosome", _TEXT),
    ("start", "first position, 0-based", _POSITION),
    ("end", "behind the last position, 0-based", _POSITION),
    ("fields", "understood, and without effect", _TEXT),
    ("tags", "understood, and without effect", _TEXT),
    ("notags", "understood, and without effect", _TEXT),
)


def _answers(refusals: dict[str, str]) -> dict[str, Any]:
    told = {"200": {"description": "the ticket", "content": {MEDIA: {"schema": _TICKET}}}}
    refused = {
        status: {"description": what, "content": {"application/json": {"schema": _ERROR}}}
        for status, what in refusals.items()
    }
    return told | refused


def paths() -> dict[str, Any]:
    """Paths, each with its methods."""
    about = {"description": "in the form of GA4GH's services", "content": {"application/json": {}}}
    service = {"get": {"summary": "what the htsget service is", "responses": {"200": about}}}
    name = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "a filter code, a biosample id, or a dataset; of another dataset with that and a slash before",
        "schema": _TEXT,
    }
    asked = [{"name": n, "in": "query", "description": what, "schema": schema} for n, what, schema in _PARAMETERS]
    body = {"description": "the same, and several regions", "content": {"application/json": {"schema": _BODY}}}
    return {
        f"{PREFIX}service-info": service,
        f"{PREFIX}variants/service-info": service,
        f"{PREFIX}variants/{{id}}": {
            "parameters": [name],
            "get": {
                "summary": "an htsget ticket of a VCF file, or of a region of it",
                "parameters": asked,
                "responses": _answers(_REFUSALS),
            },
            "post": {
                "summary": "an htsget ticket of a VCF file, or of regions of it",
                "requestBody": body,
                "responses": _answers(_REFUSALS | _BODIES),
            },
        },
    }
