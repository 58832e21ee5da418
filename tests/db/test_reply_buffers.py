"""Memory of replies: each block has its own, large enough; what is kept is what the largest need."""

from mmap import mmap

from hypothesis import given
from hypothesis import strategies as st

from gateway.db.driver import REUSED
from gateway.db.reply_buffers import Buffers

SIZES = st.integers(1, REUSED + 2)


@given(st.lists(st.lists(SIZES, min_size=1, max_size=6), max_size=12))
def test_none_is_lent_twice_and_few_are_kept(rounds: list[list[int]]):
    buffers = Buffers()
    for sizes in rounds:
        taken = [buffers.take(size) for size in sizes]
        assert len({id(buffer) for buffer in taken}) == len(sizes)
        assert all(len(buffer) >= size for buffer, size in zip(taken, sizes, strict=True))
        for buffer in taken:
            buffers.give(buffer)
        assert buffers.size <= Buffers.MOST * REUSED


@given(st.lists(st.integers(1, 1 << 20), max_size=20), st.integers(1 << 20, REUSED))
def test_small_ones_are_not_in_the_way_of_large_ones(small: list[int], large: int):
    buffers = Buffers()
    for buffer in [buffers.take(size) for size in small]:
        buffers.give(buffer)
    first = [buffers.take(large) for _ in range(Buffers.MOST)]
    for buffer in first:
        buffers.give(buffer)
    again: list[mmap] = [buffers.take(large) for _ in range(Buffers.MOST)]
    assert {id(buffer) for buffer in again} == {id(buffer) for buffer in first}
