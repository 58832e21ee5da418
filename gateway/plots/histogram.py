"""CNV frequencies along the genome: gains up, losses down, high-level ones darker; groups one below another.

A bar is a bin: its outline and those of its neighbours are one path a chromosome and kind, its values stand in lists
beside it.  Bins narrower than a pixel have a thin edge of their colour, so that a focal event does not fade away.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from gateway.bins.maps import BinMap
from gateway.plots.axis import Axis
from gateway.plots.frame import About, Frame
from gateway.plots.parameters import PlotSettings
from gateway.plots.svg import Attributes, brief, cut, element, empty, number, text, thousands, title, width_of

__all__ = ["GroupFrequencies", "counted", "histogram", "spans"]

_KINDS: Final = ("gain", "gain-high", "loss", "loss-high")
_STEPS: Final = (10, 20, 40, 60, 80, 100)  # where an axis ends, in percent, if nothing else is said
_GAP: Final = 14  # pixels between groups
_TOLD: Final = 10  # groups that a description tells of
_EDGES: Final = (0.6, 1.0, 0.6, 1.0)  # pixels, of each kind
_NOTHING: Final = 40  # pixels, where there is no group
_ROOM: Final = 4.0  # times the size of letters: half a histogram that has room for five percentages
_BROAD: Final = 420  # pixels: a heading fits one line
_LINE, _GREY = "#5b6673", "#9aa5b1"


@dataclass(frozen=True, slots=True)
class GroupFrequencies:
    """A group of analyses.

    `values` are the percent of them with each of gains, high-level gains, losses and high-level losses in each bin; NaN
    where it is not known.
    """

    id: str
    label: str
    dataset: str
    analyses: int
    values: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class _Scale:
    """The middle of a histogram, and pixels a percent; `most` percent are at its end."""

    middle: float
    most: float
    half: float

    def y(self, value: float, direction: int) -> float:
        """The y of a percentage, upwards (-1) or downwards (1)."""
        return self.middle + direction * min(max(value, 0.0), self.most) * self.half / self.most


def histogram(groups: Sequence[GroupFrequencies], bins: BinMap, settings: PlotSettings, about: About) -> Iterator[str]:
    """The SVG, in pieces.  Raises BadRequest where the settings leave no room."""
    return _Histogram(bins, settings, about).drawn(groups)


class _Histogram:
    """The layout of a plot."""

    def __init__(self, bins: BinMap, settings: PlotSettings, about: About) -> None:
        self._bins, self._settings = bins, settings
        self._axis = Axis(settings, settings.axislab_y_width if settings.font_size else 0)
        self._frame = Frame(settings, about, self._axis)
        self._spans = spans(bins, settings)
        self._heading = _Heading(settings, self._axis)

    def drawn(self, groups: Sequence[GroupFrequencies]) -> Iterator[str]:
        settings, axis = self._settings, self._axis
        most = settings.axis_y_max or self._most(groups)
        each = self._heading.height + settings.area_height
        high = len(groups) * (each + _GAP) - _GAP if groups else _NOTHING
        told = self._described(groups, most)
        data: Attributes = {"data-binning": self._bins.name}
        yield self._frame.begin("histoplot", axis.height + high + axis.ticks_height, told, data)
        ends = {name: [b.end for b in self._bins.bins[start:stop]] for name, (start, stop) in self._spans.items()}
        yield axis.strip(self._frame.top, ends) + "\n"
        y = self._frame.top + axis.height
        if not groups:
            middle = (axis.left + axis.right) / 2
            yield text("no analyses", middle, y + _NOTHING / 2, text_anchor="middle", class_="plot-nothing") + "\n"
        for at, group in enumerate(groups):
            top = y + at * (each + _GAP)
            yield self._group(group, top, _Scale(top + each - settings.area_height / 2, most, settings.area_height / 2))
        yield axis.ticks(y + high) + "\n"
        yield self._frame.end(y + high + axis.ticks_height)

    def _highest(self, values: Sequence[float]) -> tuple[float, int]:
        """The highest value of what is drawn, and the number of its bin; -1 where there is none above 0."""
        best = (0.0, -1)
        for start, stop in self._spans.values():
            for at in range(start, stop):
                if values[at] > best[0]:
                    best = (values[at], at)
        return best

    def _most(self, groups: Sequence[GroupFrequencies]) -> int:
        highest = max((self._highest(values)[0] for group in groups for values in group.values), default=0.0)
        return next((step for step in _STEPS if highest <= step), _STEPS[-1])

    def _described(self, groups: Sequence[GroupFrequencies], most: float) -> tuple[str, str]:
        """A title and a description for who does not see the picture."""
        names = "; ".join(f"{brief(g.label or g.id)}, {counted(g.analyses)}" for g in groups[:_TOLD])
        more = f" and {len(groups) - _TOLD} more groups" if len(groups) > _TOLD else ""
        told = [f"Percent of analyses with a gain (up) or a loss (down) in each genome bin; axis to {most} percent."]
        for group in groups[:_TOLD]:
            said = []
            for kind, values in (("gain", group.values[0]), ("loss", group.values[2])):
                value, at = self._highest(values)
                place = self._bins.bins[at]
                where = f"{place.chromosome}:{place.start}-{place.end}"
                said.append(
                    f"most frequent {kind} {said_percent(value)} percent at {where}" if at >= 0 else f"no {kind}"
                )
            told.append(f"{brief(group.label or group.id)}: {', '.join(said)}.")
        return f"Copy-number gains and losses: {names or 'no analyses'}{more}", " ".join(told)

    def _group(self, group: GroupFrequencies, y: float, scale: _Scale) -> str:
        height = self._settings.area_height
        top = scale.middle - height / 2
        inner = [
            title(f"{group.label or group.id}: {counted(group.analyses)}") + self._heading.of(group, y),
            self._axis.areas(top, height) + self._axis.centromeres(top, height),
            self._grid(scale),
            *(self._bars(name, group, scale) for name in self._spans),
            self._middle(scale),
        ]
        data = {"data_group": group.id, "data_label": group.label, "data_dataset": group.dataset}
        place = {"data_analyses": group.analyses, "data_y": top, "data_height": height, "data_max": scale.most}
        return element("g", "\n".join(inner), class_="plot-group", **data, **place) + "\n"

    def _grid(self, scale: _Scale) -> str:
        """Lines and percentages left and right of the bars."""
        settings, axis = self._settings, self._axis
        size = settings.font_size - 1
        room = scale.half >= _ROOM * size  # for more than the ends
        lines, labels = "", ""
        for part in (1.0, 0.5, 0.0) if room else (1.0,):
            for direction in (-1, 1) if part else (1,):
                y = scale.y(part * scale.most, direction)
                if settings.grid_stroke:
                    lines += f"M{number(axis.left)} {number(y)}H{number(axis.right)}"
                if settings.axislab_y_width and size > 0 and scale.half >= size:
                    # The outermost ones stand within, so that those of neighbours do not meet.
                    base = y + size * (0.35 if part < 1 else 0.8 if direction < 0 else 0)
                    said = f"{part * scale.most:g}{'%' if part else ''}"
                    labels += text(said, axis.left - 6, base, text_anchor="end", font_size=size, class_="plot-percent")
        stroke: Attributes = {"stroke": settings.grid_color, "stroke_width": settings.grid_stroke, "fill": "none"}
        return (empty("path", class_="plot-grid", d=lines, **stroke) if lines else "") + labels

    def _middle(self, scale: _Scale) -> str:
        """The line between gains and losses."""
        line = f"M{number(self._axis.left)} {number(scale.middle)}H{number(self._axis.right)}"
        return empty("path", class_="plot-edge", d=line, stroke=_LINE, stroke_width=0.75, fill="none")

    def _bars(self, name: str, group: GroupFrequencies, scale: _Scale) -> str:
        place, (start, stop) = self._axis.places[name], self._spans[name]
        bins = self._bins.bins[start:stop]
        edges = [place.x, *(place.at(each.end) for each in bins)]
        kinds = [values[start:stop] for values in group.values]
        lists = {f"data-{kind}": listed(values) for kind, values in zip(_KINDS, kinds, strict=True)}
        settings = self._settings
        colours = (settings.dup_color, settings.hldup_color, settings.del_color, settings.hldel_color)
        unknown = [any(map(math.isnan, four)) for four in zip(*kinds, strict=True)]
        paths = [_unknown(edges, unknown, scale)] if any(unknown) else []
        for kind, values, colour, edge in zip(_KINDS, kinds, colours, _EDGES, strict=True):
            if outline := _outline(edges, values, scale, 1 if "loss" in kind else -1):
                stroke: Attributes = {
                    "fill": colour,
                    "stroke": colour,
                    "stroke_width": edge,
                    "stroke_linejoin": "round",
                }
                paths.append(empty("path", class_=f"plot-{kind}", d=outline, **stroke))
        return element("g", "".join(paths), class_="plot-bars", data_chromosome=name, **lists)


def spans(bins: BinMap, settings: PlotSettings) -> dict[str, tuple[int, int]]:
    """Of each chromosome that is drawn, the number of its first bin, and of the one behind its last."""
    found: dict[str, tuple[int, int]] = {}
    at = 0
    for name, some in groupby(bins.bins, key=lambda each: each.chromosome):
        start, at = at, at + sum(1 for _ in some)
        if name in settings.chros:
            found[name] = (start, at)
    return found


def counted(analyses: int) -> str:
    """So many analyses, as people read it."""
    return f"{thousands(analyses)} {'analysis' if analyses == 1 else 'analyses'}"


def said_percent(value: float) -> str:
    """A percentage as the file of frequencies has it, without a `.0`; `.` where it is not known."""
    return "." if math.isnan(value) else repr(value).removesuffix(".0")


def listed(values: Sequence[float]) -> str | None:
    """The values of bins, None where all are 0."""
    return " ".join(map(said_percent, values)) if any(values) else None


def _outline(edges: Sequence[float], values: Sequence[float], scale: _Scale, direction: int) -> str:
    """The outline of bars that stand on the middle line; neighbours of one height are one bar, none has none."""
    said, at, inside = [], 0, False
    for y, some in groupby(values, key=lambda v: 0.0 if math.isnan(v) else scale.y(v, direction)):
        start, at = at, at + sum(1 for _ in some)
        if y in (0.0, scale.middle):
            said.append(f"V{number(scale.middle)}z" if inside else "")
            inside = False
            continue
        if not inside:
            said.append(f"M{number(edges[start])} {number(scale.middle)}")
            inside = True
        said.append(f"V{number(y)}H{number(edges[at])}")
    said.append(f"V{number(scale.middle)}z" if inside else "")
    return "".join(said)


def _unknown(edges: Sequence[float], unknown: Sequence[bool], scale: _Scale) -> str:
    """What is grey, because it is not known."""
    said, at = [], 0
    for is_unknown, some in groupby(unknown):
        start, at = at, at + sum(1 for _ in some)
        if is_unknown:
            corner = f"M{number(edges[start])} {number(scale.middle - scale.half)}"
            said.append(f"{corner}H{number(edges[at])}v{number(2 * scale.half)}H{number(edges[start])}z")
    return empty("path", class_="plot-unknown", d="".join(said), fill=_GREY)


class _Heading:
    """What stands above the histogram of a group."""

    def __init__(self, settings: PlotSettings, axis: Axis) -> None:
        self._axis = axis
        self._size = settings.font_size + 2
        self._lines = 1 if axis.right - axis.left >= _BROAD else 2
        shown = settings.title_font_size and settings.font_size
        self.height = self._lines * (self._size + 5) + 3 if shown else 0

    def of(self, group: GroupFrequencies, y: float) -> str:
        """The label of a group left, its code and size right, or in a second line."""
        if not self.height:
            return ""
        size, broad = self._size, self._axis.right - self._axis.left
        code = f"{group.id} · " if group.label and group.label != group.id else ""
        told = cut(f"{code}{counted(group.analyses)}", broad, size - 1)
        free = broad - (width_of(told, size - 1) + 12 if self._lines == 1 else 0)
        bold: Attributes = {"class_": "plot-label", "font_size": size, "font_weight": "bold"}
        label = text(cut(group.label or group.id, free, size * 1.08), self._axis.left, y + size, **bold)
        right = self._lines == 1
        x, line = (self._axis.right, y + size) if right else (self._axis.left, y + 2 * size + 5)
        anchor = "end" if right else None
        return label + text(told, x, line, class_="plot-count", font_size=size - 1, text_anchor=anchor)
