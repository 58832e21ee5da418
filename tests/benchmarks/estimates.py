"""How long the page's live line waits for its numbers on the demo: `/gateway/estimate` of selections, one by one.

    python -m tests.benchmarks.estimates [FOLDER]      (default: a new demo in a temporary folder)

Milliseconds.  `first`: nobody asked this before; `again`: the median of more.  `database`: what the same three numbers
take the embedded database by itself, asked as plainly as can be, in the same run.  Above the table: the very first
question after a start, and when the dataset has been read, from which on it is counted without the database.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlencode

from pymongo import MongoClient
from pymongo.database import Database

from gateway.demo.run import demo_store
from gateway.demo.store import Store
from gateway.rows import in_slices
from tests.benchmarks.clients import median, table
from tests.harness import Gateway, until

__all__ = ["run"]

_DEL: Final = {"$in": ["EFO:0020073", "EFO:0030067", "EFO:0030068", "EFO:0030069", "SO:0001743"]}
_DUP: Final = {"$in": ["EFO:0030070", "EFO:0030071", "EFO:0030072", "EFO:0030073", "SO:0001742"]}
_CHR9: Final = {"location.sequence_id": "refseq:NC_000009.12"}
_CDKN2A: Final = {**_CHR9, "location.start": {"$lt": 21995301}, "location.end": {"$gt": 21967751}}
_REGION: Final = {"referenceName": "9", "start": "21967751", "end": "21995301"}
_DELETED: Final = {**_REGION, "variantType": "DEL"}
# What is asked, and the condition that it puts on variants.
_SELECTIONS: Final[tuple[tuple[str, dict[str, str], dict[str, Any]], ...]] = (
    ("one diagnosis", {"filters": "NCIT:C3058"}, {}),
    ("with a gene", {"filters": "NCIT:C3058", **_REGION}, _CDKN2A),
    (
        "with gene and type",
        {"filters": "NCIT:C3058", **_REGION, "variantType": "DEL"},
        {**_CDKN2A, "variant_state.id": _DEL},
    ),
    ("another diagnosis", {"filters": "NCIT:C3059"}, {}),
    ("two of them", {"filters": "NCIT:C3058,NCIT:C3059", "filterLogic": "OR"}, {}),
    ("everything", {}, {}),
    ("all neoplasms", {"filters": "NCIT:C3262"}, {}),
    ("all neoplasms, deletions", {"filters": "NCIT:C3262", "variantType": "DEL"}, {"variant_state.id": _DEL}),
    ("a gene", _REGION, _CDKN2A),
    ("a chromosome", {"referenceName": "9"}, _CHR9),
    ("a type", {"variantType": "DUP"}, {"variant_state.id": _DUP}),
)
_AGAIN: Final = 5
_FEW: Final = 60
_IDS_A_COUNT: Final = 10  # each document is compared with all of them
_READ: Final = "counted without the database"


def bare(database: Database[dict[str, Any]], asked: dict[str, str], variants: dict[str, Any]) -> tuple[int, int, int]:
    """Samples, their variants, and those that match, as the database counts them."""
    codes = [code for code in asked.get("filters", "").split(",") if code]
    terms = database.collations.find({"id": {"$in": codes}}, {"child_terms": 1})
    chosen = {"histological_diagnosis.id": {"$in": [c for term in terms for c in term["child_terms"]]}} if codes else {}
    ids = {each["id"] for each in database.biosamples.find(chosen, {"id": 1, "_id": 0})}
    if variants:
        ids &= {each["biosample_id"] for each in database.variants.find(variants, {"biosample_id": 1, "_id": 0})}
    every = counted(database, sorted(ids), {})
    return len(ids), every, counted(database, sorted(ids), variants) if variants else every


def counted(database: Database[dict[str, Any]], ids: list[str], variants: dict[str, Any]) -> int:
    """The matching variants of some samples, by the quicker way: some samples at a time, or all there are at once."""
    if len(ids) > _FEW:
        groups = database.variants.aggregate(
            [{"$match": variants}, {"$group": {"_id": "$biosample_id", "n": {"$sum": 1}}}]
        )
        return sum(group["n"] for group in groups if group["_id"] in ids)
    return sum(
        database.variants.count_documents({"biosample_id": {"$in": list(some)}, **variants})
        for some in in_slices(ids, _IDS_A_COUNT)
    )


@contextmanager
def served(store: Store, dataset: str) -> Iterator[Gateway]:
    """A gateway that was just started."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with Gateway(store.uri, [dataset], log=log, fork=False, no_spool=True, version_ttl=5) as running:
            yield running


def timed(gateway: Gateway, asked: dict[str, str]) -> tuple[float, Any]:
    """Milliseconds, and the answer."""
    began = time.perf_counter()
    answer = gateway.ask(f"/gateway/estimate?{urlencode(asked)}")
    taken = (time.perf_counter() - began) * 1000
    assert answer.status == 200, answer.text
    return taken, answer.json


def run(folder: str = "") -> None:
    """Measure and print."""
    with ExitStack() as stack:
        path = Path(folder or stack.enter_context(TemporaryDirectory()))
        store, dataset = stack.enter_context(demo_store(folder=path))
        database = stack.enter_context(MongoClient[dict[str, Any]](store.uri))[dataset]
        lines = []
        with served(store, dataset) as gateway:
            name, asked, _ = _SELECTIONS[0]
            print(f"\nthe very first question after a start ({name}): {timed(gateway, asked)[0]:,.0f} ms")
        with served(store, dataset) as gateway:
            began = time.monotonic()
            until(lambda: _READ in gateway.log, seconds=120)
            print(f"the dataset has been read {time.monotonic() - began:.1f} s after a start")
            for name, asked, variants in _SELECTIONS:
                first, told = timed(gateway, asked)
                again = median(timed(gateway, asked)[0] for _ in range(_AGAIN))
                began = time.perf_counter()
                plain = bare(database, asked, variants)
                alone = (time.perf_counter() - began) * 1000
                found = tuple(told[each]["count"] for each in ("samples", "variants", "matchedVariants"))
                assert found == plain, (name, found, plain)
                numbers = " / ".join(f"{number:,}" for number in dict.fromkeys(found))
                lines.append((name, numbers, *(f"{each:,.0f}" for each in (first, again, alone))))
        heads = ("selection", "samples / variants / matched", "first", "again", "database")
        table("counts of the page on the demo, milliseconds", heads, lines)


if __name__ == "__main__":
    run(*sys.argv[1:])
