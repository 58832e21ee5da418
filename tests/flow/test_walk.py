"""A biosample walked by `_id`, on servers that hand out the same documents again and again: an error, no loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bson
import pytest

from gateway import codec
from gateway.dataset_state import DatasetState
from gateway.db.replies import Page
from gateway.db.retry import RetryPolicy
from gateway.download_types import Condition, Part, Selection
from gateway.errors import BadDocument
from gateway.flow.read_limit import ReadLimit
from gateway.flow.scheduling import EncodeScheduler
from gateway.flow.slice_sizes import PartReading, SliceSizer
from gateway.flow.slices import Slices
from gateway.metrics import Spent
from gateway.rows import Rows
from tests.benchmarks.cohort import array

IDS = [bson.ObjectId(f"{number:024x}") for number in range(10)]


class Server:
    """Ids of one biosample in pages; `heeds` are the operators on `_id` that it honours."""

    def __init__(self, *heeds: str) -> None:
        self.heeds = heeds
        self.asked = 0

    async def page(self, _: str, condition: Condition, *, limit: int, **_others: Any) -> Page:
        await asyncio.sleep(0)
        self.asked += 1
        assert self.asked < 50, "it goes on for ever"
        found = list(IDS)
        for name, value in condition.get("_id", {}).items():
            if name in self.heeds:
                found = [key for key in found if key > value] if name == "$gt" else []
        documents = [bson.encode({"_id": key, "biosample_id": "b"}) for key in found[:limit]]
        return Page([array(documents)] if documents else [], len(found) < limit, len(documents), 0)


def part() -> Part:
    def encode(arrays: Any, *, start: int = 0, stop: int | None = None) -> Rows:
        raise NotImplementedError

    state, selection = DatasetState(dataset="d", version="v"), Selection(dataset="d")
    return Part(dataset_state=state, selection=selection, collection="variants", projection={}, encode=encode)


async def walked(server: Server) -> list[Any]:
    executor = ThreadPoolExecutor(1)
    reading = PartReading(part(), SliceSizer(1, fixed=True))
    slices = Slices(
        lambda _: server,
        executor,
        EncodeScheduler(1),
        RetryPolicy(1),
        Spent(),
        limit=ReadLimit(1, 1),
        listed=lambda _: None,
    )
    first = await server.page("variants", {}, limit=4)
    found = []
    async for arrays in slices.arrays(reading, ["b"], first):
        found += [document["_id"] for document in codec.decode(arrays)]
    executor.shutdown()
    return found


async def test_a_server_that_heeds_the_bounds_is_walked_to_the_end():
    assert await walked(Server("$gt", "$type")) == IDS


@pytest.mark.parametrize("heeds", [(), ("$gt",), ("$type",)])
async def test_a_server_that_does_not_is_an_error(heeds: tuple[str, ...]):
    with pytest.raises(BadDocument, match="again"):
        await walked(Server(*heeds))
