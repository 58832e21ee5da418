"""What any plot has around it: the root with its names, background, title and legend, and where its data are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.genome import ASSEMBLY
from gateway.plots.axis import Axis
from gateway.plots.parameters import PlotSettings
from gateway.plots.svg import Attributes, cut, element, empty, safe, text, title, width_of, wrapped

__all__ = ["About", "Frame"]

_FONTS: Final = "Helvetica, Arial, sans-serif"
_MOST_NOTES: Final = 3
_PADDING: Final = 10
_LEADING: Final = 7
_SPACE: Final = 16  # between entries of the legend
_KEY: Final = "#8b95a1"  # around colours, so that none is lost on any ground
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TERMS: Final = "http://purl.org/dc/terms/"

_Entry = tuple[float, str, str]  # x, colour (empty for words alone), words


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is said of the data: where just these can be had (URLs by a name for each), whose they are, what is amiss.

    `facts` are words on how they are shown.
    """

    sources: Mapping[str, str]
    facts: Sequence[str] = ()
    licence: str = ""
    citation: str = ""
    notes: Sequence[str] = ()


class Frame:
    """The parts of a plot above and below what it shows."""

    def __init__(self, settings: PlotSettings, about: About, axis: Axis) -> None:
        self._settings, self._about, self._axis = settings, about, axis
        self._titled = bool(settings.title and settings.title_font_size)
        self.top = settings.margins + (settings.title_font_size + 10 if self._titled else 0)
        self._size = settings.footer_font_size
        self._footer = list(self._rows()) if self._size else []

    def begin(
        self,
        plot: str,
        height: float,
        told: tuple[str, str],
        data: Mapping[str, str | float | None] | Mapping[str, str],
    ) -> str:
        """The root and what stands above the plot; `height` is that of the plot, `told` its title and description."""
        settings, about = self._settings, self._about
        footer = len(self._footer) * (self._size + _LEADING) + _PADDING if self._footer else 0
        whole = round(self.top + height + footer + settings.margins)
        root: Attributes = {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "pgx-plot",
            "role": "img",
            "width": settings.width,
            "height": whole,
            "viewBox": f"0 0 {settings.width} {whole}",
            "font-family": _FONTS,
            "font-size": settings.font_size,
            "fill": settings.font_color,
            "data-plot": plot,
            "data-assembly": ASSEMBLY,
            **{f"data-{name}": url for name, url in about.sources.items()},
            **data,
        }
        background: Attributes = {"width": settings.width, "height": whole, "fill": settings.canvas_color}
        lines = [
            element("svg", "", **root).removesuffix("</svg>"),
            title(" - ".join(filter(None, (settings.title, told[0])))),
            element("desc", safe(" ".join((told[1], *about.notes[:_MOST_NOTES])))),
            self._metadata(),
            empty("rect", class_="plot-background", **background),
        ]
        if self._titled:
            size = settings.title_font_size
            said = cut(settings.title, settings.width - 2 * settings.margins, size * 1.08)
            place: Attributes = {"font_size": size, "font_weight": "bold", "text_anchor": "middle"}
            x, y = settings.width / 2, settings.margins + size - 2
            lines.append(text(said, x, y, class_="plot-heading", **place))
        return "\n".join(lines) + "\n"

    def end(self, y: float) -> str:
        """What stands below the plot, which ends at `y`."""
        size, lines = self._size, []
        for at, row in enumerate(self._footer):
            base = y + _PADDING + (at + 1) * (size + _LEADING) - _LEADING
            for x, colour, words in row:
                if colour:
                    box: Attributes = {"width": size - 1, "height": size - 1, "fill": colour, "stroke": _KEY}
                    lines.append(empty("rect", class_="plot-key", x=x, y=base - size + 2, **box))
                lines.append(text(words, x + (size + 4 if colour else 0), base, font_size=size, class_="plot-footer"))
        return "\n".join((*lines, "</svg>")) + "\n"

    def _metadata(self) -> str:
        """The same for machines, in Dublin Core."""
        about = self._about
        said = "".join(
            element("dcterms:source", "", **{"rdf:resource": url}) for url in about.sources.values()
        ) + "".join(
            element(f"dcterms:{name}", safe(words))
            for name, words in (("license", about.licence), ("bibliographicCitation", about.citation))
            if words
        )
        described = element("rdf:Description", said, **{"rdf:about": ""})
        return element("metadata", element("rdf:RDF", described, **{"xmlns:rdf": _RDF, "xmlns:dcterms": _TERMS}))

    def _rows(self) -> Iterator[list[_Entry]]:
        settings, about = self._settings, self._about
        entries = [
            (settings.dup_color, "gain"),
            (settings.hldup_color, "high-level gain"),
            (settings.del_color, "loss"),
            (settings.hldel_color, "high-level loss"),
            *(("", fact) for fact in about.facts),
            *([("", f"licence: {about.licence}")] if about.licence else []),
        ]
        left, right = self._axis.left, self._axis.right
        row: list[_Entry] = []
        x = left
        for colour, words in entries:
            said = cut(words, right - left, self._size)
            wide = width_of(said, self._size) + (self._size + 4 if colour else 0)
            if row and x + wide > right:
                yield row
                row, x = [], left
            row.append((round(x, 2), colour, said))
            x += wide + _SPACE
        yield row
        for note in about.notes[:_MOST_NOTES]:
            for line in wrapped(f"note: {note}", right - left, self._size):
                yield [(left, "", line)]
