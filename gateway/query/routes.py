"""Paths: which entity they ask for, and whose ids they hold.  Formats add the services that are theirs."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from gateway.download_types import Entity
from gateway.errors import BadRequest, NotFound
from gateway.query import shown
from gateway.query.parameters import normal

__all__ = ["BEACON", "RECORDS", "Route", "Routes", "service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path, with `{ids}` where a comma separated list stands; `ids` is the parameter that they mean.

    `each` makes every filter a group of its own; `also` are words that mean its own `output` here.  Behind a path with
    `files` the name of a file may stand, whose extension says what it is; `outputs` are then the words of that.
    """

    path: str
    entity: Entity = "variants"
    ids: str | None = None
    output: str | None = None
    post: bool = False
    each: bool = False
    also: tuple[str, ...] = ()
    files: bool = False
    outputs: tuple[str, ...] = ()

    def wanted(self, output: str | None) -> str | None:
        """The output that is meant where this one is said, or none.  BadRequest if a file cannot be that."""
        if self.outputs and output not in {None, *self.outputs}:
            raise BadRequest(f"output: {output} has another extension than the path's file", parameter="output")
        return self.output if output is None or output in self.also else output


class Routes:
    """A table of routes, and the way to find one in it; `extensions` are those of files, with the outputs they mean."""

    def __init__(self, routes: Iterable[Route], extensions: Mapping[str, tuple[str, ...]]) -> None:
        self._by_path = {route.path: route for route in routes}
        self._extensions = extensions

    def __iter__(self) -> Iterator[Route]:
        return iter(self._by_path.values())

    def has(self, path: str) -> bool:
        """Whether there is a route of a path, as the URL spells it."""
        with suppress(NotFound):
            return bool(self.find(path))
        return False

    def find(self, path: str) -> tuple[Route, str | None]:
        """The route of a path, as the URL spells it, and the ids in it; NotFound if there is none.

        A trailing slash means nothing.  Ids may hold slashes: `%2F`, which separates no segments.  A file's name is
        free, but for its extension: programs choose by that how to read it.
        """
        segments = [unquote(segment, errors="surrogateescape") for segment in path.rstrip("/").split("/")]
        if (exact := self._by_path.get("/".join(segments))) and exact.ids is None:
            return exact, None
        if len(segments) > 3 and segments[3]:
            general = "/".join([*segments[:3], "{ids}", *segments[4:]])
            if found := self._by_path.get(general):
                return found, segments[3]
        *above, name = segments
        if (found := self._by_path.get("/".join(above))) and found.files and (outputs := self._outputs(name)):
            return replace(found, output=outputs[0], outputs=outputs, post=False), None
        raise NotFound(f"no such path: {shown(path)}")

    def _outputs(self, name: str) -> tuple[str, ...]:
        """The outputs that a file of this name may be, by the longest extension that is known; none if none is."""
        pieces = name.lower().split(".")
        known = (self._extensions.get(".".join(pieces[n:])) for n in range(1, len(pieces)))
        return next((outputs for outputs in known if outputs), ())


_WITH_IDS: Final = "g_variants"
"""The one of their words behind which ids stand: an id may end like a file's name."""
_VARIANTS: Final = (
    _WITH_IDS,
    "variants",
    "gVariants",
    "genomicVariations",
    "variants_in_sample",
    "variantsInSample",
)
# Each kind of record: its words, the entity, and the parameter that takes its ids.
_OWNERS: Final[tuple[tuple[tuple[str, ...], Entity, str], ...]] = (
    (("biosamples", "samples"), "biosamples", "biosampleIds"),
    (("individuals",), "individuals", "individualIds"),
    (("analyses", "callsets"), "analyses", "analysisIds"),
    (("runs",), "runs", "analysisIds"),
    (("cohorts",), "cohorts", "cohortIds"),
    (("datasets",), "datasets", "datasetIds"),
)
_SINGULAR: Final[Mapping[Entity, tuple[str, ...]]] = {
    "variants": ("variant", "g_variant", "genomicVariant", "genomicVariants", "genomicVariation"),
    "biosamples": ("biosample", "sample"),
    "individuals": ("individual",),
    "analyses": ("analysis", "callset"),
    "runs": ("run",),
}
RECORDS: Final[Mapping[str, Entity]] = {
    normal(word): entity
    for words, entity in ((_VARIANTS, "variants"), *((words, entity) for words, entity, _ in _OWNERS))
    if entity in _SINGULAR
    for word in (*words, *_SINGULAR[entity])
}
"""Kinds of records by all their words, one and several, as `normal` spells them."""
_FILTERING_TERMS: Final = ("filtering_terms", "filteringTerms")
# What paths with ids lead to, beside variants.
_OWNED: Final[tuple[Entity, ...]] = ("biosamples", "individuals", "analyses", "runs")


def _beacon() -> Iterator[Route]:
    for word in _VARIANTS:
        yield Route(path=f"/beacon/{word}", post=True, files=word != _WITH_IDS)
    yield Route(path=f"/beacon/{_WITH_IDS}/{{ids}}", ids="variantIds")
    yield from (Route(path=f"/beacon/{_WITH_IDS}/{{ids}}/{other}", entity=other, ids="variantIds") for other in _OWNED)
    for words, entity, ids in _OWNERS:
        for word in words:
            yield Route(path=f"/beacon/{word}", entity=entity, post=True)
            yield Route(path=f"/beacon/{word}/{{ids}}", entity=entity, ids=ids)
            for variants in _VARIANTS:
                yield Route(path=f"/beacon/{word}/{{ids}}/{variants}", ids=ids)
        yield from (Route(path=f"/beacon/{words[0]}/{{ids}}/{other}", entity=other, ids=ids) for other in _OWNED)
    for word in _FILTERING_TERMS:
        yield Route(path=f"/beacon/{word}", entity="collations", output="filteringterms", also=("json",))


BEACON: Final = tuple(_beacon())
"""The paths of a Beacon; those of services come with the formats that they deliver."""


def service(
    word: str,
    output: str,
    entities: Iterable[Entity],
    ids: str = "biosampleIds",
    *,
    each: bool = False,
    also: tuple[str, ...] = (),
) -> Iterator[Route]:
    """The paths of a service that delivers a format; what ids in them mean is `ids`.

    The first entity is what it delivers by itself; the others are asked for by a word behind it.
    """
    first, *others = entities
    yield Route(path=f"/services/{word}", entity=first, output=output, each=each, also=also)
    yield Route(path=f"/services/{word}/{{ids}}", entity=first, ids=ids, output=output, each=each, also=also)
    for entity in others:
        name = "g_variants" if entity == "variants" else entity
        yield Route(path=f"/services/{word}/{name}", entity=entity, output=output)
        yield Route(path=f"/services/{word}/{{ids}}/{name}", entity=entity, ids=ids, output=output)
