"""Pages and totals: the same rows whichever way they are found, and what the database is asked for them."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gateway.config import load
from gateway.db import checked_ids, sample_ids, term_ids
from gateway.demo.store import Store
from gateway.errors import DatasetChanged, NotFound
from gateway.flow import small_datasets, totals
from gateway.flow.pump import Pump, Slicing
from gateway.flow.scheduling import EncodeScheduler
from gateway.rows import Tally
from tests.flow.test_pump import Rig
from tests.topology import ReplicaSet, Standalone

SAMPLES = 36
DEL, DUP = "EFO:0030067", "EFO:0030070"
QUESTIONS = {
    "everything": {"allData": "true"},
    "one of three": {"filters": "NCIT:C3058"},
    "one alone": {"filters": "NCIT:C3059"},
    "nearly all variants": {"variantType": "DUP"},
    "few variants": {"referenceName": "9"},
    "variants of some": {"filters": "NCIT:C3058", "variantType": "DUP"},
    "excluded": {"filters": "!NCIT:C3058"},
    "individuals": {"filters": "NCIT:C16576"},
    "individuals or diagnosis": {"filters": "NCIT:C16576,NCIT:C3059", "filterLogic": "OR"},
    "two kinds of variants": {"variantType": "DUP,DEL", "filters": "!NCIT:C16576"},
    "variants but those of some individuals": {"variantType": "DUP", "filters": "!followupTime:>=P60M"},
    "nothing": {"referenceName": "21"},
}


def fill(database: Any) -> None:
    """Biosamples of 0 to 6 variants, and documents as they should not be: lists, strays, twins."""
    database.client.drop_database(database.name)
    codes = ("NCIT:C3058", "NCIT:C3262", "NCIT:C3262")
    samples: list[dict[str, Any]] = [
        {
            "_id": n,
            "id": f"s{n:02}",
            "individual_id": f"i{n // 2:02}" if n % 7 else [f"i{n // 2:02}", "i00"],
            "histological_diagnosis": {"id": codes[n % 3] if n != 20 else "NCIT:C3059"},
        }
        for n in range(SAMPLES)
    ]
    database.biosamples.insert_many([*samples, {"_id": 97}, {"_id": 98, "id": 5}])
    database.individuals.insert_many(
        [
            {
                "_id": n,
                "id": f"i{n:02}",
                "sex": {"id": "NCIT:C16576" if n < 4 else "NCIT:C20197"},
                "index_disease": {"followup_days": 4000 if n % 5 == 2 else 40},
            }
            for n in range(SAMPLES // 2)
        ]
    )
    owners: list[Any] = [f"s{n:02}" for n in range(SAMPLES) for _ in range(n % 7)]
    owners += ["stray", "stray", None, 7]
    database.variants.insert_many(
        [
            {
                "_id": ObjectId(f"{(n * 7919) % 10007:024x}"),
                "id": f"v{n:03}",
                **({"biosample_id": owner} if owner != 7 else {}),
                "location": {"sequence_id": f"refseq:NC_00000{9 if n % 25 == 11 else 8}.{12 if n % 25 == 11 else 11}"},
                "variant_state": {"id": DEL if n % 11 == 3 else DUP},
            }
            for n, owner in enumerate(owners)
        ]
    )
    for field in ("id", "individual_id", "histological_diagnosis.id"):
        database.biosamples.create_index(field)
    for field in ("id", "sex.id", "index_disease.followup_days"):
        database.individuals.create_index(field)
    for field in ("biosample_id", "location.sequence_id", "variant_state.id"):
        database.variants.create_index(field)


@pytest.fixture(scope="module")
def pages(mongo: MongoClient[dict[str, Any]]) -> Iterator[str]:
    fill(mongo["pages"])
    yield "pages"
    mongo.drop_database("pages")


class PageRig(Rig):
    """One whose pages remember, as those of a server do."""

    def __init__(self, uri: str, budget: float = 60) -> None:
        super().__init__(uri)
        self.config = load({"mongo_uri": uri, "datasets": "demo,pages,moving,old"}, {})
        slicing = Slicing(rows=5000, flights=4)
        self.one = Pump(
            self.source,
            self.catalog,
            self.executor,
            EncodeScheduler(2),
            slicing=slicing,
            retry_window=30,
            count_budget=budget,
        )

    async def rows(self, dataset: str, question: dict[str, str], **more: str) -> tuple[list[str], Tally]:
        """The ids of the variants of a page, or of all, and what was counted."""
        plan = await self.plan("/beacon/g_variants", datasetIds=dataset, output="json", **question, **more)
        tallies: list[Tally] = []
        async with aclosing(self.one.chunks(plan, tallies)) as chunks:
            whole = json.loads(b"".join([chunk async for chunk in chunks]))
        sets = whole["response"].get("resultSets", [])
        return [each["variantInternalId"] for found in sets for each in found.get("results", [])], tallies[-1]

    async def close(self) -> None:
        await self.one.totals.close()
        await self.catalog.close()
        await self.source.close()
        self.executor.shutdown()


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[PageRig]:
    made = PageRig(store.uri)
    yield made
    await made.close()


STRATEGIES = {
    "as it is": {},
    "always resolved": {(term_ids, "FEW"): 10**9},
    "always walked": {(term_ids, "FEW"): 0, (checked_ids, "_PART"): 0, (checked_ids, "_PART_OF_PAGE"): 0},
    "turned in mid-walk": {
        (term_ids, "FEW"): 0,
        (checked_ids, "_WIDTHS"): (1, 4),
        (checked_ids, "_WIDTH"): 3,
        (checked_ids, "_LOOKED"): 5,
        (checked_ids, "_PART"): 2,
        (checked_ids, "_PART_OF_PAGE"): 2,
    },
    "looks that do not suffice": {(sample_ids, "_LOOK"): 2, (sample_ids, "_FIRST"): 3},
    "slices counted": {(totals, "_MOST_VALUES"): 1},
    "counted without the database": {(small_datasets, "_FEWEST_VARIANTS"): 0, (small_datasets, "_WAITED"): 60},
}


@pytest.fixture(scope="module")
def wholes(store: Store, pages: str) -> dict[str, list[str]]:
    """The rows that every question has, as it is: what all other ways must find as well."""

    async def ask() -> dict[str, list[str]]:
        rig = PageRig(store.uri)
        try:
            return {name: (await rig.rows(pages, asked, limit="0"))[0] for name, asked in QUESTIONS.items()}
        finally:
            await rig.close()

    found = asyncio.run(ask())
    assert [name for name, rows in found.items() if not rows] == ["nothing"]
    return found


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())
async def test_the_same_rows_whichever_way(
    store: Store,
    pages: str,
    wholes: dict[str, list[str]],
    strategy: dict[tuple[Any, str], Any],
    monkeypatch: pytest.MonkeyPatch,
):
    for (module, constant), value in strategy.items():
        monkeypatch.setattr(module, constant, value)
    for name, question in QUESTIONS.items():
        rig = PageRig(store.uri)  # each knows nothing yet
        try:
            whole, _ = await rig.rows(pages, question, limit="0")
            page, tally = await rig.rows(pages, question, limit="4")
        finally:
            await rig.close()
        assert whole == wholes[name], name
        assert (page, tally.total, tally.lower) == (whole[:4], len(whole), False), name
        assert tally.more is (len(whole) > 4), name


@pytest.mark.parametrize("strategy", ["as it is", "always walked", "turned in mid-walk"])
@pytest.mark.parametrize("name", ["everything", "nearly all variants", "variants of some", "one of three"])
async def test_pages_in_any_order_are_parts_of_the_whole(
    rig: PageRig, pages: str, name: str, strategy: str, monkeypatch: pytest.MonkeyPatch
):
    for (module, constant), value in STRATEGIES[strategy].items():
        monkeypatch.setattr(module, constant, value)
    whole, _ = await rig.rows(pages, QUESTIONS[name], limit="0")
    for limit, skip in ((7, 11), (7, 3), (7, 0), (1, 11), (1, 4), (40, 3), (40, 0), (1, 200)):
        page, tally = await rig.rows(pages, QUESTIONS[name], limit=str(limit), skip=str(skip))
        assert page == whole[skip * limit : (skip + 1) * limit]
        assert tally.total == len(whole)
        if page:
            assert tally.more is ((skip + 1) * limit < len(whole))


async def test_a_total_that_takes_longer_is_a_lower_bound_and_is_there_later(store: Store, pages: str):
    rig = PageRig(store.uri, budget=0)
    try:
        whole, _ = await rig.rows(pages, QUESTIONS["everything"], limit="0")
        page, tally = await rig.rows(pages, QUESTIONS["everything"], limit="5", skip="1")
        assert page == whole[5:10]
        assert tally.lower
        assert tally.more
        assert 11 <= (tally.total or 0) < len(whole)
        for _ in range(200):
            page, tally = await rig.rows(pages, QUESTIONS["everything"], limit="5", skip="2")
            if not tally.lower:
                break
            await asyncio.sleep(0.02)
        assert (page, tally.total) == (whole[10:15], len(whole))
    finally:
        await rig.close()


async def test_what_was_found_while_the_data_was_away_is_forgotten_when_it_is_back(
    store: Store, mongo: MongoClient[dict[str, Any]]
):
    database = mongo["moving"]
    fill(database)
    rig = PageRig(store.uri)
    rig.catalog._ttl = 60
    kept = {name: list(database[name].find()) for name in ("biosamples", "variants")}
    try:
        before, _ = await rig.rows("moving", QUESTIONS["one of three"], limit="0")
        for name in kept:
            database[name].delete_many({})
        page, tally = await rig.rows("moving", QUESTIONS["one of three"], limit="4")  # of a state that is believed
        assert (page, tally.total) == ([], 0)
        with suppress(NotFound):
            await rig.catalog.read_state("moving")
        for name, documents in kept.items():
            database[name].insert_many(documents)
        await rig.catalog.read_state("moving")
        page, tally = await rig.rows("moving", QUESTIONS["one of three"], limit="4")
        assert (page, tally.total) == (before[:4], len(before))
    finally:
        await rig.close()
        mongo.drop_database("moving")


@pytest.mark.parametrize("owner", ["s01", "a stray"])
@pytest.mark.parametrize("name", ["everything", "nearly all variants"])
async def test_totals_are_without_what_came_later_as_rows_are(
    store: Store, mongo: MongoClient[dict[str, Any]], owner: str, name: str
):
    fill(mongo["moving"])
    rig = PageRig(store.uri)
    rig.catalog._ttl = 60
    try:
        whole, _ = await rig.rows("moving", QUESTIONS[name], limit="0")
        mongo["moving"].variants.insert_one({"biosample_id": owner, "variant_state": {"id": DUP}})
        _, tally = await rig.rows("moving", QUESTIONS[name], limit="4")  # of the state before
        assert tally.total == len(whole)
    finally:
        await rig.close()
        mongo.drop_database("moving")


async def test_the_rest_of_a_slice_that_did_not_fit_is_looked_at(store: Store, mongo: MongoClient[dict[str, Any]]):
    mongo.drop_database("moving")
    database = mongo["moving"]
    database.biosamples.insert_many([{"id": f"s{n:02}"} for n in range(60)])
    database.variants.insert_many([{"id": f"v{n}", "biosample_id": "s00" if n < 10 else "s01"} for n in range(60)])
    rig = PageRig(store.uri)
    rig.one._slicing = Slicing(rows=10)
    try:
        for skip, more in ((0, True), (4, True), (5, False)):
            page, tally = await rig.rows("moving", QUESTIONS["everything"], limit="10", skip=str(skip))
            assert (len(page), tally.more) == (10, more)
    finally:
        await rig.close()
        mongo.drop_database("moving")


async def test_each_dataset_is_asked_in_its_own_words_whether_it_has_any(
    store: Store, mongo: MongoClient[dict[str, Any]]
):
    for name, analyses, key in (("moving", "analyses", "analysis_id"), ("old", "callsets", "callset_id")):
        mongo[name].biosamples.insert_one({"id": "s"})
        mongo[name][analyses].insert_one({"id": "a", "biosample_id": "s"})
        mongo[name].variants.insert_one({"id": "v", "biosample_id": "s", key: "a"})
    rig = PageRig(store.uri)
    try:
        for names in ("moving,old", "old,moving"):
            question = {"analysisIds": "a", "requestedGranularity": "boolean"}
            plan = await rig.plan("/beacon/g_variants", datasetIds=names, **question)
            tallies: list[Tally] = []
            async with aclosing(rig.one.chunks(plan, tallies)) as chunks:
                assert [chunk async for chunk in chunks]
            assert [tally.total for tally in tallies] == [1, 1]
    finally:
        await rig.close()
        mongo.drop_database("moving")
        mongo.drop_database("old")


# --- what is asked ---------------------------------------------------------------------------------------------------


async def test_a_page_asked_for_again_is_read_without_looking(store: Store, monkeypatch: pytest.MonkeyPatch):
    for (module, constant), value in STRATEGIES["always walked"].items():
        monkeypatch.setattr(module, constant, value)
    with ReplicaSet("5.0", store=store) as deployment:
        fill(deployment.client()["demo"])
        rig = PageRig(deployment.uri)
        rig.catalog._ttl = 60
        try:
            first, _ = await rig.rows("demo", QUESTIONS["nearly all variants"], limit="4")
            deployment.forget_commands()
            again, _ = await rig.rows("demo", QUESTIONS["nearly all variants"], limit="4")
        finally:
            await rig.close()
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
