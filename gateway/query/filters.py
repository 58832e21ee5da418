"""Filters: Beacon filtering terms of both eras, and the biosamples they stand for.

A filter is an ontology code or another identifier (`NCIT:C3058`, `pgx:icdom-85003`, `geo:GSE99001`), or a field
compared with a duration (`followupTime:>=P60M`).  A dataset's collations say where a code is stored and which codes
lie below it; without one, the table of classes says where documents of either era may hold it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final, Literal, get_args

from gateway.codes import spellings
from gateway.dataset_state import DatasetState
from gateway.download_types import Ask, Collation, Condition, FilterTerm, Term
from gateway.errors import BadRequest, Unsupported
from gateway.query import among, both, either, scalar, shown

__all__ = ["FIELDS", "Group", "Place", "Resolved", "from_body", "merged", "parse", "resolve", "spellings", "wanted"]

Place = Literal["biosamples", "individuals", "analyses", "variants", "collations"]
Group = tuple[Term, ...]

# A condition of more codes nears the 16 MB that a query document may have (some 40 bytes a code in two fields).
_MAX_CODES: Final = 150_000
# NOT (several fields of several collections), joined by OR, multiplies out to this many groups of queries at most.
_MAX_GROUPS: Final = 32

# --- spellings -------------------------------------------------------------------------------------------------------

# Inner blanks are for names of pipelines.  No `$`, no quotes, no control characters, no lone surrogates.
_ID = re.compile(r"\w[\w .:~+@/()&-]{0,127}")

# --- reading ---------------------------------------------------------------------------------------------------------

_OPERATORS: Final = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte", "=": "$eq"}

# Fields that are compared with durations: where they are, and the names they go by, the canonical one first.
_DURATIONS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "followupTime": ("index_disease.followup_days", ("followupTime", "followup")),
    "ageAtDiagnosis": ("index_disease.onset.age_days", ("ageAtDiagnosis", "age", "PATO:0000011")),
}
_DURATION_NAMES: Final = {name.lower(): known for known, (_, names) in _DURATIONS.items() for name in names}

_COMPARISON = re.compile(r"(\w[\w.:-]{0,63}?):?([<>=!]{1,2})([\w.+-]{1,64})", re.ASCII)
_UNCOMPARED = re.compile(r"(\w[\w.:-]{0,63}?):(P\w{1,63})", re.ASCII | re.IGNORECASE)

_ISO_DURATION = re.compile(r"P(?=[0-9])(?:([0-9]{1,5})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,5})W)?(?:([0-9]{1,6})D)?")
_DAYS: Final = (365.2425, 30.4167, 7, 1)


def parse(words: str, *, descendants: bool = True) -> FilterTerm:
    """A filter as query strings write it: a leading `!` excludes, a comparator compares."""
    words = words.strip()
    excluded = words.startswith("!")
    words = words.removeprefix("!").lstrip()
    if found := _COMPARISON.fullmatch(words):
        return _comparison(*found.groups(), excluded=excluded)
    if (found := _UNCOMPARED.fullmatch(words)) and found[1].lower() in _DURATION_NAMES:
        return _comparison(found[1], "=", found[2], excluded=excluded)
    if not _ID.fullmatch(words):
        raise BadRequest(f"filters: '{shown(words)}' is not a filter", parameter="filters")
    return FilterTerm(id=spellings(words)[0], excluded=excluded, descendants=descendants)


def from_body(item: object, *, descendants: bool = True) -> FilterTerm:
    """A filter as Beacon v2 request bodies write it: an object, or a bare string."""
    if isinstance(item, str):
        return parse(item, descendants=descendants)
    if not isinstance(item, dict):
        raise BadRequest("filters: each is an object with an id, or a text", parameter="filters")
    code, operator, value = (scalar("filters", item.get(key)) for key in ("id", "operator", "value"))
    if not code:
        raise BadRequest("filters: each needs an id", parameter="filters")
    if operator and operator != "!" and operator not in _OPERATORS:
        raise BadRequest(f"filters: '{shown(operator)}' is none of {' '.join(_OPERATORS)} !", parameter="filters")
    if item.get("similarity") not in (None, "exact"):
        raise Unsupported("filters: only the similarity 'exact' is supported", parameter="filters")
    descendants = _flag(item, "includeDescendantTerms", default=descendants)
    excluded = _flag(item, "excluded", default=False)
    if value is None:
        term = parse(code, descendants=descendants)
    else:
        # Beacon's operator `!` is "not equal".
        excluded ^= operator == "!"
        term = parse(f"{code}:{operator if operator in _OPERATORS else '='}{value}")
    return replace(term, excluded=excluded or term.excluded)


def _flag(item: dict[str, Any], key: str, *, default: bool) -> bool:
    value = item.get(key)
    if value is None or isinstance(value, bool):
        return default if value is None else value
    raise BadRequest(f"filters: {key} is true or false", parameter="filters")


def _comparison(name: str, operator: str, value: str, *, excluded: bool) -> FilterTerm:
    if operator == "!=":
        operator, excluded = "=", not excluded
    if operator not in _OPERATORS:
        raise BadRequest(f"filters: '{shown(operator)}' is none of {' '.join(_OPERATORS)}", parameter="filters")
    known = _DURATION_NAMES.get(name.lower())
    if known is None:
        return FilterTerm(id=name, excluded=excluded, operator=operator, value=value)
    _days(value)
    return FilterTerm(id=known, excluded=excluded, operator=operator, value=value.upper())


def _days(duration: str) -> int:
    found = _ISO_DURATION.fullmatch(duration.upper())
    if not found:
        why = f"filters: '{shown(duration)}' is not an ISO 8601 duration in years, months, weeks or days, such as P60M"
        raise BadRequest(why, parameter="filters")
    # Truncated, as the databases' own `…_days` are.
    return int(sum(int(number or 0) * days for number, days in zip(found.groups(), _DAYS, strict=True)))


# --- where codes are stored ------------------------------------------------------------------------------------------

# Fields of the model of 2021; the others of the table are current (`cohorts.id` is both).
_FIELDS_2021: Final = frozenset(
    ("biocharacteristics.id", "external_references.id", "provenance.material.id", "genotypic_sex.id", "cohorts.id")
)
_TRAIT, _REFERENCE = "biocharacteristics.id", "external_references.id"
_SERIES, _EXPERIMENT, _PLATFORM, _OPERATION = "series.id", "experiment.id", "platform_model.id", "operation.id"
_DIAGNOSES = ("histological_diagnosis.id", "tumor_grade.id", "pathological_stage.id", "pathological_tnm_findings.id")

# Each class of codes, by what their canonical spelling begins with: where documents of either era may hold them.
_CLASSES: Final[tuple[tuple[str, Mapping[Place, tuple[str, ...]]], ...]] = (
    (
        "NCIT:",
        {
            "biosamples": (*_DIAGNOSES, _TRAIT),
            "individuals": ("ethnicity.id", "auxiliary_disease.disease_code.id", "sex.id"),
            "analyses": (_OPERATION, _PLATFORM),
        },
    ),
    ("pgx:icdom-", {"biosamples": ("icdo_morphology.id", _TRAIT)}),
    ("pgx:icdot-", {"biosamples": ("icdo_topography.id", _TRAIT)}),
    ("UBERON:", {"biosamples": ("sample_origin_detail.id", _TRAIT)}),
    (
        "EFO:",
        {
            "biosamples": ("biosample_status.id", "provenance.material.id"),
            "individuals": ("index_disease.followup_state.id",),
            "analyses": (_PLATFORM,),
        },
    ),
    ("OBI:", {"biosamples": ("biosample_status.id", "sample_origin_type.id"), "analyses": (_PLATFORM,)}),
    ("MONDO:", {"biosamples": (_TRAIT,)}),
    ("HP:", {"biosamples": (_TRAIT,), "individuals": ("phenotypic_features.feature_type.id",)}),
    ("PATO:", {"individuals": ("genotypic_sex.id",)}),
    ("EDAM:", {"analyses": (_OPERATION,)}),
    ("pubmed:", {"biosamples": ("references.pubmed.id", _REFERENCE)}),
    ("geo:GSE", {"analyses": (_SERIES,), "biosamples": (_REFERENCE,)}),
    ("geo:GSM", {"analyses": (_EXPERIMENT,), "biosamples": (_REFERENCE,)}),
    ("geo:GPL", {"analyses": (_PLATFORM,), "biosamples": (_REFERENCE,)}),
    ("geo:GDS", {"biosamples": (_REFERENCE,)}),
    ("arrayexpress:", {"analyses": (_SERIES, _EXPERIMENT, _PLATFORM), "biosamples": (_REFERENCE,)}),
    ("cellosaurus:", {"biosamples": ("references.cellosaurus.id", _REFERENCE)}),
    ("pgx:TCGA-", {"biosamples": ("references.tcgaproject.id", _REFERENCE)}),
    ("pgx:cohort-", {"biosamples": ("cohorts.id",)}),
    ("cbioportal:", {"biosamples": ("references.cbioportal.id", _REFERENCE)}),
    ("pgx:sex-", {"individuals": ("sex.id",)}),
)

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    place: frozenset(name for _, places in _CLASSES for name in places.get(place, ())) for place in get_args(Place)
}
"""All fields of each collection that hold codes."""

# What collations call the collections.
_ENTITIES: Final[Mapping[str, Place]] = {
    "biosample": "biosamples",
    "biosamples": "biosamples",
    "individual": "individuals",
    "individuals": "individuals",
    "analysis": "analyses",
    "analyses": "analyses",
    "callset": "analyses",
    "callsets": "analyses",
    "run": "analyses",
}

# A collation's field comes from the database; it becomes a key, so it must look like one.
_KEY = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*", re.ASCII)

_Codes = dict[Place, dict[str, set[str]]]


def wanted(ask: Ask) -> tuple[str, ...]:
    """Every id that `resolve` may look for among a dataset's collations."""
    return tuple(sorted({name for term in ask.filters for name in _names(term)}))


