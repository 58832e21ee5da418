"""`drs://` URIs of objects: a host and an id, found at `https://HOST/ga4gh/drs/v1/objects/ID` as DRS has it."""

from urllib.parse import urlsplit

__all__ = ["uri"]


def uri(base: str, digest: str) -> str:
    """The URI of an export of the gateway at `base`, a URL; empty where that is not known.

    It names no port: such URIs are always of the usual one of HTTPS.
    """
    host = urlsplit(base).hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"drs://{host}/{digest}" if host else ""
