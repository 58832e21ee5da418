"""What binned downloads need to know before they are laid out: the bins, the groups, and what is stored of either."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.bins.maps import BinMap, bin_map
from gateway.codes import spellings
from gateway.dataset_state import DatasetState
from gateway.db.catalog import Catalog, StoredMap
from gateway.download_types import Ask, Collation, FilterTerm, Group, Selection, Wanted
from gateway.errors import BadRequest
from gateway.query.selection import select, without_references

__all__ = ["complete"]

# Counts held at once, groups by bins: some 40 MB.
_MAX_CELLS: Final = 2_000_000

Known = Mapping[str, Collation]


async def complete(wanted: Wanted, known: Sequence[Known], catalog: Catalog) -> Wanted:
    """The same with bins, groups and places of stored maps; `known` are the collations of each dataset."""
    ask = wanted.ask
    if ask.entity == "frequencies":
        return await _frequencies(wanted, known, catalog)
    if ask.output == "cnvstats":
        stored = {
            dataset_state.dataset for dataset_state, _ in wanted.datasets if await catalog.stores_stats(dataset_state)
        }
        return replace(wanted, stats=frozenset(stored))
    if ask.entity != "analyses" or ask.output in {"json", "jsonl"}:
        return wanted
    dataset_state = wanted.datasets[0][0]
    maps = await catalog.status_maps(dataset_state, ask.binning)
    bins = _bins(ask, [dataset_state], [maps] if maps else [])
    if maps is None or maps.bins != len(bins):
        return replace(wanted, bins=bins)
    return replace(wanted, bins=bins, maps=(maps.collection, maps.path))


def _bins(ask: Ask, dataset_states: Sequence[DatasetState], stored: Sequence[StoredMap]) -> BinMap:
    """The bins of a file: those of 2021 where all that is stored has them, or the dataset is of 2021."""
    now, then = bin_map(ask.binning), bin_map(old=True)
    if now.name != then.name:
        return now
    if stored:
        return then if all(found.bins == len(then) for found in stored) else now
    return then if all(dataset_state.analyses == "callsets" for dataset_state in dataset_states) else now


async def _frequencies(wanted: Wanted, known: Sequence[Known], catalog: Catalog) -> Wanted:
    ask = wanted.ask
    groups: list[tuple[Group, StoredMap | None]] = []
    for (dataset_state, selection), collations in zip(wanted.datasets, known, strict=True):
        own = list(_groups(ask, dataset_state, selection, collations)) if ask.each else []
        own = own or [(_whole(ask, dataset_state, selection), _alone(ask))]
        codes = {code: term for _, term in own if term for code in spellings(term.id) if code in collations}
        maps = await catalog.frequency_maps(dataset_state, codes, ask.binning)
        for group, term in own:
            stored = [code for code in (spellings(term.id) if term else ()) if code in maps]
            found = maps[stored[0]] if stored else None
            groups.append((replace(group, stored=(found.collection, stored[0])) if found else group, found))
    bins = _bins(ask, [dataset_state for dataset_state, _ in wanted.datasets], [found for _, found in groups if found])
    if len(groups) * len(bins) > _MAX_CELLS:
        most = _MAX_CELLS // len(bins)
        raise BadRequest(f"genomeBinning: at {bins.name} at most {most} groups fit one file", parameter="genomeBinning")
    fitting = [replace(group, stored=None) if found and found.bins != len(bins) else group for group, found in groups]
    return replace(wanted, bins=bins, groups=tuple(fitting))


def _is_code(term: FilterTerm) -> bool:
    return not term.excluded and term.operator is None


def _alone(ask: Ask) -> FilterTerm | None:
    """The code that is all that the request asks for: what a stored map may be of."""
    bare = replace(ask, filters=()).selects_everything
    only = ask.filters[0] if bare and len(ask.filters) == 1 else None
    return only if only and _is_code(only) and only.descendants else None


def _whole(ask: Ask, dataset_state: DatasetState, selection: Selection) -> Group:
    """The whole query as one group."""
    codes = [term.id for term in ask.filters if _is_code(term)]
    name = codes[0] if len(codes) == 1 else dataset_state.dataset
    label = ", ".join(label for code in codes if (label := selection.labels.get(code, "")))
    return Group(id=name, label=label, dataset_state=dataset_state, selection=without_references(ask, selection))


def _groups(
    ask: Ask, dataset_state: DatasetState, selection: Selection, known: Known
) -> list[tuple[Group, FilterTerm | None]]:
    """A group for each code asked for; all else that is asked narrows each of them."""
    others = tuple(term for term in ask.filters if not _is_code(term))
    found = []
    for term in (term for term in ask.filters if _is_code(term)):
        own = replace(ask, filters=(term, *others), logic="AND")
        chosen = select(own, dataset_state, known)
        label = selection.labels.get(term.id, "")
        group = Group(id=term.id, label=label, dataset_state=dataset_state, selection=without_references(own, chosen))
        found.append((group, _alone(own)))
    return found