def _names(term: FilterTerm) -> tuple[str, ...]:
    if term.operator is None:
        return spellings(term.id)
    _, names = _DURATIONS.get(term.id, ("", (term.id,)))
    return tuple(f"{name}:{term.operator}{term.value}" for name in names)


def _fields(code: str) -> Mapping[Place, tuple[str, ...]]:
    return next((places for prefix, places in _CLASSES if code.startswith(prefix)), {})


def _codes(term: FilterTerm, found: list[Collation], dataset_state: DatasetState) -> _Codes:
    """The codes that a filter stands for, by collection and field."""
    codes: _Codes = {}
    is_2021 = dataset_state.analyses == "callsets"
    fields = _fields(term.id)
    keyed = list(_keyed(found))
    for place, key, collation in keyed:
        covered = _covered(term, [collation])
        codes.setdefault(place, {}).setdefault(key, set()).update(covered)
        if is_2021:
            for older in _FIELDS_2021.intersection(fields.get(place, ())):
                codes[place].setdefault(older, set()).update(_respelled(covered))
    if not keyed:
        everywhere = _respelled(_covered(term, found))
        codes = {place: {name: set(everywhere) for name in names} for place, names in fields.items()}
        if is_2021 and "biosamples" in codes:
            # Callsets of 2021 hold no such field, and reading them all (status maps inside) takes minutes.
            codes.pop("analyses", None)
    held = {"analyses": dataset_state.analyses}
    return {
        p: c for p, c in codes.items() if not dataset_state.collections or held.get(p, p) in dataset_state.collections
    }


