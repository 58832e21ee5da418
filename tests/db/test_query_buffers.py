"""Query buffers: records as they are now, whoever is asked; what is made of one is made once for each content."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.db import handovers, members
from gateway.db.driver import Connection
from gateway.db.handovers import QueryBuffers
from gateway.db.source import Source
from gateway.demo.store import Store
from gateway.errors import DatabaseRefused
from gateway.handovers import Handover, Listed
from tests.topology import ReplicaSet

PLACES = [("none", "querybuffer"), ("buffers", "querybuffer")]
FIELDS = ("ds_id", "target_values")


@pytest.fixture
def rs(store: Store) -> Any:
    with ReplicaSet("5.0", members=3, store=store) as running:
        running.client(w="majority")["buffers"].querybuffer.create_index("id")
        yield running


@pytest.fixture
async def source(rs: ReplicaSet) -> AsyncIterator[Source]:
    made = Source(Connection(uri=f"{rs.uri}&readPreference=secondary&localThresholdMS=1000", timeout=60, size=8))
    yield made
    await made.close()


async def test_what_was_stored_a_moment_ago_is_found(rs: ReplicaSet, source: Source, monkeypatch: pytest.MonkeyPatch):
    """By whichever member answers: one of them lags."""
    monkeypatch.setattr(members, "_WAIT", 0.1)
    buffers = QueryBuffers(source, PLACES)
    rs.members[2].stop_applying()
    collection = rs.client(w="majority")["buffers"].querybuffer
    for name in ("a", "b", "c", "d"):
        collection.insert_one({"id": name, "ds_id": "demo", "target_values": [name], "secret": 1})
        assert await buffers.record(name, FIELDS) == {"ds_id": "demo", "target_values": [name]}
    assert await buffers.record("e", FIELDS) is None
    assert await QueryBuffers(source, []).record("a", FIELDS) is None


async def test_what_may_not_be_read_is_an_error(rs: ReplicaSet, source: Source):
    for member in rs.members:
        member.fail("find", 13)
    with pytest.raises(DatabaseRefused):
        await QueryBuffers(source, PLACES).record("a", FIELDS)


async def test_a_list_is_taken_apart_once(rs: ReplicaSet, source: Source, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handovers, "_REMEMBERED", 5)
    monkeypatch.setattr(handovers, "_OF_EACH", 0)
    buffers, made = QueryBuffers(source, PLACES), []
    collection = rs.client(w="majority")["buffers"].querybuffer

    def make(record: dict[str, Any]) -> Handover:
        made.append(record["target_values"])
        values = tuple(record["target_values"])
        return Handover(
            dataset="demo",
            collection="variants",
            listed=Listed(collection="variants", key="id", name=str(len(made)), values=values),
        )

    async def asked(name: str, of: int = 0) -> Handover | None:
        return await buffers.handover(name, FIELDS, make, of=of)

    assert await asked("a") is None
    collection.insert_one({"id": "a", "target_values": ["x", "y"]})
    first = await asked("a")
    assert await asked("a") is first
    assert await asked("a", of=1) is not first  # another page of it
    collection.update_one({"id": "a"}, {"$set": {"target_values": ["x", "z"]}})
    assert await asked("a") != first
    assert made == [["x", "y"], ["x", "y"], ["x", "z"]]
    collection.update_one({"id": "a"}, {"$set": {"target_values": list("abcdef")}})
    for _ in range(2):  # too long to be remembered
        assert await asked("a") is not None
    assert len(made) == 5


async def test_pages_behind_the_end_of_a_list_are_not_remembered_for_ever(
    rs: ReplicaSet, source: Source, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(handovers, "_REMEMBERED", 3 * handovers._OF_EACH)
    buffers, made = QueryBuffers(source, PLACES), 0
    rs.client(w="majority")["buffers"].querybuffer.insert_one({"id": "p", "target_values": ["x"]})

    def make(_: dict[str, Any]) -> Handover:
        nonlocal made
        made += 1
        return Handover(
            dataset="demo",
            collection="variants",
            listed=Listed(collection="variants", key="id", name="", values=()),
        )

    for page in (*range(5), 4, 0):
        await buffers.handover("p", FIELDS, make, of=page)
    assert made == 6
