"""The public keys of issuers: JWK sets (RFC 7517), from a URL or a file, as they change.

A set from a URL is fetched when it is needed and older than five minutes, and when a token names a key that is not in
it: so new keys are known at once, and old ones forgotten.  Fetches are shared, and few, whatever tokens name.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from gateway.errors import KeysMissing
from gateway.logs import fields
from gateway.tasks import cancelled
from gateway.web.access.fetching import FAILURES, fetched
from gateway.web.access.files import Watched

__all__ = ["FetchedKeys", "FileKeys", "parse"]

log = logging.getLogger("gateway.access")

_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_MOST: Final = 100
_ALIKE: Final = 2  # keys of one name
_LEAST_BITS: Final = 2048  # of RSA (RFC 7518, 3.3)
_FRESH: Final = 300.0
_STALE: Final = 3600.0  # keys are believed where they cannot be fetched again
# Fetches that tokens with unknown keys bring about: so many at once, and then one each so many seconds.
_BURST: Final = 3
_EACH: Final = 30.0
_AGAIN: Final = 5.0  # seconds after a failure


def parse(text: str | bytes) -> tuple[Key, ...]:
    """The public keys for signatures in a JWK set; ValueError if there are none."""
    try:
        listed = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("is no JWK set: an object with `keys`") from error
    found = [key for value in listed[:_MOST] if (key := _key(value))] if isinstance(listed, list) else []
    if not found:
        raise ValueError("has no public key for signatures")
    return tuple(found)


def _key(value: Any) -> Key | None:
    """A key of a set; None for what is not understood, or not for this: a set may hold anything (RFC 7517, 5)."""
    if not isinstance(value, dict) or value.get("kty") not in _TYPES.values() or value.get("use", "sig") != "sig":
        return None
    public = {name: value[name] for name in ("kty", "kid", "alg", "n", "e", "crv", "x", "y") if name in value}
    try:
        if "verify" not in value.get("key_ops", ["verify"]):
            return None
        key = JWKRegistry.import_key(public)
        bits = getattr(key.public_key, "key_size", _LEAST_BITS) if public["kty"] == "RSA" else _LEAST_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if bits >= _LEAST_BITS else None


def _fitting(keys: Sequence[Key], kid: str | None, algorithm: str) -> Sequence[Key]:
    of_type = [key for key in keys if key.key_type == _TYPES[algorithm[:2]]]
    if kid is None:  # only where there is no choice (OpenID Connect Core, 10.1): a signature costs half a millisecond
        return of_type if len(of_type) == 1 else ()
    return [key for key in of_type if key.kid == kid][:_ALIKE]


class FileKeys:
    """Keys of a file."""

    def __init__(self, path: Path) -> None:
        """Read it; OSError or ValueError says why not."""
        self._file = Watched(path, parse)

    async def candidates(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        """The keys that a token may be signed with."""
        return _fitting(await self._file.value(), kid, algorithm)

    async def close(self) -> None:
        """There is nothing to close."""


class FetchedKeys:
    """Keys of a URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: tuple[Key, ...] = ()
        self._fetched = self._failed = -_STALE
        self._allowance = float(_BURST)
        self._counted = time.monotonic()
        self._running: asyncio.Task[None] | None = None

    async def candidates(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        """The keys that a token may be signed with; KeysMissing if none can be had."""
        age = time.monotonic() - self._fetched
        if age > _FRESH:
            await self._fetch()
        if time.monotonic() - self._fetched > _STALE:
            raise KeysMissing("the issuer's keys cannot be read, so tokens cannot be verified now; try again soon")
        found = _fitting(self._keys, kid, algorithm)
        if not found and age <= _FRESH and self._may():
            await self._fetch()
            found = _fitting(self._keys, kid, algorithm)
        return found

    def _may(self) -> bool:
        """Whether an unknown key is reason enough to fetch again; who comes while that is done shares it."""
        now = time.monotonic()
        self._allowance = min(_BURST, self._allowance + (now - self._counted) / _EACH)
        self._counted = now
        if self._running is not None:
            return True
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    async def _fetch(self) -> None:
        if self._running is None:
            if time.monotonic() - self._failed < _AGAIN:
                return
            self._running = asyncio.create_task(self._refresh())
        await asyncio.shield(self._running)

    async def _refresh(self) -> None:
        try:
            self._keys = parse(await fetched(self._url))
            self._fetched = time.monotonic()
        except FAILURES as error:
            self._failed = time.monotonic()
            told = fields(url=self._url, reason=str(error) or type(error).__name__)
            log.warning("keys of an issuer cannot be fetched", extra=told)
        finally:
            self._running = None

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._running is not None:
            await cancelled(self._running)
