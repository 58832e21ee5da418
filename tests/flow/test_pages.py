"""Pages and totals: the same rows whichever way they are found."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from gateway.errors import NotFound
from gateway.flow.run import Slicing
from gateway.rows import Tally
from tests.flow.paging import DUP, QUESTIONS, STRATEGIES, PageRig, fill, follow


@pytest.fixture(scope="module")
def pages(mongo: MongoClient[dict[str, Any]]) -> Iterator[str]:
    fill(mongo["pages"])
    yield "pages"
    mongo.drop_database("pages")


@pytest.fixture
async def rig(store: Store) -> AsyncIterator[PageRig]:
    made = PageRig(store.uri)
    yield made
    await made.close()


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


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_the_same_rows_whichever_way(
    rig: PageRig,
    pages: str,
    wholes: dict[str, list[str]],
    strategy: str,
    monkeypatch: pytest.MonkeyPatch,
):
    follow(strategy, monkeypatch)
    for name, question in QUESTIONS.items():
        await rig.forget()
        whole, _ = await rig.rows(pages, question, limit="0")
        page, tally = await rig.rows(pages, question, limit="4")
        assert whole == wholes[name], name
        assert (page, tally.total, tally.lower) == (whole[:4], len(whole), False), name
        assert tally.more is (len(whole) > 4), name


@pytest.mark.parametrize("strategy", ["as it is", "always walked", "turned in mid-walk"])
@pytest.mark.parametrize("name", ["everything", "nearly all variants", "variants of some", "one of three"])
async def test_pages_in_any_order_are_parts_of_the_whole(
    rig: PageRig, pages: str, name: str, strategy: str, monkeypatch: pytest.MonkeyPatch
):
    follow(strategy, monkeypatch)
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
