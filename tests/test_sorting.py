"""Sorting in bounded memory is sorting, however much goes to disk, and leaves no file open."""

import psutil
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sorting import Sorter

lines = st.lists(st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=200)


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(lines, max_size=6), run_bytes=st.sampled_from([1, 40, 500, 10_000]), files=st.integers(2, 5))
def test_all_lines_come_out_in_order(pieces: list[list[bytes]], run_bytes: int, files: int):
    before = psutil.Process().num_fds()
    sorter = Sorter(run_bytes=run_bytes, most_files=files)
    for piece in pieces:
        sorter.add(iter(piece))
        assert psutil.Process().num_fds() <= before + files
    assert list(sorter.sorted()) == sorted(line for piece in pieces for line in piece)
    assert list(sorter.sorted()) == []
    assert psutil.Process().num_fds() == before


def test_a_sorter_that_is_left_closes_its_files():
    before = psutil.Process().num_fds()
    sorter = Sorter(run_bytes=10)
    sorter.add([b"b\n" * 9, b"a\n"])
    assert psutil.Process().num_fds() > before
    del sorter
    assert psutil.Process().num_fds() == before
