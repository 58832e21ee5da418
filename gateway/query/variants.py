"""Variant queries: the Beacon variant parameters, and the conditions they put on stored variants.

Two document models are asked by the same words: the current one (`location.…`, `variant_state`, `state.sequence`) and
the flat one of 2021 (`reference_name`, `start`, `end`, `variant_type`, `alternate_bases`).  Coordinates are 0-based and
interbase in parameters and documents alike.  Kinds of query, as Beacon names them: sequence (one start), range (one
start and one end: whatever overlaps), bracket (two and two: whatever starts and ends within), type, length, fusion.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from gateway.dataset_state import DatasetState
from gateway.download_types import Condition, VariantAsk
from gateway.errors import BadRequest, Unsupported
from gateway.genome import ASSEMBLY, CHROMOSOMES, STATE_OF_TYPE, STATES, chromosome, expand_state
from gateway.query import Words, among, both, either, shown, single, whole

__all__ = ["NOTHING", "condition", "read"]

# A condition that no document meets: for a model that has no field for what is asked.
NOTHING: Final[Condition] = {"_id": {"$in": []}}

# Longer alleles do not come by URL, and every letter of a wildcard costs the database's regular expression.
_MAX_BASES = 1000

_BASES = re.compile(r"[ACGTN]+")
_ASSEMBLIES = re.compile(r"(?:grch38(?:\.p[0-9]{1,2})?|hg38)", re.IGNORECASE | re.ASCII)
_INTERNAL_ID = re.compile(r"\w[\w.:>&*=-]{0,255}", re.ASCII)

_BREAKENDS = frozenset(s.id for s in STATES.values() if s.variant_type == "BND")

# A gene is a region itself.
_PLACED = ("referenceName", "start", "end", "mateName", "mateStart", "mateEnd")
_MAX_SYMBOL = 64

# Short types that documents of 2021 use, and the state each stands for.
_FLAT_TYPES = {**STATE_OF_TYPE, "SNP": "SO:0001483"}


# --- reading ---------------------------------------------------------------------------------------------------------


def read(words: Words) -> VariantAsk | None:
    """The variant query among a request's parameters, None where there is none."""
    assembly = single(words, "assemblyId")
    if assembly and not _ASSEMBLIES.fullmatch(assembly):
        raise Unsupported(f"assemblyId: only {ASSEMBLY} is held, not '{shown(assembly)}'", parameter="assemblyId")
    ask = VariantAsk(
        chromosome=_chromosome(words, "referenceName"),
        start=_positions(words, "start"),
        end=_positions(words, "end"),
        states=_states(words.get("variantType", ())),
        reference_bases=_bases(words, "referenceBases"),
        alternate_bases=_bases(words, "alternateBases"),
        min_length=_number(words, "variantMinLength"),
        max_length=_number(words, "variantMaxLength"),
        internal_id=_internal_id(words),
        mate_chromosome=_chromosome(words, "mateName"),
        mate_start=_number(words, "mateStart"),
        mate_end=_number(words, "mateEnd"),
        gene=_gene(words),
    )
    for wrong, name, why in _RULES:
        if wrong(ask):
            raise BadRequest(f"{name}: {why}", parameter=name)
    return None if ask == VariantAsk() else ask


def _exceeds(low: int | None, high: int | None) -> bool:
    return low is not None and high is not None and low > high


# What makes a query contradict itself, the parameter to mend, and why.
_RULES: Final[tuple[tuple[Callable[[VariantAsk], bool], str, str], ...]] = (
    (
        lambda a: bool(a.start or a.end or a.mate_chromosome) and not a.chromosome,
        "referenceName",
        "a position needs it",
    ),
    (lambda a: bool(a.end) and not a.start, "start", "an end needs a start"),
    (lambda a: len(a.start) == 2 and len(a.end) != 2, "end", "two starts (a bracket) need two ends"),
    (lambda a: len(a.end) == 2 and len(a.start) != 2, "start", "two ends (a bracket) need two starts"),
    (lambda a: bool(a.end) and a.start[0] > a.end[-1], "end", "it lies before the start"),
    (lambda a: _exceeds(a.min_length, a.max_length), "variantMaxLength", "it is less than variantMinLength"),
    (lambda a: (a.mate_start, a.mate_end) != (None, None) and not a.mate_chromosome, "mateName", "a position needs it"),
    (lambda a: a.mate_end is not None and a.mate_start is None, "mateStart", "an end needs a start"),
    (lambda a: _exceeds(a.mate_start, a.mate_end), "mateEnd", "it lies before the start"),
)


