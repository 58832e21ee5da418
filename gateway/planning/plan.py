"""From an `Ask` to a `Plan`: which format, which datasets, what it selects, and the digest that names the bytes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial

from gateway import formats
from gateway.config import Config
from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog
from gateway.download_types import Ask, Collation, Part, Plan, Selection, Wanted
from gateway.errors import NotFound, Unsupported
from gateway.formats import Format
from gateway.planning import htsget, naming
from gateway.planning.binning import complete
from gateway.planning.format_choice import PACKED, checked, choose, packing, spelled
from gateway.planning.gene_places import placed
from gateway.planning.handover import handed_over, warnings_of
from gateway.planning.index_check import unserved
from gateway.query import filters
from gateway.query.selection import Identities, cohorts, collations, identities, select
from gateway.rights import Granularity, View, lesser

__all__ = ["Links", "make_plan"]


Links = Callable[[Ask, tuple[str, ...]], Awaitable[tuple[Mapping[str, str], ...]]]
"""What makes links to some outputs of what is asked."""


async def make_plan(
    ask: Ask, accept: str, base: str, *, config: Config, catalog: Catalog, view: View, links: Links | None = None
) -> Plan:
    """The plan of a request, of what its caller may see.

    Raises BadRequest, Forbidden, NotAcceptable, NotFound, or what the database raises.
    """
    asked = ask = await placed(ask, catalog.genes)
    ask, form, packed = choose(spelled(ask, view), accept)
    ask = await handed_over(ask, form, catalog, view)
    names = ask.datasets or (tuple(view.granted) if ask.entity == "datasets" else view.default)
    ask = checked(ask, form, names, view)
    datasets, collated = await _selected(ask, names, catalog, view)
    unseen = frozenset(name for name in names if not view.admits([name]))
    wanted = Wanted(
        ask=ask,
        datasets=datasets,
        beacon_id=config.beacon_id,
        base=config.public_url or base,
        address=naming.address(ask),
        page_limit=config.page_limit,
        licence=config.licence,
        citation=config.citation,
        downloads=await _downloads(asked, ask, form, links) + _protocols(ask, form, config),
        levels=_levels(ask, names, view),
    )
    wanted = await complete(wanted, collated, catalog)
    return Plan(
        parts=(parts := form.parts(wanted)),
        digest=naming.digest(wanted, form, packed=packed),
        media="application/gzip" if packed else form.media,
        filename=naming.filename(ask, names, form) + (PACKED if packed else ""),
        attachment=form.attachment or packed,
        packing=packing(ask, form) if packed else "",
        warnings=_warnings(wanted, parts, catalog, unseen),
        expected=_expected(ask, datasets[0][0], collated[0]) if len(names) == 1 else {},
        continues=form.paged and not ask.test_mode,
        form=form.name,
        entity=ask.entity,
        packed_digest=partial(naming.digest, wanted, form, packed=True),
        datasets=tuple(dataset_state.dataset for dataset_state, _ in datasets),
        guarded=_is_guarded(ask, names, view),
        reduced=bool(unseen),
        repeats=naming.repeats(form),
    )


async def _downloads(asked: Ask, ask: Ask, form: Format, links: Links | None) -> tuple[Mapping[str, str], ...]:
    """What else can be had of the query, where a format tells it."""
    if not form.links:
        return formats.downloads(ask.entity) if form.sets else ()
    if links is None:
        raise Unsupported(f"{form.name} has links to a server: ask one for it", parameter="output")
    return await links(asked, form.links)


def _protocols(ask: Ask, form: Format, config: Config) -> tuple[Mapping[str, str], ...]:
    """The same by htsget, of whole files that are kept."""
    kept = bool(config.spool) and not config.no_spool
    return htsget.handover(ask) if form.sets and not form.links and kept else ()


def _warnings(wanted: Wanted, parts: Sequence[Part], catalog: Catalog, unseen: AbstractSet[str]) -> tuple[str, ...]:
    """What is said of a request beside its answer; the catalog is told what no index serves.

    The records of datasets that are `unseen` may not be seen by who asks, whatever it asks for.
    """
    selections = [*wanted.datasets, *((group.dataset_state, group.selection) for group in wanted.groups)]
    slow = unserved(selections, parts)
    catalog.tell_unserved(slow)
    warnings = [*wanted.ask.warnings, *(warning for _, selection in selections for warning in selection.warnings)]
    warnings += [told for told, name in slow.items() if name not in unseen]  # they tell how large it is
    return tuple(dict.fromkeys(warnings))


def _is_guarded(ask: Ask, names: tuple[str, ...], view: View) -> bool:
    """Whether not everybody gets this answer: others may see less of a dataset, or have another list of them."""
    return not view.guarded.isdisjoint(names) or (view.differs and ask.entity == "datasets" and not ask.datasets)


def _levels(ask: Ask, names: tuple[str, ...], view: View) -> dict[str, Granularity]:
    """How datasets are answered of which the caller may see less than was asked for."""
    levels = {name: lesser(ask.granularity, view.granted[name]) for name in names}
    return {name: level for name, level in levels.items() if level != ask.granularity}


async def _selected(
    ask: Ask, names: tuple[str, ...], catalog: Catalog, view: View
) -> tuple[tuple[tuple[DatasetState, Selection], ...], list[Mapping[str, Collation]]]:
    """What a request selects in each dataset, and those of its filters that are collations there."""
    datasets: list[tuple[DatasetState, Selection]] = []
    collated: list[Mapping[str, Collation]] = []
    for dataset_state in await _dataset_states(ask, names, catalog):
        collated.append(await catalog.collations(dataset_state, filters.wanted(ask)))
        # How many of some ids there are is more than whether there is any.
        told = identities(ask) if view.granted[dataset_state.dataset] != "boolean" else ()
        datasets.append((dataset_state, await _selection(ask, dataset_state, collated[-1], catalog, told)))
    return tuple(datasets), collated


async def _dataset_states(ask: Ask, names: tuple[str, ...], catalog: Catalog) -> list[DatasetState]:
    """What is known of these datasets; a list of all that are served passes over those that hold nothing."""
    found = []
    for name in names:
        try:
            found.append(await catalog.state(name))
        except NotFound:
            if ask.datasets or len(names) == 1:
                raise
    if not found:
        raise NotFound("no dataset here holds data", parameter="datasetIds")
    return found


async def _selection(
    ask: Ask, dataset_state: DatasetState, known: Mapping[str, Collation], catalog: Catalog, asked: Identities
) -> Selection:
    if ask.entity == "collations":
        return collations(ask, dataset_state)
    if ask.entity == "cohorts":
        return cohorts(ask, dataset_state)
    found = await asyncio.gather(*(catalog.unknown(dataset_state, place, name, ids) for _, place, name, ids in asked))
    unknown = {each[0]: tuple(ids) for each, ids in zip(asked, found, strict=True)}
    selection = select(ask, dataset_state, known, unknown)
    return replace(selection, warnings=(*selection.warnings, *await warnings_of(ask, dataset_state, catalog)))


def _expected(ask: Ask, dataset_state: DatasetState, known: Mapping[str, Collation]) -> dict[str, int]:
    """The numbers of samples and variants that an ask selects, where the dataset states them."""
    if ask.selects_everything:
        pairs = (("samples", "biosamples"), ("variants", "variants"))
        return {
            name: dataset_state.counts[collection] for name, collection in pairs if collection in dataset_state.counts
        }
    if len(ask.filters) != 1 or not replace(ask, filters=()).selects_everything:
        return {}
    (term,) = ask.filters
    found = list(known.values())
    if len(found) != 1 or found[0].count is None or term.excluded or not term.descendants:
        return {}
    return {"samples": found[0].count} if found[0].entity in {"biosample", "biosamples"} else {}
