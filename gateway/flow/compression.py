"""Compression on the way out: off the event loop, in flat memory, and the same bytes every time.

The stream is cut into blocks at fixed offsets, whatever chunks it came in, and flushed after each, so that what a
client gets does not depend on how a pass was sliced.  The first block is small: it must not wait.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import zstandard
from isal import isal_zlib

from gateway import bgzf, metrics
from gateway.flow.indexing import Indexing
from gateway.flow.read_ahead import ahead
from gateway.metrics import timed
from gateway.rows import in_slices

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
T = TypeVar("T")


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


CODINGS: Final[dict[str, Callable[[], _Compressor]]] = {"zstd": _zstd, "gzip": _gzip}
"""Content codings by their registered names, the preferred one first."""


class _Cutter:
    """Cuts a stream into blocks, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._size = _FIRST
        self._kept = b""  # shorter than a block

    def cut(self, chunk: Bytes) -> list[Bytes]:
        """All the blocks that are complete with this chunk."""
        rest, found = memoryview(chunk), list[Bytes]()
        while len(self._kept) + len(rest) >= self._size:
            more = self._size - len(self._kept)
            found.append(self._kept + rest[:more] if self._kept else rest[:more])
            rest, self._kept, self._size = rest[more:], b"", _BLOCK
        self._kept += rest
        return found

    def rest(self) -> list[Bytes]:
        """What is behind the last of them, if there is anything."""
        return [self._kept] if self._kept else []


def compressed(
    chunks: AsyncIterator[bytes], coding: str, executor: Executor, indexing: Indexing | None = None
) -> AsyncGenerator[bytes, None]:
    """The chunks compressed, in a content coding or as `bgzf`, of which indexes are made; ends only if they do.

    Close it (`aclosing`) before the chunks: it may have asked for the next of them already.
    """
    return _bgzf(chunks, executor, indexing) if coding == "bgzf" else _stream(chunks, CODINGS[coding](), executor)


def _pieces(chunk: bytes) -> Iterator[memoryview]:
    return in_slices(memoryview(chunk), _PIECE)


async def _stream(
    chunks: AsyncIterator[bytes], compressor: _Compressor, executor: Executor
) -> AsyncGenerator[bytes, None]:
    loop, cutter = asyncio.get_running_loop(), _Cutter()

    def fed(chunk: Bytes) -> bytes:
        return b"".join(map(compressor.block, cutter.cut(chunk)))

    def ended() -> bytes:
        return b"".join(map(compressor.block, cutter.rest())) + compressor.end()

    async for chunk in chunks:
        for piece in _pieces(chunk):
            if found := await loop.run_in_executor(executor, _timed, fed, piece):
                yield found
    yield await loop.run_in_executor(executor, _timed, ended)


# --- BGZF: blocks are packed by themselves, so some are while others are indexed and delivered -----------------------


@dataclass(frozen=True, slots=True)
class _Packed:
    """Blocks of a stream, packed: what they held, and of each member the sizes before and behind."""

    blocks: Sequence[Bytes]
    sizes: Sequence[Sequence[tuple[int, int]]]
    data: bytes


def _packed(blocks: Sequence[Bytes]) -> _Packed:
    members, sizes = list[bytes](), []
    for block in blocks:
        pieces = list(bgzf.pieces(block))
        made = list(map(bgzf.member, pieces))
        sizes.append([(len(piece), len(member)) for piece, member in zip(pieces, made, strict=True)])
        members += made
    return _Packed(blocks, sizes, b"".join(members))


async def _bgzf(
    chunks: AsyncIterator[bytes], executor: Executor, indexing: Indexing | None
) -> AsyncGenerator[bytes, None]:
    loop, cutter = asyncio.get_running_loop(), _Cutter()

    async def packings() -> AsyncGenerator[asyncio.Future[_Packed], None]:
        async for chunk in chunks:
            for piece in _pieces(chunk):
                if blocks := cutter.cut(piece):
                    yield loop.run_in_executor(executor, _timed, _packed, blocks)
        yield loop.run_in_executor(executor, _timed, _packed, cutter.rest())

    def indexed(packed: _Packed) -> None:
        if indexing is not None:
            for block, sizes in zip(packed.blocks, packed.sizes, strict=True):
                indexing.add(block, sizes)

    async with aclosing(packings()) as begun, aclosing(ahead(begun)) as under_way:
        async for packing in under_way:
            packed = await packing
            await loop.run_in_executor(executor, _timed, indexed, packed)
            if packed.data:
                yield packed.data
    yield bgzf.END


def _timed(work: Callable[..., T], *values: object) -> T:
    with timed(metrics.ENCODING_SECONDS, "compressed"):
        return work(*values)
