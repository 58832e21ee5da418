"""The axis of the genome: chromosomes side by side, each as wide as it is long, with their arms or bands and labels."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count, cycle
from typing import Final

from gateway.bins.maps import bin_map
from gateway.errors import Unsupported
from gateway.genome import CHROMOSOMES
from gateway.plots.parameters import PlotSettings
from gateway.plots.svg import Attributes, element, empty, number, safe, text, title, width_of

__all__ = ["Axis", "Place"]

_LEAST: Final = 40  # pixels of a plot's area
_MOST_GAPS: Final = 0.1  # of the area
_ARMS: Final = {"p": "#aab4c0", "q": "#7d8896"}
_BANDS: Final = ("#c3cad3", "#8a95a3")
_EDGE: Final = "#5b6673"
_INK: Final = "#101418"
_LEGIBLE: Final = 7  # pixels of letters
_DETAILED: Final = 300  # pixels: a chromosome as wide as that shows its bands
_TICKED: Final = 150  # or at least where its megabases are
_TICK: Final = 64  # pixels between ticks, at least
# Of the size of letters: so far are labels from one another that 20 and 21 are not read as 2021.
_APART: Final = 0.4
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chromosome is drawn: from `x` on, `width` pixels for `size` bases."""

    name: str
    x: float
    width: float
    size: int

    def at(self, base: int) -> float:
        """The x of a position, 0-based; what is no position of the chromosome is at its nearer end."""
        return self.x + min(max(base, 0), self.size) * self.width / self.size


