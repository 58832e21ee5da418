"""Variant conditions, compared with what they mean: a small evaluator of query documents runs them on documents."""

import re
from itertools import product

import pytest

from gateway.dataset_state import DatasetState
from gateway.download_types import VariantAsk
from gateway.genome import CHROMOSOMES, expand_state
from gateway.query.variants import NOTHING, condition, read

PLAIN = DatasetState(dataset="d", version="1")
CURRENT = DatasetState(
    dataset="d",
    version="1",
    indexed={"variants": frozenset({"biosample_id", "location.sequence_id", "location.start"})},
)
FLAT = DatasetState(dataset="d", version="1", indexed={"variants": frozenset({"reference_name", "start"})})


def values(document, path):
    """What a dotted path reaches, through lists by position and by member, as MongoDB has it."""
    if not path:
        yield document
        if isinstance(document, list):
            yield from document
        return
    head, _, rest = path.partition(".")
    if isinstance(document, dict) and head in document:
        yield from values(document[head], rest)
    if isinstance(document, list):
        if head.isdigit() and int(head) < len(document):
            yield from values(document[int(head)], rest)
        for member in document:
            if isinstance(member, dict):
                yield from values(member, path)


TESTS = {
    "$eq": lambda v, x: v == x,
    "$in": lambda v, x: v in x,
    "$lt": lambda v, x: type(v) in (int, float) and v < x,
    "$lte": lambda v, x: type(v) in (int, float) and v <= x,
    "$gt": lambda v, x: (
        (isinstance(v, str) == isinstance(x, str)) and v is not None and not isinstance(v, list) and v > x
    ),
    "$gte": lambda v, x: type(v) in (int, float) and v >= x,
    "$regex": lambda v, x: isinstance(v, str) and re.search(x, v) is not None,
}


def matches(document, query):
    for key, wanted in query.items():
        if key == "$or":
            if not any(matches(document, q) for q in wanted):
                return False
        elif key == "$and":
            if not all(matches(document, q) for q in wanted):
                return False
        else:
            found = list(values(document, key)) or [None]
            tests = wanted if isinstance(wanted, dict) else {"$eq": wanted}
            if not all(any(TESTS[op](v, x) for v in found) for op, x in tests.items()):
                return False
    return True


def current(name, start, end, state_id="EFO:0030067", **more: object):
    location = {"sequence_id": CHROMOSOMES[name].sequence_id, "chromosome": name, "start": start, "end": end}
    return {"location": location, "variant_state": {"id": state_id}, "info": {"var_length": end - start}, **more}


def flat(name, start, end=None, kind=None, **more: object):
    document = {"reference_name": name, "start": start, **more}
    if end is not None:
        document |= {"end": end, "info": {"var_length": end - start}}
    return document | ({"variant_type": kind} if kind else {})


def ask(**words: str):
    return read({name: [w for w in value.split(",") if w] for name, value in words.items()})


@pytest.mark.parametrize("dataset_state", [PLAIN, CURRENT, FLAT])
def test_ranges_overlap_and_brackets_hold(dataset_state):
    """Every small interval against every small query."""
    make = flat if dataset_state is FLAT else current
    spans = [(s, e) for s, e in product(range(6), repeat=2) if s < e]
    for s, e in product(range(7), repeat=2):
        if s <= e:
            found = condition(ask(referenceName="9", start=str(s), end=str(e)), dataset_state)
            assert [x for x in spans if matches(make("9", *x), found)] == [x for x in spans if x[0] < e and x[1] > s]
            assert not any(matches(make("8", *x), found) for x in spans)
    bracket = condition(ask(referenceName="9", start="1,3", end="3,5"), dataset_state)
    inside = [(a, b) for a, b in spans if 1 <= a < 3 <= b < 5]
    assert [x for x in spans if matches(make("9", *x), bracket)] == inside
    exact = condition(ask(referenceName="9", start="2"), dataset_state)
    assert [x for x in spans if matches(make("9", *x), exact)] == [x for x in spans if x[0] == 2]


def test_floats_compare_as_numbers():
    found = condition(ask(referenceName="9", start="10", end="20"), FLAT)
    assert matches(flat("9", 12.0, 15.0), found)


def test_flat_sequence_variants_without_end_or_type():
    snv = flat("4", 55133558, reference_bases="A", alternate_bases="G")
    assert matches(snv, condition(ask(referenceName="4", start="55133000", end="55134000"), FLAT))
    assert not matches(snv, condition(ask(referenceName="4", start="55133559", end="55134000"), FLAT))
    assert matches(snv, condition(ask(referenceName="4", variantType="SNV"), FLAT))
    assert not matches(snv, condition(ask(referenceName="4", variantType="DEL"), FLAT))
    assert matches(snv, condition(ask(referenceName="4", start="55133558", alternateBases="N"), FLAT))


