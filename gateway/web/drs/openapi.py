"""The paths of DRS as OpenAPI describes them."""

from typing import Any, Final

from gateway.web.drs.views import PREFIX

__all__ = ["paths"]

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer", "minimum": 0}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["msg", "status_code"],
    "properties": {"msg": _TEXT, "status_code": {"type": "integer"}},
    "additionalProperties": False,
}
_RIGHTS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["drs_object_id", "supported_types"],
    "properties": {
        "drs_object_id": _TEXT,
        "supported_types": {"type": "array", "items": {"enum": ["None", "BearerAuth"]}},
    },
    "additionalProperties": False,
}
_ACCESS: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "access_url"],
    "properties": {
        "type": {"enum": ["https"]},
        "access_url": {"type": "object", "required": ["url"], "properties": {"url": _TEXT}},
        "authorizations": _RIGHTS,
    },
    "additionalProperties": False,
}
_CHECKSUM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "checksum"],
    "properties": {"type": {"enum": ["sha-256"]}, "checksum": {**_TEXT, "pattern": "^[0-9a-f]{64}$"}},
}
_OBJECT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["id", "name", "self_uri", "size", "created_time", "mime_type", "checksums", "access_methods"],
    "properties": {
        "id": {**_TEXT, "description": "the digest of the export"},
        "name": _TEXT,
        "self_uri": {**_TEXT, "pattern": "^drs://"},
        "size": _NUMBER,
        "created_time": {**_TEXT, "format": "date-time"},
        "updated_time": {**_TEXT, "format": "date-time"},
        "version": _TEXT,
        "mime_type": _TEXT,
        "checksums": {"type": "array", "minItems": 1, "items": _CHECKSUM},
        "access_methods": {"type": "array", "minItems": 1, "items": _ACCESS},
        "aliases": {"type": "array", "items": _TEXT, "description": "ids of the same object on any host"},
    },
    "additionalProperties": False,
}
_BULK: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["bulk_object_ids"],
    "properties": {"bulk_object_ids": {"type": "array", "maxItems": 100, "items": _TEXT}},
}
_BODY: Final = {"content": {"application/json": {"schema": {"type": "object"}}}}
_UNRESOLVED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"error_code": {"type": "integer"}, "object_ids": {"type": "array", "items": _TEXT}},
}
_REFUSALS: Final = {
    "400": "the body is malformed, or no host is named",
    "401": "the token is not valid",
    "404": "no such object",
    "408": "the body did not come within its time",
    "413": "the body is larger than 1 MiB, or names too many objects",
    "429": "this client has all that one may have at once; with Retry-After",
    "503": "the database is down, or there is no room; with Retry-After",
    "504": "the database did not answer in time; with Retry-After",
}


def _answers(what: str, schema: dict[str, Any], *, pending: bool = False) -> dict[str, Any]:
    told = {"200": {"description": what, "content": {"application/json": {"schema": schema}}}}
    later = {"202": {"description": "the object is being made; ask again after `Retry-After` seconds"}}
    refused = {
        status: {"description": why, "content": {"application/json": {"schema": _ERROR}}}
        for status, why in _REFUSALS.items()
    }
    return told | (later if pending else {}) | refused


def _several(schema: dict[str, Any]) -> dict[str, Any]:
    numbers = dict.fromkeys(("requested", "resolved", "unresolved"), _NUMBER)
    return {
        "type": "object",
        "required": ["summary", "resolved_drs_object", "unresolved_drs_objects"],
        "properties": {
            "summary": {"type": "object", "properties": numbers},
            "resolved_drs_object": {"type": "array", "items": schema},
            "unresolved_drs_objects": {"type": "array", "items": _UNRESOLVED},
        },
    }


def paths() -> dict[str, Any]:
    """Paths, each with its methods."""
    about = {"description": "in the form of GA4GH's services", "content": {"application/json": {}}}
    what = "the digest of an export, or the whole segment of its address"
    name = {"name": "id", "in": "path", "required": True, "description": what, "schema": _TEXT}
    bulk = {"required": True, "content": {"application/json": {"schema": _BULK}}}
    one = _answers("the object", _OBJECT, pending=True)
    return {
        f"{PREFIX}v1/service-info": {"get": {"summary": "what the DRS service is", "responses": {"200": about}}},
        f"{PREFIX}v1/objects": {
            "post": {
                "summary": "several exports as DRS objects",
                "requestBody": bulk,
                "responses": _answers("objects, and what is none", _several(_OBJECT)),
            },
            "options": {
                "summary": "what is needed to have them",
                "requestBody": bulk,
                "responses": _answers("what is needed", _several(_RIGHTS)),
            },
        },
        f"{PREFIX}v1/objects/{{id}}": {
            "parameters": [name],
            "get": {"summary": "an export as a DRS object", "responses": one},
            "post": {"summary": "the same; passports are not read", "requestBody": _BODY, "responses": one},
            "options": {"summary": "what is needed to have it", "responses": _answers("what is needed", _RIGHTS)},
        },
    }
