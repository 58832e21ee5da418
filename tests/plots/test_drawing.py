"""Plots as SVG, by themselves: what they show, what they say, and that no text from anywhere is more than text."""

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from random import Random
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bins.maps import bin_map
from gateway.errors import GatewayError
from gateway.plots import parameters
from gateway.plots.frame import About
from gateway.plots.histogram import GroupFrequencies, histogram
from gateway.plots.likeness import in_order
from gateway.plots.parameters import OWN, PARAMETERS, PlotSettings
from gateway.plots.samples import Row, sample_strips
from tests.examples import examples

SVG = "{http://www.w3.org/2000/svg}"
BINS = bin_map("20Mb")
ABOUT = About(sources={"frequencies": "/a?b=1&c=<"}, facts=("facts",), licence="CC0", citation="Demo & others")
ACTIVE = "</title><script>alert(1)</script>\"' onload=x"
HOSTILE = f"{ACTIVE} \u202eevil\u2066 \x00\x1b[2J\ud800\ufffe]]> &amp; &#0; {'x' * 3000}"
KINDS = ("gain", "gain-high", "loss", "loss-high")


def group(name: str = "A", label: str = "", value: float = 0.0) -> GroupFrequencies:
    """A group whose values differ from bin to bin, where none is given."""
    values = [[value or (7 * at * (kind + 3)) % 101 for at in range(len(BINS))] for kind in range(4)]
    return GroupFrequencies(name, label, "demo", 12, values)


def drawn(*groups: GroupFrequencies, about: About = ABOUT, **pars: str) -> str:
    return "".join(histogram(groups, BINS, parameters.settings(pars.items()), about))


def strips(rows: list[Row], *, more: bool = False, **pars: str) -> str:
    return "".join(sample_strips(rows, parameters.settings(pars.items()), ABOUT, more=more))


def found(root: ET.Element, name: str) -> list[ET.Element]:
    return [each for each in root.iter() if name in each.get("class", "").split()]


def outline(path: str) -> Iterator[tuple[float, float, float]]:
    """The boxes that a path of bars consists of: from x to x, and their y."""
    x = y = 0.0
    for command, one, two in re.findall(r"([MVHz])([\d.]*) ?([\d.]*)", path):
        if command == "M":
            x, y = float(one), float(two)
        elif command == "V":
            y = float(one)
        elif command == "H":
            yield x, float(one), y
            x = float(one)


def test_bars_are_as_high_as_their_values_and_as_wide_as_their_bins():
    root = ET.fromstring(drawn(group(), plotAreaHeight="200", plotAxisYMax="100"))
    (told,) = found(root, "plot-group")
    top, height, most = (float(told.get(f"data-{name}", "")) for name in ("y", "height", "max"))
    assert (height, most) == (200, 100)
    places = {each.get("data-chromosome"): each for each in found(root, "plot-chromosome")}
    wanted = group().values
    for bars in found(told, "plot-bars"):
        name = bars.get("data-chromosome")
        bins = [(at, each) for at, each in enumerate(BINS.bins) if each.chromosome == name]
        assert [int(end) for end in places[name].get("data-ends", "").split()] == [each.end for _, each in bins]
        x, width, size = (float(places[name].get(f"data-{word}", "")) for word in ("x", "width", "size"))
        for kind, values in zip(KINDS, wanted, strict=True):
            assert [float(v) for v in bars.get(f"data-{kind}", "").split()] == [values[at] for at, _ in bins]
            (path,) = found(bars, f"plot-{kind}")
            boxes = list(outline(path.get("d", "")))
            for at, each in bins:
                middle = x + (each.start + each.end) / 2 / size * width
                y = next((y for left, right, y in boxes if left <= middle <= right), top + height / 2)
                shown = (top + height / 2 - y) * (-1 if "loss" in kind else 1)
                assert shown == pytest.approx(values[at] * height / 2 / most, abs=0.01), (name, kind, each)


