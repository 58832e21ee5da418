"""Selection: which biosamples of one dataset a request selects, and which rows of each it delivers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from gateway.codes import beginnings, kinds, spellings
from gateway.dataset_state import DatasetState
from gateway.download_types import Ask, Collation, Condition, Selection, Term
from gateway.handovers import Place as HandoverPlace
from gateway.query import among, both, either, shown
from gateway.query.filters import Group, Place, merged, resolve
from gateway.query.variants import condition

__all__ = ["Identities", "cohorts", "collations", "identities", "select", "without_references"]

_NONE: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})
_SOME: Final = 3  # unknown ids that a warning names
_REFERENCE: Final = "EFO:0009654"
_COHORTS: Final = ("pgx:cohort-", "pgxcohort-")  # how ids of cohorts begin, now and in 2021


Identities = tuple[tuple[str, Place, str, tuple[str, ...]], ...]
"""Kinds of ids: each one's parameter, its collection and field there, and the ids."""


def identities(ask: Ask) -> Identities:
    """The ids of a request that a dataset may lack."""
    asked: Identities = (
        ("biosampleIds", "biosamples", "id", ask.biosample_ids),
        ("individualIds", "biosamples", "individual_id", ask.individual_ids),
        ("analysisIds", "analyses", "id", ask.analysis_ids),
        ("variantIds", "variants", "id", ask.variant_ids),
    )
    return tuple(each for each in asked if each[-1])


def select(
    ask: Ask,
    dataset_state: DatasetState,
    collations: Mapping[str, Collation],
    unknown: Mapping[str, Sequence[str]] = _NONE,
) -> Selection:
    """Put a request's filters, ids and variant queries together for one dataset.

    `unknown` are those of its ids that the dataset is known not to have, by parameter.
    """
    filters = resolve(ask, dataset_state, collations)
    variants = [condition(query, dataset_state) for query in ask.variants]
    asked_again = _handed_over(ask)
    groups = (*filters.groups, *_ids(ask), *((Term(collection="variants", condition=c),) for c in variants))
    listed = ask.handover.listed if ask.handover else None
    return Selection(
        dataset=dataset_state.dataset,
        samples=merged((*groups, *((Term(collection=place, condition=c),) for place, c in asked_again))),
        listed=listed,
        of_listed=listed is not None and ask.entity == "variants" and not ask.whole_samples,
        rows=_rows(ask, dataset_state, variants),
        entity="analyses" if ask.entity == "runs" else ask.entity,  # that is where they are
        labels=filters.labels,
        nothing=filters.nothing,
        warnings=(*filters.warnings, *_warnings(ask, dataset_state, unknown)),
    )


def _warnings(ask: Ask, dataset_state: DatasetState, unknown: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, _, _, ids in identities(ask):
        if missing := sorted(unknown.get(name, ())):
            some = ", ".join(map(shown, missing[:_SOME])) + (" ..." if missing[_SOME:] else "")
            yield f"{name}: {len(missing)} of {len(ids)} unknown to dataset {dataset_state.dataset}: {some}"


def without_references(ask: Ask, selection: Selection) -> Selection:
    """The same without reference samples, as Progenetix counts frequencies, unless these or ids are asked for."""
    named = any(term.id == _REFERENCE for term in ask.filters)
    if named or ask.biosample_ids or ask.individual_ids or ask.analysis_ids or ask.variant_ids or ask.access_id:
        return selection
    others: Condition = {name: {"$ne": _REFERENCE} for name in ("biosample_status.id", "provenance.material.id")}
    return replace(selection, samples=merged((*selection.samples, (Term(collection="biosamples", condition=others),))))


def collations(ask: Ask, dataset_state: DatasetState) -> Selection:
    """The collations whose ids begin, and whose types are, as the request says."""
    conditions = [_beginning(ask.prefixes)]
    if ask.collation_types:  # in 2021 nothing but the ids told them
        old = dataset_state.analyses == "callsets"
        types = [name for asked in ask.collation_types for name in kinds(asked)]
        conditions.append(_beginning(types) if old else {"collation_type": among(types)})
    if ask.matched:
        conditions.append({"code_matches": {"$gt": 0}})
    term = Term(collection="collations", condition=both(conditions))
    held = "collations" in dataset_state.collections
    return Selection(dataset=dataset_state.dataset, root="collations", samples=((term,),), nothing=not held)


def _beginning(prefixes: Iterable[str]) -> Condition:
    """What ids begin with, any of these, in the spellings of both eras; nothing if there are none."""
    begins = sorted({begin for prefix in prefixes for begin in beginnings(prefix)})
    # A range, not a pattern: the text is a value, and an index serves it.
    ranges = [{"id": {"$gte": begin, "$lt": begin + "\U0010ffff"}} for begin in begins]
    return {"$or": ranges} if ranges else {}


def cohorts(ask: Ask, dataset_state: DatasetState) -> Selection:
    """The collations that are cohorts, or those of them whose ids are given."""
    if not ask.cohort_ids:
        return collations(replace(ask, prefixes=_COHORTS), dataset_state)
    ids = [code for asked in ask.cohort_ids for code in spellings(asked) if code.startswith(_COHORTS)]
    term = Term(collection="collations", condition={"id": among(ids)})
    held = bool(ids) and "collations" in dataset_state.collections
    return Selection(dataset=dataset_state.dataset, root="collations", samples=((term,),), nothing=not held)


def _ids(ask: Ask) -> list[Group]:
    terms = [(place, name, ids) for _, place, name, ids in identities(ask)]
    cohorts = tuple(code for asked in ask.cohort_ids for code in spellings(asked))
    terms += [("biosamples", "cohorts.id", cohorts)] if cohorts else []
    return [(Term(collection=place, condition={name: among(ids)}),) for place, name, ids in terms]


def _handed_over(ask: Ask) -> tuple[tuple[HandoverPlace, Condition], ...]:
    """The conditions of a handover whose query is asked again; those on variants are met by one variant, as rows."""
    if ask.handover is None:
        return ()
    queries = ask.handover.queries
    if not _is_of(ask, "variants"):
        return queries
    together = both(condition for place, condition in queries if place == "variants")
    return (*(each for each in queries if each[0] != "variants"), *((("variants", together),) if together else ()))


def _is_of(ask: Ask, place: HandoverPlace) -> bool:
    return ask.handover is not None and ask.handover.collection == place


def _rows(ask: Ask, dataset_state: DatasetState, variants: list[Condition]) -> Condition:
    """What narrows the variants, or the analyses, of the selected samples.

    Several variant queries deliver the variants that meet any of them: a sample that met them all did so with
    different variants, and a conjunction would deliver none.
    """
    if ask.entity in ("analyses", "runs"):
        return {"id": among(ask.analysis_ids)} if ask.analysis_ids else {}
    if ask.entity != "variants":
        return {}
    analysis = "callset_id" if dataset_state.analyses == "callsets" else "analysis_id"
    narrowing: list[Condition] = [{analysis: among(ask.analysis_ids)}] if ask.analysis_ids else []
    if not ask.whole_samples:
        narrowing += [{"id": among(ask.variant_ids)}] if ask.variant_ids else []
        narrowing += [either(variants)] if variants else []
        narrowing += [c for place, c in _handed_over(ask) if place == "variants" and _is_of(ask, "variants")]
    return both(narrowing)
