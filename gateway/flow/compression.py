"""Compression on the way out: off the event loop, in flat memory, and the same bytes every time.

The stream is cut into blocks at fixed offsets, whatever chunks it came in, and flushed after each, so that what a
client gets does not depend on how a pass was sliced.  The first block is small: it must not wait.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import zstandard
from isal import isal_zlib

from gateway import bgzf, metrics
from gateway.flow.indexing import Indexing
from gateway.metrics import timed

__all__ = ["CODINGS", "compressed"]

_FIRST: Final = 4 * 1024
# A flush each 128 KiB costs under 1 % of size.
_BLOCK: Final = 128 * 1024
# Of a chunk, at once.
_PIECE: Final = 1024 * 1024
# Fastest levels: level 1 of either is smaller and far faster than zlib's.
_GZIP_LEVEL: Final = 1
_ZSTD_LEVEL: Final = 1
_ZSTD_WINDOW: Final = 17  # 128 KiB
_GZIP_HEADER: Final = 31  # window bits that mean a gzip header, without a time or a name in it


Bytes = bytes | memoryview


class _Compressor(Protocol):
    def block(self, data: Bytes) -> bytes:
        """The bytes for a block; whoever reads them can read all of it."""
        ...

    def end(self) -> bytes:
        """The bytes that end the stream."""
        ...


@dataclass(slots=True)
class _Stream:
    """A library's compressor, as blocks."""

    compress: Callable[[Bytes], bytes]
    flush: Callable[[], bytes]
    end: Callable[[], bytes]

    def block(self, data: Bytes) -> bytes:
        return self.compress(data) + self.flush()


def _gzip() -> _Compressor:
    stream = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_HEADER)
    return _Stream(stream.compress, partial(stream.flush, isal_zlib.Z_SYNC_FLUSH), stream.flush)


def _zstd() -> _Compressor:
    # Lines repeat what is near: a small window is as good, a fifth faster, and all a reader needs memory for.
    parameters = zstandard.ZstdCompressionParameters.from_level(_ZSTD_LEVEL, window_log=_ZSTD_WINDOW)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return _Stream(stream.compress, partial(stream.flush, zstandard.COMPRESSOBJ_FLUSH_BLOCK), stream.flush)


@dataclass(slots=True)
class _Blocks:
    """BGZF, and the indexes of it."""

    indexing: Indexing | None

    def block(self, data: Bytes) -> bytes:
        pieces = list(bgzf.pieces(data))
        members = [bgzf.member(piece) for piece in pieces]
        if self.indexing is not None:
            self.indexing.add(data, [(len(piece), len(made)) for piece, made in zip(pieces, members, strict=True)])
        return b"".join(members)

    def end(self) -> bytes:
        return bgzf.END


CODINGS: Final[dict[str, Callable[[], _Compressor]]] = {"zstd": _zstd, "gzip": _gzip}
"""Content codings by their registered names, the preferred one first."""


class _Cutter:
    """Cuts a stream into blocks, whatever pieces it comes in, and compresses those.  One call at a time, in threads."""

    def __init__(self, compressor: _Compressor) -> None:
        self._compressor = compressor
        self._size = _FIRST
        self._kept = b""  # shorter than a block

    def feed(self, chunk: Bytes) -> bytes:
        """What comes of all the blocks that are complete with this chunk."""
        rest, found = memoryview(chunk), []
        while len(self._kept) + len(rest) >= self._size:
            more = self._size - len(self._kept)
            found.append(self._compressor.block(self._kept + rest[:more] if self._kept else rest[:more]))
            rest, self._kept, self._size = rest[more:], b"", _BLOCK
        self._kept += rest
        return b"".join(found)

    def end(self) -> bytes:
        """What comes of the rest."""
        return (self._compressor.block(self._kept) if self._kept else b"") + self._compressor.end()


async def compressed(
    chunks: AsyncIterator[bytes], coding: str, executor: Executor, indexing: Indexing | None = None
) -> AsyncGenerator[bytes, None]:
    """The chunks compressed, in a content coding or as `bgzf`, of which indexes are made; ends only if they do."""
    loop = asyncio.get_running_loop()
    cutter = _Cutter(_Blocks(indexing) if coding == "bgzf" else CODINGS[coding]())
    async for chunk in chunks:
        view = memoryview(chunk)
        for at in range(0, len(view), _PIECE):
            if found := await loop.run_in_executor(executor, _timed, cutter.feed, view[at : at + _PIECE]):
                yield found
    yield await loop.run_in_executor(executor, _timed, cutter.end)


def _timed(work: Callable[..., bytes], *values: Bytes) -> bytes:
    with timed(metrics.ENCODING_SECONDS, "compressed"):
        return work(*values)
