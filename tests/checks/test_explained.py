"""What is made of the replies to `explain`, in the forms in which servers give them."""

from typing import Any

import pytest

from gateway.checks.explained import Reading, explainable

Told = dict[str, Any]


def scan(index: str) -> Told:
    return {"stage": "IXSCAN", "indexName": index, "nReturned": 0}


def fetch(inner: Told, found: int) -> Told:
    return {"stage": "FETCH", "nReturned": found, "inputStage": inner}


def told(plan: Told, documents: int, found: int, keys: int = 0) -> Told:
    """Of one server, classic engine."""
    ran = {"nReturned": found, "totalDocsExamined": documents, "totalKeysExamined": keys, "executionStages": plan}
    return {"queryPlanner": {"winningPlan": plan, "rejectedPlans": [scan("another")]}, "executionStats": ran}


WHOLE: Told = {"stage": "COLLSCAN", "nReturned": 5}
# P1 of a real site: the planner walks `_id` where the read named no index.
WALKED = told({"stage": "LIMIT", "inputStage": fetch(scan("_id_"), 100)}, 1_000_000, 100, 1_000_000)
RIGHT = told(fetch(scan("biosample_id_1"), 9_800), 10_000, 9_800)


def sharded(one: Told, other: Told, **total: Any) -> Told:
    """Of a router: plans by shard, and sums."""
    plans = [{"winningPlan": each["queryPlanner"]["winningPlan"]} for each in (one, other)]
    ran = [each["executionStats"] for each in (one, other)]
    sums = {"totalDocsExamined": sum(each["totalDocsExamined"] for each in ran), "totalKeysExamined": 0}
    stages = {"stage": "SHARD_MERGE", "shards": ran}
    return {
        "queryPlanner": {"winningPlan": {"stage": "SHARD_MERGE", "shards": plans}},
        "executionStats": {"nReturned": sum(each["nReturned"] for each in ran), **sums, "executionStages": stages},
        **total,
    }


# The engine since 5.0 has a plan of each kind, and stages of its own in what it ran.
NEWER: Told = {
    "explainVersion": "2",
    "queryPlanner": {"winningPlan": {"queryPlan": fetch(scan("id_1"), 0), "slotBasedPlan": {"stages": "[2] nlj"}}},
    "executionStats": {
        "nReturned": 3,
        "totalDocsExamined": 60_000,
        "totalKeysExamined": 60_000,
        "executionStages": {"stage": "nlj", "nReturned": 3, "inputStage": {"stage": "ixseek", "nReturned": 60_000}},
    },
}
COUNTED: Told = {
    "explainVersion": "2",
    "queryPlanner": {"winningPlan": {"queryPlan": {"stage": "GROUP", "inputStage": fetch(scan("id_1"), 0)}}},
    "executionStats": {
        "nReturned": 1,
        "totalDocsExamined": 60_000,
        "totalKeysExamined": 60_000,
        "executionStages": {"stage": "group", "nReturned": 1},
    },
}


@pytest.mark.parametrize(
    ("reply", "hint", "fault"),
    [
        (RIGHT, None, None),
        (RIGHT, "biosample_id_1", None),
        (RIGHT, "id_1", "the server takes biosample_id_1 where the read names id_1"),
        (WALKED, None, "1,000,000 documents are examined by _id_ for 100"),
        (WALKED, "_id_", "1,000,000 documents are examined by _id_ for 100"),
        (told(fetch(scan("_id_"), 1), 9_999, 1), None, None),
        (told(WHOLE, 10_000, 5), None, "the collection is read whole, 10,000 documents"),
        (told(WHOLE, 5, 5), None, None),
        (
            told({"stage": "SORT", "inputStage": fetch(scan("a"), 30_000)}, 30_000, 5),
            None,
            "30,000 documents are sorted",
        ),
        (told({"stage": "COUNT", "inputStage": scan("a")}, 0, 1, 10**6), None, None),
        ({"stages": [{"$cursor": WALKED}, {}]}, None, "1,000,000 documents are examined by _id_ for 100"),
        ({"shards": {"a": {"stages": [{"$cursor": RIGHT}]}, "b": RIGHT}}, None, None),
        (
            {"shards": {"a": RIGHT, "b": WALKED}},
            None,
            "1,010,000 documents are examined by _id_, biosample_id_1 for 9,900",
        ),
        ({"shards": {"a": WALKED, "b": WALKED}}, None, "2,000,000 documents are examined by _id_ for 200"),
        (sharded(WALKED, WALKED), None, "2,000,000 documents are examined by _id_ for 200"),
        (sharded(RIGHT, RIGHT), "biosample_id_1", None),
        (NEWER, None, "60,000 documents are examined by id_1 for 3"),
        (COUNTED, None, None),
        ({"queryPlanner": {"winningPlan": WHOLE}}, None, "the collection is read whole"),
        ({"queryPlanner": {"winningPlan": scan("a")}}, "a", None),
        ({}, "a", None),
    ],
)
def test_faults(reply: Told, hint: str | None, fault: str | None):
    assert Reading.of(reply).fault(hint) == fault


def test_what_is_explained_is_the_read_without_its_moment():
    find: Told = {"find": "variants", "filter": {"id": "a"}, "hint": "id_1"}
    assert explainable(find | {"maxTimeMS": 5, "readConcern": {"level": "snapshot"}}) == find
    assert explainable({"aggregate": "variants", "pipeline": [], "cursor": {"batchSize": 2}})["cursor"] == {}
