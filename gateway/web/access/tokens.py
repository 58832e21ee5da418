"""JSON Web Tokens (RFC 7519) of issuers that the operator trusts, verified by joserfc.

What a token says of itself chooses among what the operator has named, never more: the algorithms are the issuer's, all
of them with public keys; the keys are the issuer's, and keep to their own algorithms.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jws import JWSRegistry

from gateway.web.access.issuers import Issuer, refuse

__all__ = ["peek", "verified"]


class _Registry(JWSRegistry):
    max_header_length = 8192  # certificates and addresses of keys, which nobody reads here, make it long


def _part(text: str) -> Mapping[str, Any]:
    value = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    return value if isinstance(value, dict) else {}


def peek(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a token says of itself: header and claims, not verified; both empty if it is none."""
    try:
        header, claims, _ = token.split(".")
        return _part(header), _part(claims)
    except (ValueError, RecursionError):  # of base64, Unicode and JSON as well
        return {}, {}


async def verified(token: str, issuers: Sequence[Issuer]) -> tuple[Issuer, Mapping[str, Any]]:
    """Who issued a token, and its claims.  Raises Unauthorized, KeysMissing."""
    header, claims = peek(token)
    issuer = next((issuer for issuer in issuers if issuer.url == claims.get("iss")), None)
    if issuer is None:
        refuse("the token is of no issuer that is known here")
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in issuer.algorithms:
        refuse("the token is signed in a way that its issuer does not sign in")
    if not isinstance(kid, str | None):
        refuse("the token is malformed")
    for key in await issuer.keys.candidates(kid, algorithm):
        try:
            found = jwt.decode(token, key, [algorithm], _Registry(algorithms=[algorithm], strict_check_header=False))
        except (JoseError, ValueError, TypeError, RecursionError):  # not by this key
            continue
        _check(found.claims, issuer)
        return issuer, found.claims
    return refuse("the token's signature is not by a key that its issuer has now")


def _check(claims: dict[str, Any], issuer: Issuer) -> None:
    """Whether it is for us, and now."""
    audience: dict[str, Any] = {"aud": {"essential": True, "values": list(issuer.audience)}} if issuer.audience else {}
    registry = jwt.JWTClaimsRegistry(
        leeway=issuer.leeway,
        iss={"essential": True, "value": issuer.url},
        exp={"essential": True},
        **audience,
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError:
        refuse("the token has expired")
    except MissingClaimError:
        refuse("the token does not say for whom or how long it is")
    except InvalidClaimError as error:
        told = {"aud": "the token is for another audience", "nbf": "the token is not valid yet"}
        told |= {"iat": "the token is not valid yet"}
        refuse(told.get(error.claim, "the token is malformed"))
    except (JoseError, ValueError, TypeError, OverflowError):
        refuse("the token is malformed")
