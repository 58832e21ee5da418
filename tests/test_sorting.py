"""Sorting in bounded memory is sorting, however much goes to disk, in either engine, and leaves no file open."""

from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import codec
from gateway.sorting import Sorter
from tests.examples import examples

engines = pytest.mark.parametrize("sorter_of", [Sorter, codec.Sorter], ids=["python", "core"])
lines = st.lists(st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=200)


@engines
@examples(20)
@given(pieces=st.lists(lines, max_size=6), run_bytes=st.sampled_from([1, 40, 500, 10_000]), files=st.integers(2, 5))
def test_all_lines_come_out_in_order(sorter_of: Any, pieces: list[list[bytes]], run_bytes: int, files: int):
    before = psutil.Process().num_fds()
    sorter = sorter_of(run_bytes=run_bytes, most_files=files)
    for piece in pieces:
        sorter.add(iter(piece))
        # In the core files of many lines are merged by themselves: as many again for each level.
        assert psutil.Process().num_fds() <= before + files * (1 if sorter_of is Sorter else 11)
    assert list(sorter.sorted()) == sorted(line for piece in pieces for line in piece)
    assert list(sorter.sorted()) == []
    assert psutil.Process().num_fds() == before


@engines
@examples(15)
@given(found=lines, most=st.sampled_from([1, 20, 10_000]))
def test_lines_go_in_and_out_in_pieces(sorter_of: Any, found: list[bytes], most: int):
    sorter = sorter_of(run_bytes=300)
    sorter.add_lines(b"".join(found[:50]))
    sorter.add_lines(b"".join(found[50:]))
    pieces = list(sorter.pieces(most))
    assert b"".join(pieces) == b"".join(sorted(found))
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert all(len(piece) >= most for piece in pieces[:-1])


@engines
def test_what_is_alike_for_long_is_told_apart(sorter_of: Any):
    found = [
        b"x" * size + tail + b"\n" for size in (15, 16, 17, 300_000) for tail in (b"", b"\0", b"\0\0", b"a", b"\xff")
    ]
    sorter = sorter_of(run_bytes=400_000)
    sorter.add(reversed(found))
    assert list(sorter.sorted()) == sorted(found)


@engines
def test_a_sorter_that_is_left_closes_its_files(sorter_of: Any):
    before = psutil.Process().num_fds()
    sorter = sorter_of(run_bytes=10)
    sorter.add([b"b\n" * 9, b"a\n"])
    assert psutil.Process().num_fds() > before
    del sorter
    assert psutil.Process().num_fds() == before
