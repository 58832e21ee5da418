"""Parquet at its immutable address, read in place: readers find what is there, and take a part of the file for it."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cutter import Cutter
from tests.harness import Gateway
from tests.web.conftest import Quick, complete

QUERY = "/beacon/g_variants?allData=true&limit=0&output="


@pytest.fixture(scope="module")
def spread(quick: Quick, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of 100,000 variants at as many places."""
    uri, _ = quick.arguments
    with Gateway(uri, ["b400v250s"], log=tmp_path_factory.mktemp("spread") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def ticket(spread: Gateway) -> Any:
    return complete(spread, f"{QUERY}parquet&sorted=position").json


@pytest.fixture(scope="module")
def columnar() -> Any:
    """The readers, which take a second to load: not in processes that have none of these tests."""
    return import_module("tests.benchmarks.columnar")


@pytest.fixture(scope="module")
def there(spread: Gateway, columnar: Any) -> int:
    """The number of segments that overlap the gene."""
    name, start, end = columnar.GENE
    cells = (row.split("\t", 4) for row in spread.ask(f"{QUERY}pgxseg").rows)
    return sum(c[1] == name and int(c[2]) < end and int(c[3]) > start for c in cells)


# Of the file, in percent: polars reads the last 256 KiB before it knows where the footer begins; a data set of pyarrow
# begins to read the whole file to see whether it is there.
@pytest.mark.parametrize(("reader", "most"), [("polars", 60), ("pyarrow", 35), ("pyarrow.dataset", 0), ("duckdb", 0)])
def test_a_gene_is_a_part_of_the_file(
    spread: Gateway, ticket: Any, there: int, columnar: Any, *, reader: str, most: int
):
    passed = 0

    def answered(_: int, data: bytes) -> None:
        nonlocal passed
        passed += len(data)

    with Cutter(("127.0.0.1", spread.port), answered=answered) as counted:
        found = columnar.READERS[reader](counted.url + urlsplit(ticket["address"]).path)
    assert found == there > 10
    assert not most or passed < ticket["size"] * most / 100
