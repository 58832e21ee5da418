"""Who may connect: so many from one address, and no more in all than leaves descriptors for everything else.

Where those run out, connections on which nothing is asked go first.  Who is turned away hears why at once.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Protocol

from gateway.errors import Busy, GatewayError, TooManyRequests
from gateway.formats import envelope_error
from gateway.logs import fields
from gateway.web.limits.addresses import NOBODY, Proxies, named
from gateway.web.operations.request_log import ID_HEADER, refused_unheard

__all__ = ["Door", "Guest", "told"]

log = logging.getLogger("gateway.web.limits")

_IDLE_AT_ONCE: Final = 16
_SPARE: Final = 64  # connections of those who are trusted, beyond what there may be
_TOLD: Final = 10
_MOST_LINGERING: Final = 32
_LINGER: Final = 1.0  # seconds for a client to take in why, before what it sends meanwhile makes a reset of it


class Guest(Protocol):
    """A connection that is let in."""

    @property
    def idle(self) -> bool:
        """Whether nothing is being asked or answered on it."""
        ...

    def force_close(self) -> None:
        """Close it."""
        ...


class Door:
    """Counts connections; `each` address has so many at most (0: all), and there are `most` in all."""

    def __init__(self, proxies: Proxies, each: int, most: int) -> None:
        self._proxies = proxies
        self._each = each
        self._most = most
        self._in: dict[Guest, str] = {}
        self._of: Counter[str] = Counter()
        self._lingering = 0
        self._told: set[str | None] = set()

    def client(self, peer: str | None, forwarded: list[str]) -> str:
        """Whose a request on a connection from an address is."""
        if forwarded and peer not in self._told and len(self._told) < _TOLD and not self._proxies.trusts(peer):
            self._told.add(peer)
            text = "X-Forwarded-For is not believed: what comes from there is one client; see --trusted-proxies"
            log.warning(text, extra=fields(peer=peer))
        return self._proxies.client(peer, forwarded)

    def enter(self, guest: Guest, peer: str | None) -> GatewayError | None:
        """Let a connection in, or say why not."""
        trusted = self._proxies.trusts(peer)
        client = NOBODY if trusted else named(peer)
        if self._each and client and self._of[client] >= self._each:
            why = f"there are {self._each} connections from your address already, as many as there may be"
            return TooManyRequests(f"{why}; try again when one is closed", limit="connections of a client")
        if len(self._in) >= self._most + (_SPARE if trusted else 0) and not self._closed_idle():
            return Busy("there are as many connections as there may be at once; try again soon", limit="connections")
        self._in[guest] = client
        self._of[client] += 1
        return None

    def leave(self, guest: Guest) -> None:
        """Forget a connection that is closed, if it was let in."""
        client = self._in.pop(guest, None)
        if client is not None:
            self._of[client] -= 1
            if not self._of[client]:
                del self._of[client]

    def turn_away(
        self, transport: asyncio.Transport, error: GatewayError, beacon_id: str, shared: Mapping[str, str]
    ) -> None:
        """Tell who connected why there is no place, and close."""
        headers, body = told(error, beacon_id, shared)
        transport.write(_response(error.status, headers, body))
        if error.status != HTTPStatus.TOO_MANY_REQUESTS or self._lingering >= _MOST_LINGERING:
            transport.close()
            return
        transport.write_eof()
        self._lingering += 1
        asyncio.get_running_loop().call_later(_LINGER, self._lingered, transport)

    def _lingered(self, transport: asyncio.Transport) -> None:
        self._lingering -= 1
        transport.abort()

    def _closed_idle(self) -> bool:
        """Close the oldest few connections on which nothing is asked; whether there were any."""
        idle: list[Guest] = []
        for guest in self._in:
            if guest.idle:
                idle.append(guest)
                if len(idle) == _IDLE_AT_ONCE:
                    break
        for guest in idle:
            self.leave(guest)
            guest.force_close()
        return bool(idle)


def told(error: GatewayError, beacon_id: str, shared: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """Headers and body that tell of an error outside the application, which is counted, with a line in the log."""
    identity = uuid.uuid4().hex[:16]
    refused_unheard(error, identity)
    headers = {ID_HEADER: identity, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **shared}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return headers, envelope_error(error, beacon_id, identity) + b"\n"


def _response(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    own = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{n}: {v}" for n, v in {**own, **headers}.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
