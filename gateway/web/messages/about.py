"""What GA4GH's services say of themselves (service-info 1.0), and what all of ours say alike."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from gateway import __version__
from gateway.config import Config
from gateway.formats.base import dumps
from gateway.web.app_keys import CONFIG
from gateway.web.messages.request import base_of

__all__ = ["DESCRIPTION", "contact", "name_of", "organization", "service_info", "told"]

DESCRIPTION: Final = "Genomic variants of samples, with what is known of the samples; streamed, in many formats."


def told(body: bytes) -> web.Response:
    """JSON that no cache keeps: links may be as this client named the host."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=body + b"\n", content_type="application/json", headers=headers)


def _domain(config: Config) -> str:
    """The domain of a Beacon's id, progenetix.org of org.progenetix; empty where it is none."""
    labels = config.beacon_id.split(".")
    return ".".join(reversed(labels)) if len(labels) > 1 and all(labels) else ""


def name_of(config: Config) -> str:
    """The Beacon's name."""
    return config.beacon_name or f"Beacon {_domain(config) or config.beacon_id}"


def organization(config: Config, base: str) -> tuple[str, str]:
    """Name and web site of who runs the Beacon."""
    domain = _domain(config)
    site = config.organization_url or (f"https://{domain}" if domain else base)
    return config.organization or domain or config.beacon_id, site


def contact(config: Config) -> dict[str, str]:
    """Where to ask, if that is stated."""
    return {"contactUrl": config.contact_url} if config.contact_url else {}


def service_info(
    request: web.Request, artifact: str, version: str, more: Mapping[str, Any] | None = None
) -> web.Response:
    """The service as one of GA4GH's kinds, `artifact`, in a version of its specification."""
    config, base = request.app[CONFIG], base_of(request)
    name, site = organization(config, base)
    beacon = artifact == "beacon"
    found = {
        "id": config.beacon_id if beacon else f"{config.beacon_id}.{artifact}",
        "name": name_of(config) if beacon else f"{name_of(config)}: {artifact}",
        "type": {"group": "org.ga4gh", "artifact": artifact, "version": version},
        "description": DESCRIPTION,
        "organization": {"name": name, "url": site},
        **contact(config),
        "documentationUrl": f"{base}/gateway/openapi.json",
        "environment": config.environment,
        "version": __version__,
    }
    return told(dumps(found | dict(more or {})))
