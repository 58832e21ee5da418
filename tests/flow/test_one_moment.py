"""A download that ends normally holds what the database held at one moment, whatever was written meanwhile.

The same histories against what deployments can do: nothing (the embedded database as it is, a standalone), change
streams (a replica set of 4.4), snapshots (one of 5.0).  Where nothing but counting again tells, what is replaced under
its `_id` is seen by an index on `updated` alone.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pymongo import MongoClient

from gateway.db.reader import DatasetReader
from gateway.db.replies import Concern
from gateway.demo.store import Store
from gateway.errors import DatasetChanged
from gateway.flow.slice_sizes import SliceSizer
from gateway.rows import NotToBeKept
from tests.examples import examples
from tests.flow.test_pump import Rig
from tests.topology import ReplicaSet

Document = dict[str, Any]
DEPLOYMENTS: Final = ("standalone", "4.4", "5.0")
WAYS: Final = {"standalone": "recounted", "4.4": "watched", "5.0": "snapshot"}
# Histories of each deployment; many in a run of their own.
HISTORIES: Final = int(os.environ.get("GATEWAY_HISTORIES", "12"))
BIOSAMPLES: Final = [f"s{n}" for n in range(6)]
EACH: Final = 4


@dataclass
class World:
    """A dataset, what it holds, and what it held after each write."""

    client: MongoClient[Document]
    uri: str
    kind: str
    held: dict[Any, Document] = field(default_factory=dict)
    gone: dict[Any, Document] = field(default_factory=dict)
    states: list[list[str]] = field(default_factory=list)
    written: int = 0

    @property
    def variants(self) -> Any:
        return self.client["moving"].variants

    def begin(self, *, stated: bool = False) -> None:
        """The dataset as all histories begin."""
        database = self.client["moving"]
        for name in ("biosamples", "variants", "dataversion"):
            database[name].delete_many({})
        database.biosamples.insert_many([{"_id": n, "id": name} for n, name in enumerate(BIOSAMPLES)])
        self.held, self.gone, self.states = {}, {}, []
        for n, name in enumerate(BIOSAMPLES * EACH):
            self.held[10 * n] = {"_id": 10 * n, "biosample_id": name, "id": f"v{n}", "updated": n}
        self.variants.insert_many(list(self.held.values()))
        if stated:
            counts = {"variants": len(self.held), "biosamples": len(BIOSAMPLES)}
            database.dataversion.insert_one({"_id": "moving", "version": "1", "counts": counts})
        self.note()

    def note(self) -> None:
        order = sorted(self.held.values(), key=lambda one: (one["biosample_id"], one["_id"]))
        self.states.append([one["id"] for one in order])

    def write(self, what: str, where: int) -> None:
        """One write: of the biosample that a number means, of all of them where it means none."""
        names = BIOSAMPLES[where % (len(BIOSAMPLES) + 1) :][:1] or BIOSAMPLES
        self.written += 1
        if what == "insert":  # an `_id` larger than all, or between others
            key = 1_000_000 + self.written if where % 2 else 10 * (where % 24) + 1 + self.written % 9
            if key not in self.held:
                new = {"_id": key, "biosample_id": names[0], "id": f"w{self.written}", "updated": 1000 + self.written}
                self.variants.insert_one(new)
                self.held[key] = new
        elif what == "delete":
            going = {key: one for key, one in self.held.items() if one["biosample_id"] in names}
            self.variants.delete_many({"_id": {"$in": list(going)}})
            self.gone |= going
            self.held = {key: one for key, one in self.held.items() if key not in going}
        elif what == "put back":
            if self.gone:
                self.variants.insert_many(list(self.gone.values()))
            self.held |= self.gone
            self.gone = {}
        else:
            for key in [key for key, one in self.held.items() if one["biosample_id"] in names][:1]:
                new = self.held[key] | {"id": f"r{self.written}", "updated": 1000 + self.written}
                self.variants.replace_one({"_id": key}, new)
                self.held[key] = new
        self.note()


@pytest.fixture(scope="module")
def worlds(store: Store) -> Iterator[Callable[[str], World]]:
    made: dict[str, World] = {}
    sets: list[ReplicaSet] = []

    def world(kind: str) -> World:
        if kind not in made:
            if kind == "standalone":
                made[kind] = World(MongoClient(store.uri), store.uri, kind)
            else:
                sets.append(ReplicaSet(kind, members=1, store=store).start())
                made[kind] = World(sets[-1].client(), sets[-1].uri, kind)
            database = made[kind].client["moving"]
            database.drop_collection("variants")
            database.biosamples.create_index("id")
            database.variants.create_index("biosample_id")
            database.variants.create_index("updated")
        return made[kind]

    yield world
    for one in made.values():
        one.client.close()
    for one in sets:
        one.stop()


@pytest.fixture(params=DEPLOYMENTS)
async def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    return worlds(request.param)


@pytest.fixture
async def rig(world: World) -> AsyncIterator[Rig]:
    made = Rig(world.uri)
    yield made
    await made.source.close()
    made.executor.shutdown()


async def passed(
    rig: Rig, world: World, writes: dict[float, list[Callable[[], None]]], *, rows: int = 5, accessid: str = ""
) -> tuple[str, list[str]]:
    """A pass, with writes before its reads of these numbers: how it ended, and the variants that it delivered.

    A number and a half is behind that read: the next one may have begun before.
    """
    reads = 0
    at_moment = DatasetReader._at_moment

    async def watched(self: DatasetReader, read: Callable[[Concern], Awaitable[Any]]) -> Any:
        nonlocal reads
        reads += 1
        number = reads
        for write in writes.pop(number, ()):
            await asyncio.to_thread(write)
        found = await at_moment(self, read)
        for write in writes.pop(number + 0.5, ()):
            await asyncio.to_thread(write)
        return found

    asked = {"accessid": accessid} if accessid else {"allData": "true", "datasetIds": "moving"}
    plan = await rig.plan("/beacon/variants", output="jsonl", **asked)
    assert plan.parts[0].dataset_state.moment.by == WAYS[world.kind]
    whole = b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatasetReader, "_at_moment", watched)
        patch.setattr(SliceSizer, "took", lambda *_: None)  # a busy machine changes no number of reads
        try:
            async for chunk in rig.pump(rows, 2).chunks(plan, [], kept=True):
                whole += chunk
        except DatasetChanged:
            return "cut", []
        except NotToBeKept:
            return "not kept", [json.loads(line)["variantInternalId"] for line in whole.splitlines()]
    return "whole", [json.loads(line)["variantInternalId"] for line in whole.splitlines()]


@pytest.mark.parametrize("stated", [False, True])
async def test_what_is_deleted_and_put_back(rig: Rig, world: World, *, stated: bool):
    """Gone when the pass comes to it, back at its end: every number is as it was."""
    world.begin(stated=stated)
    writes = {3: [lambda: world.write("delete", 4)], 3.5: [lambda: world.write("put back", 0)]}
    outcome, rows = await passed(rig, world, writes)
    assert not writes
    assert (outcome, rows) == (("whole", world.states[0]) if world.kind == "5.0" else ("cut", []))
    assert await passed(rig, world, {}) == ("whole", world.states[-1])


@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("write", ["replace", "delete"])
async def test_what_is_changed_behind_the_pass(rig: Rig, world: World, write: str, *, stated: bool):
    world.begin(stated=stated)
    outcome, rows = await passed(rig, world, {4: [lambda: world.write(write, 0)]})
    assert (outcome, rows) == (("whole", world.states[0]) if world.kind == "5.0" else ("cut", []))


async def test_what_is_inserted_stays_out(rig: Rig, world: World):
    world.begin()
    assert await passed(rig, world, {3: [lambda: world.write("insert", 5)]}) == ("whole", world.states[0])
    assert await passed(rig, world, {}) == ("whole", world.states[-1])


async def test_biosamples_that_are_gone_for_a_moment(rig: Rig, world: World):
    """What is selected is checked as what is delivered is."""
    world.begin()
    biosamples = world.client["moving"].biosamples

    def delete() -> None:
        biosamples.delete_one({"id": "s3"})

    def put_back() -> None:
        biosamples.insert_one({"_id": 3, "id": "s3"})

    outcome, rows = await passed(rig, world, {1: [delete], 1.5: [put_back]})
    assert (outcome, rows) == (("whole", world.states[0]) if world.kind == "5.0" else ("cut", []))


# Of a biosample each, and what those are of which a history begins.
LISTED: Final = [f"v{n}" for n in range(0, 24, 2)]


def listed(rows: list[str]) -> list[str]:
    return [name for name in rows if name in LISTED]


@pytest.mark.parametrize("what", ["put back", "another _id", "another biosample", "nothing"])
async def test_what_a_handover_lists_is_of_one_moment_too(rig: Rig, world: World, what: str):
    """Gone, or of another biosample, between the look-up of the list and the slice that reads it."""
    world.begin()
    buffer = world.client["buffers"].querybuffer
    buffer.delete_many({})
    buffer.insert_one({"id": "a1", "ds_id": "moving", "collection": "variants", "target_values": LISTED})
    going = world.variants.find_one({"id": "v6"})  # of the first slice

    def change() -> None:
        world.variants.delete_one({"id": "v6"})
        if what == "another biosample":
            world.variants.insert_one(going | {"biosample_id": "s5"})

    def put_back() -> None:
        if what in {"put back", "another _id"}:
            world.variants.insert_one(going | ({"_id": 61} if what == "another _id" else {}))

    writes: dict[float, list[Callable[[], None]]] = {} if what == "nothing" else {1.5: [change], 2.5: [put_back]}
    outcome, rows = await passed(rig, world, writes, accessid="a1")
    assert not writes
    if world.kind == "5.0" or what == "nothing":
        assert (outcome, rows) == ("whole", listed(world.states[0]))
    else:
        assert outcome == "cut"


@pytest.mark.parametrize("kind", ["4.4", "5.0"])
async def test_what_was_dropped_just_before_a_pass_is_no_change(worlds: Callable[[str], World], kind: str):
    """A stream of changes begins with what was written at its very time, so with what the pass read."""
    world = worlds(kind)
    world.begin()
    world.client["moving"].create_collection("aside")
    world.client["moving"].drop_collection("aside")
    rig = Rig(world.uri)
    assert await passed(rig, world, {}) == ("whole", world.states[0])
    await rig.source.close()
    rig.executor.shutdown()


steps = st.tuples(st.sampled_from(["insert", "delete", "put back", "replace"]), st.integers(0, 23), st.integers(1, 14))


@pytest.mark.parametrize("kind", DEPLOYMENTS)
@examples(HISTORIES, suppress_health_check=list(HealthCheck))
@given(history=st.lists(steps, min_size=1, max_size=5), stated=st.booleans(), rows=st.sampled_from([1, 5]))
def test_histories(
    worlds: Callable[[str], World], kind: str, history: list[tuple[str, int, int]], rows: int, *, stated: bool
):
    """Whatever is written at whatever time: what ends normally is what was there at one moment."""
    world = worlds(kind)
    world.begin(stated=stated)
    writes: dict[float, list[Callable[[], None]]] = {}
    for what, where, read in history:
        writes.setdefault(read, []).append(lambda what=what, where=where: world.write(what, where))

    async def run() -> tuple[str, list[str]]:
        rig = Rig(world.uri)
        try:
            return await passed(rig, world, writes, rows=rows)
        finally:
            await rig.source.close()
            rig.executor.shutdown()

    outcome, delivered = asyncio.run(run())
    assert outcome == "cut" or delivered in world.states, (outcome, delivered)
    assert outcome != "not kept"
