"""Conditions in stages: the same documents as of the `find`, and an index for what can have one."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import encode
from pymongo import MongoClient

from gateway.db.stages import in_stages, staged

IDS = {"biosample_id": {"$in": ["a", "b"]}}
EITHER = {"$or": [{"n": {"$lt": 4}}, {"n": {"$gt": 8}, "m": 1}]}
OTHER = {"$or": [{"m": 0}, {"m": 1}]}
LATER = {"_id": {"$not": {"$gt": 17}}}


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ({}, [{}]),
        ({**IDS, **LATER}, [{**IDS, **LATER}]),
        (EITHER, [EITHER]),
        ({**IDS, **EITHER}, [IDS, EITHER]),
        ({**EITHER, **IDS, **LATER}, [{**IDS, **LATER}, EITHER]),
        ({"$and": [IDS, EITHER, OTHER, LATER]}, [{**IDS, **LATER}, EITHER, OTHER]),
        ({"$and": [{**IDS, **EITHER}, {"$and": [OTHER, {"m": 1}]}]}, [{**IDS, "m": 1}, EITHER, OTHER]),
        ({"$and": [{"n": 1}, {"n": {"$lt": 2}}, OTHER]}, [{"n": 1}, {"n": {"$lt": 2}}, OTHER]),
        ({"$and": [IDS, LATER]}, [{**IDS, **LATER}]),
        ({**IDS, "$nor": [{"m": 1}]}, [IDS, {"$nor": [{"m": 1}]}]),
    ],
    ids=str,
)
def test_what_is_joined_comes_last(condition: dict[str, Any], parts: list[dict[str, Any]]):
    assert in_stages(condition) == parts


@pytest.mark.parametrize("command", [{"listIndexes": "variants"}, {"count": "variants", "query": EITHER}], ids=str)
def test_what_does_not_find_is_left_alone(command: dict[str, Any]):
    assert staged(command) == command


@pytest.fixture(scope="module")
def database(mongo: MongoClient[dict[str, Any]]) -> Iterator[Any]:
    mongo.drop_database("stages")
    some = [
        {"_id": n, "biosample_id": "abc"[n % 3], "n": n % 11, "m": n % 2, "in": {"x": n, "y": 1}} for n in range(40)
    ]
    listed = {"biosample_id": ["a", "c"], "n": [3, 9], "m": 1, "in": [{"x": 1, "y": 2}, 7, [{"y": 3}]]}
    mongo["stages"].variants.insert_many([*some, {"_id": "text", **listed}])
    mongo["stages"].variants.create_index("biosample_id")
    yield mongo["stages"]
    mongo.drop_database("stages")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"sort": {"_id": 1}, "limit": 3},
        {"projection": {"in.y": 1, "n": 1}},
        {"projection": {"in": 0}},
        {"projection": {"in.y": 0}},
    ],
    ids=str,
)
@pytest.mark.parametrize("condition", [{**IDS, **EITHER}, {"$and": [IDS, LATER, EITHER, OTHER]}, IDS], ids=str)
def test_the_same_documents(database: Any, condition: dict[str, Any], more: dict[str, Any]):
    find = {"find": "variants", "filter": condition, "projection": {}, "limit": 0, "batchSize": 1000, **more}
    command = staged({**find, "maxTimeMS": 60_000})
    assert command.get("maxTimeMS") == 60_000
    left_out_within = more.get("projection") == {"in.y": 0}  # of lists, the aggregation leaves out nothing
    assert ("aggregate" in command) is (condition is not IDS and not left_out_within)
    replies = [database.command(each)["cursor"] for each in (find, command)]
    documents = [sorted(map(encode, each["firstBatch"])) for each in replies]
    assert documents[0] == documents[1] != []
    assert [each["id"] for each in replies] == [0, 0]
