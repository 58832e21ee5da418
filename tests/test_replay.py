"""The replay upstream of the benchmarks says what a database would: the driver and the gateway read it alike."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId, encode
from pymongo import MongoClient

from tests.benchmarks.cohort import Cohort, biosample, biosample_id, variant
from tests.benchmarks.replay import Replay
from tests.harness import Gateway

COHORT = Cohort(90, 250)
GIANT = Cohort(1, 21_000)
UNEVEN = Cohort(330, 7)


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


def test_the_gateway_reads_it(replay: Replay, tmp_path: Path):
    cohorts = (COHORT, GIANT, UNEVEN)
    with Gateway(replay.uri, [cohort.name for cohort in cohorts], log=tmp_path / "log") as gateway:
        for cohort in cohorts:
            answer = gateway.ask(f"/beacon/variants?filters=NCIT:C3262&output=pgxseg&datasetIds={cohort.name}")
            assert answer.whole
            numbers = range(cohort.biosamples)
            assert answer.rows == [line(b, r) for b in numbers for r in range(cohort.variants)]
            assert [sample["biosample_id"] for sample in answer.samples] == [biosample_id(n) for n in numbers]