def _number(words: Words, name: str) -> int | None:
    text = single(words, name)
    return None if text is None else whole(name, text)


def _chromosome(words: Words, name: str) -> str | None:
    found = {text: chromosome(text) for text in words.get(name, ())}
    for text, meant in found.items():
        if meant is None:
            raise BadRequest(f"{name}: '{shown(text)}' is no chromosome of {ASSEMBLY}", parameter=name)
    # Spellings of one chromosome agree: `9,chr9` is one value.
    return single({name: [meant.name for meant in found.values() if meant]}, name)


def _positions(words: Words, name: str) -> tuple[int, ...]:
    positions = sorted({whole(name, text) for text in words.get(name, ())})
    if len(positions) > 2:
        raise BadRequest(f"{name} takes one position or the two of a bracket, not {len(positions)}", parameter=name)
    return tuple(positions)


def _states(types: Iterable[str]) -> tuple[str, ...]:
    states: set[str] = set()
    for word in types:
        ids = expand_state(word)
        if ids is None:
            raise BadRequest(f"variantType: '{shown(word)}' is no known variant type", parameter="variantType")
        states.update(ids)
    return tuple(sorted(states))


def _bases(words: Words, name: str) -> str | None:
    bases = single({name: [text.upper() for text in words.get(name, ())]}, name)
    if bases is not None and not (_BASES.fullmatch(bases) and len(bases) <= _MAX_BASES):
        raise BadRequest(f"{name} takes up to {_MAX_BASES} of the letters A, C, G, T and N", parameter=name)
    return bases


def _internal_id(words: Words) -> str | None:
    text = single(words, "variantInternalId")
    if text is not None and not _INTERNAL_ID.fullmatch(text):
        raise BadRequest(f"variantInternalId: '{shown(text)}' is not one", parameter="variantInternalId")
    return text


def _gene(words: Words) -> str | None:
    text = single(words, "geneId")
    if text is not None and len(text) > _MAX_SYMBOL:
        raise BadRequest(f"geneId: '{shown(text)}' is no symbol of a gene", parameter="geneId")
    if text is not None and any(words.get(name) for name in _PLACED):
        raise Unsupported("geneId: a gene has a place of its own; ask without another", parameter="geneId")
    return text


# --- conditions ------------------------------------------------------------------------------------------------------


def condition(ask: VariantAsk, dataset_state: DatasetState) -> Condition:
    """What a variant of the dataset must be to match.

    A branch without an index makes the database read every variant, so only the models that have one are asked;
    where neither has (a small collection), both are.
    """
    if ask.gene is not None:
        raise RuntimeError("a gene was not looked up before its variants are selected")  # never all of them instead
    indexed = dataset_state.indexed.get("variants", frozenset())
    models = [model for model, leads in _MODELS if leads & indexed] or [model for model, _ in _MODELS]
    branches = [branch for branch in (model(ask, indexed) for model in models) if branch != NOTHING]
    return either(branches) if branches else dict(NOTHING)


def _current(ask: VariantAsk, indexed: frozenset[str]) -> Condition:
    # Fusions have no location: a breakend's place is looked for among its partners.
    is_fusion = ask.mate_chromosome or (ask.chromosome and ask.states and _BREAKENDS.issuperset(ask.states))
    if is_fusion:
        place = _fusion(ask)
    else:
        place = both((_sequence(ask, indexed), _position(ask, "location.start", "location.end")))
    return both(
        (
            place,
            {"variant_state.id": among(ask.states)} if ask.states else {},
            _letters(ask.reference_bases, "reference_sequence", "state.reference_sequence"),
            _letters(ask.alternate_bases, "state.sequence", "sequence"),
            _length(ask),
            {"variant_internal_id": ask.internal_id} if ask.internal_id else {},
        )
    )


def _flat(ask: VariantAsk, _indexed: frozenset[str]) -> Condition:
    types = [word for word, state in _FLAT_TYPES.items() if state in ask.states]
    if (ask.states and not types) or ask.mate_start is not None:
        return NOTHING
    position = _position(ask, "start", "end")
    if len(ask.start) == 1 and len(ask.end) == 1:
        # Sequence variants of 2021 usually have no end: the start alone decides.
        ended, unended = {"end": position["end"]}, {"end": None, "start": {"$gte": ask.start[0]}}
        position = both(({"start": position["start"]}, {"$or": [ended, unended]}))
    return both(
        (
            {"reference_name": ask.chromosome} if ask.chromosome else {},
            {"mate_name": ask.mate_chromosome} if ask.mate_chromosome else {},
            position,
            _flat_type(types) if types else {},
            _letters(ask.reference_bases, "reference_bases"),
            _letters(ask.alternate_bases, "alternate_bases"),
            _length(ask),
            {"digest": ask.internal_id} if ask.internal_id else {},
        )
    )


