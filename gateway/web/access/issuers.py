"""Who signs tokens, as the operator has named them; and what is said of a token that is refused.  No cryptography."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

from gateway.errors import Unauthorized

__all__ = ["ALGORITHMS", "Issuer", "KeySource", "Passports", "refuse"]

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""With public keys, all of them: no secret is shared with who verifies."""


class KeySource(Protocol):
    """The public keys of an issuer, as they are now."""

    async def candidates(self, kid: str | None, algorithm: str) -> Sequence[Any]:
        """The keys that a token may be signed with; KeysMissing if none can be had."""

    async def close(self) -> None:
        """Nobody asks any more."""


class Passports(Protocol):
    """What an issuer tells of the bearers of its tokens."""

    async def passport(self, token: str, claims: Mapping[str, Any]) -> Any:
        """The passport of a verified token's bearer, None if there is none; KeysMissing if it cannot be asked."""

    async def close(self) -> None:
        """Nobody asks any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who signs tokens: the `iss` in them, for whom they must be (`aud`; of visas nobody), and how they are verified.

    `leeway` is in seconds: by how much clocks may differ.  `passports`, if any, are asked for tokens that hold none.
    """

    name: str
    url: str
    audience: tuple[str, ...]
    algorithms: tuple[str, ...]
    leeway: int
    keys: KeySource
    passports: Passports | None = None


def refuse(why: str) -> NoReturn:
    """Raise Unauthorized, as RFC 6750 (3.1) has it; the reason tells nothing of datasets, nor of the token."""
    challenge = f'Bearer realm="pgx-gateway", error="invalid_token", error_description="{why}"'
    raise Unauthorized(why, parameter="Authorization", headers={"WWW-Authenticate": challenge})