@pytest.mark.parametrize(
    ("word", "state", "kind", "current_hit", "flat_hit"),
    [
        ("DEL", "EFO:0030069", "DEL", True, True),
        ("DEL", "EFO:0030070", "DUP", False, False),
        ("loss", "SO:0001743", "DEL", True, True),
        ("EFO:0030072", "EFO:0030073", "DUP", True, False),  # a plain DUP is not known to be high-level
        ("CNV", "EFO:0030067", "DEL", True, True),
        ("LOH", "EFO:0030065", "LOH", True, True),
        ("SNV", "SO:0001059", "SNP", True, True),
    ],
)
def test_types(word, state, kind, current_hit, flat_hit):
    assert matches(current("9", 1, 5, state), condition(ask(variantType=word), CURRENT)) is current_hit
    assert matches(flat("9", 1, 5, kind), condition(ask(variantType=word), FLAT)) is flat_hit
    both = condition(ask(variantType=word), PLAIN)
    assert matches(current("9", 1, 5, state), both) is current_hit
    assert matches(flat("9", 1, 5, kind), both) is flat_hit


def test_a_state_that_the_flat_model_cannot_say_matches_nothing_there():
    assert condition(ask(variantType="EFO:0030069"), FLAT) == NOTHING
    # NOTHING would be a needless branch beside the other model.
    assert condition(ask(variantType="EFO:0030069"), PLAIN) == {"variant_state.id": "EFO:0030069"}


@pytest.mark.parametrize("keys", [{"state": {"sequence": "AT"}}, {"sequence": "AT"}])
@pytest.mark.parametrize(
    ("bases", "hit"), [("AT", True), ("AN", True), ("N", True), ("NN", True), ("A", False), ("ANN", False)]
)
def test_bases(keys, bases, hit):
    found = condition(ask(referenceName="17", start="5", alternateBases=bases), CURRENT)
    assert matches(current("17", 5, 6, "SO:0001059", **keys), found) is hit


@pytest.mark.parametrize("keys", [{"reference_sequence": "G"}, {"state": {"reference_sequence": "G"}}])
def test_reference_bases(keys):
    assert matches(current("17", 5, 6, **keys), condition(ask(referenceName="17", referenceBases="g"), CURRENT))
    assert not matches(current("17", 5, 6, **keys), condition(ask(referenceName="17", referenceBases="C"), CURRENT))


def test_lengths_and_internal_ids():
    found = condition(ask(variantMinLength="3", variantMaxLength="5"), PLAIN)
    assert [n for n in range(9) if matches(current("1", 0, n), found)] == [3, 4, 5]
    internal = "NC_000009.12:21864674-21999241:EFO_0030067"
    assert matches(current("9", 1, 2, variant_internal_id=internal), condition(ask(variantInternalId=internal), PLAIN))
    assert matches(flat("9", 1, 2, digest="9:1-2:DEL"), condition(ask(variantInternalId="9:1-2:DEL"), FLAT))


FUSION = {
    "variant_state": {"id": "SO:0000806"},
    "adjoined_sequences": [
        {"sequence_id": "refseq:NC_000008.11", "end": [0, 12800000]},
        {"sequence_id": "refseq:NC_000012.12", "start": [108600000, 133275309]},
    ],
}


@pytest.mark.parametrize(
    ("words", "hit"),
    [
        ({"referenceName": "8", "mateName": "12"}, True),
        ({"referenceName": "12", "mateName": "8"}, True),
        ({"referenceName": "8", "mateName": "8"}, False),
        ({"referenceName": "8", "mateName": "9"}, False),
        ({"referenceName": "8", "start": "5", "end": "10", "mateName": "12"}, True),
        ({"referenceName": "8", "start": "13000000", "mateName": "12"}, False),
        ({"referenceName": "8", "mateName": "12", "mateStart": "108600000", "mateEnd": "108600010"}, True),
        ({"referenceName": "8", "mateName": "12", "mateStart": "5", "mateEnd": "10"}, False),
        ({"referenceName": "12", "variantType": "BND"}, True),
        ({"referenceName": "12", "start": "0", "end": "10", "variantType": "BND"}, False),
        ({"referenceName": "9", "variantType": "BND"}, False),
        ({"variantType": "fusion"}, True),
        ({"variantType": "DEL", "referenceName": "8", "mateName": "12"}, False),
        ({"referenceName": "8"}, False),
    ],
)
@pytest.mark.parametrize("dataset_state", [PLAIN, CURRENT])
def test_fusions(dataset_state, words, hit):
    assert matches(FUSION, condition(ask(**words), dataset_state)) is hit


def test_flat_fusions():
    assert matches(flat("8", 5, mate_name="12"), condition(ask(referenceName="8", mateName="12"), FLAT))
    assert condition(ask(referenceName="8", mateName="12", mateStart="5"), FLAT) == NOTHING


def test_only_models_with_an_index_are_asked():
    query = ask(referenceName="9", start="1", end="5", variantType="EFO:0030069")
    assert condition(query, CURRENT) == {
        "location.sequence_id": "refseq:NC_000009.12",
        "location.start": {"$lt": 5},
        "location.end": {"$gt": 1},
        "variant_state.id": "EFO:0030069",
    }
    assert "location" not in repr(condition(ask(referenceName="9", start="1", end="5"), FLAT))
    by_name = DatasetState(dataset="d", version="1", indexed={"variants": frozenset({"location.chromosome"})})
    assert condition(ask(referenceName="chrX"), by_name) == {"location.chromosome": "X"}


def test_nothing_asked_is_no_query():
    assert read({}) is None
    assert read({"assemblyId": ["GRCh38.p14"]}) is None
    assert ask(variantType="DUP,DEL") == VariantAsk(states=tuple(sorted({*expand_state("DUP"), *expand_state("DEL")})))
