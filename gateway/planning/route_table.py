"""All paths of downloads: those of a Beacon, and those of the services that the formats table names."""

from typing import Final

from gateway.formats import FORMATS
from gateway.formats.plots import HISTOPLOT
from gateway.query.routes import BEACON, Routes, service

__all__ = ["ROUTES"]

_SERVICES: Final = (
    service(word, form.name, form.entities, form.ids, each=form.each, also=form.also)
    for form in FORMATS
    for word in form.services
)

# A plot of the samples that a request selects: of their frequencies, if no other is named.
_PLOTS: Final = service("sampleplots", HISTOPLOT.name, ("biosamples",), also=HISTOPLOT.also)

ROUTES: Final = Routes((*BEACON, *(route for routes in (*_SERVICES, _PLOTS) for route in routes)))
