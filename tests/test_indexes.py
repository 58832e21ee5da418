"""Which index a read names, and whether it can be answered by one at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.indexes import Index, fitting, is_served

# Those of a Beacon's variants, as its indexer makes them.
BYCON = tuple(
    Index("_".join(fields), fields)
    for fields in (
        ("_id",),
        ("id",),
        ("biosample_id",),
        ("analysis_id",),
        ("location.sequence_id",),
        ("location.start",),
        ("location.end",),
        ("variant_state.id",),
        ("info.var_length",),
        ("variant_state.id", "location.sequence_id", "location.start", "location.end", "info.var_length"),
        ("location.sequence_id", "location.start", "location.end", "variant_state.id"),
    )
)
LATER = {"$not": {"$gt": 5}}
FOCAL = {
    "location.sequence_id": "refseq:NC_000009.12",
    "location.start": {"$lt": 21995301},
    "location.end": {"$gt": 21967751},
    "variant_state.id": {"$in": ["EFO:0030067", "EFO:0020073"]},
}
FOCAL_INDEX = "location.sequence_id_location.start_location.end_variant_state.id"
TYPE_INDEX = "variant_state.id_location.sequence_id_location.start_location.end_info.var_length"


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({}, None),
        ({"biosample_id": {"$in": ["a", "b"]}}, "biosample_id"),
        ({"biosample_id": {"$in": ["a", "b"]}, "_id": LATER}, "biosample_id"),
        ({"biosample_id": "a", "_id": {"$gt": 7}}, "biosample_id"),
        ({"biosample_id": "a", **FOCAL}, "biosample_id"),
        ({"_id": LATER}, None),
        # Each of some states is sought, and the places within it: half the keys of a scan of places of all states.
        (FOCAL, TYPE_INDEX),
        ({key: FOCAL[key] for key in FOCAL if key != "variant_state.id"}, FOCAL_INDEX),
        ({"variant_state.id": "EFO:0030067"}, "variant_state.id"),
        ({"location.start": {"$gte": 1, "$lt": 5}, "info.var_length": {"$gte": 9}}, "location.start"),
        ({"state.sequence": "A"}, None),
        ({"variant_state.id": None}, None),
        ({"variant_state.id": {"$ne": "EFO:0030067"}}, None),
        ({"$or": [{"biosample_id": "a"}, {"id": "b"}]}, None),
        ({"$or": [FOCAL, {**FOCAL, "location.sequence_id": "x"}]}, TYPE_INDEX),
        ({"$or": [FOCAL, {"location.sequence_id": "x"}], "_id": LATER}, FOCAL_INDEX),
        ({"$or": [FOCAL, {"variant_state.id": "EFO:0030067"}]}, TYPE_INDEX),
        ({"$or": [FOCAL], "biosample_id": {"$in": ["a", "b"]}}, "biosample_id"),
        ({"$or": [FOCAL, {"state.sequence": "A"}]}, None),
    ],
    ids=str,
)
def test_the_index_that_narrows_most(condition, named):
    assert fitting(BYCON, condition) == named


@pytest.mark.parametrize(
    "option",
    [
        {"sparse": True},
        {"hidden": True},
        {"partialFilterExpression": {"a": 1}},
        {"collation": {"locale": "fr"}},
        {"key": {"a": "hashed"}},
        {"key": {"a": "2dsphere"}},
        {"key": {"a.$**": 1}},
    ],
    ids=str,
)
def test_what_may_not_hold_every_document_is_not_named(option):
    listed = {"name": "a_1", "key": {"a": 1}, "v": 2}
    assert fitting([Index.of(listed)], {"a": 1}) == "a_1"
    assert fitting([Index.of(listed | option)], {"a": 1, "a.$**": 1}) is None


@pytest.mark.parametrize(
    ("condition", "served"),
    [
        ({}, True),
        ({"biosample_id": "a", "note": "x"}, True),
        ({"note": "x"}, False),
        ({"$or": [{"biosample_id": "a"}, {"id": "b"}]}, True),
        ({"$or": [{"biosample_id": "a"}, {"note": "b"}]}, False),
        ({"$and": [{"note": "b"}, {"id": "b"}]}, True),
        ({"id": {"$nin": ["b"]}}, False),
    ],
    ids=str,
)
def test_what_no_index_serves_is_known(condition, served):
    assert is_served(BYCON, condition) is served


fields = st.sampled_from(["_id", "id", "biosample_id", "x", "y"])
predicates = st.one_of(
    st.text(max_size=2),
    st.none(),
    st.fixed_dictionaries({"$in": st.lists(st.text(max_size=2))}),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$ne"]), st.integers()),
)


@given(
    st.lists(st.builds(Index, name=st.uuids().map(str), fields=st.tuples(fields, fields), whole=st.booleans())),
    st.dictionaries(fields, predicates),
)
def test_an_index_that_is_named_may_be_and_narrows(indexes, condition):
    name = fitting(indexes, condition)
    if name is not None:
        (index,) = (index for index in indexes if index.name == name)
        assert index.whole
        assert index.fields[0] in condition
        assert is_served([index], condition)
    else:
        assert not any(index.whole and is_served([index], condition) for index in indexes if condition)