def test_what_is_not_known_is_grey_and_said():
    odd = group()
    odd.values[0][0] = math.nan  # type: ignore[index]
    root = ET.fromstring(drawn(odd))
    bars = found(root, "plot-bars")
    assert bars[0].get("data-gain", "").split()[0] == "."
    assert [len(found(each, "plot-unknown")) for each in bars] == [1] + [0] * 23


def test_no_group_and_no_event():
    root = ET.fromstring(drawn())
    assert [each.text for each in found(root, "plot-nothing")] == ["no analyses"]
    empty = GroupFrequencies("A", "B", "demo", 1, [[0.0] * len(BINS)] * 4)
    (told,) = found(ET.fromstring(drawn(empty)), "plot-group")
    assert not any(each.get("data-gain") or found(each, "plot-gain") for each in found(told, "plot-bars"))
    assert [each.text for each in found(ET.fromstring(strips([])), "plot-nothing")] == ["no analyses"]


def test_values_that_are_no_percentages_stay_in_the_picture():
    """Stored maps may hold anything that is a number."""
    root = ET.fromstring(drawn(group(value=-5.0), group(value=1e300)))
    high = float(root.get("height", ""))
    for path in found(root, "plot-gain") + found(root, "plot-loss"):
        assert all(0 < y < high for _, _, y in outline(path.get("d", "")))


@pytest.mark.parametrize("wide", [120, 360, 600, 1200, 4000])
def test_everything_is_within_the_picture(wide: int):
    rows = [Row(f"pgxbs-{n:08}", "a", [("9", 0, 138_394_717, 1), ("Y", 5, 6, -2)]) for n in range(40)]
    for text in (drawn(group(label="L" * 200), plotWidth=str(wide)), strips(rows, plotWidth=str(wide))):
        root = ET.fromstring(text)
        assert float(root.get("width", "")) == wide
        for each in found(root, "plot-chromosome"):
            assert 0 <= float(each.get("data-x", "")) <= wide - float(each.get("data-width", "")) + 0.1
        for each in root.iter(f"{SVG}text"):
            assert 0 <= float(each.get("x", "")) <= wide
            assert 0 <= float(each.get("y", "")) <= float(root.get("height", ""))


def labels(root: ET.Element, size: float = 0) -> Iterator[tuple[str, float, float, float, float]]:
    """Each text with its box (left, right, top, bottom), in letters as wide as those of a wide sans serif."""
    size = float(root.get("font-size", size))
    if root.tag == f"{SVG}text" and root.text:
        wide = sum(0.32 if letter in "., ·" else 0.64 for letter in root.text) * size
        left = float(root.get("x", "")) - {"middle": wide / 2, "end": wide}.get(root.get("text-anchor", ""), 0)
        bottom = float(root.get("y", ""))
        yield root.text, left, left + wide, bottom - 0.75 * size, bottom
    for each in root:
        yield from labels(each, size)


@pytest.mark.parametrize("chros", ["", "1,2", "9", "19,20,21,22"])
def test_no_two_labels_meet_at_any_width(chros: str):
    """In the rows along the axis, where labels stand as near one another as chromosomes are."""
    for wide in range(300, 2001, 85):
        root = ET.fromstring(drawn(group(), plotWidth=str(wide), **({"plotChros": chros} if chros else {})))
        for row in (found(root, "plot-chromosomes"), found(root, "plot-ticks")):
            told = sorted((box for each in row for box in labels(each)), key=lambda box: box[1])
            for before, after in combinations(told, 2):
                least = 0 if before[0][0] in "pq" else 2  # names of bands stand in fields of their own
                apart = after[1] - before[2] >= least or after[3] > before[4] or before[3] > after[4]
                assert apart, (wide, before, after)
    told = [box[0] for box in labels(found(ET.fromstring(drawn(group(), plotWidth="340")), "plot-chromosomes")[0])]
    assert {"1", "7", "X"} <= {*told}
    assert len(told) >= 12
    assert len(list(labels(found(ET.fromstring(drawn(group())), "plot-chromosomes")[0]))) >= 20


