"""BGZF (SAM specification, 4.1): gzip members that say how long they are, so that readers find their way in a file.

What a block is compressed to depends on the library: `maker` tells one that makes other bytes from this one.
"""

import hashlib
import struct
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from typing import Final, cast

from isal import isal_zlib

__all__ = ["END", "HEAD", "LONGEST", "maker", "member", "packed", "pieces", "size_of", "unpacked"]

Bytes = bytes | memoryview

_LEVEL: Final = 1
# Bytes of a block before compression: what cannot be compressed must fit 64 KiB, too.
_MEMBER: Final = 45_000
_HEADER: Final = bytes.fromhex("1f8b08040000000000ff0600") + b"BC\x02\x00"
_DAMAGED: Final = cast("type[Exception]", isal_zlib.error)  # which its stubs take for an instance
_TAIL: Final = struct.Struct("<II")
HEAD: Final = len(_HEADER) + 2
"""Bytes of a block from which its size can be told."""
LONGEST: Final = 65_536
"""Bytes that a block has at most, packed or not."""


def member(data: Bytes) -> bytes:
    """A block of some bytes, of not more than 45,000."""
    body = isal_zlib.compress(data, _LEVEL, -isal_zlib.MAX_WBITS)
    size = HEAD + len(body) + _TAIL.size
    return _HEADER + struct.pack("<H", size - 1) + body + _TAIL.pack(isal_zlib.crc32(data), len(data))


def pieces(data: Bytes) -> Iterator[Bytes]:
    """The data cut as blocks hold it."""
    return (data[at : at + _MEMBER] for at in range(0, len(data), _MEMBER))


def packed(data: Bytes) -> bytes:
    """The blocks of some data, without `END`."""
    return b"".join(map(member, pieces(data)))


END: Final = member(b"")
"""The empty block that ends a file."""


def size_of(head: Bytes) -> int:
    """Bytes of the block that begins so; ValueError if it is none, as we write them."""
    if len(head) < HEAD or head[: len(_HEADER)] != _HEADER:
        raise ValueError("not a block of BGZF")
    return int(struct.unpack_from("<H", head, len(_HEADER))[0]) + 1


def unpacked(block: Bytes) -> bytes:
    """The data of one whole block; ValueError if it is damaged."""
    try:
        data = isal_zlib.decompress(block[HEAD : -_TAIL.size], -isal_zlib.MAX_WBITS, LONGEST)
    except _DAMAGED as error:
        raise ValueError("a damaged block of BGZF") from error
    if _TAIL.unpack(block[-_TAIL.size :]) != (isal_zlib.crc32(data), len(data)):
        raise ValueError("a damaged block of BGZF")
    return bytes(data)


@cache
def maker() -> str:
    """What compresses here: the library's version, and what it makes of a sample on this processor.

    Two that say the same make the same bytes: digests of packed files hold it.
    """
    lines = [
        f"{n % 24}\t{n * n * 7919 % 240_000_007}\t.\tN\t<DEL>\tEND={n * 104_729 % 1_000_003}\n" for n in range(4000)
    ]
    text = "".join(lines).encode()
    stream = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, 16 + isal_zlib.MAX_WBITS)
    made = packed(text) + stream.compress(text) + stream.flush()
    return f"isal {metadata.version('isal')} {hashlib.sha256(made).hexdigest()[:16]}"