# Each document model, and the indexed fields by which a collection shows that its documents are of this model.
_MODELS: Final[tuple[tuple[Callable[[VariantAsk, frozenset[str]], Condition], frozenset[str]], ...]] = (
    (_current, frozenset({"location.sequence_id", "location.chromosome", "location.start", "variant_state.id"})),
    (_flat, frozenset({"reference_name", "start", "variant_type"})),
)


def _sequence(ask: VariantAsk, indexed: frozenset[str]) -> Condition:
    if not ask.chromosome:
        return {}
    fields = {"location.sequence_id": CHROMOSOMES[ask.chromosome].sequence_id, "location.chromosome": ask.chromosome}
    # The first field that has an index; both where none has, for documents that were written by hand.
    for field, value in fields.items():
        if field in indexed:
            return {field: value}
    return either({field: value} for field, value in fields.items())


def _position(ask: VariantAsk, start: str, end: str) -> Condition:
    match ask.start, ask.end:
        case (s,), ():
            return {start: s}
        case (s,), (e,):
            return {start: {"$lt": e}, end: {"$gt": s}}
        case (s0, s1), (e0, e1):
            return {start: {"$gte": s0, "$lt": s1}, end: {"$gte": e0, "$lt": e1}}
    return {}


def _letters(bases: str | None, *fields: str) -> Condition:
    if bases is None:
        return {}
    # N stands for any base, N alone for any sequence (as at Progenetix).  `bases` is [ACGTN]+: nothing to escape.
    pattern = "^." if bases == "N" else f"^{bases.replace('N', '.')}$"
    value = {"$regex": pattern} if "N" in bases else bases
    return either({field: value} for field in fields)


def _length(ask: VariantAsk) -> Condition:
    bounds = {"$gte": ask.min_length, "$lte": ask.max_length}
    given = {operator: bound for operator, bound in bounds.items() if bound is not None}
    return {"info.var_length": given} if given else {}


def _flat_type(types: list[str]) -> Condition:
    named = {"variant_type": among(types)}
    # Sequence variants of 2021 have bases and no type.
    bare = {"variant_type": None, "alternate_bases": {"$gt": ""}}
    return {"$or": [named, bare]} if "SNV" in types else named


def _fusion(ask: VariantAsk) -> Condition:
    """Fusions with one partner here and, where one is named, the other at the mate; in either order."""
    first = (ask.chromosome, *_interval(ask.start, ask.end))
    mate = tuple(p for p in (ask.mate_start,) if p is not None), tuple(p for p in (ask.mate_end,) if p is not None)
    second = (ask.mate_chromosome, *_interval(*mate))
    pairs = ((first, second), (second, first))
    orders = [both((_partner(0, *left), _partner(1, *right))) for left, right in pairs]
    # Said once more without positions in the list, because only this field has an index.
    ids = {CHROMOSOMES[name].sequence_id for name in (ask.chromosome, ask.mate_chromosome) if name}
    indexed = {"$and": [{"adjoined_sequences.sequence_id": i} for i in sorted(ids)]}
    return both((indexed["$and"][0] if len(ids) == 1 else indexed, either(orders)))


def _interval(start: tuple[int, ...], end: tuple[int, ...]) -> tuple[int, int] | tuple[None, None]:
    """The interval that a breakpoint must touch: one base where there is no end."""
    if not start:
        return None, None
    return start[0], end[-1] if end else start[0] + 1


def _partner(place: int, name: str | None, low: int | None, high: int | None) -> Condition:
    if not name:
        return {}
    path = f"adjoined_sequences.{place}"
    here: Condition = {f"{path}.sequence_id": CHROMOSOMES[name].sequence_id}
    if low is None:
        return here
    # A partner has a start or an end, each a range of two positions.
    touched = [{f"{path}.{side}.0": {"$lt": high}, f"{path}.{side}.1": {"$gt": low}} for side in ("start", "end")]
    return both((here, {"$or": touched}))
