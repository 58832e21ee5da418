"""Downloads of odd shapes: 100,000 biosamples without variants, and one biosample with very many.

    python -m tests.benchmarks.extremes [BIOSAMPLES [VARIANTS]]        (default: 100000 200000)

Each is served by a fresh gateway with default settings, from the embedded database, which reads all that a query
matches before it answers: the times are its own (it sorts the large biosample anew for each page), the peak of memory
is the gateway's.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from gateway import codec
from gateway.demo.store import Store
from tests.benchmarks.flat_memory import batches, peak
from tests.harness import Gateway, until

PATH = "/beacon/variants?output=pgxseg&allData=true&datasetIds="


def many_biosamples(client: MongoClient[dict[str, Any]], number: int) -> str:
    data = client["many"]
    data.biosamples.create_index("id", unique=True)
    terms = {"histological_diagnosis": {"id": "NCIT:C3058", "label": "Glioblastoma"}, "notes": "Primary Tumor " * 10}
    for first in range(0, number, 10_000):
        some = range(first, min(first + 10_000, number))
        data.biosamples.insert_many([{"id": f"pgxbs-{n:08d}", **terms} for n in some])
    data.variants.create_index("biosample_id")
    data.variants.insert_one({"biosample_id": f"pgxbs-{number - 1:08d}"})
    return "many"


def one_giant(client: MongoClient[dict[str, Any]], number: int) -> str:
    data = client["giant"]
    data.biosamples.create_index("id", unique=True)
    data.biosamples.insert_one({"id": "giant"})
    for batch in batches(number):
        data.variants.insert_many([{**document, "biosample_id": "giant"} for document in batch], ordered=False)
    data.variants.create_index("biosample_id")
    return "giant"


def measure(store: Store, name: str, folder: Path, lines: int) -> str:
    with Gateway(store.uri, [name], log=folder / name, version_ttl=3600) as gateway:
        began, got, tail, first = time.perf_counter(), 0, b"", 0.0
        with gateway.open(PATH + name, buffer=1 << 20) as client:
            client.settimeout(600)
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                piece = client.recv(1 << 20)
                assert piece, "the download was cut"
                first = first or time.perf_counter() - began
                got, tail = got + len(piece), (tail + piece)[-16:]
        seconds = time.perf_counter() - began
        until(lambda: f"rows={lines} " in gateway.log, what="the line of the download")
        times = f"first byte {first:>6.2f} s  all {seconds:>7.1f} s"
        return f"{name:>6}  {got / 1e6:>7.1f} MB  {times}  peak RSS {peak(gateway):>4.0f} MB"


def main() -> None:
    given = [int(word) for word in sys.argv[1:3]]
    biosamples, variants = [*given, *(100_000, 200_000)[len(given) :]]
    print(f"engine: {codec.IMPLEMENTATION}; {biosamples:,} biosamples with one variant in all; one with {variants:,}")
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(Path(folder) / "store") as store,
        MongoClient[dict[str, Any]](store.uri) as client,
    ):
        many_biosamples(client, biosamples)
        print(measure(store, "many", Path(folder), 1), flush=True)
        one_giant(client, variants)
        print(measure(store, "giant", Path(folder), variants), flush=True)


if __name__ == "__main__":
    main()
