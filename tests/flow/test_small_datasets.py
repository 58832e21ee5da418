"""Small datasets are read once a version: what their counts ask of the database then, and that they stay right."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from gateway.demo.store import Store
from gateway.flow import readings, small_datasets
from gateway.rows import Tally
from tests.cutter import Cutter, Listener
from tests.flow.paging import PageRig
from tests.harness import Gateway, until
from tests.topology import ReplicaSet, Standalone

Documents = dict[str, list[dict[str, Any]]]

SAMPLES = 60
CODES = ("NCIT:C3058", "NCIT:C3059", "NCIT:C3224")
STATES = {"DEL": "EFO:0030067", "DUP": "EFO:0030070"}
SEQUENCES = {"8": "refseq:NC_000008.11", "9": "refseq:NC_000009.12"}


def fill(database: Database[dict[str, Any]], variants: int, draw: random.Random) -> None:
    """Samples of three diagnoses and two sexes, and variants of them or of nobody; a twin and a stray among them."""
    database.client.drop_database(database.name)
    samples = [
        {
            "id": f"s{n:02}",
            "individual_id": f"i{n:02}",
            "histological_diagnosis": {"id": draw.choice(CODES)},
        }
        for n in range(SAMPLES)
    ]
    database.biosamples.insert_many([*samples, {**samples[7], "_id": "a twin"}, {"id": 5}])
    people = [{"id": f"i{n:02}", "sex": {"id": draw.choice(("NCIT:C16576", "NCIT:C20197"))}} for n in range(SAMPLES)]
    database.individuals.insert_many(people)
    database.variants.insert_many([variant(draw) for _ in range(variants)])
    database.biosamples.create_index("id")
    database.individuals.create_index("id")
    for field in ("biosample_id", "location.sequence_id"):
        database.variants.create_index(field)


def variant(draw: random.Random) -> dict[str, Any]:
    start = draw.randrange(100)
    return {
        "biosample_id": draw.choice([*(f"s{n:02}" for n in range(SAMPLES)), "a stray", None]),
        "location": {"sequence_id": draw.choice([*SEQUENCES.values()]), "start": start, "end": start + 40},
        "variant_state": {"id": draw.choice([*STATES.values()])},
        "info": {"var_length": 40},
    }


def selection(draw: random.Random) -> dict[str, str]:
    """Filters, excluded ones among them, and variants, as anybody might ask for them together."""
    chosen = {}
    filters = draw.sample([*CODES, "NCIT:C16576"], draw.randrange(3))
    if filters:
        chosen["filters"] = ",".join(draw.choice(("", "", "!")) + code for code in filters)
        chosen["filterLogic"] = draw.choice(("AND", "OR"))
    if draw.random() < 0.7:
        chosen["variantType"] = draw.choice([*STATES])
    if draw.random() < 0.5:
        chosen |= {"referenceName": draw.choice([*SEQUENCES]), "start": str(draw.randrange(90))}
        chosen["end"] = str(int(chosen["start"]) + 20)
    return chosen


def documents(database: Database[dict[str, Any]]) -> Documents:
    return {name: list(database[name].find()) for name in ("biosamples", "individuals", "variants")}


def numbers(held: Documents, chosen: dict[str, str]) -> dict[str, int]:
    """What a selection comes to, by plain loops over all documents."""
    samples = held["biosamples"]
    people = {each["id"]: each for each in held["individuals"]}
    variants = [each for each in held["variants"] if type(each["biosample_id"]) is str]

    def has(sample: dict[str, Any], code: str) -> bool:
        found = {sample.get("histological_diagnosis", {}).get("id")}
        found.add(people.get(sample.get("individual_id"), {}).get("sex", {}).get("id"))
        return (code.lstrip("!") in found) is not code.startswith("!")

    def met(each: dict[str, Any]) -> bool:
        place = each["location"]
        return (
            ("variantType" not in chosen or each["variant_state"]["id"] == STATES[chosen["variantType"]])
            and ("referenceName" not in chosen or place["sequence_id"] == SEQUENCES[chosen["referenceName"]])
            and ("start" not in chosen or (place["start"] < int(chosen["end"]) and place["end"] > int(chosen["start"])))
        )

    asks_variants = not chosen.keys() <= {"filters", "filterLogic"}
    matched = [each for each in variants if met(each)]
    ids = {each["id"] for each in samples if type(each["id"]) is str}
    if "filters" in chosen:
        of_all = all if chosen.get("filterLogic", "AND") == "AND" else any
        by_id = {each["id"]: each for each in samples if each["id"] in ids}
        ids = {n for n in ids if of_all(has(by_id[n], code) for code in chosen["filters"].split(","))}
    if asks_variants:
        owners = {each["biosample_id"] for each in matched}
        ids = ids & owners if "filters" in chosen else owners
    return {
        "samples": sum(each["id"] in ids for each in samples),
        "variants": sum(each["biosample_id"] in ids for each in variants),
        "matchedVariants": sum(each["biosample_id"] in ids for each in matched),
    }


# --- what the page asks ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listened(
    store: Store, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Listener]]:
    """A gateway that has read a small dataset, and what it asks the database from then on."""
    fill(mongo["small"], small_datasets._FEWEST_VARIANTS + 100, random.Random(1))
    listener = Listener()
    log = tmp_path_factory.mktemp("small") / "log"
    with Cutter(("127.0.0.1", store.port), heard=listener.heard) as cutter:
        uri = f"mongodb://127.0.0.1:{cutter.port}/?directConnection=true"
        with Gateway(uri, ["small"], log=log, no_spool=True, version_ttl=3600) as running:
            until(lambda: "counted without the database" in running.log, seconds=150)
            yield running, listener
    mongo.drop_database("small")


def test_a_selection_is_counted_without_its_variants(
    listened: tuple[Gateway, Listener], mongo: MongoClient[dict[str, Any]]
):
    gateway, listener = listened
    draw, held = random.Random(2), documents(mongo["small"])
    for chosen in [{}, *(selection(draw) for _ in range(14))]:
        listener.counts.clear()
        told = gateway.ask(f"/gateway/estimate?{urlencode(chosen)}").json
        expected = numbers(held, chosen)
        assert {name: told[name]["count"] for name in expected} == expected, chosen
        assert all(told[name]["exact"] for name in expected)
        asked = {each: n for each, n in listener.counts.items() if each[0] in {"find", "aggregate", "count"}}
        assert not any(collection == "variants" for _, collection in asked), (chosen, asked)
        assert sum(asked.values()) <= 4 + 4 * len(chosen.get("filters", "").split(",")), (chosen, asked)
        listener.counts.clear()
        assert gateway.ask(f"/gateway/estimate?{urlencode(chosen)}").json["samples"] == told["samples"]
        again = Counter(collection for command, collection in listener.counts.elements() if command != "hello")
        assert not again.keys() & {"variants", "biosamples", "individuals"}, (chosen, again)


# --- what changes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any dataset is read, at each of its versions, and counts wait for that."""
    monkeypatch.setattr(small_datasets, "_FEWEST_VARIANTS", 0)
    monkeypatch.setattr(small_datasets, "_WAITED", 60)
    monkeypatch.setattr(readings, "_APART", 0)