def test_a_zoom_shows_these_chromosomes_in_detail():
    root = ET.fromstring(drawn(group(), plotChros="chr9"))
    assert [each.get("data-chromosome") for each in found(root, "plot-chromosome")] == ["9"]
    assert [each.get("data-chromosome") for each in found(root, "plot-bars")] == ["9"]
    assert len(found(root, "plot-band")) > 20
    assert "100 Mb" in [each.text for each in root.iter(f"{SVG}text")]
    two = ET.fromstring(drawn(group(), plotChros="X, 3"))
    assert [each.get("data-chromosome") for each in found(two, "plot-chromosome")] == ["3", "X"]


def test_samples_are_rows():
    segments = [("9", 0, 1_000_000, 1), ("9", 1_000_000, 2_000_000, 1), ("X", 5, 6, -2)]
    rows = [Row("b1", "a1", segments), Row("b2", "a2", [])]
    root = ET.fromstring(strips(rows, more=True))
    assert (root.get("data-rows"), root.get("data-more")) == ("2", "true")
    first, second = found(root, "plot-sample")
    assert first.get("data-segments") == "9:0-1000000:1 9:1000000-2000000:1 X:5-6:-2"
    assert (first.get("data-sample"), first.get("data-analysis"), second.get("data-segments")) == ("b1", "a1", None)
    assert len(re.findall("M", found(first, "plot-gain")[0].get("d", ""))) == 1  # they touch
    assert re.search("h1.6v", found(first, "plot-loss-high")[0].get("d", ""))  # a base is seen
    only = ET.fromstring(strips(rows, plotChros="X"))
    assert found(only, "plot-sample")[0].get("data-segments") == "X:5-6:-2"
    assert "2 analyses shown, more match" in "".join(root.itertext())


def wards(rows: list[list[int]]) -> list[tuple[set[int], Fraction]]:
    """Ward's method by its definition: the two clusters become one whose spread grows least; exact."""
    clusters = [{at} for at in range(len(rows))]
    found = []

    def apart(one: set[int], other: set[int]) -> Fraction:
        middles = ([Fraction(sum(rows[at][n] for at in each), len(each)) for n in (0, 1)] for each in (one, other))
        square = sum((a - b) ** 2 for a, b in zip(*middles, strict=True))
        return Fraction(2 * len(one) * len(other), len(one) + len(other)) * square

    while len(clusters) > 1:
        one, other = min(combinations(clusters, 2), key=lambda pair: apart(*pair))
        found.append((one | other, apart(one, other)))
        clusters = [each for each in clusters if each not in (one, other)] + [one | other]
    return found


def test_samples_that_are_alike_are_neighbours():
    dice = Random(5)
    for size in range(2, 12):
        rows = [[dice.randrange(1000), dice.randrange(1000)] for _ in range(size)]
        order, merges = in_order([np.array(row) for row in rows])
        assert sorted(order) == list(range(size))
        wanted = wards(rows)
        assert sorted(m.height for m in merges) == pytest.approx(sorted(float(height) for _, height in wanted))
        for cluster, _ in wanted:
            at = [order.index(each) for each in cluster]
            assert max(at) - min(at) == len(cluster) - 1
    assert in_order([]) == ([], [])
    alike = in_order([np.array([5, 5])] * 4)
    assert (alike[0], {m.height for m in alike[1]}) == ([0, 1, 2, 3], {0.0})


ELEMENTS = {"svg", "title", "desc", "metadata", "rect", "text", "g", "path"}


def check(text: str) -> ET.Element:
    """That a document is well-formed, and has nothing in it that acts, refers, or styles beside the attributes."""
    root = ET.fromstring(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]", text)
    for each in root.iter():
        space, _, name = each.tag.rpartition("}")
        if space == "{http://www.w3.org/2000/svg":
            assert name in ELEMENTS
            assert not {"style", "id", "href"} & {*each.attrib}
            assert not [key for key in each.attrib if key.startswith("on")]
        else:
            assert name in {"RDF", "Description", "source", "license", "bibliographicCitation"}
    return root


