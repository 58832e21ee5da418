"""Indexes of a BGZF file: made of its blocks while they are made, or of a file that is there.

An index that cannot be made is no reason to refuse the file: the log says why there is none.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor

from gateway import bgzf
from gateway.codec import Indexer, NotSorted
from gateway.logs import fields
from gateway.tabix import EXTENSIONS, Indexed, written

__all__ = ["Indexing", "indexes_of"]

log = logging.getLogger("gateway.flow")

Bytes = bytes | memoryview


class Indexing:
    """The indexes of one file.  One call at a time, in threads."""

    def __init__(self, lines: Indexed) -> None:
        self._lines = lines
        self._indexer = Indexer(lines)
        self._wrong: NotSorted | None = None

    def add(self, text: Bytes, blocks: Sequence[tuple[int, int]]) -> None:
        """Take in the next blocks: their text, and of each how many bytes of it there are in how many of the file."""
        if self._wrong is None:
            try:
                self._indexer.add(text, blocks)
            except NotSorted as error:
                self._wrong = error

    def read(self, data: bytes) -> bytes:
        """Take in the whole blocks of some of a file; returns the rest.  ValueError if it is not as we write it."""
        at, texts, blocks = 0, [], []
        while len(data) - at >= bgzf.HEAD:
            size = bgzf.size_of(data[at : at + bgzf.HEAD])
            if at + size > len(data):
                break
            texts.append(bgzf.unpacked(data[at : at + size]))
            blocks.append((len(texts[-1]), size))
            at += size
        self.add(b"".join(texts), blocks)
        return data[at:]

    def made(self) -> dict[str, bytes]:
        """The indexes as files, by kind; none where there can be none."""
        try:
            if self._wrong is not None:
                raise self._wrong
            heading, placed = self._indexer.finish()
        except NotSorted as error:
            log.error("a file has no index", extra=fields(reason=error))  # noqa: TRY400 - it says all there is
            return {}
        texts = {kind: written(kind, self._lines, heading, placed) for kind in EXTENSIONS.values()}
        return {kind: bgzf.packed(text) + bgzf.END for kind, text in texts.items()}


async def indexes_of(chunks: AsyncIterator[bytes], lines: Indexed, executor: Executor) -> dict[str, bytes]:
    """The indexes of a file that is there, as `Indexing` makes them.  ValueError if it is not as we write it."""
    loop, indexing, rest = asyncio.get_running_loop(), Indexing(lines), b""
    async for chunk in chunks:
        rest = await loop.run_in_executor(executor, indexing.read, rest + chunk)
    if rest:
        raise ValueError("the file ends within a block")
    return await loop.run_in_executor(executor, indexing.made)