class Axis:
    """The chromosomes that are drawn, from `left` to `right`."""

    def __init__(self, settings: PlotSettings, labels: float, beyond: float = 0) -> None:
        """With so many pixels for labels left of it, and for what is `beyond` it.  Unsupported if there is no room."""
        self._settings = settings
        self.left = settings.margins + labels
        self.right = float(settings.width - settings.margins - beyond)
        if self.right - self.left < _LEAST:
            raise Unsupported("plotWidth: margins and labels leave no room for the plot", parameter="plotWidth")
        sizes = {name: CHROMOSOMES[name].size for name in settings.chros}
        gaps = max(1, len(sizes) - 1)
        gap = min(float(settings.region_gap_width), (self.right - self.left) * _MOST_GAPS / gaps)
        scale = (self.right - self.left - gap * (len(sizes) - 1)) / sum(sizes.values())
        self.places: Mapping[str, Place] = dict(_placed(sizes, self.left, scale, gap))

    @property
    def height(self) -> float:
        """Of labels and chromosomes above a plot."""
        high = self._settings.chro_height
        return high + self._settings.font_size + 8 if high else 0

    @property
    def ticks_height(self) -> float:
        """Of the megabases below a plot; 0 where there is no room for any."""
        ticked = any(place.width >= _TICKED for place in self.places.values())
        return self._settings.font_size + 12 if ticked and self._settings.font_size else 0

    def strip(self, y: float, ends: Mapping[str, Sequence[int]] | None = None) -> str:
        """The chromosomes at the top of a plot; `ends` are those of the bins that are drawn below, if any are."""
        shown = self._labelled()
        said = []
        for place in self.places.values():
            inner = "".join(self._body(place, y)) if self._settings.chro_height else ""
            if self._settings.chro_height and place.name in shown:
                at = place.x + place.width / 2
                inner += text(_called(place), at, y + self._settings.font_size, text_anchor="middle")
            listed = " ".join(map(str, ends[place.name])) if ends else None
            said.append(
                element(
                    "g",
                    title(f"chromosome {place.name}") + inner,
                    class_="plot-chromosome",
                    data_chromosome=place.name,
                    data_x=place.x,
                    data_width=place.width,
                    data_size=place.size,
                    data_ends=listed,
                )
            )
        return element("g", "\n".join(said), class_="plot-chromosomes")

    def areas(self, y: float, height: float) -> str:
        """What lies behind the bars of each chromosome."""
        path = "".join(
            f"M{number(p.x)} {number(y)}h{number(p.width)}v{number(height)}h-{number(p.width)}z"
            for p in self.places.values()
        )
        return empty("path", class_="plot-area", d=path, fill=self._settings.area_color)

    def centromeres(self, y: float, height: float) -> str:
        """A line where the arms of each chromosome meet."""
        lines = (
            f"M{number(p.at(CHROMOSOMES[p.name].p_end))} {number(y)}v{number(height)}" for p in self.places.values()
        )
        drawn: Attributes = {"stroke": self._settings.grid_color, "stroke_dasharray": "2 2", "fill": "none"}
        return empty("path", class_="plot-centromere plot-grid", d="".join(lines), **drawn)

    def ticks(self, y: float) -> str:
        """Megabases below a plot, for chromosomes that are wide enough."""
        if not self.ticks_height:
            return ""
        lines, labels = "", ""
        size = self._settings.font_size - 1
        row = _LabelRow(size)
        for place in self.places.values():
            if place.width >= _TICKED:
                for megabases in _steps(place):
                    x = place.at(megabases * _MB)
                    lines += f"M{number(x)} {number(y)}v4"
                    said = f"{megabases} Mb" if megabases else "0"
                    if row.takes(said, x):
                        labels += text(said, x, y + self._settings.font_size + 5, text_anchor="middle")
        drawn = empty("path", class_="plot-edge", d=lines, stroke=_EDGE, fill="none")
        return element("g", drawn + labels, class_="plot-ticks", font_size=size)

    def _labelled(self) -> set[str]:
        """The chromosomes that have labels: the longest first, so that X has its own beside the short ones."""
        row = _LabelRow(self._settings.font_size, self.left - self._settings.margins)
        ordered = sorted(self.places.values(), key=lambda place: -place.size)
        return {place.name for place in ordered if row.takes(_called(place), place.x + place.width / 2)}

    def _body(self, place: Place, y: float) -> Iterator[str]:
        top, high = y + self._settings.font_size + 4, self._settings.chro_height
        border = place.at(CHROMOSOMES[place.name].p_end)
        if place.width >= _DETAILED:
            yield from self._bands(place, top)
        else:
            yield empty(
                "rect", class_="plot-arm-p", x=place.x, y=top, width=border - place.x, height=high, fill=_ARMS["p"]
            )
            rest = place.x + place.width - border
            yield empty("rect", class_="plot-arm-q", x=border, y=top, width=rest, height=high, fill=_ARMS["q"])

    def _bands(self, place: Place, top: float) -> Iterator[str]:
        """The cytobands of a chromosome, with the names that fit them."""
        high = self._settings.chro_height
        size = min(self._settings.font_size - 2, high - 2)
        found = bin_map("cytobands")
        own = [each.chromosome == place.name for each in found.bins]
        bands = zip(compress(found.bins, own), compress(found.described(), own), cycle(_BANDS))
        for band, told, colour in bands:
            x, wide = place.at(band.start), place.at(band.end) - place.at(band.start)
            name = str(told["cytobands"]).removeprefix(place.name)
            inner = title(f"{place.name}{name}")
            inner += empty("rect", x=x, y=top, width=wide, height=high, fill=colour)
            if size >= _LEGIBLE and width_of(name, size) + 2 < wide:
                # No text as others are: it stands on a colour of its own, in the dark too.
                at: Attributes = {"x": x + wide / 2, "y": top + (high + size * 0.7) / 2, "font_size": size}
                style: Attributes = {"text_anchor": "middle", "fill": _INK}
                inner += element("text", safe(name), class_="plot-band-label", **at, **style)
            yield element("g", inner, class_="plot-band")


class _LabelRow:
    """Labels side by side, right of `left`, each centred on its place: one that would meet another is left out."""

    def __init__(self, size: float, left: float = -math.inf) -> None:
        self._size = size
        self._taken = [(-math.inf, left)]

    def takes(self, label: str, middle: float) -> bool:
        """Whether there is room for this label; if so, it has it."""
        half, apart = width_of(label, self._size) / 2, _APART * self._size
        if any(middle - half < end and start < middle + half + apart for start, end in self._taken):
            return False
        self._taken.append((middle - half, middle + half + apart))
        return True


def _called(place: Place) -> str:
    return f"chromosome {place.name}" if place.width >= _DETAILED else place.name


def _placed(sizes: Mapping[str, int], left: float, scale: float, gap: float) -> Iterator[tuple[str, Place]]:
    x = left
    for name, size in sizes.items():
        yield name, Place(name, round(x, 2), round(size * scale, 2), size)
        x += size * scale + gap


def _steps(place: Place) -> range:
    """The megabases of a chromosome that have ticks: 1, 2 or 5 times a power of ten apart."""
    least = _TICK * place.size / place.width / _MB
    step = next(s for power in count() for s in (10**power, 2 * 10**power, 5 * 10**power) if s >= least)
    return range(0, place.size // _MB + 1, step)
