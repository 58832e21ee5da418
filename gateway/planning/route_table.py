"""All paths of downloads: those of a Beacon, and those of the services that the formats table names."""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.formats import FORMATS, delivered
from gateway.formats.plots import HISTOPLOT
from gateway.planning.format_choice import PACKED
from gateway.query.routes import BEACON, Routes, service
from gateway.tabix import EXTENSIONS as INDEXES

__all__ = ["EXTENSIONS", "FILES", "ROUTES"]

FILES: Final = "/beacon/variants/{name}"
"""Variants as a file of any name, whose extension is its format."""
_SERVICES: Final = (
    service(word, form.name, form.entities, form.ids, each=form.each, also=form.also)
    for form in FORMATS
    for word in form.services
)
# A plot of the samples that a request selects: of their frequencies, if no other is named.
_PLOTS: Final = service("sampleplots", HISTOPLOT.name, ("biosamples",), also=HISTOPLOT.also)


def _extensions() -> Iterator[tuple[str, str]]:
    """Extensions of files of variants, each with a word that means it; of several the first is meant."""
    for form in sorted(FORMATS, key=lambda form: "frequencies" in form.entities):  # in the table's order but for these
        if delivered(form, "variants"):
            for word in (*form.words, *form.whole):
                yield form.extension, word
                yield form.extension + PACKED, word + PACKED
                for index in INDEXES if form.index else ():
                    yield form.extension + PACKED + index, word + PACKED


def _gathered() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for extension, word in _extensions():
        found[extension] = (*found.get(extension, ()), word)
    return found


EXTENSIONS: Final = _gathered()
"""Extensions of files behind `FILES`, with the values of `output=` that have them, the one that is meant first.

Of an index they are those of its file.
"""
ROUTES: Final = Routes((*BEACON, *(route for routes in (*_SERVICES, _PLOTS) for route in routes)), EXTENSIONS)
