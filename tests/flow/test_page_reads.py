"""What the database is asked for pages: which index, which bound, how much; less when asked again."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.db.term_ids import FEW
from gateway.demo.store import Store
from gateway.errors import DatasetChanged
from tests.flow.paging import QUESTIONS, PageRig, fill, follow
from tests.topology import ReplicaSet, Standalone


@asynccontextmanager
async def believing(store: Store) -> AsyncGenerator[tuple[ReplicaSet, PageRig], None]:
    """A replica set with the dataset, and a rig that believes what it learnt of it first."""
    with ReplicaSet("5.0", store=store) as deployment:
        fill(deployment.client()["demo"])
        rig = PageRig(deployment.uri)
        rig.catalog._ttl = 60
        try:
            yield deployment, rig
        finally:
            await rig.close()


async def test_a_page_asked_for_again_is_read_without_looking(store: Store, monkeypatch: pytest.MonkeyPatch):
    follow("always walked", monkeypatch)
    async with believing(store) as (deployment, rig):
        first, _ = await rig.rows("demo", QUESTIONS["nearly all variants"], limit="4")
        deployment.forget_commands()
        again, _ = await rig.rows("demo", QUESTIONS["nearly all variants"], limit="4")
        assert again == first
        reads = [each for each in deployment.asked("find", "aggregate") if each.get("aggregate") != 1]
        # The documents of biosamples that are known, until there are enough; and whether a dataset is there still.
        assert {(each.get("find"), *_condition(each)) for each in reads} == {
            ("variants", "biosample_id", "variant_state.id"),
            ("biosamples",),
        }


def _condition(command: dict[str, Any]) -> dict[str, Any]:
    stages = [stage["$match"] for stage in command.get("pipeline", []) if "$match" in stage]
    return command.get("filter") or (stages[0] if stages else {})


@pytest.mark.parametrize("version", ["4.4", "5.0", "alone"])
async def test_reads_name_an_index_and_bear_no_bound_that_is_not_needed(store: Store, version: str):
    deployment = Standalone("5.0", store=store) if version == "alone" else ReplicaSet(version, store=store)
    with deployment:
        fill(deployment.client()["demo"])
        for name, question in QUESTIONS.items():
            deployment.forget_commands()
            rig = PageRig(deployment.uri)
            try:
                await rig.rows("demo", question, limit="4")
            finally:
                await rig.close()
            _check_reads(name, version, deployment.asked("find", "aggregate"))


def _check_reads(name: str, version: str, commands: list[dict[str, Any]]) -> None:
    reads = [each for each in commands if each.get("find", each.get("aggregate")) in {"variants", "biosamples"}]
    # Not what only one index serves by its form: the newest, those behind a key, any of several.
    reads = [each for each in reads if each.get("limit") != 1 and not {"$or", "_id"} & set(list(_condition(each))[:1])]
    assert reads, name
    for each in reads:
        assert "hint" in each, (name, each)
        assert version != "5.0" or "_id" not in _condition(each), (name, each)
        counts = {"$count": "n"} in each.get("pipeline", [])
        assert not counts or "_id" not in _condition(each), (name, each)


async def test_whether_there_is_any_is_told_without_counting(store: Store):
    with ReplicaSet("5.0", store=store) as deployment:
        fill(deployment.client()["demo"])
        deployment.forget_commands()
        rig = PageRig(deployment.uri)
        try:
            plan = await rig.plan(
                "/beacon/g_variants", datasetIds="demo", allData="true", requestedGranularity="boolean"
            )
            _, tallies = await rig.run(plan)
        finally:
            await rig.close()
        counts = [each for each in deployment.asked("aggregate") if {"$count": "n"} in each["pipeline"]]
    assert tallies[-1].total == 1
    assert not [each for each in counts if not any("$limit" in stage for stage in each["pipeline"])]


async def test_an_index_that_is_another_one_of_its_name_is_found_out(store: Store, mongo: MongoClient[dict[str, Any]]):
    fill(mongo["moving"])
    rig = PageRig(store.uri)
    rig.source._hints = True  # right here, too, only slow
    try:
        plan = await rig.plan("/beacon/g_variants", datasetIds="moving", variantType="DUP", output="pgxseg", limit="0")
        await rig.run(plan)
        variants = mongo["moving"].variants
        variants.drop_index("biosample_id_1")
        variants.create_index("biosample_id", partialFilterExpression={"biosample_id": {"$gt": "s30"}})
        with pytest.raises(DatasetChanged):
            await rig.run(plan)
        again = await rig.plan("/beacon/g_variants", datasetIds="moving", variantType="DUP", output="pgxseg", limit="0")
        await rig.run(again)
    finally:
        await rig.close()
        mongo.drop_database("moving")


async def test_an_index_that_is_gone_is_done_without(
    store: Store, mongo: MongoClient[dict[str, Any]], caplog: pytest.LogCaptureFixture
):
    fill(mongo["moving"])
    rig = PageRig(store.uri)
    rig.source._hints = True  # right here, too, only slow
    try:
        whole, _ = await rig.rows("moving", QUESTIONS["nearly all variants"], limit="0")
        plan = await rig.plan("/beacon/g_variants", datasetIds="moving", variantType="DUP", limit="0")
        mongo["moving"].variants.drop_index("biosample_id_1")
        mongo["moving"].biosamples.drop_index("id_1")
        with caplog.at_level(logging.WARNING, "gateway.db"):
            _, tallies = await rig.run(plan)
        assert tallies[-1].rows == len(whole)
        assert "is not there" in caplog.text
        # Afterwards its indexes are known anew.
        caplog.clear()
        found, tally = await rig.rows("moving", QUESTIONS["nearly all variants"], limit="4")
        assert (found, tally.total) == (whole[:4], len(whole))
        assert "is not there" not in caplog.text
    finally:
        await rig.close()
        mongo.drop_database("moving")


async def test_totals_of_a_large_dataset_are_counted_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    follow("numbers of samples known", monkeypatch)
    counted: list[list[Any]] = []
    async with believing(store) as (deployment, rig):
        wholes = {name: (await rig.rows("demo", QUESTIONS[name], limit="0"))[0] for name in QUESTIONS}
        for names in (["one of three"], ["one alone", "excluded", "individuals"]):
            deployment.forget_commands()
            for name in names:
                _, tally = await rig.rows("demo", QUESTIONS[name], limit="1")
                assert tally.total == len(wholes[name]), name
            counts = [each["pipeline"] for each in deployment.asked("aggregate") if each["aggregate"] == "variants"]
            # Not whether there is one more.
            counted.append([each for each in counts if not any("$limit" in stage for stage in each)])
            await rig.one.totals.sample_numbers.wait(await rig.catalog.state("demo"))
    assert [bool(counts) for counts in counted] == [True, False]


async def test_a_page_and_its_total_look_once(store: Store):
    async with believing(store) as (deployment, rig):
        await rig.rows("demo", QUESTIONS["variants of some"], limit="4")
        counts = [each["pipeline"] for each in deployment.asked("aggregate") if each["aggregate"] == "variants"]
    looks = [each for each in counts if {"$limit": FEW} in each and "biosample_id" not in each[0]["$match"]]
    assert len(looks) == 1
