"""Maps that a database stores, in the places and shapes of both eras, against what is computed from the same samples.

And passes that are cut in many ways: their bytes are the same.
"""

import json
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from gateway.bins.maps import BinMap, bin_map
from gateway.config import Config, load
from gateway.db.catalog import Catalog
from gateway.db.driver import Connection
from gateway.db.source import Source
from gateway.download_types import Plan
from gateway.flow.pump import Pump
from gateway.flow.run import Slicing
from gateway.flow.scheduling import EncodeScheduler
from gateway.planning.plan import make_plan
from gateway.planning.route_table import ROUTES
from gateway.query.beacon_request import parse_request
from gateway.rights import View
from gateway.rows import Tally
from tests.profiles import fractions, frequencies, profiles

Client = MongoClient[dict[str, Any]]
Data = Database[dict[str, Any]]
CODE, OTHER = "NCIT:C3058", "NCIT:C4017"
NAMES = {"dup": "gain_frequency", "hldup": "gain_hlfrequency", "del": "loss_frequency", "hldel": "loss_hlfrequency"}
DATASETS = ("plain", "within", "apart", "old", "older")
MARK = 12.345
"""A frequency that no count gives: it can only come from a stored map."""


class Rig:
    """Plans and passes without a server."""

    def __init__(self, uri: str) -> None:
        self.config: Config = load({"mongo_uri": uri, "datasets": ",".join((*DATASETS, "demo"))}, {})
        self.source = Source(Connection(uri=uri, timeout=60, size=32))
        self.catalog = Catalog(self.source, ttl=60)
        self.executor = ThreadPoolExecutor(2)

    async def plan(self, path: str, **query: str) -> Plan:
        ask = parse_request(path, query.items(), routes=ROUTES)
        view = View.whole(self.config.datasets)
        return await make_plan(ask, "*/*", "http://gateway", config=self.config, catalog=self.catalog, view=view)

    async def run(self, plan: Plan, rows: int = 5000, flights: int = 4) -> bytes:
        tallies: list[Tally] = []
        slicing = Slicing(rows=rows, flights=flights)
        pump = Pump(self.source, self.catalog, self.executor, EncodeScheduler(2), slicing=slicing, retry_window=30)
        async with aclosing(pump.chunks(plan, tallies)) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def lines(self, path: str, dataset: str, **query: str) -> list[list[str]]:
        text = (await self.run(await self.plan(path, datasetIds=dataset, **query))).decode()
        return [line.split("\t") for line in text.split("\n")[:-1] if not line.startswith("#")]


@pytest.fixture
async def rig(store: Any, stored: None) -> AsyncIterator[Rig]:
    made = Rig(store.uri)
    yield made
    await made.source.close()
    made.executor.shutdown()


@pytest.fixture(scope="module")
def stored(mongo: Client, demo: str, flat: str) -> None:
    """The samples of two diagnoses, five times: without maps, and with maps in each place that there was."""
    few = [list(mongo[demo].biosamples.find({"histological_diagnosis.id": code}).limit(3)) for code in (CODE, OTHER)]
    samples = [sample for some in few for sample in some]
    chosen = {"biosample_id": {"$in": [sample["id"] for sample in samples]}}
    known: dict[int, Any] = {}
    for name in DATASETS:
        mongo.drop_database(name)  # where the module comes in two parts
        data, source = mongo[name], mongo[flat if name.startswith("old") else demo]
        analyses = "callsets" if name.startswith("old") else "analyses"
        for collection in ("biosamples", analyses, "variants", "collations"):
            condition = {"collations": {}, "biosamples": {"id": chosen["biosample_id"]}}.get(collection, chosen)
            data[collection].insert_many(list(source[collection].find(condition)))
            data[collection].create_index("biosample_id" if condition is chosen else "id")
        if name != "plain":
            bins = bin_map(old=name.startswith("old"))
            if len(bins) not in known:
                known[len(bins)] = profiles(data, bins)
            _store(name, data, known[len(bins)], bins)


