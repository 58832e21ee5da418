"""The URLs that a download can be asked for by, and what each kind leads to.  Pure.

A live query       …/beacon/…?…               the export of the data as they are now
A ticket           …/exports/DIGEST           an export, as far as it is
An immutable       …/exports/DIGEST/NAME      the bytes of that export, for ever

All lead to a ticket where the server has tickets, and so to the same name, part and checksum.
"""

import re
from typing import Final
from urllib.parse import urlsplit

__all__ = ["is_fixed", "is_understood", "origin", "ticket_url"]

_EXPORT: Final = re.compile(r"(?P<ticket>.*/exports/[0-9A-Za-z_-]+)(?P<name>/[^/]+)?/?\Z")
_SHA: Final = ".sha256"
_SCHEMES: Final = frozenset({"http", "https"})
_ASKED: Final = "ticket=true"


def is_understood(url: str) -> bool:
    """Whether a fetch can begin with it."""
    try:
        found = urlsplit(url)
        return found.scheme in _SCHEMES and bool(found.hostname)
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a URL: whoever answers there is the same server (RFC 6454)."""
    found = urlsplit(url)
    return found.scheme, found.hostname, found.port or {"http": 80, "https": 443}.get(found.scheme)


def is_fixed(url: str) -> bool:
    """Whether it names one export for ever: there is nothing else to be had when that is gone."""
    return _EXPORT.match(urlsplit(url).path) is not None


def ticket_url(url: str) -> str:
    """Where the ticket is: of a live query by a parameter, of an export beside it; the hash of one is a file itself."""
    found = urlsplit(url)
    export = _EXPORT.match(found.path)
    if export and not (export["name"] or "").endswith(_SHA):
        return found._replace(path=export["ticket"], query="", fragment="").geturl()
    others = [pair for pair in found.query.split("&") if pair and pair.partition("=")[0] != "ticket"]
    return found._replace(query="&".join([*others, _ASKED]), fragment="").geturl()
