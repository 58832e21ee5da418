"""Compression on the way out: off the event loop, in flat memory, and the same bytes every time.

The stream is cut into blocks at fixed offsets, whatever chunks it came in, and flushed after each, so that what a
client gets does not depend on how a pass was sliced.  The first block is small: it must not wait.
"""

import asyncio
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import zstandard
from isal import isal_zlib

__all__ = ["CODINGS", "squeezed"]

_FIRST: Final = 4 * 1024
# A flush each 128 KiB costs under 1 % of size.
_BLOCK: Final = 128 * 1024
# Fastest levels: level 1 of either is smaller and far faster than zlib's.
_GZIP_LEVEL: Final = 1
_ZSTD_LEVEL: Final = 1
# Bytes of a BGZF member before compression: what cannot be compressed must fit 64 KiB, too.
_MEMBER: Final = 45_000
_BGZF_HEADER: Final = bytes.fromhex("1f8b08040000000000ff0600") + b"BC\x02\x00"
_GZIP_HEADER: Final = 31  # window bits that mean a gzip header, without a time or a name in it


class _Compressor(Protocol):
    def block(self, data: bytes) -> bytes:
        """The bytes for a block; whoever reads them can read all of it."""
        ...

    def end(self) -> bytes:
        """The bytes that end the stream."""
        ...


@dataclass(slots=True)
class _Stream:
    """A library's compressor, as blocks."""

    compress: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    end: Callable[[], bytes]

    def block(self, data: bytes) -> bytes:
        return self.compress(data) + self.flush()


def _gzip() -> _Compressor:
    stream = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_HEADER)
    return _Stream(stream.compress, partial(stream.flush, isal_zlib.Z_SYNC_FLUSH), stream.flush)


def _zstd() -> _Compressor:
    stream = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    return _Stream(stream.compress, partial(stream.flush, zstandard.COMPRESSOBJ_FLUSH_BLOCK), stream.flush)


@dataclass(slots=True)
class _Blocks:
    """BGZF (SAM specification, 4.1): gzip members that say how long they are, so that tabix finds its way."""

    def block(self, data: bytes) -> bytes:
        return b"".join(self._member(data[at : at + _MEMBER]) for at in range(0, len(data), _MEMBER))

    def _member(self, data: bytes) -> bytes:
        packed = isal_zlib.compress(data, _GZIP_LEVEL, -isal_zlib.MAX_WBITS)
        size = len(_BGZF_HEADER) + 2 + len(packed) + 8
        check = struct.pack("<II", isal_zlib.crc32(data), len(data))
        return _BGZF_HEADER + struct.pack("<H", size - 1) + packed + check

    def end(self) -> bytes:
        return self._member(b"")


CODINGS: Final[dict[str, Callable[[], _Compressor]]] = {"zstd": _zstd, "gzip": _gzip}
"""Content codings by their registered names, the preferred one first."""
_PACKINGS: Final[dict[str, Callable[[], _Compressor]]] = {**CODINGS, "bgzf": _Blocks}


async def squeezed(chunks: AsyncIterator[bytes], coding: str, executor: Executor) -> AsyncGenerator[bytes, None]:
    """The chunks compressed, in a content coding or as `bgzf`; ends only if they do."""
    loop = asyncio.get_running_loop()
    compressor = _PACKINGS[coding]()
    kept, size = bytearray(), _FIRST
    async for chunk in chunks:
        kept += chunk
        while len(kept) >= size:
            block = bytes(kept[:size])
            del kept[:size]
            size = _BLOCK
            yield await loop.run_in_executor(executor, compressor.block, block)
    rest = await loop.run_in_executor(executor, compressor.block, bytes(kept)) if kept else b""
    yield rest + compressor.end()
