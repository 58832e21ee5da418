"""The table of a small dataset's variants answers as the documents do, or not at all."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient

from gateway.dataset_state import DatasetState
from gateway.db.variant_table import VariantTable
from gateway.download_types import Condition, VariantAsk
from gateway.query import either
from gateway.query.variants import condition
from tests.odd_types import VALUES

Document = dict[str, Any]

TEXTS = ("location.sequence_id", "variant_state.id")
NUMBERS = ("location.start", "location.end", "info.var_length")
CHROMOSOMES = ("8", "9")
SEQUENCES = {"8": "refseq:NC_000008.11", "9": "refseq:NC_000009.12"}
STATES = ("EFO:0030067", "EFO:0030070", "SO:0001059")
INDEXES = ({"location.sequence_id"}, {"location.chromosome"}, {"location.start"}, {"variant_state.id"})

positions = st.integers(0, 30)
variants = st.fixed_dictionaries(
    {},
    optional={
        "biosample_id": st.sampled_from(["s1", "s2", "s3", None, 7]),
        "location": st.one_of(
            st.fixed_dictionaries(
                {"chromosome": st.sampled_from(CHROMOSOMES)},
                optional={"start": st.one_of(positions, positions.map(float), st.none()), "end": positions},
            ).map(lambda place: {**place, "sequence_id": SEQUENCES[place["chromosome"]]}),
            st.just("somewhere"),
        ),
        "variant_state": st.sampled_from([*({"id": state} for state in STATES), {}, None]),
        "info": st.sampled_from([{"var_length": 3}, {"var_length": 20}, {}]),
    },
)


@st.composite
def asks(draw: st.DrawFn) -> VariantAsk:
    start = draw(st.sampled_from([(), (4,), (2, 20)]))
    low, high = draw(positions), draw(positions)
    ends: list[tuple[int, ...]] = [(), (low + 4,), (low + 2, high + 33)]
    return VariantAsk(
        chromosome=draw(st.sampled_from(CHROMOSOMES)),
        start=start,
        end=ends[len(start)],
        states=draw(st.sampled_from([(), STATES[:1], STATES[:2]])),
        min_length=draw(st.sampled_from([None, 5])),
        max_length=draw(st.sampled_from([None, 19, 20])),
    )


def at(document: Any, path: str) -> Any:
    for step in path.split("."):
        document = document.get(step) if isinstance(document, Mapping) else None
    return document


def meets(document: Document, asked: Condition) -> bool:
    """Whether a plain document meets a condition of plain comparisons."""
    for key, value in asked.items():
        if key in {"$and", "$or"}:
            if not (all if key == "$and" else any)(meets(document, each) for each in value):
                return False
            continue
        found, tests = at(document, key), value if isinstance(value, Mapping) else {"$in": [value]}
        if found is None or not all(COMPARED[name](found, bound) for name, bound in tests.items()):
            return False
    return True


COMPARED = {
    "$in": lambda found, values: found in values,
    "$lt": lambda found, bound: found < bound,
    "$lte": lambda found, bound: found <= bound,
    "$gt": lambda found, bound: found > bound,
    "$gte": lambda found, bound: found >= bound,
}


def table_of(documents: list[Document]) -> VariantTable:
    table = VariantTable()
    assert table.add(documents[::2])
    assert table.add(documents[1::2])
    return table


@given(st.lists(variants, max_size=60), st.lists(asks(), min_size=1, max_size=3), st.sampled_from(INDEXES))
def test_numbers_are_those_of_a_plain_loop(documents: list[Document], asked: list[VariantAsk], indexed: set[str]):
    state = DatasetState(dataset="d", version="", indexed={"variants": frozenset(indexed)})
    one = either([condition(each, state) for each in asked])
    owned = [each for each in documents if type(each.get("biosample_id")) is str]
    table = table_of(documents)
    assert len(table) == len(owned)
    assert table.matching(one) == Counter(each["biosample_id"] for each in owned if meets(each, one))
    assert table.matching({}) == Counter(each["biosample_id"] for each in owned)


def test_values_of_any_type_are_counted_as_the_database_does_or_not_at_all(mongo: MongoClient[dict[str, Any]]):
    """For each field and each value one table, and one set of documents in the database."""
    mongo.drop_database("table_types")
    plain = {
        "biosample_id": "s1",
        "location": {"sequence_id": "a", "start": 100, "end": 200},
        "info": {"var_length": 9},
    }
    cases = [(field, value) for field in (*TEXTS, *NUMBERS) for value in VALUES]
    documents: list[list[Document]] = []
    for case, (field, value) in enumerate(cases):
        first, _, last = field.partition(".")
        holder = plain.get(first)
        odd = {**plain, "biosample_id": "s2", first: {**(holder if isinstance(holder, dict) else {}), last: value}}
        documents.append([{**each, "_id": ObjectId(), "case": case} for each in (plain, odd)])
    kept = mongo["table_types"].variants
    kept.create_index("case")
    kept.insert_many([each for some in documents for each in some])
    answered = 0
    for case, (field, _) in enumerate(cases):
        stored = list(kept.find({"case": case}, VariantTable.FIELDS))
        asked: Condition = (
            {field: {"$in": ["NCIT:C3058", "1"]}} if field in TEXTS else {field: {"$gte": 1, "$lt": 2**31 + 1}}
        )
        found = table_of(stored).matching(asked)
        if found is not None:
            expected = Counter(each["biosample_id"] for each in kept.find({"case": case, **asked}, {"biosample_id": 1}))
            assert found == expected, cases[case]
            answered += 1
    assert answered > len(cases) // 10
    mongo.drop_database("table_types")


def test_what_cannot_be_told_is_not_told():
    document = {"biosample_id": "s1", "location": {"start": 5, "sequence_id": "a"}, "variant_state": {"id": "b"}}
    table = table_of([document])
    for asked in (
        {"sequence": "A"},
        {"location.start": {"$ne": 5}},
        {"location.start": {}},
        {"location.start": "5"},
        {"location.start": {"$gt": 4.5}},
        {"location.start": True},
        {"location.start": None},
        {"location.sequence_id": {"$regex": "^a"}},
        {"location.sequence_id": {"$gte": "a"}},
        {"location.sequence_id": {"$in": ["a", None]}},
        {"location.sequence_id": None},
        {"$nor": [{"location.start": 5}]},
        {"$or": [{"location.start": 5}, {"sequence": "A"}]},
        {"$and": [{"location.start": 5}, {"_id": {"$in": []}}]},
    ):
        assert table.matching(asked) is None, asked
    assert table.matching({"location.start": 5, "variant_state.id": "b"}) == {"s1": 1}
    assert table.matching({"$or": [{"location.start": 6}, {"location.sequence_id": "none"}]}) == {}


def test_a_variant_of_several_biosamples_is_not_taken():
    assert not VariantTable().add([{"biosample_id": ["s1", "s2"]}])
