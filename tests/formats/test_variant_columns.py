"""BED and .seg: rows that genome browsers, bedtools and GISTIC take, whatever places documents have."""

import shutil
import subprocess
from typing import Any

import bson
import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import bed, seg
from gateway.formats.variant_columns import encoder
from gateway.genome import CHROMOSOMES
from tests.examples import examples

SIZE = CHROMOSOMES["9"].size
LOSS = {"id": "EFO:0030067"}


def rows(encode: Any, *documents: dict[str, Any]) -> list[list[str]]:
    batch = bson.encode({str(n): {"_id": n, "biosample_id": "s", **d} for n, d in enumerate(documents)})
    found = encode([batch])
    assert found.rows == found.matched == len(documents)
    return [line.split("\t") for line in found.data.decode().splitlines()]


as_bed, as_seg = encoder(bed.COLUMNS), encoder(seg.COLUMNS)


def loss(start: Any, end: Any, name: str = "9") -> dict[str, Any]:
    place = {"chromosome": name, "start": start, "end": end}
    return {"variant_state": LOSS, "location": {key: value for key, value in place.items() if value is not None}}


@pytest.mark.parametrize(
    ("start", "end", "place", "segment"),
    [
        (0, 10, (0, 10), (1, 10)),
        (5, 6, (5, 6), (6, 6)),
        (5, 5, (5, 5), None),
        (0, 0, (0, 0), None),
        (5, 4, None, None),
        (5, 0, None, None),
        (5, -1, None, None),
        (-1, 10, None, None),
        (-1, -1, None, None),
        (0, -1, None, None),
        (5, SIZE, (5, SIZE), (6, SIZE)),
        (5, SIZE + 1, (5, SIZE), (6, SIZE)),
        (5, Int64(2**40), (5, SIZE), (6, SIZE)),
        (SIZE - 1, SIZE + 9, (SIZE - 1, SIZE), (SIZE, SIZE)),
        (SIZE, SIZE, None, None),
        (SIZE, SIZE + 9, None, None),
        (Int64(2**40), Int64(2**41), None, None),
        (5.0, "10", (5, 10), (6, 10)),
        (5, None, (5, 6), None),
        (None, 5, None, None),
    ],
)
def test_places(start: Any, end: Any, place: tuple[int, int] | None, segment: tuple[int, int] | None):
    found = rows(as_bed, loss(start, end))
    texts = [list(map(str, place))] if place else []
    assert [row[1:3] for row in found] == [row[6:8] for row in found] == texts
    assert [row[2:4] for row in rows(as_seg, loss(start, end))] == ([list(map(str, segment))] if segment else [])


def test_each_chromosome_has_its_own_end():
    everything = [loss(1, 10**9, name) for name in CHROMOSOMES]
    ends = [(row[0], int(row[2])) for row in rows(as_bed, *everything)]
    assert ends == [(f"chr{c.name}".replace("MT", "M"), c.size) for c in CHROMOSOMES.values()]
    assert [(row[1], int(row[3])) for row in rows(as_seg, *everything)] == [
        (c.name, c.size) for c in CHROMOSOMES.values()
    ]


numbers = st.one_of(
    *(st.integers(n - 2, n + 2) for n in (0, 16_569, SIZE)),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 10**8),
    st.floats(-10, 10**9),
)
anywhere = st.builds(loss, numbers, st.none() | numbers, st.sampled_from(["9", "chr9", "M", "22", "X", "GL000009.2"]))


@examples(40)
@given(st.lists(anywhere, max_size=12))
def test_rows_lie_on_their_chromosomes(found: list[dict[str, Any]]):
    sizes = {**{f"chr{name}": c.size for name, c in CHROMOSOMES.items()}, "chrM": CHROMOSOMES["MT"].size}
    for row in rows(as_bed, *found):
        assert 0 <= int(row[1]) <= int(row[2]) <= sizes[row[0]]
        assert int(row[1]) < sizes[row[0]]
    for row in rows(as_seg, *found):
        assert 1 <= int(row[2]) <= int(row[3]) <= CHROMOSOMES[row[1]].size


def test_bedtools_takes_every_row():
    bedtools = shutil.which("bedtools")
    if bedtools is None:
        pytest.skip("bedtools is not installed")
    edges = (-(2**40), -2, -1, 0, 1, 5, 16_568, 16_569, 16_570, SIZE - 1, SIZE, SIZE + 1, 2**31, 2**40)
    odd = [
        loss(start, end, name) for name in ("9", "M", "X", "nowhere") for start in edges for end in (*edges, None, 3.5)
    ]
    found = rows(as_bed, *odd)
    text = "".join("\t".join(row) + "\n" for row in found)
    assert len(found) > 100

    def said(*arguments: str, file: str = text) -> list[str]:
        done = subprocess.run([bedtools, *arguments], input=file, capture_output=True, text=True, check=True)
        assert not done.stderr
        return done.stdout.splitlines()

    ordered = said("sort")
    assert sorted(ordered) == sorted(text.splitlines())
    merged = said("merge", file="\n".join(ordered) + "\n")
    assert merged == ["chr9\t0\t138394717", "chrM\t0\t16569", "chrX\t0\t156040895"]
