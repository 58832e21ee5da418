"""Parquet in place: bytes over the wire for the segments of one gene, of a whole cohort's, by reader and order of rows.

    python -m tests.benchmarks.columnar [VARIANTS]        (default: 1000000)

Files are at their immutable addresses, and read through a proxy that counts what the gateway answers, with headers and
what a reader asks for and then leaves.  The columns are five of ten, the condition that of an overlap.  Beside it:
seconds to make each file, its size, and the peak memory of the serving process until it was whole.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

import duckdb
import fsspec
import polars as pl
from pyarrow import dataset, parquet

from tests.benchmarks.clients import peak, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay
from tests.cutter import Cutter
from tests.harness import until

__all__ = ["GENE", "READERS", "run"]

GENE: Final = ("9", 21_967_752, 21_995_301)
"""CDKN2A: chromosome, start and end, 0-based."""
_COLUMNS: Final = ("biosample_id", "start", "end", "log2", "variant_type")
_SAMPLE: Final = 200


def _polars(url: str) -> int:
    name, start, end = GENE
    here = (pl.col("reference_name") == name) & (pl.col("start") < end) & (pl.col("end") > start)
    return pl.scan_parquet(url).filter(here).select(_COLUMNS).collect().height


def _here() -> Any:
    name, start, end = GENE
    return (dataset.field("reference_name") == name) & (dataset.field("start") < end) & (dataset.field("end") > start)


def _pyarrow(url: str) -> int:
    files = fsspec.filesystem("http", skip_instance_cache=True)
    with files.open(url, cache_type="none") as file:
        return int(parquet.read_table(file, columns=list(_COLUMNS), filters=_here()).num_rows)


def _dataset(url: str) -> Any:
    return dataset.dataset(url, filesystem=fsspec.filesystem("http", cache_type="none", skip_instance_cache=True))


def _pyarrow_dataset(url: str) -> int:
    return int(_dataset(url).to_table(columns=list(_COLUMNS), filter=_here()).num_rows)


def _duckdb(url: str) -> int:
    """Through pyarrow: DuckDB's own reader of HTTP is an extension, which is loaded from its makers' server."""
    name, start, end = GENE
    where = f"reference_name = '{name}' and start < {end} and \"end\" > {start}"
    columns = ", ".join(f'"{column}"' for column in _COLUMNS)
    with duckdb.connect() as connection:
        connection.register("segments", _dataset(url))
        return len(connection.execute(f"select {columns} from segments where {where}").fetchall())


READERS: Final[dict[str, Callable[[str], int]]] = {
    "polars": _polars,
    "pyarrow": _pyarrow,
    "pyarrow.dataset": _pyarrow_dataset,
    "duckdb": _duckdb,
}
"""How many segments of the gene are in the file of a URL."""


def _made(gateway: served, address: str) -> tuple[Any, float]:
    """The ticket of a complete export, and the seconds that it took."""
    began = time.perf_counter()
    ticket = gateway.ask(f"{address}&ticket=true").json
    own = urlsplit(ticket["self"]).path
    until(lambda: gateway.ask(own).json["state"] == "complete", seconds=600)
    return gateway.ask(own).json, time.perf_counter() - began


def _read(gateway: served, address: str, count: Callable[[str], int]) -> tuple[int, int]:
    """How many segments a reader found, and bytes that were on their way to it."""
    passed: list[int] = []

    def answered(_: int, data: bytes) -> None:
        passed.append(len(data))

    with Cutter(("127.0.0.1", gateway.port), answered=answered) as counted:
        found = count(counted.url + urlsplit(address).path)
    return found, sum(passed)


def run(rows: int = 1_000_000) -> None:
    """Measure and print."""
    cohort = Cohort(max(1, rows // _SAMPLE), _SAMPLE, scattered=True)
    address = f"/beacon/g_variants?filters=NCIT:C3262&output=parquet&datasetIds={cohort.name}"
    files, reads = [], []
    with Replay() as upstream, TemporaryDirectory() as spool, served(upstream.uri, cohort, spool=spool) as gateway:
        for order, more in (("by sample", ""), ("by position", "&sorted=position")):
            Path(f"/proc/{gateway.watched.pid}/clear_refs").write_text("5")
            ticket, seconds = _made(gateway, address + more)
            size = int(ticket["size"])
            files.append((order, f"{size:,}", f"{seconds:.1f}", f"{peak(gateway.watched):.0f} MB"))
            for name, count in READERS.items():
                found, passed = _read(gateway, ticket["address"], count)
                reads.append((order, name, f"{found:,}", f"{passed:,}", f"{100 * passed / size:.1f} %"))
    table(f"Parquet of {cohort.rows:,} variants", ("rows", "bytes", "seconds", "peak"), files)
    table("read for one gene", ("rows", "reader", "segments", "bytes", "of the file"), reads)


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
