"""Walks in step: a fold hears of biosamples when all of theirs is there, however the walks are cut."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flow.fold import WalkStep, folded
from gateway.metrics import Spent
from gateway.rows import Rows

SOURCES = 3


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