async def total(rig: PageRig, chosen: dict[str, str]) -> int | None:
    _, tally = await rig.rows("demo", chosen or {"allData": "true"}, limit="1")
    assert not tally.lower
    return tally.total


@pytest.mark.parametrize("version", ["4.4", "5.0", "alone"])
@pytest.mark.usefixtures("learning")
async def test_counts_follow_the_data(store: Store, version: str):
    deployment = Standalone("5.0", store=store) if version == "alone" else ReplicaSet(version, store=store)
    draw = random.Random(version)
    with deployment:
        database = deployment.client()["demo"]
        fill(database, 100, draw)
        rig = PageRig(deployment.uri)
        rig.catalog._ttl = 60
        try:
            for chosen in [{}, {"filters": CODES[0]}, {"variantType": "DEL"}, *(selection(draw) for _ in range(3))]:
                state = await rig.catalog.read_state("demo")
                expected = numbers(documents(database), chosen)["matchedVariants"]
                later = [{**variant(draw), "biosample_id": name} for name in ("s01", "another stray")]
                database.variants.insert_many(later)  # of a version that is not asked about yet
                assert await total(rig, chosen) == expected, chosen
                assert await rig.one.totals.small.get(state) is not None
                gone = database.variants.find_one({}, skip=draw.randrange(90))
                database.variants.delete_one({"_id": gone["_id"]})
        finally:
            await rig.close()


@pytest.mark.usefixtures("learning")
async def test_what_was_read_while_data_was_away_is_not_believed_when_it_is_back(store: Store):
    """On a standalone server, where nobody saw that it was away."""
    with Standalone("5.0", store=store) as deployment:
        database = deployment.client()["demo"]
        rig = PageRig(deployment.uri)
        rig.catalog._ttl = 60
        try:
            for name in ("variants", "biosamples"):
                fill(database, 100, random.Random(4))
                state = await rig.catalog.read_state("demo")
                kept = list(database[name].find({}, limit=40))
                database[name].delete_many({"_id": {"$in": [each["_id"] for each in kept]}})
                await rig.one.totals.small.get(state)
                database[name].insert_many(kept)
                assert (await rig.catalog.read_state("demo")).version == state.version
                expected = numbers(documents(database), {"variantType": "DEL"})["matchedVariants"]
                assert await total(rig, {"variantType": "DEL"}) == expected, name
                expected = numbers(documents(database), {})["samples"]
                plan = await rig.plan("/beacon/biosamples", datasetIds="demo", allData="true", limit="1")
                tallies: list[Tally] = []
                async with aclosing(rig.one.chunks(plan, tallies)) as chunks:
                    assert [chunk async for chunk in chunks]
                assert tallies[-1].total == expected, name
        finally:
            await rig.close()


@pytest.mark.usefixtures("learning")
async def test_what_is_not_small_or_not_plain_is_counted_by_the_database(
    store: Store, mongo: MongoClient[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    database = mongo["moving"]
    draw = random.Random(3)
    for name, spoil in {
        "of several": lambda: database.variants.insert_one({**variant(draw), "biosample_id": ["s01", "s02"]}),
        "ids in a list": lambda: database.biosamples.insert_one({"id": ["s90"]}),
        "no index": lambda: database.variants.drop_index("biosample_id_1"),
        "many": lambda: monkeypatch.setattr(small_datasets, "_MOST_VARIANTS", 99),
    }.items():
        fill(database, 100, draw)
        spoil()
        rig = PageRig(store.uri)
        try:
            state = await rig.catalog.state("moving")
            whole, _ = await rig.rows("moving", {"variantType": "DEL"}, limit="0")
            page, tally = await rig.rows("moving", {"variantType": "DEL"}, limit="3")
            assert (page, tally.total) == (whole[:3], len(whole)), name
            assert await rig.one.totals.small.get(state) is None, name
        finally:
            await rig.close()
    mongo.drop_database("moving")
