"""What a Beacon says of itself: `/beacon/info`, `service-info`, `configuration`, `map` and `entry_types`.

Its filtering terms and datasets are data, and answered as downloads are.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from gateway import __version__
from gateway.config import Config
from gateway.formats.base import dumps
from gateway.formats.beacon_envelope import API_VERSION, informational
from gateway.web.app_keys import CONFIG, VIEW
from gateway.web.beacon.entry_types import entry_types, map_of
from gateway.web.messages.request import base_of

__all__ = ["VIEWS", "organization"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SERVICE_INFO: Final = "ga4gh-service-info"
_STATUS: Final[Mapping[str, str]] = {"prod": "PROD", "test": "TEST", "staging": "TEST", "dev": "DEV"}
_DESCRIPTION: Final = "Genomic variants of samples, with what is known of the samples; streamed, in many formats."


def _response(body: bytes) -> web.Response:
    # Links may be as this client named the host: no cache is to give them to others.
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body + b"\n", content_type="application/json", headers=headers)


def _described(request: web.Request, kind: str, response: Mapping[str, Any]) -> web.Response:
    schema = f"beacon-{kind}-{API_VERSION}"
    return _response(informational(request.app[CONFIG].beacon_id, kind, schema, response))


def _domain(config: Config) -> str:
    """The domain of a Beacon's id, progenetix.org of org.progenetix; empty where it is none."""
    labels = config.beacon_id.split(".")
    return ".".join(reversed(labels)) if len(labels) > 1 and all(labels) else ""


def _name(config: Config) -> str:
    return config.beacon_name or f"Beacon {_domain(config) or config.beacon_id}"


def organization(config: Config, base: str) -> tuple[str, str]:
    """Name and web site of who runs the Beacon."""
    domain = _domain(config)
    site = config.organization_url or (f"https://{domain}" if domain else base)
    return config.organization or domain or config.beacon_id, site


def _contact(config: Config) -> dict[str, str]:
    return {"contactUrl": config.contact_url} if config.contact_url else {}


async def _info(request: web.Request) -> web.Response:
    """The Beacon: its name, who runs it, what it speaks; in GA4GH's own form where `requestedSchema` names that."""
    asked = [value for name in ("requestedSchema", "requestedSchemas") for value in request.query.getall(name, [])]
    if any(value.startswith(_SERVICE_INFO) for value in asked):
        return await _service_info(request)
    config, base = request.app[CONFIG], base_of(request)
    name, site = organization(config, base)
    about = {"licence": config.licence, "citation": config.citation, "server": f"pgx-gateway {__version__}"}
    found = {
        "id": config.beacon_id,
        "name": _name(config),
        "apiVersion": API_VERSION,
        "environment": config.environment,
        "organization": {"id": config.beacon_id, "name": name, "welcomeUrl": site, **_contact(config)},
        "description": _DESCRIPTION,
        "version": API_VERSION,
        "welcomeUrl": f"{base}/",
        "alternativeUrl": f"{base}/beacon",
        "info": {key: text for key, text in about.items() if text},
    }
    return _described(request, "info", found)


async def _service_info(request: web.Request) -> web.Response:
    """The same as GA4GH's services describe themselves."""
    config, base = request.app[CONFIG], base_of(request)
    name, site = organization(config, base)
    found = {
        "id": config.beacon_id,
        "name": _name(config),
        "type": {"group": "org.ga4gh", "artifact": "beacon", "version": API_VERSION.removeprefix("v")},
        "description": _DESCRIPTION,
        "organization": {"name": name, "url": site},
        **_contact(config),
        "documentationUrl": f"{base}/openapi.json",
        "environment": config.environment,
        "version": __version__,
    }
    return _response(dumps(found))


async def _configuration(request: web.Request) -> web.Response:
    """How ripe the service is, what it answers to whom, and its entry types."""
    view = request[VIEW]
    first = view.granted[view.default[0]] if view.default else "boolean"
    found = {
        "$schema": _DIALECT,
        "maturityAttributes": {"productionStatus": _STATUS[request.app[CONFIG].environment]},
        "securityAttributes": {
            "defaultGranularity": first,
            "securityLevels": ["PUBLIC", "CONTROLLED"] if view.differs else ["PUBLIC"],
        },
        "entryTypes": entry_types(),
    }
    return _described(request, "configuration", found)


async def _entry_types(request: web.Request) -> web.Response:
    """The kinds of records that are served."""
    return _described(request, "entryTypes", {"entryTypes": entry_types()})


async def _map(request: web.Request) -> web.Response:
    """The endpoints that lead to each kind of records."""
    return _described(request, "map", {"$schema": _DIALECT, "endpointSets": map_of(base_of(request))})


VIEWS: Final[Mapping[str, Callable[[web.Request], Awaitable[web.Response]]]] = {
    f"{path}{slash}": view
    for path, view in (
        ("/beacon", _info),
        ("/beacon/info", _info),
        ("/beacon/service-info", _service_info),
        ("/beacon/configuration", _configuration),
        ("/beacon/map", _map),
        ("/beacon/entry_types", _entry_types),
    )
    for slash in ("", "/")
}
"""What answers each path, with and without a slash at the end."""
