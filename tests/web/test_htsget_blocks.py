"""The blocks of htsget responses: whatever lines are asked for, put together they are a file of these, each once."""

import asyncio
import base64
import gzip
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway import bgzf
from gateway.web.htsget import blocks as module
from gateway.web.htsget.blocks import Piece, blocks, joined, written
from tests.examples import examples

HEADER = 3  # lines


class File:
    """A file of numbered lines, cut into blocks anywhere."""

    def __init__(self, lengths: list[int], sizes: list[int]) -> None:
        self.lines = [f"{number:04d}{'x' * length}\n".encode() for number, length in enumerate(lengths)]
        text = b"".join(self.lines)
        cuts = sorted({0, len(text), *(size for size in accumulate(sizes) if size < len(text))})
        texts = [text[start:stop] for start, stop in pairwise(cuts)]
        packed = [*map(bgzf.member, texts), bgzf.END]
        self.data = b"".join(packed)
        self.starts = [0, *accumulate(map(len, packed))]
        self.texts = dict(zip(self.starts, [*texts, b""], strict=False))
        self._cuts = cuts

    def offset(self, line: int) -> int:
        """The virtual offset of a line, or of the end."""
        at = sum(map(len, self.lines[:line]))
        block = max(number for number, cut in enumerate(self._cuts) if cut <= at)
        return self.starts[block] << 16 | at - self._cuts[block]

    async def text(self, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        for start, text in self.texts.items():
            if begin >> 16 <= start <= end >> 16:
                first = begin & 0xFFFF if start == begin >> 16 else 0
                yield text[first : end & 0xFFFF if start == end >> 16 else None]

    async def block_end(self, offset: int) -> int:
        return self.starts[self.starts.index(offset) + 1]

    def assembled(self, pieces: list[Piece]) -> bytes:
        """What a client makes of pieces."""
        told = written(asyncio.run(blocks(self, self.offset(HEADER), pieces)), "https://x/file", {"A": "b"})
        assert [block["class"] for block in told] == sorted((block["class"] for block in told), reverse=True)
        found = []
        for block in told:
            if block["url"] != "https://x/file":
                found.append(base64.b64decode(block["url"].removeprefix("data:;base64,")))
                continue
            assert block["headers"]["A"] == "b"
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", block["headers"]["Range"])
            assert span
            found.append(self.data[int(span[1]) : int(span[2]) + 1])
        assert found[-1] == bgzf.END
        assert b"" not in found
        return b"".join(found)


@contextmanager
def limits(**values: int) -> Iterator[None]:
    """Other limits than those of large files."""
    before = {name: getattr(module, name) for name in values}
    try:
        for name, value in values.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)


files = st.builds(
    File,
    st.lists(st.integers(0, 60), min_size=HEADER, max_size=40),
    st.lists(st.integers(1, 200), max_size=30),
)


@examples(15)
@given(file=files, data=st.data())
def test_the_lines_that_are_asked_for_are_there_once(file: File, data: st.DataObject):
    least = data.draw(st.sampled_from([0, 100, module._NEAR]))
    most = data.draw(st.sampled_from([1, 2, 64]))
    places = st.integers(HEADER, len(file.lines))
    asked = [tuple(sorted(pair)) for pair in data.draw(st.lists(st.tuples(places, places), max_size=5))]
    with limits(_NEAR=least, _PIECES=most):
        pieces = joined((file.offset(begin), file.offset(end)) for begin, end in asked)
    assert len(pieces) <= most
    lines = gzip.decompress(file.assembled(pieces)).splitlines(keepends=True)
    assert lines[:HEADER] == file.lines[:HEADER]
    wanted = {line for begin, end in asked for line in file.lines[begin:end]}
    assert wanted <= set(lines[HEADER:])
    assert lines == sorted(set(lines))
    assert set(lines) <= set(file.lines)


@examples(10)
@given(file=files)
def test_all_lines_are_the_file(file: File):
    end = len(file.data) - len(bgzf.END) << 16
    for changed in ({}, {"_LARGEST": 100, "_INLINE": -1}):
        with limits(**changed):
            whole = file.assembled(joined([(file.offset(HEADER), end)]))
        assert gzip.decompress(whole) == b"".join(file.lines)
