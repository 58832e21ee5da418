"""What servers say, read with suspicion: tickets, header fields, file names.  Pure.

A ticket is the JSON that a download's URL answers with `ticket=true`; whatever else comes back is no ticket.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import unquote, urljoin, urlsplit

from gateway.fetch.errors import Contradiction

__all__ = [
    "Export",
    "Promise",
    "content_range",
    "etag",
    "named",
    "repr_digest",
    "retry_after",
    "safe_name",
    "ticket",
]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"\Z')
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)\Z")
_DIGEST = re.compile(r"\bsha-256=:([A-Za-z0-9+/=]{44}):")
_LONGEST_NAME: Final = 200  # bytes: `.part.json` comes behind, and file systems allow 255
_LONGEST_PAUSE: Final = 3600.0
_LARGEST: Final = 2**63 - 1  # no file is larger, whatever a server says
_STATES: Final = ("producing", "complete", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is to be fetched: an address, and what is known of the bytes that it gives."""

    address: str
    name: str
    etag: str | None = None
    """Strong, with its quotes; without one nothing can be resumed."""
    status: str | None = None
    """The address to ask how far the server is; None where the server has no tickets."""
    state: str = "unknown"
    size: int | None = None
    sha256: str | None = None
    rows: int = 0
    made: int = 0
    """Rows and bytes that the server has made so far."""
    expected: int | None = None
    """Rows that the server expects."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the server has stated of the whole so far, wherever it did: ticket, HEAD, header fields of any answer."""

    size: int | None = None
    sha256: str | None = None

    def also(self, size: int | None, sha256: str | None) -> Self:
        """With another statement, which may not be at odds with those before."""
        if size is not None and self.size not in {None, size}:
            raise Contradiction(f"the server said {self.size:,} bytes, then {size:,}")
        if sha256 is not None and self.sha256 not in {None, sha256}:
            raise Contradiction(f"the server said two SHA-256: {self.sha256}, then {sha256}")
        return replace(self, size=self.size if size is None else size, sha256=self.sha256 or sha256)


def ticket(raw: bytes, asked: str) -> Export | None:
    """The ticket in an answer, None if it is none; addresses may be relative to the one that was `asked`."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("state") not in _STATES or not isinstance(said.get("address"), str):
        return None
    address, status = _absolute(asked, said["address"]), said.get("self")
    if address is None:
        return None
    expected, sha256, size, etag = said.get("expected"), said.get("sha256"), _number(said, "size"), said.get("etag")
    return Export(
        address=address,
        name=safe_name(_text(said, "name")),
        etag=etag if isinstance(etag, str) and _STRONG.match(etag) else None,
        status=(_absolute(asked, status) if isinstance(status, str) else None) or asked,
        state=said["state"],
        size=size if said["state"] == "complete" else None,
        sha256=sha256 if isinstance(sha256, str) and _SHA256.match(sha256) else None,
        rows=_number(said, "rows") or 0,
        made=_number(said, "bytes") or 0,
        expected=_number(expected, "variants") if isinstance(expected, dict) else None,
    )


def _number(said: Mapping[str, Any], key: str) -> int | None:
    value = said.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else None


def _text(said: Mapping[str, Any], key: str) -> str:
    value = said.get(key)
    return value if isinstance(value, str) else ""


def _absolute(asked: str, address: str) -> str | None:
    """An address as the ticket has it, if it can be asked; a proxy's server may not know that it was asked by https."""
    try:
        found, here = urlsplit(urljoin(asked, address)), urlsplit(asked)
    except ValueError:
        return None
    if found.scheme not in {"http", "https"} or not found.hostname:
        return None
    if (found.scheme, here.scheme) == ("http", "https") and found.hostname == here.hostname:
        found = found._replace(scheme="https", netloc=here.netloc)
    return found.geturl()


def named(headers: Mapping[str, str], url: str) -> str:
    """The file name that an answer gives, else the last part of its address."""
    found = re.search(r'filename="((?:[^"\\]|\\.)*)"', headers.get("Content-Disposition", ""))
    return safe_name(re.sub(r"\\(.)", r"\1", found[1]) if found else unquote(urlsplit(url).path.rstrip("/")))


def safe_name(name: str) -> str:
    """A name without path, control characters or leading dots; `download` if nothing is left."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join("_" if letter in ':*?"<>|' else letter for letter in last if letter.isprintable()).strip(" .")
    return kept.encode()[:_LONGEST_NAME].decode(errors="ignore").rstrip(" .") or "download"


def etag(headers: Mapping[str, str]) -> str | None:
    """The strong ETag of an answer."""
    found = headers.get("ETag", "")
    return found if _STRONG.match(found) else None


def repr_digest(headers: Mapping[str, str]) -> str | None:
    """The SHA-256 in `Repr-Digest` (RFC 9530), hexadecimal."""
    found = _DIGEST.search(headers.get("Repr-Digest", ""))
    if found is None:
        return None
    try:
        raw = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return None
    return raw.hex() if len(raw) == 32 else None


def content_range(headers: Mapping[str, str]) -> tuple[int | None, int | None, int | None]:
    """First byte, the one behind the last, and length of the whole in `Content-Range`; None for what is not said."""
    if (found := _RANGE.match(headers.get("Content-Range", ""))) is None:
        return None, None, None
    first, last, total = (int(number) if number else None for number in found.groups())
    if first is None or last is None:
        return None, None, total
    if last < first or (total is not None and last >= total):
        return None, None, None
    return first, last + 1, total


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` asks for; a date is left to our own pauses."""
    text = headers.get("Retry-After", "").strip()
    return min(float(text), _LONGEST_PAUSE) if re.fullmatch(r"\d{1,9}", text) else None
