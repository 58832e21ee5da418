"""Paths: which entity a path asks for, what the ids in it are, and which outputs deliver another entity."""

from dataclasses import dataclass
from typing import Final

from gateway.errors import NotFound
from gateway.model import Entity
from gateway.query import shown

__all__ = ["ROUTES", "Route", "find", "served"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path, with `{ids}` where a comma separated list stands; `ids` is the parameter that they mean.

    `each` makes every filter a group of its own.
    """

    path: str
    entity: Entity = "variants"
    ids: str | None = None
    output: str | None = None
    post: bool = False
    each: bool = False


_VARIANTS = ("g_variants", "variants", "gVariants", "genomicVariations", "variants_in_sample", "variantsInSample")
_OWNERS = {
    "biosamples": "biosampleIds",
    "samples": "biosampleIds",
    "analyses": "analysisIds",
    "callsets": "analysisIds",
    "individuals": "individualIds",
}

_BIOSAMPLES = ("biosamples", "samples")
_ANALYSES = ("analyses", "callsets")


def _service(*words: str, entity: Entity, ids: str, output: str, each: bool = False) -> tuple[Route, ...]:
    """A service by its names, with and without ids behind them."""
    return tuple(
        Route(path=f"/services/{word}{tail}", entity=entity, ids=ids, output=output, each=each)
        for word in words
        for tail in ("", "/{ids}")
    )


ROUTES: Final[tuple[Route, ...]] = (
    *(Route(path=f"/beacon/{word}", post=True) for word in _VARIANTS),
    *(Route(path=f"/beacon/{word}", entity="biosamples", post=True) for word in _BIOSAMPLES),
    *(Route(path=f"/beacon/{word}/{{ids}}", entity="biosamples", ids="biosampleIds") for word in _BIOSAMPLES),
    *(Route(path=f"/beacon/{word}", entity="analyses") for word in _ANALYSES),
    *(Route(path=f"/beacon/{word}/{{ids}}", entity="analyses", ids="analysisIds") for word in _ANALYSES),
    *(Route(path=f"/beacon/{owner}/{{ids}}/{word}", ids=ids) for owner, ids in _OWNERS.items() for word in _VARIANTS),
    *_service("pgxsegvariants", "pgxseg", entity="variants", ids="biosampleIds", output="pgxseg"),
    *_service("samplematrix", entity="analyses", ids="biosampleIds", output="pgxmatrix"),
    *_service("cnvstats", entity="analyses", ids="analysisIds", output="cnvstats"),
    *_service("collations", entity="collations", ids="filters", output="collations"),
    *_service(
        "intervalFrequencies",
        "interval_frequencies",
        entity="frequencies",
        ids="filters",
        output="frequencies",
        each=True,
    ),
)
_ROUTES = {route.path: route for route in ROUTES}


def find(path: str) -> tuple[Route, str | None]:
    """The route of a path and the ids in it; a trailing slash means nothing."""
    path = path.rstrip("/")
    if (exact := _ROUTES.get(path)) and "{ids}" not in path:
        return exact, None
    segments = path.split("/")
    if len(segments) > 3 and segments[3] and (found := _ROUTES.get("/".join([*segments[:3], "{ids}", *segments[4:]]))):
        return found, segments[3]
    raise NotFound(f"no such path: {shown(path)}")


# --- outputs of the services -----------------------------------------------------------------------------------------

# Outputs that deliver an entity which no path of variants or biosamples names.
_DELIVERED: Final[dict[str, Entity]] = {
    "pgxmatrix": "analyses",
    "valuematrix": "analyses",
    "cnvstats": "analyses",
    "pgxfreq": "frequencies",
    "freqmatrix": "frequencies",
    "frequencies": "frequencies",
}
# What `output=` has been called by Progenetix, and what JSON means, where such an entity is asked for.
_CALLED: Final[dict[str, dict[str, str]]] = {
    "analyses": {"values": "valuematrix", "pgxmatrixvalues": "valuematrix", "val": "valuematrix", "json": "cnvstats"},
    "frequencies": {"json": "frequencies", "pgxseg": "pgxfreq", "pgxmatrix": "freqmatrix"},
    "collations": {"json": "collations"},
}
_PACKED: Final = ".gz"


def served(entity: Entity, output: str | None) -> tuple[Entity, str | None]:
    """The entity that an output delivers, and the output's own name."""
    word = (output or "").removesuffix(_PACKED)
    tail = _PACKED if output and output.endswith(_PACKED) else ""
    name = _CALLED.get(entity, {}).get(word, word)
    if entity in ("variants", "biosamples", "analyses"):
        entity = _DELIVERED.get(name, entity)
    return entity, name + tail or None