def _add(codes: _Codes, *, to: _Codes) -> None:
    for place, fields in codes.items():
        for name, values in fields.items():
            to.setdefault(place, {}).setdefault(name, set()).update(values)


def _keyed(found: list[Collation]) -> Iterator[tuple[Place, str, Collation]]:
    for collation in found:
        place, key = _ENTITIES.get(collation.entity or ""), collation.db_key or ""
        if place and _KEY.fullmatch(key):
            yield place, key, collation


def _covered(term: FilterTerm, found: list[Collation]) -> set[str]:
    covered = {collation.id for collation in found} or {term.id}
    if term.descendants:
        covered.update(child for collation in found for child in collation.child_terms)
    return covered


def _respelled(codes: Iterable[str]) -> set[str]:
    return {spelling for code in codes for spelling in spellings(code)}


# --- resolving -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a request's filters select in one dataset; fields as in `Selection`."""

    groups: tuple[Group, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    nothing: bool = False


def resolve(ask: Ask, dataset_state: DatasetState, collations: Mapping[str, Collation]) -> Resolved:
    """Say which biosamples the filters of a request select in one dataset."""
    conjunctions: list[list[Group]] = []
    labels: dict[str, str] = {}
    warnings: list[str] = []
    unknown: list[str] = []
    without: _Codes = {}
    together = ask.logic == "AND" and sum(term.excluded and term.operator is None for term in ask.filters) > 1
    size = 0
    for term in ask.filters:
        name = term.text
        found = [collations[known] for known in _names(term) if known in collations]
        if term.operator is None:
            codes = _codes(term, found, dataset_state)
            size += sum(len(values) for fields in codes.values() for values in fields.values())
            groups = list(_code_groups(codes, excluded=term.excluded))
        else:
            groups = _comparison_groups(term)
        if not groups:
            unknown.append(name)
            continue
        if not found and term.operator is None:
            unlisted = "is not among this dataset's filtering terms: only what carries this very code is selected"
            warnings.append(f"filter {shown(name)} {unlisted}")
        if together and term.excluded and term.operator is None:
            _add(codes, to=without)  # nowhere any of them: one query a collection, however many there are
        else:
            conjunctions.append(groups)
        labels[name] = next((collation.label for collation in found if collation.label), "")
    if without:
        conjunctions.append(list(_code_groups(without, excluded=True)))
    if size > _MAX_CODES:
        raise BadRequest(f"filters: these stand for more than {_MAX_CODES} codes", parameter="filters")
    nothing = bool(unknown) and (ask.logic == "AND" or not conjunctions)
    effect = "so nothing can match" if nothing else "and is left out"
    warnings += [f"filter {shown(name)} is unknown to dataset {dataset_state.dataset}, {effect}" for name in unknown]
    groups = list(_disjunction(conjunctions)) if ask.logic == "OR" else [g for c in conjunctions for g in c]
    return Resolved(groups=merged(groups), labels=labels, warnings=tuple(warnings), nothing=nothing)


def merged(groups: Iterable[Group]) -> tuple[Group, ...]:
    """The same conjunction with fewer queries: what is asked of one collection alone is asked at once.

    Variants stay apart: two variant queries are met by two variants, while two filters on analyses mean one analysis.
    """
    alone: dict[Place, list[Condition]] = {}
    others: list[Group] = []
    for group in groups:
        if len(group) == 1 and group[0].collection != "variants" and not group[0].negated:
            alone.setdefault(group[0].collection, []).append(group[0].condition)
        elif group not in others:
            others.append(group)
    joined = ((Term(collection=place, condition=both(conditions)),) for place, conditions in sorted(alone.items()))
    return (*joined, *others)


def _code_groups(codes: _Codes, *, excluded: bool) -> Iterator[Group]:
    held = {place: either({name: among(values)} for name, values in fields.items()) for place, fields in codes.items()}
    if not excluded:
        if held:
            yield tuple(Term(collection=place, condition=condition) for place, condition in sorted(held.items()))
        return
    # Nowhere may a document hold one of the codes; what lacks the field, or has no such document, is not excluded.
    for place, condition in sorted(held.items()):
        if place == "biosamples":
            lacking: Condition = {name: {"$nin": sorted(values)} for name, values in sorted(codes[place].items())}
            yield (Term(collection=place, condition=lacking),)
        else:
            yield (Term(collection=place, condition=condition, negated=True),)


def _comparison_groups(term: FilterTerm) -> list[Group]:
    if term.id not in _DURATIONS or term.operator is None or term.value is None:
        return []
    condition: Condition = {_DURATIONS[term.id][0]: {_OPERATORS[term.operator]: _days(term.value)}}
    return [(Term(collection="individuals", condition=condition, negated=term.excluded),)]


def _disjunction(conjunctions: list[list[Group]]) -> Iterator[Group]:
    """Conjunctions joined by OR, multiplied out to a conjunction of groups, one term a collection in each."""
    number = 1
    for groups in conjunctions:
        number *= len(groups)
        if number > _MAX_GROUPS:
            raise BadRequest("filters: too many excluded filters are joined by OR", parameter="filters")
    for choice in product(*conjunctions) if conjunctions else ():
        terms = [term for group in choice for term in group]
        conditions: dict[Place, list[Condition]] = {}
        for term in terms:
            if not term.negated:
                conditions.setdefault(term.collection, []).append(term.condition)
        joined = (Term(collection=place, condition=either(found)) for place, found in sorted(conditions.items()))
        yield (*joined, *(term for term in terms if term.negated))
