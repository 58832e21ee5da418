"""The replay upstream of the benchmarks says what a database would: the driver and the gateway read it alike."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, ObjectId, Timestamp, encode
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.benchmarks.cohort import Cohort, biosample, biosample_id, variant
from tests.benchmarks.kept_replies import KeptReplies
from tests.benchmarks.replay import Replay
from tests.harness import Gateway

COHORT = Cohort(90, 250)
GIANT = Cohort(1, 21_000)
UNEVEN = Cohort(330, 7)
WALKED = Cohort(2, 50_000)
SPREAD = Cohort(3, 400, scattered=True)


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    with Replay() as running:
        yield running


@pytest.fixture(scope="module")
def client(replay: Replay) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](replay.uri) as connected:
        yield connected


def line(number: int, row: int) -> str:
    """The row of a variant, written by hand."""
    document = variant(number, row)
    place, state = document["location"], document["variant_state"]
    cells = (
        *(biosample_id(number), place["chromosome"], place["start"], place["end"], document["info"]["cnv_value"]),
        *("DUP" if "gain" in state["label"] else "DEL", ".", ".", state["id"], state["label"]),
    )
    return "\t".join(map(str, cells))


def test_documents_are_of_the_size_meant():
    sizes = [len(encode(variant(12, row))) for row in range(250)]
    assert 195 <= sum(sizes) / 250 <= 215
    assert len({line(1, row) for row in range(250)}) == 250


@pytest.mark.parametrize("cohort", [Cohort(7, 250), UNEVEN], ids=str)
@pytest.mark.parametrize("size", [None, 3, 1000])
def test_cursors(client: MongoClient[dict[str, Any]], cohort: Cohort, size: int | None):
    cursor = client[cohort.name].variants.find({}, batch_size=size or 0)
    expected = [variant(b, r) for b in range(cohort.biosamples) for r in range(cohort.variants)]
    assert list(cursor) == expected
    assert list(client[cohort.name].biosamples.find()) == [biosample(number) for number in range(cohort.biosamples)]


def test_spread_variants_have_places_of_their_own(client: MongoClient[dict[str, Any]]):
    """The same connection answers for datasets of both kinds."""
    found = list(client[SPREAD.name].variants.find())
    assert found == [variant(b, r, scattered=True) for b in range(3) for r in range(400)]
    assert len({(d["location"]["chromosome"], d["location"]["start"]) for d in found}) == len(found)
    assert list(client[Cohort(3, 400).name].variants.find()) == [variant(b, r) for b in range(3) for r in range(400)]


def test_slices_and_limits(client: MongoClient[dict[str, Any]]):
    data = client[COHORT.name]
    ids = [biosample_id(number) for number in (4, 17, 80)]
    expected = [variant(b, r) for b in (4, 17, 80) for r in range(250)]
    assert list(data.variants.find({"biosample_id": {"$in": [*ids, "other"]}}, batch_size=5000)) == expected
    assert list(data.variants.find({"biosample_id": ids[1]}).limit(3)) == [variant(17, row) for row in range(3)]
    assert data.variants.count_documents({"biosample_id": {"$in": ids}}) == 750
    assert data.variants.estimated_document_count() == COHORT.rows
    assert data.variants.find_one({"_id": variant(9, 9)["_id"]}) == variant(9, 9)
    assert data.variants.find_one({"_id": ObjectId(variant(9, 9)["_id"])})
    after = {"biosample_id": biosample_id(0), "_id": {"$gt": variant(0, 19_999)["_id"]}}
    assert list(client[GIANT.name].variants.find(after)) == [variant(0, row) for row in range(20_000, 21_000)]


def test_conditions_on_ids_of_documents(client: MongoClient[dict[str, Any]]):
    """Every condition that a pass has on `_id`, alone and with the biosamples that it is for."""
    data, key = client[UNEVEN.name].variants, variant(17, 3)["_id"]
    ids = [biosample_id(number) for number in (4, 17, 80)]
    few = {"biosample_id": {"$in": ids}}
    one = {"biosample_id": ids[1]}

    def rows(condition: dict[str, Any]) -> list[tuple[int, int]]:
        return [(int(d["biosample_id"][6:]), int.from_bytes(d["_id"].binary[8:])) for d in data.find(condition)]

    for condition, expected in (
        ({**one, "_id": {"$gt": key}}, [(17, row) for row in range(4, 7)]),
        ({**few, "_id": {"$gt": key}}, [(b, r) for b in (17, 80) for r in range(7) if (b, r) > (17, 3)]),
        ({**few, "_id": {"$not": {"$gt": key}}}, [(b, r) for b in (4, 17) for r in range(7) if (b, r) <= (17, 3)]),
        ({**one, "_id": {"$gt": variant(17, 0)["_id"], "$not": {"$gt": key}}}, [(17, row) for row in (1, 2, 3)]),
        ({**one, "_id": {"$gt": variant(20, 0)["_id"]}}, []),
        ({**one, "_id": {"$type": ["string", "bool"]}}, []),
        ({**one, "_id": {"$type": ["objectId", "bool"]}}, [(17, row) for row in range(7)]),
        ({**one, "_id": {"$gt": 0}}, []),
        ({**one, "_id": {"$not": {"$gt": 0}}}, [(17, row) for row in range(7)]),
        ({**few, "_id": key}, [(17, 3)]),
        ({"biosample_id": ids[0], "_id": key}, []),
        ({"_id": ObjectId(bytes(12))}, []),
    ):
        assert rows(condition) == expected, condition
        assert data.count_documents(condition) == len(expected), condition
    assert data.count_documents({"_id": {"$gt": variant(329, 5)["_id"]}}) == 1
    with pytest.raises(OperationFailure):
        data.count_documents({"_id": {"$lt": key}})


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"find": "variants", "readConcern": {"level": "majority", "afterClusterTime": Timestamp(5, 1)}}, 20),
        ({"find": "variants", "readConcern": {"level": "snapshot", "atClusterTime": Timestamp(5, 1)}}, 123),
        ({"find": "variants", "readConcern": {"level": "linearizable"}}, 123),
        ({"find": "variants", "filters": {}}, 40415),
        ({"aggregate": "variants", "pipeline": [], "cursor": {}, "query": {}}, 40415),
        ({"getMore": Int64(5), "collection": "variants", "limit": 3}, 40415),
        ({"getMore": Int64(5), "collection": "variants"}, 43),
        ({"aggregate": "variants", "pipeline": []}, 9),
        ({"find": "variants", "filter": []}, 14),
        ({"find": "variants", "limit": -1}, 51024),
        ({"distinct": "variants", "key": "id"}, 59),
    ],
)
def test_it_refuses_what_a_standalone_refuses(client: MongoClient[dict[str, Any]], command: dict[str, Any], code: int):
    with pytest.raises(OperationFailure) as refused:
        client[COHORT.name].command(command)
    assert refused.value.code == code
    assert refused.value.details is not None
    assert refused.value.details["codeName"]


def test_it_takes_what_a_standalone_takes(client: MongoClient[dict[str, Any]]):
    hello = client.admin.command("hello")
    assert (hello["isWritablePrimary"], hello["readOnly"], hello["maxWireVersion"]) == (True, False, 21)
    assert not {"setName", "hosts", "msg", "$clusterTime"} & hello.keys()
    assert hello["logicalSessionTimeoutMinutes"] == 30
    assert "$clusterTime" not in client.admin.command("ping")
    for level in ("local", "majority", "available"):
        found = client[COHORT.name].command({"find": "variants", "limit": 1, "readConcern": {"level": level}})
        assert found["cursor"]["id"] == 0
    with client.start_session() as session:
        assert len(list(client[COHORT.name].variants.find({}, batch_size=200, limit=500, session=session))) == 500


def test_counts_are_those_of_a_server(client: MongoClient[dict[str, Any]]):
    def counted(condition: dict[str, Any]) -> list[dict[str, Any]]:
        return list(client[COHORT.name].variants.aggregate([{"$match": condition}, {"$count": "n"}]))

    assert counted({"biosample_id": {"$in": [biosample_id(3), biosample_id(3), biosample_id(4), "x"]}}) == [{"n": 500}]
    assert counted({"biosample_id": biosample_id(3)}) == [{"n": 250}]
    assert counted({"biosample_id": {"$in": ["x", biosample_id(90)]}}) == []  # nothing is no document


def test_the_gateway_reads_it(replay: Replay, tmp_path: Path):
    cohorts = (COHORT, GIANT, UNEVEN, WALKED)
    with Gateway(replay.uri, [cohort.name for cohort in cohorts], log=tmp_path / "log") as gateway:
        for cohort in cohorts:
            answer = gateway.ask(f"/beacon/variants?filters=NCIT:C3262&output=pgxseg&datasetIds={cohort.name}")
            assert (answer.status, answer.whole) == (200, True), answer.text[:300]
            numbers = range(cohort.biosamples)
            assert answer.rows == [line(b, r) for b in numbers for r in range(cohort.variants)]
            assert [sample["biosample_id"] for sample in answer.samples] == [biosample_id(n) for n in numbers]


def test_replies_are_kept_within_bounds():
    """Those asked for last; one that was forgotten is made anew."""
    made: list[int] = []

    def make(key: int) -> bytes:
        made.append(key)
        return bytes([key] * 4)

    kept = KeptReplies(10)
    for key in (1, 2, 1, 3, 1, 2):
        assert kept.found(key, lambda key=key: make(key)) == bytes([key] * 4)
    assert made == [1, 2, 3, 2]
