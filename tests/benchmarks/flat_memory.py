"""First byte and peak memory of the serving process against the size of a download: both should be flat.

    python -m tests.benchmarks.flat_memory [VARIANTS ...]        (default: 10000 100000 1000000)

Each size is a dataset of its own in the embedded database, 250 variants a biosample, served by a fresh gateway process
with its default settings, with the Python or the compiled engine, whichever is installed.  Beside the figures stand,
from the same run: the time in which the database itself answers the first read of a download, and the rate at which
one thread reads the same slices and throws the replies away.  Both are what this database allows, not MongoDB.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from gateway import codec
from gateway.demo.store import Store
from gateway.formats.pgxseg import COLUMNS
from tests.harness import Gateway

A_BIOSAMPLE = 250
SLICE = 20  # biosamples: 5,000 variants, as the gateway aims at
PATH = "/beacon/variants?filters=NCIT:C3058&output=pgxseg&datasetIds="


def batches(size: int) -> Iterator[list[dict[str, Any]]]:
    state = {"id": "EFO:0030067", "label": "loss"}
    for first in range(0, size, 10_000):
        yield [
            {
                "_id": ObjectId(f"{number:024x}"),
                "id": f"pgxvar-{number:024x}",
                "biosample_id": f"pgxbs-{number // A_BIOSAMPLE:08d}",
                "location": {"chromosome": "9", "start": 21_500_001 + number, "end": 21_967_753 + number},
                "variant_state": state,
                "info": {"cnv_value": -0.0001 * (number % 9973)},
            }
            for number in range(first, min(first + 10_000, size))
        ]


def load(client: MongoClient[dict[str, Any]], name: str, size: int) -> None:
    data = client[name]
    data.biosamples.create_index("id", unique=True)
    diagnosis = {"id": "NCIT:C3058", "label": "Glioblastoma"}
    ids = range(-(-size // A_BIOSAMPLE))
    data.biosamples.insert_many([{"id": f"pgxbs-{n:08d}", "histological_diagnosis": diagnosis} for n in ids])
    for batch in batches(size):
        data.variants.insert_many(batch, ordered=False)
    data.variants.create_index("biosample_id")
    # What an import would state: the version of a dataset is then known without a scan.
    counts = {"biosamples": len(ids), "variants": size}
    data.dataversion.insert_one({"_id": name, "version": "1", "counts": counts, "last": {}})


def drain(client: MongoClient[dict[str, Any]], name: str, size: int) -> float:
    """Rows a second of the same slices, replies thrown away; over at most 100,000 rows."""
    wanted = dict.fromkeys(sorted({cell.path.split(".")[0] for column in COLUMNS for cell in column.cells}), 1)
    raw: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
    began, rows = time.perf_counter(), 0
    for first in range(0, min(size, 100_000) // A_BIOSAMPLE, SLICE):
        ids = [f"pgxbs-{n:08d}" for n in range(first, first + SLICE)]
        command = {"find": "variants", "filter": {"biosample_id": {"$in": ids}}, "projection": wanted}
        reply = client[name].command({**command, "limit": 20_000, "batchSize": 20_000}, codec_options=raw)
        rows += codec.count(codec.split_reply(bytes(reply.raw))[1])
    return rows / (time.perf_counter() - began)


def first_read(client: MongoClient[dict[str, Any]], name: str) -> float:
    """Seconds in which the database answers what the first chunk needs: the counts, and the first biosamples."""
    began = time.perf_counter()
    for collection in ("biosamples", "variants"):
        client[name].command("count", collection)
    condition = {"histological_diagnosis.id": "NCIT:C3058"}
    list(client[name].biosamples.find(condition, {"id": 1}).sort("id", 1).limit(200))
    return time.perf_counter() - began


def first_byte(gateway: Gateway, path: str) -> float:
    began = time.perf_counter()
    with gateway.open(path) as client:
        while b"\r\n\r\n#meta" not in (got := client.recv(4096)) and b"#meta" not in got:
            pass
        return time.perf_counter() - began


def peak(gateway: Gateway) -> float:
    """The largest resident memory that the process ever had, MB."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def measure(store: Store, size: int, folder: Path) -> Iterable[str]:
    name = f"b{size}"
    with MongoClient[dict[str, Any]](store.uri) as client:
        load(client, name, size)
        bare, first = drain(client, name, size), first_read(client, name)
    with Gateway(store.uri, [name], log=folder / name, version_ttl=3600) as gateway:
        first_byte(gateway, PATH + name)
        firsts = [first_byte(gateway, PATH + name) for _ in range(5)]
        began, got = time.perf_counter(), 0
        with gateway.open(PATH + name, buffer=1 << 20) as client:
            tail = b""
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                piece = client.recv(1 << 20)
                assert piece, "the download was cut"
                got, tail = got + len(piece), (tail + piece)[-16:]
        seconds = time.perf_counter() - began
        median = statistics.median(firsts)
        return (
            f"{size:>9,}",
            f"{1000 * median:>8.0f} ms",
            f"{1000 * first:>8.0f} ms",
            f"{got / 1e6:>7.1f}",
            f"{size / seconds:>9,.0f}",
            f"{bare:>9,.0f}",
            f"{peak(gateway):>7.0f} MB",
        )


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    print(f"engine: {codec.IMPLEMENTATION}; embedded database; medians of 5 first bytes, data version known")
    print(" variants  first byte  database      MB    rows/s  bare drain  peak RSS")
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        for size in sizes:
            print("  ".join(measure(store, size, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
