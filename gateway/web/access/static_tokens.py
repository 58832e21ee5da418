"""Tokens that the operator gives out: a file of their hashes.

A line is `NAME SHA256`, and behind it the day on which it ends (`2027-01-31`, UTC) if it does.  A token holds 256
random bits, so a plain hash keeps it: there is nothing to guess, and a slow hash would only serve who asks a lot.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

__all__ = ["MOST", "StaticToken", "find", "is_ours", "line_of", "make", "read"]

MOST: Final = 1000
"""Tokens of a file: each request compares with all of them.  Who has more users has an issuer."""
_BYTES: Final = 32
_PREFIX: Final = "pgx_"  # so that scanners for leaked secrets, and people, know what it is
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,63}\Z")
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A line of the file; good before `until`, if that is given."""

    name: str
    sha256: str
    until: datetime | None = None


def make() -> str:
    """A new token."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def is_ours(authorization: str) -> bool:
    """Whether a header `Authorization` holds a token that was made here: nobody else is shown it."""
    scheme, *token = [*authorization.split(None, 1), ""]  # by whatever blanks
    return scheme.lower() == "bearer" and "".join(token).startswith(_PREFIX)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def line_of(name: str, token: str, until: str = "") -> str:
    """The line of a token; ValueError if there can be no such line."""
    line = " ".join(filter(None, (name, _hash(token), until)))
    _entry(line)
    return line


def _entry(line: str) -> StaticToken:
    name, sha256, *rest = [*line.split(), ""] if line.split() else ["", ""]
    if not _NAME.match(name):
        raise ValueError("a line is NAME SHA256, and a day if it ends; a name has letters, digits and @._-")
    if not _HASH.match(sha256):
        raise ValueError(f"{name}: what follows a name is a SHA-256 in 64 hexadecimal digits, in small letters")
    days = rest[:-1]
    if len(days) > 1:
        raise ValueError(f"{name}: there is something behind the day")
    try:
        until = datetime.fromisoformat(days[0]).replace(tzinfo=UTC) if days else None
    except ValueError as error:
        raise ValueError(f"{name}: {days[0]!r} is no day such as 2027-01-31") from error
    return StaticToken(name, sha256, until)


def read(text: str) -> tuple[StaticToken, ...]:
    """The tokens of a file; ValueError names the line that is wrong.  Several lines may have one name."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append(_entry(line))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    if len(found) > MOST:
        raise ValueError(f"more than {MOST} tokens")
    return tuple(found)


def find(tokens: tuple[StaticToken, ...], token: str) -> StaticToken | None:
    """The line of a token, in a time that tells nothing of how near it comes to any."""
    own, found = _hash(token), None
    for known in tokens:
        if hmac.compare_digest(known.sha256, own):
            found = known
    return found
