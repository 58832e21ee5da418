"""Selection: which biosamples of one dataset a request selects, and which rows of each it delivers."""

from collections.abc import Mapping

from gateway.model import Ask, Collation, Condition, Selection, Survey, Term
from gateway.query import among, both, either
from gateway.query.filters import Group, Place, merged, resolve
from gateway.query.variants import condition

__all__ = ["select"]


def select(ask: Ask, survey: Survey, collations: Mapping[str, Collation]) -> Selection:
    """Put a request's filters, ids and variant queries together for one dataset."""
    filters = resolve(ask, survey, collations)
    variants = [condition(query, survey) for query in ask.variants]
    return Selection(
        dataset=survey.dataset,
        samples=merged((*filters.groups, *_ids(ask), *((Term(collection="variants", condition=c),) for c in variants))),
        rows=_rows(ask, survey, variants),
        entity=ask.entity,
        labels=filters.labels,
        nothing=filters.nothing,
        warnings=filters.warnings,
    )


def _ids(ask: Ask) -> list[Group]:
    terms: tuple[tuple[tuple[str, ...], Place, str], ...] = (
        (ask.biosample_ids, "biosamples", "id"),
        (ask.individual_ids, "biosamples", "individual_id"),
        (ask.analysis_ids, "analyses", "id"),
        (ask.variant_ids, "variants", "id"),
    )
    return [(Term(collection=place, condition={name: among(ids)}),) for ids, place, name in terms if ids]


def _rows(ask: Ask, survey: Survey, variants: list[Condition]) -> Condition:
    """What narrows the variants, or the analyses, of the selected samples.

    Several variant queries deliver the variants that meet any of them: a sample that met them all did so with
    different variants, and a conjunction would deliver none.
    """
    if ask.entity == "analyses":
        return {"id": among(ask.analysis_ids)} if ask.analysis_ids else {}
    if ask.entity != "variants":
        return {}
    analysis = "callset_id" if survey.analyses == "callsets" else "analysis_id"
    narrowing: list[Condition] = [{analysis: among(ask.analysis_ids)}] if ask.analysis_ids else []
    if not ask.whole_samples:
        narrowing += [{"id": among(ask.variant_ids)}] if ask.variant_ids else []
        narrowing += [either(variants)] if variants else []
    return both(narrowing)