def test_hostile_text_is_text():
    about = About(sources={"frequencies": HOSTILE}, facts=[HOSTILE], licence=HOSTILE, citation=HOSTILE, notes=[HOSTILE])
    root = check(drawn(group(HOSTILE, HOSTILE), about=about, plotTitle=HOSTILE[:190]))
    assert root.get("role") == "img"
    assert found(root, "plot-group")[0].get("data-label", "").startswith(ACTIVE)
    check("".join(sample_strips([Row(HOSTILE, HOSTILE, [("1", 0, 5, 2)])], PlotSettings(), about, more=False)))


@examples(10)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_text(one: str, other: str):
    text = drawn(group(one, other), plotTitle=other)
    check(text)
    assert drawn(group(one, other), plotTitle=other) == text


def test_it_says_what_it_shows():
    root = ET.fromstring(drawn(group("NCIT:C3058", "Glioblastoma"), plotTitle="A title"))
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "A title - Copy-number gains and losses: Glioblastoma, 12 analyses"
    assert re.search(r"Glioblastoma: most frequent gain [\d.]+ percent at \w+:\d+-\d+, most", root[1].text or "")
    assert root.get("data-frequencies") == ABOUT.sources["frequencies"]
    (source,) = root.iter("{http://purl.org/dc/terms/}source")
    assert list(source.attrib.values()) == [ABOUT.sources["frequencies"]]


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_colours_are_told_apart_in_the_light_and_in_the_dark():
    own = PlotSettings()
    for low, high in ((own.dup_color, own.hldup_color), (own.del_color, own.hldel_color)):
        assert min(contrast(low, each) for each in ("#ffffff", own.area_color, "#111111")) >= 3
        assert contrast(low, high) >= 2
    assert contrast(own.font_color, own.canvas_color) >= 7


REFUSED = {
    "plotWidth": ("119", "4001", "-5", "x", "1e3", "99999999999999"),
    "plotAreaHeight": ("9", "1001"),
    "plotAxisYMax": ("0", "101"),
    "plotSamplestripHeight": ("0", "41"),
    "plotChros": ("25", "MT", "1;2", "chrZ", ","),
    "plotDupColor": ("#12", "url(#a)", "red;", "javascript:1", "rebeccapurple"),
    "plotTitle": ("x" * 201,),
    "plotMargins": ("201",),
}


@pytest.mark.parametrize("name", REFUSED)
def test_values_out_of_bounds_are_refused_by_name(name: str):
    for value in REFUSED[name]:
        with pytest.raises(GatewayError) as caught:
            parameters.settings([(re.sub("([A-Z])", r"_\1", name).lower(), value)])
        assert (caught.value.status, caught.value.parameter) == (400, name)


def test_a_plot_has_room_or_is_refused():
    with pytest.raises(GatewayError, match="no room"):
        drawn(group(), plotWidth="120", plotMargins="60")


def test_parameters_are_read_in_any_spelling():
    one = parameters.settings([("plotDupColor", "FC3"), ("plotWidth", "800.4px"), ("plotCanvasColor", "transparent")])
    assert one == parameters.settings(
        [("plot_dup_color", "#fc3"), ("plot_width", "800"), ("PLOT_CANVAS_COLOR", "none")]
    )
    assert parameters.settings([("plotAmpColor", "red")]) == parameters.settings([("plotHldupColor", "RED")])
    assert parameters.settings([("plotWidth", ""), ("plotTitle", "null")]) == PlotSettings()
    assert parameters.settings([("plot_cluster_tree", "1")]).ignored == ("plot_cluster_tree",)
    assert {each.attribute for each in PARAMETERS} == {*PlotSettings.__dataclass_fields__} - {"ignored"}
    assert PARAMETERS[: len(OWN)] == OWN
