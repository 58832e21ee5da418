"""One short answer of a server that the operator has named: bounded in bytes and time, no redirect followed."""

from collections.abc import Mapping
from typing import Final

import aiohttp

__all__ = ["FAILURES", "fetched"]

_LARGEST: Final = 1024 * 1024
_SECONDS: Final = 10.0
FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""What a fetch, or the reading of what came, may raise."""


async def fetched(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The body of an answer; one of FAILURES if it is no 200, too long or too late."""
    limits = aiohttp.ClientTimeout(total=_SECONDS)
    # Fetches are rare: no connection is kept.  Who redirects could name any host.
    async with (
        aiohttp.ClientSession(timeout=limits, trust_env=True) as session,
        session.get(url, allow_redirects=False, headers={"Accept": "application/json", **(headers or {})}) as response,
    ):
        if response.status != 200:
            raise ValueError(f"the answer is {response.status}")
        raw = await response.content.read(_LARGEST + 1)
        while len(raw) <= _LARGEST and (more := await response.content.read(_LARGEST)):
            raw += more
    if len(raw) > _LARGEST:
        raise ValueError("the answer is larger than 1 MiB")
    return raw
