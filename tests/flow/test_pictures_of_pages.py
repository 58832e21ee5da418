"""What is kept, pictures of pages too: all that there is of a moment, whatever pages found out before."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.db import sample_ids
from gateway.demo.store import Store
from tests.flow.paging import PageRig

Client = MongoClient[dict[str, Any]]
SAMPLES = [f"s{n:02}" for n in range(12)]
SELECTED = {"filters": "NCIT:C3058"}


@pytest.fixture
async def rig(store: Store, mongo: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PageRig]:
    """One that knows a few biosamples of a dataset at once, and looks for the others when they are needed."""
    monkeypatch.setattr(sample_ids, "_FIRST", 3)
    monkeypatch.setattr(sample_ids, "_LOOK", 2)
    mongo.drop_database("moving")
    database = mongo["moving"]
    database.biosamples.create_index("id")
    database.biosamples.insert_many([{"id": name, "histological_diagnosis": {"id": "NCIT:C3058"}} for name in SAMPLES])
    database.analyses.insert_many([{"id": f"a-{name}", "biosample_id": name} for name in SAMPLES])
    place = {"chromosome": "9", "start": 10_000_000, "end": 20_000_000}
    state = {"id": "EFO:0030067"}
    each = [{"biosample_id": s, "analysis_id": f"a-{s}", "location": place, "variant_state": state} for s in SAMPLES]
    database.variants.insert_many(each)
    made = PageRig(store.uri)
    made.catalog._ttl = 60
    yield made
    await made.close()
    mongo.drop_database("moving")


async def drawn(rig: PageRig, **page: str) -> list[str]:
    how = {"datasetIds": "moving", "plotType": "samplesplot", "plotClusterResults": "no"}
    plan = await rig.plan("/services/sampleplots", **SELECTED, **how, **page)
    async with aclosing(rig.one.chunks(plan, [], kept=True)) as chunks:
        picture = b"".join([chunk async for chunk in chunks]).decode()
    return re.findall(r'data-sample="([^"]*)"', picture)


async def test_a_longer_page_has_all_its_samples_after_a_shorter_one(rig: PageRig):
    assert await drawn(rig, limit="1") == SAMPLES[:1]
    assert await drawn(rig, limit="8") == SAMPLES[:8]
    assert await drawn(rig, limit="4", skip="1") == SAMPLES[4:8]
    assert await drawn(rig) == SAMPLES


async def test_what_is_kept_is_read_anew(rig: PageRig, mongo: Client):
    """A page was asked of a state that was believed, while a biosample was away: nobody saw that."""
    biosamples = mongo["moving"].biosamples
    await rig.catalog.read_state("moving")
    away = biosamples.find_one_and_delete({"id": SAMPLES[5]})
    _, tally = await rig.rows("moving", SELECTED, requestedGranularity="count")
    assert tally.total == len(SAMPLES) - 1
    biosamples.insert_one(away or {})
    await rig.catalog.read_state("moving")
    assert await drawn(rig) == SAMPLES
    assert await whole(rig) == (len(SAMPLES), len(SAMPLES))


async def whole(rig: PageRig) -> tuple[int, int]:
    """The number that a whole file tells, and the rows that it has."""
    plan = await rig.plan("/beacon/g_variants", datasetIds="moving", output="json", limit="0", **SELECTED)
    async with aclosing(rig.one.chunks(plan, [], kept=True)) as chunks:
        told = json.loads(b"".join([chunk async for chunk in chunks]))
    return told["responseSummary"]["numTotalResults"], sum(len(s["results"]) for s in told["response"]["resultSets"])


async def test_a_whole_matrix_waits_for_its_count(rig: PageRig):
    """Who waits for a page is told a lower bound: a file that is kept says how many analyses there are."""
    await rig.one.totals.close()
    rig.one = rig._pump(budget=0)
    plan = await rig.plan("/services/samplematrix", datasetIds="moving", **SELECTED)
    async with aclosing(rig.one.chunks(plan, [], kept=True)) as chunks:
        matrix = b"".join([chunk async for chunk in chunks]).decode()
    assert f"analysisCount={len(SAMPLES)}\n" in matrix
    assert len([line for line in matrix.splitlines() if line.startswith("a-")]) == len(SAMPLES)
