"""Pages of a dataset in which documents list biosamples: these have no row, and are counted nowhere."""

from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from gateway.flow.run import Slicing
from tests.flow.paging import PageRig


@pytest.mark.parametrize("lists", [[["s01", "s02"]], [["s02"], []]])
async def test_a_page_is_followed_by_nothing_but_documents_that_have_a_row(
    store: Store, mongo: MongoClient[dict[str, Any]], lists: list[list[str]]
):
    mongo.drop_database("moving")
    mongo["moving"].biosamples.insert_many([{"id": name} for name in ("s01", "s02")])
    owners: list[Any] = ["s01", "s01", *lists]
    mongo["moving"].variants.insert_many([{"id": f"v{n}", "biosample_id": owner} for n, owner in enumerate(owners)])
    mongo["moving"].variants.create_index("biosample_id")
    for rows in (1, 5_000):
        rig = PageRig(store.uri)
        rig.one._slicing = Slicing(rows=rows)
        try:
            page, tally = await rig.rows("moving", {"allData": "true"}, limit="2")
            assert (page, tally.total, tally.more) == (["v0", "v1"], 2, False)
            page, tally = await rig.rows("moving", {"allData": "true"}, limit="1")
            assert (page, tally.total, tally.more) == (["v0"], 2, True)
        finally:
            await rig.close()
    mongo.drop_database("moving")
