"""Segments laid flat, as GISTIC takes them: against a count of each base, and the two rules by which GISTIC refuses."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import gistic
from gateway.formats.gistic import Segment, flat

SIZE = 12


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ([], [(1, 12, "0")]),
        ([(1, 12, False, "0.5")], [(1, 12, "0.5")]),
        ([(3, 5, False, "0.5")], [(1, 2, "0"), (3, 5, "0.5"), (6, 12, "0")]),
        ([(1, 3, False, "0.5"), (4, 12, False, "0.5")], [(1, 12, "0.5")]),
        # The high-level event has the word, wherever it is; else the shorter one.
        ([(1, 8, False, "0.4"), (3, 4, True, "2.1")], [(1, 2, "0.4"), (3, 4, "2.1"), (5, 8, "0.4"), (9, 12, "0")]),
        ([(3, 4, False, "0.4"), (1, 8, True, "2.1")], [(1, 8, "2.1"), (9, 12, "0")]),
        ([(1, 8, False, "0.4"), (3, 4, False, "-1")], [(1, 2, "0.4"), (3, 4, "-1"), (5, 8, "0.4"), (9, 12, "0")]),
        ([(1, 4, False, "0.4"), (3, 6, False, "-1")], [(1, 2, "0.4"), (3, 6, "-1"), (7, 12, "0")]),
        ([(3, 4, False, "0.4"), (3, 4, False, "0.4")], [(1, 2, "0"), (3, 4, "0.4"), (5, 12, "0")]),
        ([(12, 12, False, "1"), (1, 1, False, "1")], [(1, 1, "1"), (2, 11, "0"), (12, 12, "1")]),
    ],
)
def test_what_is_told(segments: list[Segment], told: list[tuple[int, int, str]]):
    assert list(flat(segments, SIZE)) == told
    assert list(flat(segments[::-1], SIZE)) == told


@st.composite
def some(draw: st.DrawFn) -> Segment:
    start = draw(st.integers(1, SIZE))
    log2 = draw(st.sampled_from(["0.5", "-1", "0", "0.0", "2"]))
    return start, draw(st.integers(start, SIZE)), draw(st.booleans()), log2


@given(st.lists(some(), max_size=8), st.randoms())
def test_each_base_is_told_once_and_by_the_one_that_has_the_word(segments: list[Segment], random: Any):
    told = list(flat(segments, SIZE))
    assert told == list(flat(random.sample(segments, len(segments)), SIZE))
    assert [start for start, _, _ in told] == [1, *(end + 1 for _, end, _ in told[:-1])]
    assert told[-1][1] == SIZE
    assert all(one[2] != other[2] for one, other in pairwise(told))
    by_base = {base: log2 for start, end, log2 in told for base in range(start, end + 1)}
    for base in range(1, SIZE + 1):
        there = [one for one in segments if one[0] <= base <= one[1]]
        first = min(there, key=lambda s: (not s[2], s[1] - s[0], -abs(float(s[3])), s[3]), default=None)
        assert by_base[base] == (first[3] if first else "0")


def fed(analyses: list[str], segments: list[str], *ids: str) -> list[list[str]]:
    """The rows of a fold, of cells that are written with blanks."""
    fold = gistic._Flattened()
    for source, lines in enumerate((analyses, segments)):
        fold.feed(source, "".join(line.replace(" ", "\t") + "\n" for line in lines).encode())
    rows = [*fold.through(ids), *fold.finish()]
    return [line.split("\t") for line in b"".join(each.data for each in rows).decode().splitlines()]


def test_who_is_told():
    """Samples that were looked at for copy numbers, also those without any; not others, nor what is no chromosome."""
    copies, others = "EDAM:operation_3961", "EDAM:operation_3227"
    rows = fed(
        [f"none c1 {copies}", f"both c2 {copies}", f"both c3 {others}", f"mutated c4 {others}", f"odd c5 {others}"],
        [
            *("both 1 11 20 1 0.5 0 c2", "both 1 15 16 1 -1 0 c3", "odd 2 1 9 1 2 1 ."),
            "unknown MT 1 9 1 0.5 0 c9",
        ],
        *("both", "mutated", "none", "odd", "unknown"),
    )
    samples = {row[0]: [cells[1:] for cells in rows if cells[0] == row[0]] for row in rows}
    assert samples.keys() == {"both", "none", "odd", "unknown"}
    assert samples["both"][:3] == [
        ["1", "1", "10", "1", "0"],
        ["1", "11", "20", "1", "0.5"],
        ["1", "21", "248956422", "1", "0"],
    ]
    assert samples["odd"][1] == ["2", "1", "9", "1", "2"]
    assert samples["none"] == samples["unknown"]
    assert len(samples["none"]) == 24
    assert {row[4] for row in samples["none"]} == {"0"}
