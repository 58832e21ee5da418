"""Passes: however they are cut, the bytes are the same; what they leave behind is nothing."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, Literal

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gateway.config import Config, load
from gateway.db.catalog import Catalog
from gateway.db.driver import Connection
from gateway.db.source import Source
from gateway.download_types import Plan
from gateway.errors import DatabaseDown, DatasetChanged
from gateway.flow import slice_sizes, slices
from gateway.flow.pump import Pump
from gateway.flow.run import Slicing
from gateway.flow.scheduling import EncodeScheduler
from gateway.planning.plan import make_plan
from gateway.planning.route_table import ROUTES
from gateway.query.beacon_request import parse_request
from gateway.rights import View
from gateway.rows import Tally
from tests.harness import until

Client = MongoClient[dict[str, Any]]


class Rig:
    """A source and what passes need beside it."""

    def __init__(self, uri: str, driver: Literal["motor", "pymongo"] = "motor") -> None:
        self.config: Config = load({"mongo_uri": uri, "datasets": "demo,odd,giant,moving"}, {})
        self.source = Source(Connection(uri=uri, timeout=60, size=32, driver=driver))
        self.catalog = Catalog(self.source, ttl=0, query_buffers=[("buffers", "querybuffer")])
        self.executor = ThreadPoolExecutor(2)

    async def plan(self, path: str, **query: str) -> Plan:
        ask = parse_request(path, query.items(), routes=ROUTES)
        view = View.whole(self.config.datasets)
        return await make_plan(ask, "*/*", "http://gateway", config=self.config, catalog=self.catalog, view=view)

    def pump(self, rows: int, flights: int) -> Pump:
        slicing = Slicing(rows=rows, flights=flights)
        return Pump(self.source, self.catalog, self.executor, EncodeScheduler(2), slicing=slicing, retry_window=30)

    async def run(self, plan: Plan, rows: int = 5000, flights: int = 4) -> tuple[bytes, list[Tally]]:
        tallies: list[Tally] = []
        async with aclosing(self.pump(rows, flights).chunks(plan, tallies)) as chunks:
            return b"".join([chunk async for chunk in chunks]), tallies


@pytest.fixture
async def rig(store: Any, demo: str, odd: str) -> AsyncIterator[Rig]:
    made = Rig(store.uri)
    yield made
    await made.source.close()
    made.executor.shutdown()


@pytest.fixture(scope="module")
def giant(mongo: Client) -> str:
    """A biosample with more variants than any reply holds here, between small ones."""
    mongo.drop_database("giant")  # another module's tests may have come between this one's
    mongo["giant"].biosamples.create_index("id", unique=True)
    mongo["giant"].variants.create_index("biosample_id")
    mongo["giant"].biosamples.insert_many([{"id": name} for name in ("a", "giant", "z")])
    sizes = (("z", 3), ("giant", 900), ("a", 2))
    place = {"chromosome": "1", "start": 5}
    mongo["giant"].variants.insert_many(
        [
            {"biosample_id": name, "location": {**place, "end": n + 6}, "info": {"cnv_value": n / 7}}
            for name, size in sizes
            for n in range(size)
        ]
    )
    return "giant"


@pytest.mark.parametrize("output", ["pgxseg", "jsonl", "json"])
async def test_bytes_do_not_depend_on_how_a_pass_is_cut(rig: Rig, output: str):
    plan = await rig.plan("/beacon/variants", filters="NCIT:C3262", output=output, limit="0")
    whole, tallies = await rig.run(plan)
    assert tallies[-1].rows > 400
    for rows, flights in ((11, 7), (50, 1), (140, 3)):
        again, counted = await rig.run(plan, rows, flights)
        assert again == whole
        assert counted == tallies


async def test_passes_and_pages_share_one_place(rig: Rig):
    """All come to their ends, with the same bytes, also beside one that is given up."""
    plan = await rig.plan("/beacon/variants", filters="NCIT:C3058", output="pgxseg")
    window = await rig.plan("/beacon/variants", filters="NCIT:C3058", output="jsonl", limit="50", skip="100")
    expected = [(await rig.run(one))[0] for one in (plan, window)]
    slicing = Slicing(rows=100, flights=4, together=1)
    pump = Pump(rig.source, rig.catalog, rig.executor, EncodeScheduler(2), slicing=slicing, retry_window=30)

    async def run(one: Plan) -> bytes:
        async with aclosing(pump.chunks(one, [])) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def left() -> None:
        async with aclosing(pump.chunks(plan, [])) as chunks:
            await anext(chunks)
            await anext(chunks)

    _, *found = await asyncio.gather(left(), *map(run, (plan, window)))
    assert found == expected


async def test_a_giant_biosample_is_walked(rig: Rig, giant: str):
    plan = await rig.plan("/beacon/variants", output="pgxseg", allData="true", datasetIds=giant)
    whole, tallies = await rig.run(plan)
    assert tallies[-1].rows == 905
    ends = [int(line.split(b"\t")[3]) for line in whole.splitlines() if line.startswith(b"giant")]
    assert ends == list(range(6, 906))
    walked, _ = await rig.run(plan, rows=100)
    assert walked == whole
    window = await rig.plan(
        "/beacon/variants", output="jsonl", biosampleIds="a,giant,z", datasetIds=giant, limit="300", skip="1"
    )
    found = await rig.run(window)
    assert await rig.run(window, rows=100) == found
    assert found[1][0].rows == 300


async def test_a_walk_goes_through_ids_of_all_types(rig: Rig, mongo: Client, monkeypatch: pytest.MonkeyPatch):
    """Comparisons in the database see ids of one type only."""
    monkeypatch.setattr(slices, "_WALK_ROWS", 7)
    mongo.drop_database("moving")
    mongo["moving"].biosamples.insert_one({"id": "s"})
    ids = [*range(21), *(f"id{n:02}" for n in range(20)), *(ObjectId(f"{n:024x}") for n in range(20))]
    mongo["moving"].variants.insert_many([{"_id": key, "biosample_id": "s", "id": f"v{key}"} for key in reversed(ids)])
    plan = await rig.plan("/beacon/variants", output="jsonl", allData="true", datasetIds="moving")
    walked, _ = await rig.run(plan, rows=1)
    whole, _ = await rig.run(plan)
    assert walked == whole
    assert [json.loads(line)["variantInternalId"] for line in walked.splitlines()] == [f"v{key}" for key in ids]


async def test_askers_share_one_survey_and_its_failure(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    catalog, made = Catalog(rig.source, ttl=60), 0
    read_state = catalog.read_state

    async def counted(dataset: str) -> Any:
        nonlocal made
        made += 1
        await asyncio.sleep(0.05)
        if made == 1:
            raise DatabaseDown("down")
        return await read_state(dataset)

    monkeypatch.setattr(catalog, "read_state", counted)
    failed = await asyncio.gather(*(catalog.state("demo") for _ in range(20)), return_exceptions=True)
    assert [type(error) for error in failed] == [DatabaseDown] * 20
    found = await asyncio.gather(*(catalog.state("demo") for _ in range(20)))
    assert (made, len({id(dataset_state) for dataset_state in found})) == (2, 1)


async def test_the_first_chunk_holds_what_the_database_gave(rig: Rig):
    plan = await rig.plan("/beacon/variants", filters="NCIT:C3262", output="pgxseg")
    async with aclosing(rig.pump(10, 4).chunks(plan, [])) as chunks:
        assert b"#sample=>" in await anext(chunks)


async def test_memory_of_what_is_in_flight_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    """A reader that stops has at most `flights` slices read ahead for it."""
    plan = await rig.plan("/beacon/variants", filters="NCIT:C3262", output="pgxseg")
    started, landed = Counter[str](), Counter[str]()

    def counted(name: str) -> Any:
        read = getattr(rig.source, name)

        async def reading(*args: Any, **kwargs: Any) -> Any:
            kind = "walk" if kwargs.get("sort") else name
            started[kind] += 1
            try:
                return await read(*args, **kwargs)
            finally:
                landed[kind] += 1

        return reading

    for name in ("read", "page"):  # slices, and what is asked anew because a slice was too large
        monkeypatch.setattr(rig.source, name, counted(name))
    async with aclosing(rig.pump(10, 3).chunks(plan, [])) as chunks:
        for taken in range(1, 7):
            await anext(chunks)
            assert started["read"] <= taken + 3
        await asyncio.to_thread(until, lambda: landed == started, what="the end of what is in flight")
        seen = started.copy()
        await asyncio.sleep(0.3)
        assert started == seen
        rest = [chunk async for chunk in chunks]
    assert started["read"] > 6 + 3, rest  # there was more to read ahead


async def test_slices_of_a_slow_database_become_small(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    """However many rows a slice may have, it is not asked for what takes too long: clients must not wait in silence."""
    monkeypatch.setattr(slice_sizes, "_SECONDS_A_SLICE", 0.1)
    asked: list[int] = []
    read = rig.source.read

    async def slow(dataset: str, collection: str, condition: Any, shape: Any, **kwargs: Any) -> Any:
        if collection == "variants":
            ids = condition.get("biosample_id", {})
            many = len(ids["$in"]) if isinstance(ids, dict) and "$in" in ids else 1
            asked.append(many)
            await asyncio.sleep(0.02 * many)
        return await read(dataset, collection, condition, shape, **kwargs)

    plan = await rig.plan("/beacon/variants", output="pgxseg", allData="true")
    whole, _ = await rig.run(plan)
    monkeypatch.setattr(rig.source, "read", slow)
    again, _ = await rig.run(plan)
    assert again == whole
    assert max(asked) <= 5
    assert min(asked) < max(asked)


async def test_an_abandoned_pass_leaves_no_cursor_and_no_task(rig: Rig, mongo: Client):
    def cursors() -> int:
        return int(mongo.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"])

    before, tasks = cursors(), len(asyncio.all_tasks())
    for path, output in (("/beacon/variants", "pgxseg"), ("/beacon/biosamples", "jsonl")):
        plan = await rig.plan(path, filters="NCIT:C3262", output=output)
        for taken in range(4):
            async with aclosing(rig.pump(10, 4).chunks(plan, [])) as chunks:
                for _ in range(taken):
                    await anext(chunks, None)
    await asyncio.to_thread(until, lambda: cursors() == before, what="closing all cursors")
    assert len(asyncio.all_tasks()) == tasks


@pytest.mark.parametrize("change", ["insert", "delete", "delete and insert", "move"])
async def test_a_dataset_that_changes_under_a_pass(rig: Rig, mongo: Client, change: str):
    """What is added does not leak into a running pass; what is taken away ends it."""
    mongo.drop_database("moving")
    data = mongo["moving"]
    data.biosamples.create_index("id", unique=True)
    data.variants.create_index("biosample_id")
    data.variants.create_index("updated")
    data.biosamples.insert_many([{"id": f"s{n:03}"} for n in range(60)])
    variants = [{"biosample_id": f"s{n % 60:03}", "id": f"v{n}", "updated": "1"} for n in range(600)]
    data.variants.insert_many(variants)
    plan = await rig.plan("/beacon/variants", output="pgxseg", allData="true", datasetIds="moving")
    whole, _ = await rig.run(plan)
    async with aclosing(rig.pump(10, 1).chunks(plan, [])) as chunks:
        got = await anext(chunks)
        if change == "insert":
            data.variants.insert_many(
                [{"biosample_id": f"s{n:03}", "id": f"new{n}", "updated": "2"} for n in range(60)]
            )
            data.biosamples.insert_one({"id": "s999"})
            async for chunk in chunks:
                got += chunk
            assert got == whole
            return
        if change == "move":
            data.variants.update_many({"biosample_id": "s059"}, {"$set": {"biosample_id": "s000", "updated": "2"}})
        else:
            data.variants.delete_many({"biosample_id": "s059"})
        if change == "delete and insert":
            data.variants.insert_many([{"biosample_id": "s000"} for _ in range(10)])
        with pytest.raises(DatasetChanged):
            got += b"".join([chunk async for chunk in chunks])


async def test_versions_name_the_data(rig: Rig, mongo: Client):
    async def digest() -> str:
        return (await rig.plan("/beacon/variants", filters="x", output="pgxseg", datasetIds="moving")).digest

    mongo.drop_database("moving")
    mongo["moving"].variants.insert_many([{"biosample_id": "a"}])
    mongo["moving"].biosamples.insert_many([{"id": "a"}])
    first = await digest()
    assert first == await digest()
    mongo["moving"].variants.insert_one({"biosample_id": "a"})
    assert first != await digest()
