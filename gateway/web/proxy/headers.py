"""Header fields of what is forwarded, either way.  Pure.

Fields of one connection end here (RFC 9110, 7.6.1).  What tells a server whom a request came from is said by us alone.
"""

from collections.abc import Callable, Iterator
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy

from gateway.web.access.static_tokens import is_ours

__all__ = ["DECODED", "answered", "asked", "hops", "readable", "told"]

_PSEUDONYM: Final = "pgx-gateway"
_OF_ONE_CONNECTION: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authorization"),
    }
)
# Of requests: what is said anew, or was answered here already.
_SAID_ANEW: Final = frozenset({"host", "content-length", "expect", "via", "x-request-id"})
_ORIGIN: Final = frozenset({"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "x-real-ip"})
DECODED: Final = frozenset({"gzip", "deflate", "br", "zstd"})
"""Content codings of request bodies that aiohttp's server has taken off before anybody reads them."""
_LOCATIONS: Final = frozenset({"location", "content-location"})

Fields = CIMultiDict[str]
Received = CIMultiDictProxy[str]


def readable(value: str) -> str:
    """A field's value that can be written: bytes that are no UTF-8, which the parser marks, are taken for Latin-1."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value


def hops(received: Received) -> int:
    """How often a request has been through a gateway."""
    return sum(_PSEUDONYM in hop for value in received.getall("Via", []) for hop in value.split(","))


def _end_to_end(received: Received) -> Iterator[tuple[str, str]]:
    named = {name.strip().lower() for value in received.getall("Connection", []) for name in value.split(",")}
    for name, value in received.items():
        if name.lower() not in _OF_ONE_CONNECTION and name.lower() not in named:
            yield name, readable(value)


def _via(received: Received, version: str) -> str:
    return ", ".join([*map(readable, received.getall("Via", [])), f"{version} {_PSEUDONYM}"])


def asked(received: Received, *, version: str, peer: str, host: str, scheme: str, request_id: str) -> Fields:
    """The fields of a request as they are forwarded, without those of its body's length.

    This gateway's own tokens are left out; and names with a `_`, as most servers do: to a CGI program they would look
    like those with a `-`.
    """
    fields: Fields = CIMultiDict()
    for name, value in _end_to_end(received):
        shown_here = name.lower() == "authorization" and is_ours(value)
        if name.lower() not in _SAID_ANEW | _ORIGIN and "_" not in name and not shown_here:
            fields.add(name, value)
    if host:
        fields["Host"] = fields["X-Forwarded-Host"] = host
    before = map(readable, received.getall("X-Forwarded-For", []))
    fields["X-Forwarded-For"] = ", ".join([*before, peer] if peer else before)
    fields["X-Forwarded-Proto"] = scheme
    fields["X-Request-Id"] = request_id
    fields["Via"] = _via(received, version)
    return fields


def told(received: Received) -> str | None:
    """The length that a message's body is said to have."""
    return received.get("Content-Length")


def answered(received: Received, *, version: str, located: Callable[[str], str]) -> Fields:
    """The fields of a response as they are forwarded; `located` maps URLs of the Beacon to those of this server."""
    fields: Fields = CIMultiDict()
    for name, value in _end_to_end(received):
        if name.lower() not in {"via", "content-length"}:
            fields.add(name, located(value) if name.lower() in _LOCATIONS else value)
    fields["Via"] = _via(received, version)
    return fields
