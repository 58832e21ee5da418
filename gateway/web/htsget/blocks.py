"""The blocks of an htsget response: parts of a BGZF file that are, one behind another, a whole one.

Blocks of BGZF do not end with lines.  So of a piece of the file the lines in its first and in its last block are packed
anew and stand in the ticket, and the whole blocks between are ranges of the file.
"""

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Protocol

from gateway import bgzf

__all__ = ["Block", "Opened", "Piece", "blocks", "joined", "written"]

_LARGEST: Final = 512 * 1024 * 1024  # bytes of a range: the specification asks for no more than a gigabyte
_PIECES: Final = 64  # each has up to two blocks in the ticket, some ten kilobytes
_NEAR: Final = 128 * 1024  # bytes of the file: the ends of two pieces in the ticket would cost as much
_INLINE: Final = 1024 * 1024  # bytes of a header's blocks; ranges are for longer ones
_SHIFT: Final = 16  # of a virtual offset: where the block is, above where the line is in its text

Piece = tuple[int, int]
"""Virtual offsets: of the first line, and of what follows the last."""


class Opened(Protocol):
    """A complete file, open, of which it is known where its lines are."""

    def text(self, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        """The text between two virtual offsets."""
        ...

    async def block_end(self, offset: int) -> int:
        """Where the block at an offset ends."""
        ...


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The same in the order of the file, each line once; what is near another is joined to it with all between."""
    found: list[Piece] = []
    for begin, end in sorted(pieces):
        if found and (begin >> _SHIFT) - (found[-1][1] >> _SHIFT) <= _NEAR:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif begin < end:
            found.append((begin, end))
    if len(found) <= _PIECES:
        return found
    gaps = sorted(((after[0] >> _SHIFT) - (before[1] >> _SHIFT) for before, after in pairwise(found)), reverse=True)
    least = gaps[_PIECES - 2]
    kept: list[Piece] = [found[0]]
    for piece in found[1:]:
        if len(kept) < _PIECES and (piece[0] >> _SHIFT) - (kept[-1][1] >> _SHIFT) >= least:
            kept.append(piece)
        else:
            kept[-1] = (kept[-1][0], piece[1])
    return kept


@dataclass(frozen=True, slots=True)
class _Range:
    """Bytes of the file, from `start` to `stop` (excluded)."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a response, of the `header` or of the `body`; no text at all is the end of a file."""

    kind: str
    part: bytes | _Range


async def _parts(file: Opened, piece: Piece) -> AsyncIterator[bytes | _Range]:
    """A piece as text and ranges, in order."""
    begin, end = piece
    first, last = begin >> _SHIFT, end >> _SHIFT
    if first == last:
        yield await _text(file, begin, end)
        return
    if begin & 0xFFFF:
        first = await file.block_end(first)
        yield await _text(file, begin, first << _SHIFT)
    for start in range(first, last, _LARGEST):
        yield _Range(start, min(start + _LARGEST, last))
    if end & 0xFFFF:
        yield await _text(file, last << _SHIFT, end)


async def _text(file: Opened, begin: int, end: int) -> bytes:
    return b"".join([text async for text in file.text(begin, end)])


async def blocks(file: Opened, header_end: int, pieces: Sequence[Piece]) -> list[Block]:
    """The blocks of a response: the header, the pieces, and the end of the file."""
    whole = header_end >> _SHIFT <= _INLINE
    header = [await _text(file, 0, header_end)] if whole else [part async for part in _parts(file, (0, header_end))]
    body = [part for piece in pieces for part in [each async for each in _parts(file, piece)]]
    # Without records a header is a whole file, and its end is a part of it.
    end = Block("body" if pieces else "header", b"")
    return [*(Block("header", part) for part in _together(header)), *(Block("body", p) for p in _together(body)), end]


def written(found: Iterable[Block], url: str, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """The same as a ticket has them.  Packs texts, which takes its time.

    `url` is the file's, `headers` are what is to be sent with it besides the range.
    """
    told: list[dict[str, Any]] = []
    for block in found:
        if isinstance(block.part, _Range):
            sent = {**headers, "Range": f"bytes={block.part.start}-{block.part.stop - 1}"}
            told.append({"url": url, "headers": sent, "class": block.kind})
        else:
            told.append({"url": _data(bgzf.packed(block.part) or bgzf.END), "class": block.kind})
    return told


def _together(parts: Iterable[bytes | _Range]) -> Iterator[bytes | _Range]:
    """The same with texts that follow each other as one; those without any are left out."""
    text = b""
    for part in parts:
        if isinstance(part, bytes):
            text += part
            continue
        if text:
            yield text
        text = b""
        yield part
    if text:
        yield text


def _data(block: bytes) -> str:
    return f"data:;base64,{base64.b64encode(block).decode()}"
