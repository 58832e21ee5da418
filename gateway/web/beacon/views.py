"""What a Beacon says of itself: `/beacon/info`, `service-info`, `configuration`, `map` and `entry_types`.

Its filtering terms and datasets are data, and answered as downloads are.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from gateway import __version__
from gateway.formats.beacon_envelope import API_VERSION, informational
from gateway.web.app_keys import CONFIG, VIEW
from gateway.web.beacon.entry_types import entry_types, map_of
from gateway.web.messages.about import DESCRIPTION, contact, name_of, organization, service_info, told
from gateway.web.messages.request import base_of

__all__ = ["VIEWS"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SERVICE_INFO: Final = "ga4gh-service-info"
_STATUS: Final[Mapping[str, str]] = {"prod": "PROD", "test": "TEST", "staging": "TEST", "dev": "DEV"}


def _described(request: web.Request, kind: str, response: Mapping[str, Any]) -> web.Response:
    schema = f"beacon-{kind}-{API_VERSION}"
    return told(informational(request.app[CONFIG].beacon_id, kind, schema, response))


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
        "name": name_of(config),
        "apiVersion": API_VERSION,
        "environment": config.environment,
        "organization": {"id": config.beacon_id, "name": name, "welcomeUrl": site, **contact(config)},
        "description": DESCRIPTION,
        "version": API_VERSION,
        "welcomeUrl": f"{base}/",
        "alternativeUrl": f"{base}/beacon",
        "info": {key: text for key, text in about.items() if text},
    }
    return _described(request, "info", found)


async def _service_info(request: web.Request) -> web.Response:
    """The same as GA4GH's services describe themselves."""
    return service_info(request, "beacon", API_VERSION.removeprefix("v"))


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
