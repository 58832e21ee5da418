"""`/openapi.json`: what can be asked, made of the tables of routes, parameters and formats; and what is no query."""

import re
from typing import Any, Final

from aiohttp import web

from gateway import __version__
from gateway.formats import OFFERED, delivered
from gateway.formats.base import dumps
from gateway.ids import NOTHING
from gateway.planning.route_table import EXTENSIONS, FILES, ROUTES
from gateway.query.parameters import NO_FORMATS, NUMBERS, PARAMETERS, Parameter
from gateway.query.routes import Route
from gateway.tabix import EXTENSIONS as INDEXES
from gateway.web.drs.openapi import paths as drs_paths
from gateway.web.endpoints import openapi_questions
from gateway.web.htsget.openapi import paths as htsget_paths

__all__ = ["describe", "description"]

_LISTS: Final = frozenset(
    {"filters", "biosampleIds", "individualIds", "analysisIds", "variantIds", "cohortIds"}
    | {"deliveryKeys", "collationTypes"}
)
_ERRORS: Final = {
    "400": "a parameter is malformed, named in the message",
    "401": "the token is not valid; `WWW-Authenticate` says so, too",
    "403": "of this dataset the caller may see less",
    "404": "no such path, dataset or export",
    "406": "no such format for this entity",
    "408": "the body did not come within its time; with Retry-After",
    "410": "the data have changed since; the message and a `Link` header name where the new ones are",
    "412": "not the bytes that `If-Match` names, or those that `If-None-Match` of a POST names",
    "413": "the body is larger than 1 MiB",
    "414": "the URL is longer than 64 KiB; a POST body may hold more",
    "416": "no such range; `Content-Range` says how long the export is",
    "429": "this client has all that one may have at once, or in a day; with Retry-After",
    "431": "the header fields are longer than 64 KiB together, or one than 32 KiB",
    "503": "the database is down, too many downloads run, or too much is selected; with Retry-After",
    "504": "the database did not answer in time; with Retry-After",
}
_OF_QUERIES: Final = ("400", "401", "403", "404", "406", "412", "414", "416", "429", "431", "503", "504")
_OF_QUESTIONS: Final = ("400", "401", "403", "404", "406", "412", "414", "429", "431", "503", "504")
_OF_TICKETS: Final = ("400", "401", "403", "404", "406", "410", "414", "429", "431", "503", "504")
_OF_EXPORTS: Final = (*_OF_TICKETS, "412", "416")
_PARTIAL: Final = {
    "206": {"description": "the `Range` that was asked for, once the export is complete"},
    "304": {"description": "unchanged since the download with the ETag of If-None-Match"},
}


async def describe(_: web.Request) -> web.Response:
    """The description of this gateway in OpenAPI 3.1."""
    headers = {"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"}
    return web.Response(body=dumps(description()) + b"\n", content_type="application/json", headers=headers)


def description() -> dict[str, Any]:
    """The description as a JSON value; a path each with its methods, what is shared among the components."""
    parameters = [parameter for parameter in PARAMETERS if parameter.use in {"request", "variant"}]
    shared = [{"$ref": f"#/components/parameters/{parameter.name}"} for parameter in parameters]
    shared.append({"$ref": "#/components/parameters/ticket"})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pgx-gateway",
            "version": __version__,
            "description": "Streams genomic variants from a Beacon's database as files of any size. "
            "Paths take HEAD as they take GET, and a slash at the end.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            **{route.path: _path(route, shared) for route in ROUTES},
            **_files(shared),
            **openapi_questions.paths(shared[:-1], _refused(*_OF_QUESTIONS)),
            **_others(),
        },
        "components": {
            "parameters": {parameter.name: _parameter(parameter) for parameter in parameters} | {"ticket": _TICKET},
            "responses": {
                f"error{status}": {
                    "description": what,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BeaconError"}}},
                }
                for status, what in _ERRORS.items()
            },
            "schemas": {
                "BeaconError": _ERROR,
                "Ticket": _TICKETS,
                "NotGiven": _NOT_GIVEN,
                **openapi_questions.SCHEMAS,
            },
            "securitySchemes": {"token": _SCHEME},
        },
        "security": [{}, {"token": []}],
    }


