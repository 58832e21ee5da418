"""Single samples as rows: the copy-number segments of each, along the genome.

A sample is a line of text in the data, and one path a kind of segment: hundreds of them are a picture of some megabytes
at most, because what is closer than a tenth of a pixel is drawn as one.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.plots.axis import Axis
from gateway.plots.frame import About, Frame
from gateway.plots.likeness import Merge
from gateway.plots.parameters import PlotSettings
from gateway.plots.svg import Attributes, brief, cut, element, empty, number, text, thousands, title, width_of

__all__ = ["MOST_SEGMENTS", "Row", "Segment", "sample_strips"]

MOST_SEGMENTS: Final = 150_000
"""Of all rows of a plot."""
# High-level events are drawn last, and wider than they are where they are focal: they would fade away.
_KINDS: Final = {1: ("gain", 0.7), -1: ("loss", 0.7), 2: ("gain-high", 1.6), -2: ("loss-high", 1.6)}
_HIGHEST: Final = 14  # pixels of a row, where they are not told
_AIM: Final = 900  # pixels of all rows together
_GRAIN: Final = 10  # coordinates are in tenths of a pixel
_MOST_LABELS: Final = 0.25  # of the width
_NOTHING: Final = 40
_LINE: Final = "#5b6673"

Segment = tuple[str, int, int, int]
"""Chromosome, start, end (0-based, interbase), and 1 for a gain, -1 for a loss, 2 and -2 for high-level ones."""


@dataclass(frozen=True, slots=True)
class Row:
    """An analysis of a sample, and its segments in order of the genome."""

    sample: str
    analysis: str
    segments: Sequence[Segment]


def sample_strips(
    rows: Sequence[Row], settings: PlotSettings, about: About, *, more: bool, merges: Sequence[Merge] = ()
) -> Iterator[str]:
    """The SVG of these rows, in pieces; `more` says that others match, `merges` are clusters of neighbouring rows.

    Raises BadRequest where the settings leave no room.
    """
    some = f"{thousands(len(rows))} {'analysis' if len(rows) == 1 else 'analyses'}"
    told = f"{some} shown, more match" if more else some
    facts = (told, *about.facts)
    return _Strips(rows, settings, replace(about, facts=facts), merges).drawn(rows, told, more=more)


class _Strips:
    """The layout of a plot."""

    def __init__(self, rows: Sequence[Row], settings: PlotSettings, about: About, merges: Sequence[Merge]) -> None:
        self._settings = settings
        given = settings.samplestrip_height
        self._high = given or max(1, min(_HIGHEST, _AIM // max(1, len(rows))))
        self._size = min(settings.font_size, self._high - 1)
        self._labels = self._size >= 7 and settings.labelcol_width != 0
        self._merges = merges if settings.dendrogram_width else ()
        beyond = min(settings.dendrogram_width, settings.width // 10) if self._merges else 0
        self._axis = Axis(settings, self._labels_width(rows), beyond)
        self._frame = Frame(settings, about, self._axis)

    def _labels_width(self, rows: Sequence[Row]) -> float:
        if not self._labels:
            return 0
        if self._settings.labelcol_width:
            return self._settings.labelcol_width
        longest = max((width_of(brief(row.sample), self._size) for row in rows), default=0)
        return round(min(longest + 8, self._settings.width * _MOST_LABELS), 2)

    def drawn(self, rows: Sequence[Row], told: str, *, more: bool) -> Iterator[str]:
        """The SVG."""
        axis, frame = self._axis, self._frame
        high = len(rows) * self._high or _NOTHING
        data: Attributes = {"data-rows": len(rows), "data-more": "true" if more else "false"}
        height = axis.height + high + axis.ticks_height
        yield frame.begin("samplesplot", height, self._described(rows, told), data)
        yield axis.strip(frame.top) + "\n"
        y = frame.top + axis.height
        yield axis.areas(y, high) + axis.centromeres(y, high) + "\n"
        if not rows:
            middle = (axis.left + axis.right) / 2
            yield text("no analyses", middle, y + _NOTHING / 2, text_anchor="middle", class_="plot-nothing") + "\n"
        for at, row in enumerate(rows):
            yield self._row(row, y + at * self._high) + "\n"
        yield self._dendrogram(y) + "\n"
        yield axis.ticks(y + high) + "\n"
        yield frame.end(y + high + axis.ticks_height)

    def _described(self, rows: Sequence[Row], told: str) -> tuple[str, str]:
        segments = thousands(sum(len(row.segments) for row in rows))
        order = "of their likeness" if self._merges else "of their samples"
        said = f"Rows are analyses in the order {order}; together they have {segments} segments."
        return f"Copy-number segments: {told}", said

    def _dendrogram(self, y: float) -> str:
        """The tree of the clusters, right of the rows."""
        if not self._merges:
            return ""
        left, wide = self._axis.right + 3, self._settings.width - self._settings.margins - self._axis.right - 3
        highest = max(merge.height for merge in self._merges) or 1.0
        lines = []
        for merge in self._merges:
            x, *ends = (left + wide * math.sqrt(h / highest) for h in (merge.height, merge.first[1], merge.second[1]))
            up, down = (y + (place + 0.5) * self._high for place, _ in (merge.first, merge.second))
            start = f"M{number(ends[0])} {number(up)}"
            lines.append(f"{start}H{number(x)}V{number(down)}H{number(ends[1])}")
        place: Attributes = {"stroke": _LINE, "stroke_width": 0.75, "fill": "none"}
        return empty("path", class_="plot-dendrogram plot-edge", d="".join(lines), **place)

    def _row(self, row: Row, y: float) -> str:
        drawn = [segment for segment in row.segments if segment[0] in self._axis.places]
        gap = 1 if self._high >= 6 else 0
        inner = [title(f"{row.sample} ({row.analysis}): {thousands(len(drawn))} segments")]
        if self._labels:
            label = cut(row.sample, self._axis.left - self._settings.margins - 6, self._size)
            base = y + (self._high + self._size * 0.7) / 2
            inner.append(
                text(
                    label,
                    self._axis.left - 6,
                    base,
                    font_size=self._size,
                    text_anchor="end",
                    class_="plot-sample-label",
                )
            )
        settings = self._settings
        colours = {1: settings.dup_color, 2: settings.hldup_color, -1: settings.del_color, -2: settings.hldel_color}
        for state, (kind, least) in _KINDS.items():
            if path := self._path((each for each in drawn if each[3] == state), y, self._high - gap, least):
                inner.append(empty("path", class_=f"plot-{kind}", d=path, fill=colours[state]))
        listed = " ".join(f"{name}:{start}-{end}:{state}" for name, start, end, state in drawn)
        data: Attributes = {"data_sample": brief(row.sample), "data_analysis": brief(row.analysis)}
        place: Attributes = {"data_y": y, "data_height": self._high, "data_segments": listed or None}
        return element("g", "".join(inner), class_="plot-sample", **data, **place)

    def _path(self, segments: Iterable[Segment], y: float, high: float, least: float) -> str:
        """Boxes of segments, `least` pixels wide or more; those that touch on the picture are one."""
        boxes: list[list[int]] = []
        for name, start, end, _ in segments:
            place = self._axis.places[name]
            left, right = place.at(start), place.at(end)
            if right - left < least:
                left = (left + right - least) / 2
                right = left + least
            first, last = round(left * _GRAIN), round(right * _GRAIN)
            if boxes and boxes[-1][0] <= first <= boxes[-1][1]:
                boxes[-1][1] = max(boxes[-1][1], last)
            else:
                boxes.append([first, last])
        top, down = number(y), f"v{number(high)}"
        sized = ((left, number((right - left) / _GRAIN)) for left, right in boxes)
        return "".join(f"M{number(left / _GRAIN)} {top}h{wide}{down}h-{wide}z" for left, wide in sized)