def _store(name: str, data: Data, known: Any, bins: BinMap) -> None:
    analyses = data["callsets" if bins.old else "analyses"]
    size = {"interval_count": len(bins), "binning": "1Mb"}
    for (_, analysis), profile in known.items():
        maps: dict[str, Any] = {kind: fractions(profile, kind, bins) for kind in ("dup", "del", "hldup", "hldel")}
        if name == "older":  # until May 2021
            cells = zip(maps["dup"], maps["del"], strict=True)
            values = {"interval_values": [{"dupcoverage": gain, "delcoverage": loss} for gain, loss in cells]}
            analyses.update_one({"id": analysis}, {"$set": {"info.statusmaps": {**size, **values}}})
        elif name == "old":
            analyses.update_one({"id": analysis}, {"$set": {"info.statusmaps": {**size, **maps}}})
        elif name == "within":
            analyses.update_one({"id": analysis}, {"$set": {"cnv_statusmaps": {**size, **maps}}})
        else:
            biosample = analyses.find_one({"id": analysis})["biosample_id"]
            data["analyses_1Mb_maps"].create_index("biosample_id")
            document = {"analysis_id": analysis, "biosample_id": biosample, "cnv_statusmaps": {**size, **maps}}
            data["analyses_1Mb_maps"].insert_one(document)
    field = "biocharacteristics.id" if bins.old else "histological_diagnosis.id"
    for code in (CODE, OTHER):
        ids = {sample["id"] for sample in data.biosamples.find({field: code})}
        counted = [profile for (biosample, _), profile in known.items() if biosample in ids]
        told = frequencies(counted, bins)
        intervals = [
            {**each, **{NAMES[kind]: told[kind][at] for kind in NAMES}} for at, each in enumerate(bins.described())
        ]
        if code == OTHER:
            intervals[7]["gain_frequency"] = MARK
        count = {"sample_count" if bins.old else "frequencymap_samples": len(counted)}
        frequencymap = {**size, **count, "intervals": intervals}
        if name == "within":
            data.collations.update_one({"id": code}, {"$set": {"frequencymap": frequencymap}})
        else:
            place = data["collations_1Mb_frequencymaps" if name == "apart" else "frequencymaps"]
            place.create_index("id")
            place.insert_one({"id": code, "frequencymap": frequencymap})


@pytest.mark.parametrize("dataset", ["within", "apart", "old"])
@pytest.mark.parametrize("output", ["pgxfreq", "pgxmatrix", "json"])
async def test_stored_and_computed_frequencies_agree(rig: Rig, dataset: str, output: str):
    plan = await rig.plan("/services/intervalFrequencies", filters=CODE, datasetIds=dataset, output=output)
    assert plan.parts[-1].ids == (CODE,), "it is read, not computed"
    # Said twice is said by a query, not by a collation.
    query = {"filters": CODE, "biosampleIds": await _ids(rig, dataset)}
    computed = await rig.plan("/services/intervalFrequencies", datasetIds=dataset, output=output, **query)
    assert computed.parts[-1].ids is None
    one, other = await rig.run(plan), await rig.run(computed)
    if output == "json":
        one, other = (text.partition(b'"response":')[2] for text in (one, other))
    assert one == other
    assert len(one) > 50_000


async def _ids(rig: Rig, dataset: str) -> str:
    found = await rig.source.find_some(dataset, "biosamples", {}, {"id": 1}, 1000)
    return ",".join(document["id"] for document in found)


@pytest.mark.parametrize(("dataset", "bins"), [("within", 3106), ("apart", 3106), ("old", 3102), ("older", 3102)])
async def test_what_is_stored_is_told(rig: Rig, dataset: str, bins: int):
    head, *rows = await rig.lines("/services/intervalFrequencies", dataset, filters=f"{CODE},{OTHER}", output="pgxfreq")
    assert head[-1] == ("index" if bins == 3102 else "no")
    assert [row[0] for row in rows] == [CODE] * bins + [OTHER] * bins
    assert rows[bins + 7][4] == str(MARK)
    plot = await rig.run(await rig.plan("/services/collationplots", datasetIds=dataset, filters=f"{CODE},{OTHER}"))
    gains = re.findall('data-chromosome="1" data-gain="([^"]*)"', plot.decode())
    assert gains[1].split()[7] == str(MARK)
    computed = await rig.lines(
        "/beacon/biosamples", "plain", filters=f"{CODE},{OTHER}", filterLogic="OR", output="pgxfreq"
    )
    assert len(computed) == 3107