def _any_case(*words: str) -> str:
    """A pattern of these words, in capitals or not."""
    return "^(" + "|".join("".join(f"[{letter}{letter.upper()}]" for letter in word) for word in words) + ")$"


_NOT_GIVEN: Final = {
    "description": "what clients send for a parameter that they do not give",
    "type": "string",
    "pattern": _any_case("", *sorted(NOTHING)),
    "examples": [""],
}
_SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "a token of the operator's, or of an issuer that the operator trusts; public data need none",
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
_TICKET: Final[dict[str, Any]] = {
    "name": "ticket",
    "in": "query",
    "description": "`true`: not the file but its ticket, which says where and how far it is; not of pages",
    "schema": {"type": "string", "pattern": _any_case("true", "false"), "examples": ["true", "false"]},
}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer", "minimum": 0}
_TICKETS: Final[dict[str, Any]] = {
    "type": "object",
    "required": [
        *("digest", "address", "sha256Address", "self", "anyHost", "query", "name", "mediaType", "etag", "expected"),
        *("commands", "state"),
    ],
    "properties": {
        "digest": {**_TEXT, "pattern": "^[0-9a-f]{40}$"},
        "address": {**_TEXT, "description": "the export, and never other bytes"},
        "sha256Address": {**_TEXT, "description": "its hash, as `sha256sum -c` reads it"},
        "indexAddresses": {
            "description": "the indexes of a file that has some",
            "type": "object",
            "properties": {"tbi": _TEXT, "csi": _TEXT},
        },
        "self": {**_TEXT, "description": "this ticket, as it will be"},
        "drs": {**_TEXT, "description": "the URI of the export as a DRS object, where it is known what host this is"},
        "anyHost": {"type": "boolean", "description": "whether every host knows these addresses, not this one alone"},
        "query": {"type": ["string", "null"], "description": "the live query, where a URL can say it"},
        "name": _TEXT,
        "mediaType": _TEXT,
        "etag": _TEXT,
        "expected": {
            "description": "numbers that the dataset states",
            "type": "object",
            "properties": {"samples": _NUMBER, "variants": _NUMBER},
            "additionalProperties": False,
        },
        "commands": {
            "description": "command lines that fetch it",
            "type": "object",
            "additionalProperties": _TEXT,
        },
        "state": {"enum": ["producing", "complete", "failed"]},
        "rows": _NUMBER,
        "bytes": _NUMBER,
        "size": {**_NUMBER, "description": "bytes of a complete export"},
        "sha256": {**_TEXT, "pattern": "^[0-9a-f]{64}$"},
        "error": {
            "type": "object",
            "required": ["status", "message"],
            "properties": {"status": {"type": "integer"}, "message": _TEXT},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
_TOLD: Final = {"application/json": {"schema": {"$ref": "#/components/schemas/Ticket"}}}


def _refused(*statuses: str) -> dict[str, Any]:
    return {status: {"$ref": f"#/components/responses/error{status}"} for status in statuses}


def _named(name: str, what: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": what, "schema": _TEXT}


def _exports() -> dict[str, Any]:
    """The paths of exports: the bytes, their hash, their ticket."""
    export = _named("export", "as in a ticket: the digest, and behind `-` the question that the export answers")
    name = _named("name", "the name of the file in the ticket")
    whole = {"200": {"description": "the export", "content": {"*/*": {"schema": {}}}}, **_PARTIAL}
    hashed = {"200": {"description": "hash and name, when the export is complete", "content": {"text/plain": {}}}}
    told = {"200": {"description": "how far the export is, and how to fetch it", "content": _TOLD}}
    address = "/exports/{export}/{name}"
    summary = "an export at its immutable address; with `.tbi` or `.csi` behind its name, the index of a sorted file"
    return {
        address: {
            "parameters": [export, name],
            "get": {"summary": summary, "responses": whole | _refused(*_OF_EXPORTS)},
        },
        f"{address}.sha256": {
            "parameters": [export, name],
            "get": {"summary": "the SHA-256 of an export", "responses": hashed | _refused(*_OF_TICKETS)},
        },
        "/exports/{export}": {
            "parameters": [export],
            "get": {"summary": "the ticket of an export", "responses": told | _refused(*_OF_TICKETS)},
        },
    }


def _others() -> dict[str, Any]:
    return _exports() | _service() | drs_paths() | htsget_paths()


_OF_THE_BEACON: Final = (
    ("/beacon", "what `/beacon/info` says"),
    ("/beacon/info", "the Beacon: its name, who runs it, what it speaks"),
    ("/beacon/service-info", "the same in the form of GA4GH's services"),
    ("/beacon/configuration", "how ripe the service is, and its entry types"),
    ("/beacon/map", "the endpoints of each entry type"),
    ("/beacon/entry_types", "the entry types"),
)


def _service() -> dict[str, Any]:
    """What is said of the gateway itself."""
    said: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("/", "a page with datasets, formats and URLs to try", "text/html", {}),
        ("/openapi.json", "this description", "application/json", {}),
        *((path, what, "application/json", {}) for path, what in _OF_THE_BEACON),
        ("/health", "whether the process runs", "application/json", {}),
        (
            "/ready",
            "whether downloads can be served",
            "application/json",
            {"503": {"description": "they cannot; `reason` says why", "content": {"application/json": {}}}},
        ),
    )
    return {
        path: {
            "get": {
                "summary": what,
                "responses": {"200": {"description": "so it is", "content": {media: {}}}, **more},
            }
        }
        for path, what, media, more in said
    }


def _path(route: Route, shared: list[dict[str, Any]]) -> dict[str, Any]:
    """The methods of a path."""
    forms = [form for form in OFFERED if delivered(form, route.entity)]
    ticket = {"$ref": "#/components/schemas/Ticket"}
    kinds: dict[str, Any] = {kind: {"schema": {}} for kind in sorted({f.media.partition(";")[0] for f in forms})}
    kinds["application/json"] = {"schema": {"anyOf": [{"type": "object"}, ticket]}}
    answers = "; ".join([*(f"{form.words[0]}: {form.summary}" for form in forms), "with `ticket=true` a ticket"])
    responses: dict[str, Any] = {
        "200": {"description": answers, "content": kinds},
        **_PARTIAL,
        **_refused(*_OF_QUERIES),
    }
    said: dict[str, Any] = {
        "summary": f"{route.entity}" + (f" as {route.output}" if route.output else ""),
        "responses": responses,
    }
    own = [_named("ids", f"{route.ids}, comma separated")] if route.ids else []
    path: dict[str, Any] = {"parameters": own + shared, "get": said}
    if route.post:
        body = {"description": "a Beacon v2 request", "content": {"application/json": {"schema": {"type": "object"}}}}
        posted = {status: told for status, told in responses.items() if status not in _PARTIAL}
        path["post"] = {**said, "requestBody": body, "responses": posted | _refused("408", "413")}
    return path


def _files(shared: list[dict[str, Any]]) -> dict[str, Any]:
    """The path of files by any name."""
    made = {word for form in OFFERED for word in (*form.words, *form.whole)}
    endings = "|".join(
        re.escape(ending) for ending, (word, *_) in EXTENSIONS.items() if word.removesuffix(".gz") in made
    )
    schema = {**_TEXT, "pattern": rf"^[A-Za-z0-9_-]*\.({endings})$", "examples": ["variants.seg"]}
    name = {**_named("name", "a name of your own; its extension is the format"), "schema": schema}
    path = _path(Route(path=FILES), shared)
    return {FILES: {**path, "parameters": [name, *path["parameters"]]}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    more: dict[str, Any] = {}
    not_given = {"$ref": "#/components/schemas/NotGiven"}
    if parameter.name in NUMBERS:
        least, most = NUMBERS[parameter.name]
        schema = {"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, not_given]}
    if parameter.name == "output":
        words = dict.fromkeys(word for form in OFFERED for word in (*form.words, *form.whole, *form.also))
        listed = [*words, *(f"{word}.gz" for word in words), "ndjson", *sorted(NO_FORMATS)]
        sorted_ones = [word for form in OFFERED if form.index for word in form.words]
        listed += [f"{word}.gz{extension}" for word in sorted_ones for extension in INDEXES]
        capitals = {"type": "string", "pattern": "[A-Z]", "description": "the same in capitals"}
        schema = {"anyOf": [{"type": "string", "enum": listed}, capitals, not_given]}
    if parameter.name in _LISTS:
        schema = {"type": "array", "items": schema}
        more = {"style": "form", "explode": False}
    return {"name": parameter.name, "in": "query", "description": parameter.help, "schema": schema, **more}
