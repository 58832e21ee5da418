"""The canonical question of a request: a path and parameters, the same for all spellings of what is asked.

It is written from what was understood.  Whoever reads it asks for the same bytes, as long as the data are the same.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from gateway.bins.maps import DEFAULT
from gateway.download_types import Ask
from gateway.planning.format_choice import choose
from gateway.planning.naming import repeats, selecting
from gateway.planning.route_table import ROUTES

__all__ = ["Pairs", "canonical", "outspoken"]

Pairs = tuple[tuple[str, str], ...]
"""Parameters of a query string, in its order."""

_SERVED: Final = frozenset({"frequencies", "collations"})  # by services of their own
_PATHS: Final = {
    (route.entity, route.each): route.path
    for route in reversed(tuple(ROUTES))  # so that the first of each is meant
    if route.ids is None and (route.entity not in _SERVED or route.path.startswith("/services/"))
}


def outspoken(ask: Ask, accept: str, datasets: Iterable[str]) -> Ask:
    """An ask for the same bytes that says what was decided otherwise: the format by a header, datasets by a default.

    Raises NotAcceptable.
    """
    plain, form, _ = choose(ask, accept)
    kept = ask.datasets or ask.entity == "datasets" or repeats(form)
    named = ask.datasets if kept else tuple(datasets)
    return replace(ask, output=ask.output or plain.output, order=plain.order, datasets=named)


def canonical(ask: Ask) -> tuple[str, Pairs]:
    """Path and parameters that mean an outspoken ask, if any do: what a URL cannot say is not in them."""
    said: tuple[tuple[str, object], ...] = (
        *selecting(ask),
        ("datasetIds", ",".join(ask.datasets)),
        ("output", ask.output),
        ("allData", "true" if ask.all_data else ""),
        ("limit", ask.limit),
        ("skip", ask.skip or None),
        ("sorted", ask.order),
        ("requestedGranularity", "" if ask.granularity == "record" else ask.granularity),
        ("includeResultsetResponses", "" if ask.resultsets == "HIT" else ask.resultsets),
        ("includeHandovers", "" if ask.handovers else "false"),
        ("genomeBinning", "" if ask.binning == DEFAULT else ask.binning),
        ("minNumber", ask.min_number or None),
        ("filters", ",".join(ask.prefixes)),
        ("collationTypes", ",".join(ask.collation_types)),
        ("includeDescendantTerms", "false" if ask.matched else ""),
        ("groupBy", ask.group_by),
        ("plotPars", ";".join(f"{key}={value}" for key, value in ask.plot_pars)),
        *ask.plot,
        ("deliveryKeys", ",".join(ask.delivery_keys)),
    )
    pairs = tuple((name, str(value)) for name, value in said if value not in (None, ""))
    return _PATHS.get((ask.entity, ask.each), ""), pairs
