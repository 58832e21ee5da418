"""Several genes in one question: the variants of all of them, and how the database is asked for them."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from gateway.db import checked_ids, term_ids
from gateway.db.catalog import Catalog
from gateway.demo.store import Store
from tests.flow.paging import PageRig
from tests.topology import ReplicaSet, Standalone

GENES = {
    "ONE": ("7", 1_000, 2_000),
    "TWO": ("9", 5_000, 5_500),
    "NEAR": ("7", 1_500, 3_000),  # overlaps the first
}
SEQUENCES = {"7": "refseq:NC_000007.14", "9": "refseq:NC_000009.12", "8": "refseq:NC_000008.11"}
ASKED = ("ONE,TWO", "ONE,NEAR", "NEAR,ONE,TWO")
INDEXES = ("biosample_id", "location.sequence_id", "location.start", "variant_state.id")
FOCAL = ("location.sequence_id", "location.start", "location.end", "variant_state.id")


def documents() -> list[dict[str, Any]]:
    """Variants of 40 biosamples: those of a few are in all genes, some are in two at once, most are elsewhere."""
    places = {"7": (0, 1_200, 1_700, 1_999, 2_000, 9_000), "9": (4_000, 5_100, 5_500), "8": (1_200, 5_100)}
    cycle = itertools.cycle([(name, start) for name, starts in places.items() for start in starts])
    return [
        {
            "_id": ObjectId(f"{(n * 7919) % 10007:024x}"),
            "id": f"v{n:03}",
            "biosample_id": f"s{n * 13 % 40:02}",
            "location": {"sequence_id": SEQUENCES[name], "start": start, "end": start + 100 * (n % 4)},
            "variant_state": {"id": "EFO:0030067" if n % 5 else "EFO:0030070"},
        }
        for n, (name, start) in enumerate(itertools.islice(cycle, 300))
    ]


def fill(database: Any) -> None:
    database.client.drop_database(database.name)
    database.biosamples.insert_many([{"id": f"s{n:02}"} for n in range(40)])
    database.biosamples.create_index("id")
    database.variants.insert_many(documents())
    for name in INDEXES:
        database.variants.create_index(name)
    database.variants.create_index([(name, 1) for name in FOCAL])
    genes = [{"symbol": name, "reference_name": at, "start": s, "end": e} for name, (at, s, e) in GENES.items()]
    database.genes.insert_many(genes)


def expected(asked: str, state: str = "") -> list[str]:
    """The ids of the variants that overlap any of the genes, of the samples that have one in each, in their order."""

    def overlaps(variant: dict[str, Any], gene: str) -> bool:
        name, start, end = GENES[gene]
        place = variant["location"]
        here = place["sequence_id"] == SEQUENCES[name] and place["start"] < end and place["end"] > start
        return here and variant["variant_state"]["id"].startswith(state)

    variants = documents()
    owners = [{v["biosample_id"] for v in variants if overlaps(v, gene)} for gene in asked.split(",")]
    of_all = set.intersection(*owners)
    found = [v for v in variants if v["biosample_id"] in of_all and any(overlaps(v, g) for g in asked.split(","))]
    return [v["id"] for v in sorted(found, key=lambda v: (v["biosample_id"], v["_id"]))]


@pytest.fixture(scope="module")
def dataset(mongo: MongoClient[dict[str, Any]]) -> Iterator[str]:
    fill(mongo["pages"])
    yield "pages"
    mongo.drop_database("pages")


def rig_of(uri: str) -> PageRig:
    rig = PageRig(uri)
    rig.catalog = Catalog(rig.source, ttl=0, genes=[("pages", "genes"), ("demo", "genes")])
    return rig


def test_there_is_something_of_each_kind():
    """What is asked below finds some, not all, and variants that are in two genes at once."""
    sizes = {asked: len(expected(asked)) for asked in ASKED}
    assert all(0 < size < 150 for size in sizes.values()), sizes
    assert len(expected("ONE")) + len(expected("NEAR")) > len(set(expected("ONE")) | set(expected("NEAR")))


WAYS: dict[str, dict[tuple[Any, str], Any]] = {
    "as it is": {},
    "resolved": {(term_ids, "FEW"): 10**9},
    "walked": {(term_ids, "FEW"): 0, (checked_ids, "_PART"): 0, (checked_ids, "_PART_OF_PAGE"): 0},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_the_rows_are_those_of_any_gene_of_samples_that_have_all(
    store: Store, dataset: str, way: dict[tuple[Any, str], Any], monkeypatch: pytest.MonkeyPatch
):
    for (module, constant), value in way.items():
        monkeypatch.setattr(module, constant, value)
    for asked, hints in itertools.product(ASKED, (None, True)):
        rig = rig_of(store.uri)
        if hints:
            rig.source._hints = hints  # right here, too, only slow
        try:
            whole, _ = await rig.rows(dataset, {"geneId": asked}, limit="0")
            page, tally = await rig.rows(dataset, {"geneId": asked}, limit="3", skip="1")
            losses, _ = await rig.rows(dataset, {"geneId": asked, "variantType": "DEL"}, limit="0")
        finally:
            await rig.close()
        assert whole == expected(asked)
        assert (page, tally.total) == (whole[3:6], len(whole))
        assert losses == expected(asked, "EFO:0030067")


def reads(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in commands if each.get("find", each.get("aggregate")) == "variants"]


@pytest.mark.parametrize("version", ["5.0", "alone"])
async def test_an_index_that_is_named_serves_every_read(store: Store, version: str):
    with Standalone("5.0", store=store) if version == "alone" else ReplicaSet(version, store=store) as deployment:
        fill(deployment.client()["demo"])
        deployment.forget_commands()
        rig = rig_of(deployment.uri)
        try:
            whole, _ = await rig.rows("demo", {"geneId": "ONE,TWO"}, limit="4")
        finally:
            await rig.close()
        asked = reads(deployment.asked("find", "aggregate"))
    assert whole == expected("ONE,TWO")[:4]
    of_both = [each for each in asked if "$or" in str(each)]
    assert of_both
    for each in of_both:  # where few variants are in any of them
        assert each.get("hint") == "_".join(f"{name}_1" for name in FOCAL), each


async def test_without_hints_nothing_is_joined_where_an_index_is_looked_for(store: Store):
    with Standalone("5.0", store=store) as deployment:
        fill(deployment.client()["demo"])
        deployment.forget_commands()
        rig = rig_of(deployment.uri)
        rig.source._hints = False
        try:
            whole, _ = await rig.rows("demo", {"geneId": "ONE,TWO"}, limit="0")
        finally:
            await rig.close()
        asked = reads(deployment.asked("find", "aggregate"))
    assert whole == expected("ONE,TWO")
    assert any("$or" in str(each) for each in asked)
    for each in asked:
        first = each.get("filter") or next((s["$match"] for s in each.get("pipeline", []) if "$match" in s), {})
        assert not [name for name in first if name.startswith("$")], each