@pytest.mark.parametrize("dataset", ["within", "apart", "old", "older"])
async def test_stored_and_computed_status_agree(rig: Rig, mongo: Client, dataset: str):
    plan = await rig.plan("/services/samplematrix", filters=f"{CODE},{OTHER}", filterLogic="OR", datasetIds=dataset)
    collection = "analyses_1Mb_maps" if dataset == "apart" else plan.parts[-1].source
    assert collection in {beside.collection for beside in plan.parts[-1].beside}
    stored = await rig.run(plan)
    maps = mongo[dataset][collection]
    path = {"within": "cnv_statusmaps", "apart": "cnv_statusmaps"}.get(dataset, "info.statusmaps")
    kept = list(maps.find({path: {"$exists": True}}, {path: 1}))
    try:
        # One map is altered, and shown so; the others are spoilt one way or another, and computed.
        kind = "interval_values" if dataset == "older" else "dup"
        for number, document in enumerate(kept):
            broken = [{f"{path}.{kind}": "?"}, {f"{path}.{kind}": [1, 2]}, {path: None}][number % 3]
            maps.update_one({"_id": document["_id"]}, {"$set": broken})
        computed = await rig.run(plan)
    finally:
        for document in kept:
            value = document["info"]["statusmaps"] if path.startswith("info") else document[path]
            maps.update_one({"_id": document["_id"]}, {"$set": {path: value}})
    assert computed == stored
    assert stored.count(b"\n") > 8


async def test_an_altered_status_map_is_shown(rig: Rig, mongo: Client):
    document = mongo["within"].analyses.find_one({"cnv_statusmaps.dup": {"$exists": True}})
    mongo["within"].analyses.update_one({"_id": document["_id"]}, {"$set": {"cnv_statusmaps.dup.5": 0.777}})
    _, row = await rig.lines(f"/beacon/analyses/{document['id']}", "within", output="pgxmatrix")
    assert row[3 + 5] == "0.777"
    assert row[3 + 5] not in (await rig.lines(f"/beacon/analyses/{document['id']}", "plain", output="pgxmatrix"))[1]


async def test_spoilt_maps_say_what_they_know(rig: Rig, mongo: Client):
    """A frequency that is no number is `.` or null; a map that is no map is one without frequencies."""
    place, key = mongo["apart"]["collations_1Mb_frequencymaps"], {"id": CODE}
    kept = place.find_one(key)["frequencymap"]
    odd = [{}, "x", None, {"gain_frequency": "1"}, {"gain_frequency": float("nan"), "loss_frequency": 3}]
    try:
        for intervals in ([*odd, *kept["intervals"][5:]], odd, "?", [*kept["intervals"], {}]):
            place.update_one(key, {"$set": {"frequencymap.intervals": intervals}})
            _, *rows = await rig.lines("/services/intervalFrequencies", "apart", filters=CODE, output="pgxfreq")
            assert len(rows) == 3106
            plan = await rig.plan("/services/intervalFrequencies", datasetIds="apart", filters=CODE)
            (group,) = json.loads(await rig.run(plan))["response"]["results"]
            told = [each["gainFrequency"] for each in group["intervalFrequencies"]]
            assert [row[4] for row in rows] == ["." if value is None else str(value) for value in told]
            if intervals[0] == {}:
                assert [row[4:6] for row in rows[:5]] == [[".", "."]] * 4 + [[".", "3.0"]]
        place.update_one(key, {"$set": {"frequencymap.interval_count": "many"}})
        again = await rig.plan("/services/intervalFrequencies", filters=CODE, datasetIds="apart", output="pgxfreq")
        assert again.parts[-1].ids is None, "it is computed"
    finally:
        place.update_one(key, {"$set": {"frequencymap": kept}})


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("/services/samplematrix", "pgxmatrix"),
        ("/services/samplematrix", "values"),
        ("/services/intervalFrequencies", "pgxfreq"),
        ("/services/cnvstats", "cnvstats"),
    ],
)
async def test_bytes_do_not_depend_on_how_a_pass_is_cut(rig: Rig, path: str, output: str):
    filters = {"filters": "NCIT:C3058", "genomeBinning": "20Mb", "limit": "0"}
    plan = await rig.plan(path, **filters, output=output, datasetIds="demo")
    whole = await rig.run(plan)
    assert len(whole) > 3_000
    for rows, flights in ((7, 7), (60, 1), (333, 3)):  # biosamples walked in pages, one by one, in slices
        assert await rig.run(plan, rows, flights) == whole
