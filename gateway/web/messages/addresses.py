"""Immutable addresses: `/exports/EXPORT/NAME`, and the ticket at `/exports/EXPORT`.

`EXPORT` is the digest of the bytes and, behind a `-`, the question that they answer: any host can make them again from
it.  Questions that are too long are left out: such an address is known to the host alone that issued it.

The question is base64url of a check that it belongs to the digest, and of its text: as it is, or deflated if that is
shorter.  So it is one path segment without any character that shells, proxies or file systems might mind, and clients
name their files by what stands behind it.
"""

import base64
import hashlib
import re
import zlib
from typing import Final

from gateway.errors import NotFound
from gateway.spool.folder import is_digest

__all__ = ["read", "written"]

_LONGEST: Final = 6_000  # characters; proxies take 8 KiB of a request line, and the name comes behind
_CHECK: Final = 6  # bytes: nothing secret, but no question that was cut or changed on its way is believed
_DEFLATED: Final = b"\0"  # texts begin with a slash
_LARGEST: Final = 64 * 1024  # bytes of a text: those of the longest request line that is taken
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_RAW: Final = -15  # no header and no checksum: there is one


def written(digest: str, question: str) -> str:
    """The segment that names an export; the digest alone where there is no question, or a long one."""
    text = question.encode()
    if not text or len(text) > _LARGEST:
        return digest
    packer = zlib.compressobj(9, wbits=_RAW)
    packed = _DEFLATED + packer.compress(text) + packer.flush()
    said = base64.urlsafe_b64encode(_check(digest, text) + min(text, packed, key=len)).rstrip(b"=").decode()
    return f"{digest}-{said}" if len(said) <= _LONGEST else digest


def read(segment: str) -> tuple[str, str]:
    """The digest in such a segment, and the question, empty if there is none.  Raises NotFound."""
    digest, mark, said = segment.partition("-")
    if not is_digest(digest):
        raise NotFound("no such export; ask the live query again")
    return digest, _question(digest, said) if mark else ""


def _question(digest: str, said: str) -> str:
    try:
        raw = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)) if _ALPHABET.match(said) else b""
        text = raw[_CHECK:]
        if text.startswith(_DEFLATED):
            unpacker = zlib.decompressobj(_RAW)
            text = unpacker.decompress(text[1:], _LARGEST)
            whole = unpacker.eof and not unpacker.unused_data
        else:
            whole = True
        if whole and raw[:_CHECK] == _check(digest, text):
            return text.decode()
    except (ValueError, zlib.error):  # binascii.Error is one
        pass
    raise NotFound("no such export: the address was cut or changed; ask the live query again")


def _check(digest: str, text: bytes) -> bytes:
    return hashlib.sha256(digest.encode() + b"\n" + text).digest()[:_CHECK]
