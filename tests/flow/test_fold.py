"""Walks in step: a fold hears of biosamples when all of theirs is there, however the walks are cut."""

import asyncio
import errno
import logging
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.download_types import Plan
from gateway.errors import GatewayError, NoMemory, NoTemporaryRoom, SystemRefused
from gateway.flow.accounts import observed
from gateway.flow.fold import WalkStep, folded
from gateway.memory import mapped
from gateway.metrics import Spent
from gateway.rows import Rows

SOURCES = 3
PLAN = Plan(parts=(), digest="0" * 40, media="text/plain", filename="file")


class Joined:
    """Joins what it is fed by biosample: one byte each, biosamples being their own numbers."""

    def __init__(self) -> None:
        self.held: dict[int, list[tuple[int, int]]] = {}
        self.most = 0

    def feed(self, source: int, data: bytes) -> None:
        for number in data:
            self.held.setdefault(number, []).append((source, number))
        self.most = max(self.most, sum(map(len, self.held.values())))

    def through(self, ids: Sequence[str]) -> Iterator[Rows]:
        for name in ids:
            found = sorted(self.held.pop(int(name), []))
            yield Rows(f"{name}:{''.join(str(source) for source, _ in found)} ".encode(), 1, len(found))

    def finish(self) -> Iterator[Rows]:
        assert not self.held, "a biosample was forgotten"
        yield Rows(b"end", 0, 0)


async def walk(pieces: list[list[int]], copies: list[int]) -> AsyncGenerator[WalkStep, None]:
    """Slices of biosamples, some of which bring nothing and some more than one document, in pieces of their own."""
    passed = 0
    for piece in pieces:
        for number in piece[:-1]:
            yield Rows(bytes([number] * copies[number]), 0, 0), passed
        passed += len(piece)
        yield Rows(b"".join(bytes([number] * copies[number]) for number in piece[-1:]), 0, 0), passed


def cut(numbers: list[int], bounds: list[int]) -> list[list[int]]:
    edges = sorted({0, *(bound % (len(numbers) + 1) for bound in bounds), len(numbers)})
    return [numbers[a:b] for a, b in pairwise(edges)]


async def run(size: int, copies: list[list[int]], bounds: list[list[int]]) -> bytes:
    numbers = list(range(size))
    walks = [walk(cut(numbers, bound), counts) for bound, counts in zip(bounds, copies, strict=True)]
    with ThreadPoolExecutor(1) as executor:
        return b"".join(
            [rows.data async for rows in folded(Joined(), walks, [str(n) for n in numbers], executor, Spent())]
        )


counts = st.lists(st.lists(st.integers(0, 3), min_size=12, max_size=12), min_size=SOURCES, max_size=SOURCES)
places = st.lists(st.lists(st.integers(0, 12), max_size=5), min_size=SOURCES, max_size=SOURCES)


@given(st.integers(0, 12), counts, places)
def test_a_fold_is_told_of_whole_biosamples(size: int, copies: list[list[int]], bounds: list[list[int]]):
    wanted = "".join(f"{n}:{''.join(str(s) * copies[s][n] for s in range(SOURCES))} " for n in range(size))
    assert asyncio.run(run(size, copies, bounds)) == wanted.encode() + b"end"


async def test_a_fold_may_tell_of_a_biosample_before_it_is_complete():
    """Else what a fold holds back of a large one would have no bounds."""

    class Told(Joined):
        def through(self, _: Sequence[str]) -> Iterator[Rows]:
            for found in self.held.values():
                yield Rows(bytes(number for _, number in found), len(found), 0)
            self.held.clear()

    pieces = [[1], [1], [1], [1, 2]]

    async def large() -> AsyncGenerator[WalkStep, None]:
        for piece in pieces:
            yield Rows(bytes(piece), 0, 0), 2 if 2 in piece else 0

    fold = Told()
    with ThreadPoolExecutor(1) as executor:
        rows = [rows.data async for rows in folded(fold, [large()], ["1", "2"], executor, Spent())]
    assert b"".join(rows) == bytes([1, 1, 1, 1, 2]) + b"end"
    assert fold.most == 2


