"""What requests say of plots: which one, and how it is to be drawn; `gateway.plots.parameters` knows the values."""

import re
from typing import Final

from gateway.errors import BadRequest, Unsupported
from gateway.plots.parameters import OWN, TYPES
from gateway.query import Words, shown, single
from gateway.query.routes import Route

__all__ = ["TYPE", "draws", "named", "own", "pairs"]

_PARS: Final = "plotPars"
_KEY: Final = re.compile(r"[A-Za-z][\w.-]{0,59}", re.ASCII)
_MOST_PAIRS: Final = 100
TYPE: Final = "plotType"
"""The parameter that names a plot."""
_ANY: Final = "svg"  # the plot of a service, whichever it is
_GROUPS: Final = "collationTypes"


def pairs(words: Words) -> tuple[tuple[str, str], ...]:
    """The pairs of plot parameters, separated by `;` or, as Progenetix' own pages do, by `::`."""
    text = ";".join(words.get(_PARS, ()))
    found = [pair.partition("=") for pair in re.split(";|::", text) if pair.strip()]
    if len(found) > _MOST_PAIRS:
        raise BadRequest(f"{_PARS} holds more than {_MOST_PAIRS} pairs", parameter=_PARS)
    for key, mark, _ in found:
        if not mark or not _KEY.fullmatch(key.strip()):
            raise BadRequest(f"{_PARS}: '{shown(key)}' is not key=value", parameter=_PARS)
    return tuple((key.strip(), value.strip()) for key, _, value in found)


def own(words: Words) -> tuple[tuple[str, str], ...]:
    """The parameters of plots that stand beside `plotPars`."""
    given = ((each.name, words.get(each.name, ())) for each in OWN)
    return tuple((name, ",".join(values)) for name, values in given if values)


def draws(route: Route) -> bool:
    """Whether a path is of a service that draws plots, or of one that did."""
    return route.output in TYPES or (route.entity == "frequencies" and route.each)


def named(words: Words, route: Route, output: str | None) -> str | None:
    """The plot that `plotType` names, where one is drawn; elsewhere it means nothing, as to Beacons.

    A format that `output` names goes before it.  Raises BadRequest, Unsupported.
    """
    if route.output in TYPES and words.get(_GROUPS):
        raise Unsupported(f"{_GROUPS}: groups of a plot are named by filters here", parameter=_GROUPS)
    word = single({TYPE: [word.lower() for word in words.get(TYPE, ())]}, TYPE)
    if word is None or not (route.output is None or draws(route)):
        return None
    if word not in TYPES:
        raise Unsupported(f"{TYPE}: '{shown(word)}' is none of {', '.join(TYPES)}", parameter=TYPE)
    if output in TYPES and output != word:
        raise BadRequest(f"{TYPE} and output name different plots", parameter=TYPE)
    return word if output in (None, _ANY, word) else None
