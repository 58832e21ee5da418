"""Which requests a proxy sends to the gateway, and which stay with the Beacon beside it: patterns for a request line.

Patterns are Perl's, of a text that begins as the first line of a request does: `GET /services/pgxseg?filters=…`.  They
follow from the tables of routes, formats and parameters.  What the gateway does not answer as well as the Beacon stays
there: other paths and methods, outputs that are no format of the kind of records (maps, other plots), parameters that
it refuses.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.download_types import Entity
from gateway.formats import FORMATS, delivered
from gateway.planning.route_table import EXTENSIONS, ROUTES
from gateway.plots.parameters import OTHERS, TYPES
from gateway.query.handovers import PARAMETER
from gateway.query.parameters import BESIDE, NO_FORMATS, OTHER_FORMS, PARAMETERS
from gateway.query.plots import TYPE, draws
from gateway.query.routes import Route

__all__ = ["Rules", "rules"]

# Where a path is the Beacon's own, it goes on to answer it in JSON.
_JSON: Final = "json"
# Here, as in 2021, `id` is the id of a filter.
_OF_FILTERS: Final[tuple[Entity, ...]] = ("frequencies", "collations")
_ASKED: Final = "GET|HEAD|OPTIONS"
_PACKED: Final = "([.]gz([.](tbi|csi))?)?"
_IDS: Final = "[^/? ]+"
_END: Final = "(?=[& ]|$)"


@dataclass(frozen=True, slots=True)
class Rules:
    """A request that matches one of `stay` stays with the Beacon; of the others those that match one of `go` do not."""

    stay: tuple[str, ...]
    go: tuple[str, ...]


def rules(*, handovers: bool = True, datasets: Sequence[str] = (), plots: bool = True) -> Rules:
    """The rules; without `handovers` links with an `accessid` stay with the Beacon, as do other than these `datasets`.

    None at all are any.  Without `plots` all of them stay there, else those that are not drawn here as they are asked.
    """
    stay = [
        *_plots_that_stay(plots=plots),
        _named(_refused(handovers=handovers)),
        f"[?&](?i:filter[_-]?precision=start){_END}",
    ]
    if datasets:
        one = f"({_any(datasets)})"
        stay.append(f"[?&](?i:dataset[_-]?ids?)=(?!{one}(,{one})*{_END})[^& ]")
    whole = "|".join(word for form in FORMATS if not form.pages for word in form.services)
    stay.append(f"^({_ASKED}) /services/({whole})[/?](?!(?i:.*access[_-]?id=[^& ]))(?i:.*[?&]limit=0*[1-9])")
    go = [f"^({_ASKED}) /exports/", f"^({_ASKED}|POST) /(htsget|ga4gh/drs)/"]
    for words, routes in _groups("/services/").items():
        path = f"^({_ASKED}) {_paths(routes)}"
        if not all(route.entity in _OF_FILTERS for route in routes):
            stay.append(f"{path}[?](.*&)?{_named(('id', 'ids'), begin='')}")
        known = "|".join((f"({_any(words)}){_PACKED}", *sorted(NO_FORMATS)))
        stay.append(f"{path}[?](?i:(.*&)?(output|method)=(?!({known}){_END}))[^& ]")
        go.append(f"{path}(?=[? ]|$)")
    for words, routes in _groups("/beacon/").items():
        if set(words) == {_JSON}:
            continue
        asked = f"(output|method)=(({_any(word for word in words if word != _JSON)}){_PACKED}|{_JSON}[.]gz)"
        for methods, some in ((_ASKED, routes), ("POST", [route for route in routes if route.post])):
            if some:
                go.append(f"^({methods}) {_paths(some)}[?](?i:(.*&)?({asked}|ticket=true){_END})")
    endings = _any(EXTENSIONS).replace("\\.", "[.]")
    above = _paths(route for route in ROUTES if route.files).removesuffix("/?")
    go.append(f"^({_ASKED}) {above}/[^/? ]*[.](?i:{endings})(?=[? ]|$)")
    return Rules(tuple(stay), tuple(go))


def _refused(*, handovers: bool) -> Iterator[str]:
    """Names of parameters that ask what the gateway does not know, or not for sure; as forms of JSON of 2021 do."""
    yield from OTHER_FORMS
    for parameter in PARAMETERS:
        if parameter.name in BESIDE or (parameter.use == "narrows" and parameter.name != "id"):
            yield from (parameter.name, *parameter.aliases)
    if not handovers:
        yield PARAMETER


def _plots_that_stay(*, plots: bool) -> Iterator[str]:
    """Plots of other types, with other marks, of groups that are not named, of test data; what only names one."""
    drawing = [route for route in ROUTES if draws(route)]
    own = [route for route in drawing if route.output in TYPES]
    kind, pars = _spelled(TYPE), _spelled("plotPars")
    # Elsewhere it means nothing here, and to a Beacon it may.
    yield f"^(?!(GET|HEAD) {_paths(drawing)}[?])(?i:.*[?&]{kind}=[^& ])"
    for some, known in _by_types(drawing):
        types = f"({_any(known)}){_END}" if plots else _END
        yield f"^(GET|HEAD) {_paths(some)}[?](?i:(.*&)?{kind}=(?!{types})[^& ])"
    yield f"^(GET|HEAD) {_paths(drawing)}[?](?i:(.*&)?{pars}=[^& ]*({'|'.join(map(_spelled, OTHERS))}))"
    if plots:
        groups = f"{_spelled('collationTypes')}?=[^& ]"
        yield f"^(GET|HEAD) {_paths(own)}[?](?i:(.*&)?({groups}|{_spelled('testMode')}=(true|1|yes){_END}))"
    else:
        yield f"^(GET|HEAD) {_paths(own)}(?=[? ]|$)"
        yield f"[?&](?i:(output|method)=({_any((*TYPES, 'svg'))}){_END})"


def _by_types(routes: Iterable[Route]) -> Iterator[tuple[list[Route], list[str]]]:
    """Routes by the types of plots that can be had of their records."""
    found: dict[tuple[str, ...], list[Route]] = {}
    for route in routes:
        known = (form.name for form in FORMATS if form.name in TYPES and delivered(form, route.entity))
        found.setdefault(tuple(known), []).append(route)
    return ((some, list(known)) for known, some in found.items())


def _spelled(name: str) -> str:
    """A name of a parameter in any spelling, for patterns that do not mind cases."""
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "[_-]?", name).lower()


def _named(names: Iterable[str], begin: str = "[?&]") -> str:
    """A parameter of one of these names, in any spelling, with a value."""
    spelled = dict.fromkeys(map(_spelled, names))
    return f"{begin}(?i:{'|'.join(spelled)})=[^& ]"


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))


def _groups(begin: str) -> dict[tuple[str, ...], list[Route]]:
    """Routes by the words of all outputs that can be had of their records."""
    found: dict[tuple[str, ...], list[Route]] = {}
    for route in ROUTES:
        if route.path.startswith(begin):
            words = dict.fromkeys((*_words(route.entity), *route.also))
            found.setdefault(tuple(words), []).append(route)
    return found


def _words(entity: Entity) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            word
            for form in FORMATS
            if delivered(form, entity) is not None
            for word in (*form.words, *form.whole, *(form.also if entity in form.entities else ()))
        )
    )


# --- paths -----------------------------------------------------------------------------------------------------------

_Tree = dict[str, "_Tree"]  # of names by what may stand before them; what is complete has an empty one


def _paths(routes: Iterable[Route]) -> str:
    """The paths of routes, with a slash at the end or none."""
    tree: _Tree = {}
    for route in routes:
        here = tree
        for name in (*route.path.strip("/").split("/"), ""):
            here = here.setdefault(_IDS if name == "{ids}" else re.escape(name), {})
    return f"{_below(tree)}/?"


def _below(tree: _Tree) -> str:
    """What may stand behind a name; names with the same behind them stand together."""
    alike: dict[str, list[str]] = {}
    for name, inner in tree.items():
        if name:
            alike.setdefault(_below(inner), []).append(name)
    branches = []
    for behind, names in alike.items():
        some = [_IDS] if _IDS in names else names
        branches.append(f"/{some[0] if len(some) == 1 else '(' + '|'.join(some) + ')'}{behind}")
    if not branches:
        return ""
    joined = branches[0] if len(branches) == 1 else f"({'|'.join(branches)})"
    return f"({joined})?" if "" in tree else joined
