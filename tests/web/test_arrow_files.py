"""Arrow streams and Parquet files as their readers have them, over real sockets: pyarrow, pandas, polars, DuckDB."""

import io
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from gateway.demo.store import Store
from gateway.download_types import Ask
from gateway.formats import FORMATS
from gateway.formats.arrow import ARROW, PARQUET
from gateway.formats.base import Format
from gateway.planning import naming
from gateway.text import unescape
from tests.formats.test_format_properties import wanted
from tests.harness import Gateway
from tests.web.conftest import BIG, Quick

FORMS = [ARROW, PARQUET]
DATASETS = ["demo", "flat", "odd"]
each = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


# Imported where they are used: they take a second, in each process of the suite.
@pytest.fixture(scope="module")
def polars() -> Any:
    return import_module("polars")


@pytest.fixture(scope="module")
def pandas() -> Any:
    return import_module("pandas")


def read(form: Format, data: bytes) -> pa.Table:
    return ipc.open_stream(data).read_all() if form is ARROW else parquet.read_table(io.BytesIO(data))


def whole(gateway: Gateway, dataset: str, output: str, entity: str = "g_variants") -> bytes:
    answer = gateway.ask(f"/beacon/{entity}?allData=true&limit=0&datasetIds={dataset}&output={output}")
    assert (answer.status, answer.whole) == (200, True), answer.text[:300]
    return answer.body


def shown(value: Any) -> str:
    """A value as pgxseg has it, but for its percent codes."""
    return "." if value is None else repr(value) if isinstance(value, float) else str(value)


def cells(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.split("\n") if line and not line.startswith("#")]


@each
@pytest.mark.parametrize("dataset", DATASETS)
def test_rows_are_those_of_pgxseg(gateway: Gateway, form: Format, dataset: str):
    names, *rows = cells(whole(gateway, dataset, "pgxseg").decode())
    table = read(form, whole(gateway, dataset, form.name))
    assert table.column_names == names
    assert table.num_rows == len(rows) > 20
    for at, column in enumerate(table.columns):
        texts = [unescape(row[at]) for row in rows]
        if names[at] == "log2":  # an integer is a double here
            texts = [text if text == "." else repr(float(text)) for text in texts]
        assert list(map(shown, column.to_pylist())) == texts


@each
@pytest.mark.parametrize("dataset", DATASETS)
def test_biosamples_are_those_of_the_table(gateway: Gateway, form: Format, dataset: str):
    names, *rows = cells(whole(gateway, dataset, "table", "biosamples").decode())
    table = read(form, whole(gateway, dataset, form.name, "biosamples"))
    assert (table.column_names, table.num_rows) == (names, len(rows))
    for at, column in enumerate(table.columns):
        assert column.to_pylist() == [unescape(row[at]) or None for row in rows]


# --- readers ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(direct: Gateway, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """100,000 variants, of more than one batch, whose dictionaries differ."""
    folder = tmp_path_factory.mktemp("files")
    found = {form.name: folder / f"variants.{form.extension}" for form in FORMS}
    for name, path in found.items():
        path.write_bytes(direct.ask(BIG.replace("pgxseg", name)).body)
    return found


@pytest.fixture(scope="module")
def rows(big: bytes) -> list[list[str]]:
    """The same as pgxseg has them."""
    return cells(big.decode())[1:]


def test_polars_reads_both(polars: Any, files: dict[str, Path], rows: list[list[str]]):
    stream = polars.read_ipc_stream(files["arrow"])
    assert [list(map(shown, row)) for row in stream.rows()] == [
        [*row[:4], shown_log2(row[4]), *row[5:]] for row in rows
    ]
    assert stream.equals(polars.read_parquet(files["parquet"]))
    assert stream.schema["start"] == polars.Int64
    assert stream.schema["log2"] == polars.Float64


def shown_log2(text: str) -> str:
    return text if text == "." else repr(float(text))