async def test_what_fails_in_a_fold_or_a_walk_ends_all_walks():
    closed = []

    async def endless(name: str) -> AsyncGenerator[WalkStep, None]:
        try:
            for passed in range(1, 1000):
                yield Rows(bytes([passed % 200]), 0, 0), passed
                if name == "b" and passed == 5:
                    raise ValueError("lost")
        finally:
            closed.append(name)

    class Failing(Joined):
        def through(self, ids: Sequence[str]) -> Iterator[Rows]:
            if "3" in ids:
                raise KeyError("odd")
            return super().through(ids)

    ids: Any = [str(n) for n in range(1000)]
    with ThreadPoolExecutor(1) as executor:
        for fold, error in ((Joined(), ValueError), (Failing(), KeyError)):
            closed.clear()
            with pytest.raises(error):
                [rows async for rows in folded(fold, [endless("a"), endless("b")], ids, executor, Spent())]
            assert sorted(closed) == ["a", "b"]
            assert fold.most < 10


REFUSALS: list[tuple[int, type[GatewayError], str]] = [
    (errno.ENOSPC, NoTemporaryRoom, "no room for temporary files"),
    (errno.EDQUOT, NoTemporaryRoom, "no room for temporary files"),
    (errno.EFBIG, NoTemporaryRoom, "no room for temporary files"),
    (errno.EROFS, NoTemporaryRoom, "no room for temporary files"),
    (errno.EACCES, NoTemporaryRoom, "no room for temporary files"),
    (errno.ENOMEM, NoMemory, "no memory"),
    (errno.EMFILE, SystemRefused, "temporary files, which this format needs: Too many open files"),
    (errno.EIO, SystemRefused, "temporary files, which this format needs: Input/output error"),
    (errno.ENOENT, SystemRefused, "temporary files, which this format needs: No such file or directory"),
]


async def refused(work: Any, caplog: pytest.LogCaptureFixture) -> tuple[GatewayError, list[str]]:
    """What a pass says whose fold does some work, and what is logged."""

    class Refused(Joined):
        def feed(self, *_: object) -> None:
            work()

    caplog.clear()
    with ThreadPoolExecutor(1) as executor, pytest.raises(GatewayError) as caught, observed(PLAN, []):
        [rows async for rows in folded(Refused(), [walk([[1]], [1, 1])], ["1"], executor, Spent())]
    return caught.value, [record.message for record in caplog.records if record.levelno == logging.ERROR]


async def test_what_a_fold_is_refused_is_told_as_what_it_is(caplog: pytest.LogCaptureFixture):
    tempfile.gettempdir()  # known, as after the first file
    for number, kind, words in REFUSALS:

        def fails(number: int = number) -> None:
            raise OSError(number, "the system's words", "/a/file")

        error, logged = await refused(fails, caplog)
        assert (type(error), error.status) == (kind, 503), number
        assert words in error.message
        assert "/a/file" not in error.message
        assert error.retry_after
        assert logged == [f"temporary files cannot be {'written' if kind is NoTemporaryRoom else 'used'}"]


async def test_memory_that_a_fold_is_refused_is_no_matter_of_files(caplog: pytest.LogCaptureFixture):
    """As the system refuses it: what can be mapped is bounded by addresses, whatever the machine."""
    with pytest.raises(MemoryError):
        mapped(1 << 60)
    error, logged = await refused(lambda: mapped(1 << 60), caplog)
    assert (type(error), logged) == (NoMemory, [])


async def test_no_folder_for_temporary_files_at_all(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere/at/all"])
    error, logged = await refused(tempfile.TemporaryFile, caplog)
    assert (type(error), logged) == (NoTemporaryRoom, ["temporary files cannot be written"])
