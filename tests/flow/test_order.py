"""Rows in the order of the data alone: however slices are cut, and whatever the types of ids, they come as one file."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from pymongo import MongoClient

from gateway import codec
from gateway.demo.store import Store
from tests.harness import Gateway

Document = dict[str, Any]

MANY = "b-3"  # has more variants than a slice of the small gateway may bring: they are read by `_id`, in pages
IN_ORDER: list[Any] = [
    *(MinKey(), None, math.nan, -math.inf, Int64(-(2**40)), -1.5, 0, Decimal128("0.1"), 0.5),
    *(float(2**53), 2**53 + 1, Int64(2**62), Decimal128("1E+6000"), math.inf),
    *("", "\0a", "1", "10", "2", "é", "漢", "🧬"),
    *({}, {"a": 1}, {"a": 1, "b": 0}, {"a": 2}, {"a": 10}, {"b": 0}, {"a": "1"}, {"a": {"a": 9}}, {"a": [1]}),
    *(Binary(b"zz"), Binary(b"aaa"), Binary(b"aab"), Binary(b"aaaa", 5), Binary(bytes(16), 4)),
    *(ObjectId(f"{number:024x}") for number in (1, 2, 255, 256, *range(1000, 1040))),
    *(False, True, datetime(1, 1, 1, tzinfo=UTC), datetime(10, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
    *(Timestamp(5, 60), Timestamp(10, 1), Code("x"), Code("y"), MaxKey()),
]
"""Ids of every type that MongoDB allows, as it orders them."""
LISTS: list[list[Any]] = [["b-1"], ["b-5", "b-0"], ["b-2", 1], ["x", ["b-1"], "b-4"]]
PATHS = (
    "/beacon/g_variants?output=pgxseg",
    "/beacon/biosamples?output=pgxseg",
    "/beacon/g_variants?output=jsonl",
    "/beacon/biosamples?output=jsonl",
    "/services/sampletable?",
    "/services/samplematrix?",
)


def variant(key: Any, biosample: Any, number: int) -> Document:
    place = {"chromosome": "9", "start": number, "end": number + 1000}
    state = {"id": "EFO:0030067", "label": "loss"}
    return {"_id": key, "biosample_id": biosample, "location": place, "variant_state": state}


def starts(lines: list[str], biosample: str) -> list[int]:
    """The numbers of a biosample's variants in a pgxseg file, by their starts."""
    cells = (line.split("\t") for line in lines if not line.startswith("#"))
    return [int(row[2]) for row in cells if row[0] == biosample]


@pytest.fixture(scope="module")
def gateways(
    store: Store, mongo: MongoClient[Document], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Gateway]]:
    """One that reads slices as large as it can, and one that reads small ones, over the same documents."""
    mongo.drop_database("ordered")
    database, chance = mongo["ordered"], random.Random(1)
    keys = [key for key in IN_ORDER if not isinstance(key, ObjectId)]
    variants = [variant(key, MANY, number) for number, key in enumerate(IN_ORDER)]
    variants += [variant(f"v-{n:02}", f"b-{n % 6}", n) for n in range(48) if n % 6 != 3]
    variants += [variant(f"l-{number}", names, 500 + number) for number, names in enumerate(LISTS)]
    samples = [{"_id": key, "id": f"b-{number % 6}", "notes": str(number)} for number, key in enumerate(keys)]
    samples += [{"id": value} for value in (1, None, ["b-1"], Binary(b"b-1"), {"id": "b-1"})]
    for name, documents, field in (("variants", variants, "biosample_id"), ("biosamples", samples, "id")):
        database[name].create_index(field)
        database[name].insert_many(chance.sample(documents, len(documents)))
    log = tmp_path_factory.mktemp("ordered")
    with (
        Gateway(store.uri, ["ordered"], log=log / "large", no_spool=True) as large,
        Gateway(store.uri, ["ordered"], log=log / "small", no_spool=True, slice_rows=10) as small,
    ):
        yield large, small


def test_ids_are_ordered_as_the_database_orders_them(mongo: MongoClient[Document], gateways: tuple[Gateway, Gateway]):
    found = list(mongo["ordered"].variants.find({"biosample_id": MANY}).sort("_id", 1))
    assert [document["location"]["start"] for document in found] == list(range(len(IN_ORDER)))
    documents = random.Random(2).sample(found, len(found))
    codec.sort(documents, "biosample_id")
    assert documents == found
    for before, after in pairwise(IN_ORDER):
        assert (codec.is_same(before, before), codec.is_same(before, after)) == (True, False)
    del gateways


@pytest.mark.parametrize("path", PATHS)
def test_bytes_do_not_depend_on_slices(gateways: tuple[Gateway, Gateway], path: str):
    large, small = (each.ask(f"{path}&allData=true") for each in gateways)
    assert large.status == small.status == 200, large.text
    assert (large.whole, large.body) == (small.whole, small.body) == (True, small.body)


def test_rows_are_in_the_order_of_ids_and_those_of_lists_are_nobodys(gateways: tuple[Gateway, Gateway]):
    for gateway in gateways:
        lines = gateway.ask(f"{PATHS[0]}&allData=true").text.splitlines()
        assert starts(lines, MANY) == list(range(len(IN_ORDER)))
        assert starts(lines, "b-1") == [1, 7, 13, 19, 25, 31, 37, 43]
        assert not [line for line in lines if "b-5', " in line]


@pytest.mark.parametrize("entity", ["g_variants", "biosamples"])
def test_pages_are_those_of_the_file_whatever_was_asked_before(gateways: tuple[Gateway, Gateway], entity: str):
    path = f"/beacon/{entity}?allData=true"
    for number, gateway in enumerate(gateways):
        whole = gateway.ask(f"{path}&output=jsonl").text.splitlines()
        numbers = range(len(whole) // 25 + 1)
        for skip in reversed(numbers) if number else numbers:  # what is known of earlier pages helps, or is not known
            answer = gateway.ask(f"{path}&limit=25&skip={skip}&output=jsonl")
            assert answer.text.splitlines() == whole[skip * 25 :][:25]
        told = gateway.ask(f"{path}&limit=7").json["responseSummary"]
        assert told["numTotalResults"] == len(whole)