def test_duckdb_reads_both(files: dict[str, Path], rows: list[list[str]]):
    stream = ipc.open_stream(files["arrow"].read_bytes()).read_all()  # noqa: F841 - DuckDB finds it by its name
    ids = sorted({row[0] for row in rows})
    total = sum(int(row[3]) - int(row[2]) for row in rows)
    for source in ("stream", f"'{files['parquet']}'"):
        query = f'select count(*), sum("end" - start), count(distinct biosample_id), min(biosample_id) from {source}'
        assert import_module("duckdb").sql(query).fetchall() == [(len(rows), total, len(ids), ids[0])]


def test_pandas_reads_both(pandas: Any, files: dict[str, Path], rows: list[list[str]]):
    stream = ipc.open_stream(files["arrow"].read_bytes()).read_pandas()
    assert stream["biosample_id"].dtype == "category"
    assert (stream["end"] - stream["start"]).sum() == sum(int(row[3]) - int(row[2]) for row in rows)
    assert stream.equals(pandas.read_parquet(files["parquet"]).astype(stream.dtypes))


def test_urls_are_read_as_files(gateway: Gateway, polars: Any, pandas: Any):
    """As README shows it."""
    url = f"{gateway.url.rstrip('/')}/beacon/g_variants?filters=NCIT:C3058&output="
    table = polars.read_parquet(url + "parquet")
    assert len(table) == len(gateway.ask("/beacon/g_variants?filters=NCIT:C3058&output=pgxseg").rows)
    assert len(pandas.read_parquet(url + "parquet")) == len(table)
    assert len(polars.read_ipc_stream(urlopen(url + "arrow"))) == len(table)
    assert ipc.open_stream(urlopen(url + "arrow")).read_all().num_rows == len(table)


# --- bytes -----------------------------------------------------------------------------------------------------------


def test_bytes_are_the_same_however_a_pass_is_sliced(quick: Quick, files: dict[str, Path], tmp_path: Path):
    with Gateway(*quick.arguments, log=tmp_path / "log", no_spool=True, slice_rows=1733, flights=2) as other:
        for name, path in files.items():
            assert other.ask(BIG.replace("pgxseg", name)).body == path.read_bytes()


@each
def test_bytes_are_named_by_the_version_of_pyarrow(form: Format, monkeypatch: pytest.MonkeyPatch):
    digests = set()
    for version in ("1", "2", "2"):
        monkeypatch.setattr("gateway.formats.base.installed", lambda _, version=version: version)
        digests.add(naming.digest(wanted(Ask()), form, packed=False))
    assert len(digests) == 2


@each
def test_files_say_nothing_of_where_and_when(gateway: Gateway, form: Format):
    about = read(form, whole(gateway, "demo", form.name)).schema.metadata
    assert about.keys() == {b"id", b"assemblyId", b"dataVersion", b"licence"}


# --- without pyarrow -------------------------------------------------------------------------------------------------


def test_without_pyarrow_they_are_refused_and_not_offered(store: Store, demo: str, tmp_path: Path):
    module = "tests.web.without_arrow"
    with Gateway(store.uri, [demo], log=tmp_path / "log", module=module) as bare:
        for name in ("arrow", "parquet", "parquet.gz"):
            answer = bare.ask(f"/beacon/g_variants?filters=NCIT:C3058&output={name}")
            assert answer.status == 406
            assert "needs pyarrow, which is not installed here" in answer.json["error"]["errorMessage"]
        unknown = bare.ask("/beacon/g_variants?filters=NCIT:C3058&output=nonsense")
        assert "pgxseg" in unknown.text
        refused = bare.ask("/beacon/g_variants?filters=NCIT:C3058", Accept=PARQUET.media)
        assert (unknown.status, refused.status) == (406, 406)
        for text in (unknown.text, refused.text, bare.ask("/openapi.json").text, bare.ask("/").text):
            assert "parquet" not in text
            assert "arrow" not in text.replace("narrowed", "")
        assert bare.ask("/beacon/g_variants?filters=NCIT:C3058&output=pgxseg").status == 200
    assert {ARROW, PARQUET} < {*FORMATS}
