"""Passports of who shows a token without one: asked of the issuer (OpenID Connect Core, 5.3), and kept for a while.

Only for tokens that were verified: a stranger's bring about no fetch.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import KeysMissing
from gateway.logs import fields
from gateway.tasks import cancelled
from gateway.web.access.fetching import FAILURES, fetched

__all__ = ["PASSPORT", "FetchedPassports"]

log = logging.getLogger("gateway.access")

PASSPORT: Final = "ga4gh_passport_v1"
_KEPT: Final = 300.0  # seconds
_AGAIN: Final = 5.0  # after a failure
_MOST: Final = 1000


class FetchedPassports:
    """What an issuer's userinfo endpoint says of the bearers of tokens."""

    def __init__(self, url: str) -> None:
        self._url = url
        # By the tokens' hashes; the oldest go first.
        self._known: dict[str, tuple[float, asyncio.Task[Any]]] = {}

    async def passport(self, token: str, claims: Mapping[str, Any]) -> Any:
        """The passport of a verified token's bearer, None if there is none; KeysMissing if it cannot be asked."""
        name = hashlib.sha256(token.encode()).hexdigest()
        began, task = self._known.get(name, (0.0, None))
        failed = task is not None and task.done() and task.result() is None
        if task is None or time.monotonic() - began >= (_AGAIN if failed else _KEPT):
            self._known.pop(name, None)
            while len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            task = asyncio.create_task(self._ask(token))
            self._known[name] = time.monotonic(), task
        said = await asyncio.shield(task)
        if said is None:
            raise KeysMissing("the issuer cannot be asked for the bearer's visas now; try again soon")
        # What was said of somebody else is nothing (5.3.2).
        bearer = claims.get("sub")
        return said.get(PASSPORT) if isinstance(bearer, str) and said.get("sub") == bearer else None

    async def _ask(self, token: str) -> dict[str, Any] | None:
        try:
            said = json.loads(await fetched(self._url, {"Authorization": f"Bearer {token}"}))
            if not isinstance(said, dict):
                raise ValueError("the answer is no JSON object")  # noqa: TRY004 - as others that are none
        except (*FAILURES, RecursionError) as error:
            told = fields(url=self._url, reason=str(error) or type(error).__name__)
            log.warning("userinfo cannot be had", extra=told)
            return None
        return said

    async def close(self) -> None:
        """End what is under way."""
        await cancelled(*(task for _, task in self._known.values()))
