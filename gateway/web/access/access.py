"""The door: what a request may see, by its `Authorization` header.

It is asked before anything else, so that a token that is not valid is answered the same whatever is asked with it.
Without a token, or with one that is worth nothing for a dataset, the dataset is not there.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from aiohttp import web

from gateway.config import Config
from gateway.errors import BadRequest, plain
from gateway.logs import fields
from gateway.query.parameters import normal
from gateway.web.access.issuers import refuse
from gateway.web.access.policy import DatasetPolicy, Policy, Proof
from gateway.web.access.policy_file import Rules, load_rules
from gateway.web.access.static_tokens import find
from gateway.web.access.userinfo import PASSPORT
from gateway.web.app_keys import CALLER, VIEW

__all__ = ["ACCESS", "Access", "audit", "identify"]

log = logging.getLogger("gateway.access")

# As RFC 6750 (2.1) has it; a header that is for somebody else, such as a proxy's Basic, is none of ours.
_BEARER: Final = re.compile(r"bearer(?: +(?P<token>[A-Za-z0-9._~+/-]+=*))? *\Z", re.IGNORECASE)
_OURS: Final = re.compile(r"bearer(\s|\Z)", re.IGNORECASE)
_OPEN: Final = frozenset({"/health", "/gateway/health"})
_IN_URL: Final = "accesstoken"
_LONGEST: Final = 200  # of a name in the log

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see what.  `rules` are those of the operator's file, None where all is public and no token is read."""

    policy: Policy
    rules: Rules | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """What the settings say; ConfigError names what is wrong."""
        if not config.access:
            return cls(Policy(dict.fromkeys(config.datasets, DatasetPolicy(public="record"))))
        rules = load_rules(config.access, config.datasets)
        return cls(Policy(rules.datasets), rules)

    async def proof(self, headers: Sequence[str]) -> Proof | None:
        """What these `Authorization` headers prove; None without a token.  BadRequest, KeysMissing, Unauthorized."""
        own = [header.strip() for header in headers if _OURS.match(header.strip())]
        if self.rules is None or not own:
            return None
        found = _BEARER.match(own[0])
        if len(headers) > 1 or found is None or found["token"] is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="pgx-gateway", error="invalid_request"'}
            raise BadRequest("one header, Bearer TOKEN, is understood", parameter="Authorization", headers=challenge)
        return await self._proved(found["token"], self.rules)

    async def _proved(self, token: str, rules: Rules) -> Proof:
        if token.count(".") == 2 and rules.issuers:
            # Not before: whoever gives out no JSON Web Tokens needs no library for them.
            from gateway.web.access.tokens import verified  # noqa: PLC0415
            from gateway.web.access.visas import visas_of  # noqa: PLC0415

            issuer, claims = await verified(token, rules.issuers)
            passport = claims.get(PASSPORT)
            if passport is None and issuer.passports is not None:
                passport = await issuer.passports.passport(token, claims)
            visas = await visas_of(passport, rules.visa_issuers, self.policy)
            return Proof(issuer=issuer.name, claims=claims, visas=visas)
        known = find(await rules.tokens.value() if rules.tokens else (), token)
        if known is None:
            refuse("the token is not known here")
        if known.until is not None and known.until <= datetime.now(UTC):
            refuse("the token has expired")
        return Proof(token=known.name)

    async def close(self) -> None:
        """Nobody asks any more."""
        if self.rules is not None:
            for issuer in (*self.rules.issuers, *self.rules.visa_issuers):
                await issuer.keys.close()
                if issuer.passports is not None:
                    await issuer.passports.close()


ACCESS: Final = web.AppKey("access", Access)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request see what its token is good for."""
    if request.path in _OPEN:
        return await handler(request)
    if any(normal(name) == _IN_URL for name in request.query):  # where proxies log it, and links repeat it
        raise BadRequest("a token belongs in the header Authorization: Bearer TOKEN", parameter="access_token")
    access = request.app[ACCESS]
    proof = await access.proof(request.headers.getall("Authorization", []))
    request[CALLER] = proof.name if proof else ""
    request[VIEW] = access.policy.view(proof) if proof else access.policy.anonymous
    return await handler(request)


def audit(request: web.Request, digest: str, datasets: Iterable[str]) -> None:
    """Say in the log whose token is answered from guarded datasets; the request's id leads to the outcome."""
    guarded = [name for name in datasets if name in request[VIEW].guarded]
    if guarded and (caller := plain(request[CALLER])[:_LONGEST]):
        log.info("guarded data", extra=fields(caller=caller, datasets=",".join(guarded), digest=digest))
