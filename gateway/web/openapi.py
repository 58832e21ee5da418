"""`/openapi.json`: what can be asked, made of the tables of routes, parameters and formats."""

from typing import Any, Final

from aiohttp import web

from gateway import __version__
from gateway.formats import OFFERED, delivered
from gateway.formats.base import dumps
from gateway.query.parameters import PARAMETERS, Parameter
from gateway.query.routes import Route
from gateway.web.routes import ROUTES

__all__ = ["describe", "description"]

_WHOLE: Final = frozenset({"limit", "skip", "testModeCount"})
_LISTS: Final = frozenset(
    {"filters", "biosampleIds", "individualIds", "analysisIds", "variantIds", "cohortIds", "deliveryKeys"}
)
_ERRORS: Final = {
    "400": "a parameter is malformed, named in the message",
    "404": "no such path or dataset",
    "406": "no such format for this entity",
    "503": "the database is down, or too many downloads run; with Retry-After",
}


async def describe(_: web.Request) -> web.Response:
    """The description of this gateway in OpenAPI 3.1."""
    headers = {"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"}
    return web.Response(body=dumps(description()) + b"\n", content_type="application/json", headers=headers)


def description() -> dict[str, Any]:
    """The description as a JSON value; a path each with its methods, what is shared among the components."""
    parameters = [parameter for parameter in PARAMETERS if parameter.use in {"request", "variant"}]
    shared = [{"$ref": f"#/components/parameters/{parameter.name}"} for parameter in parameters]
    paths: dict[str, Any] = {route.path: _path(route, shared) for route in ROUTES}
    for path, what in (("/health", "whether the process runs"), ("/ready", "whether downloads can be served")):
        paths[path] = {"get": {"summary": what, "responses": {"200": {"description": "it is so"}}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pgx-gateway",
            "version": __version__,
            "description": "Streams genomic variants from a Beacon's database as files of any size.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "parameters": {parameter.name: _parameter(parameter) for parameter in parameters},
            "responses": {
                f"error{status}": {
                    "description": what,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BeaconError"}}},
                }
                for status, what in _ERRORS.items()
            },
            "schemas": {"BeaconError": _ERROR},
        },
    }


_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["meta", "error"],
    "properties": {
        "meta": {"type": "object"},
        "error": {
            "type": "object",
            "required": ["errorCode", "errorMessage"],
            "properties": {"errorCode": {"type": "integer"}, "errorMessage": {"type": "string"}},
        },
    },
}


def _path(route: Route, shared: list[dict[str, Any]]) -> dict[str, Any]:
    """The methods of a path."""
    forms = [form for form in OFFERED if delivered(form, route.entity)]
    kinds = sorted({form.media.partition(";")[0] for form in forms})
    said = {
        "summary": f"{route.entity}" + (f" as {route.output}" if route.output else ""),
        "responses": {
            "200": {
                "description": "; ".join(f"{form.words[0]}: {form.summary}" for form in forms),
                "content": {kind: {"schema": {}} for kind in kinds},
            },
            "304": {"description": "unchanged since the download with the ETag of If-None-Match"},
            **{status: {"$ref": f"#/components/responses/error{status}"} for status in _ERRORS},
        },
    }
    ids = {"name": "ids", "in": "path", "required": True, "schema": {"type": "string"}}
    own = [{**ids, "description": f"{route.ids}, comma separated"}] if route.ids else []
    path: dict[str, Any] = {"parameters": own + shared, "get": said}
    if route.post:
        body = {"description": "a Beacon v2 request", "content": {"application/json": {"schema": {"type": "object"}}}}
        path["post"] = {**said, "requestBody": body}
    return path


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": 0} if parameter.name in _WHOLE else {"type": "string"}
    more: dict[str, Any] = {}
    if parameter.name == "output":
        words = [word for form in OFFERED for word in (*form.words, *form.whole)]
        schema["enum"] = [*words, *(f"{word}.gz" for word in words)]
    if parameter.name in _LISTS:
        schema = {"type": "array", "items": schema}
        more = {"style": "form", "explode": False}
    return {"name": parameter.name, "in": "query", "description": parameter.help, "schema": schema, **more}
