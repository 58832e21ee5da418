"""Arrow and Parquet as folds: values are those of pgxseg, bytes are those of the documents alone, however they came."""

import io
import json
import math
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from bson import Decimal128
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from gateway.download_types import Ask, Part
from gateway.formats import arrow, tables
from gateway.formats.arrow import ARROW, PARQUET, Batches
from gateway.formats.base import Format
from gateway.formats.columnar import WRITERS
from gateway.text import unescape
from tests.examples import examples
from tests.formats.documents import BIOSAMPLE, VARIANT, array, documents, numbers, wanted
from tests.formats.test_format_properties import SEGMENTS
from tests.harness import little_memory

FORMS = [ARROW, PARQUET]
each = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


def part(form: Format, entity: Any = "variants", **ask: Any) -> Part:
    (found,) = form.parts(wanted(Ask(entity=entity, **ask)))
    return found


def made(fold: Batches, pieces: list[bytes]) -> bytes:
    """What the walk of a part does with its fold."""
    said = []
    for piece in pieces:
        fold.feed(0, piece)
        said += [rows.data for rows in fold.through(())]
    return b"".join([*said, *(rows.data for rows in fold.finish())])


def read(form: Format, data: bytes) -> pa.Table:
    return ipc.open_stream(data).read_all() if form is ARROW else parquet.read_table(io.BytesIO(data))


def told(form: Format, found: list[dict[str, Any]], entity: Any = "variants", **ask: Any) -> pa.Table:
    own = part(form, entity, **ask)
    return read(form, made(own.fold(), [own.encode([array(found)]).data]))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The lines of `data` in pieces."""
    ends = [at + 1 for at, byte in enumerate(data) if byte == 0x0A]
    chosen = sorted({ends[place % len(ends)] for place in places} if ends else set())
    return [data[a:b] for a, b in pairwise([0, *chosen, len(data)])]


@each
@examples(10)
@given(found=st.lists(documents(VARIANT), max_size=4))
def test_values_are_those_of_pgxseg(form: Format, found: list[dict[str, Any]]):
    rows = [line.split("\t") for line in SEGMENTS.encode([array(found)]).data.decode().split("\n")[:-1]]
    table = told(form, found)
    assert table.num_rows == len(rows)
    for at, field in enumerate(table.schema):
        cells = [None if row[at] == "." else row[at] for row in rows]
        values = table.column(at).to_pylist()
        if field.name in {"start", "end"}:
            assert values == [cell and int(cell) for cell in cells]
        elif field.name == "log2":
            doubles = [cell and float(cell) for cell in cells]
            assert repr(values) == repr([x if x and abs(x) < math.inf else x if x == 0 else None for x in doubles])
        else:
            assert values == [cell and unescape(cell) for cell in cells]


@each
@examples(10)
@given(found=st.lists(documents(BIOSAMPLE), max_size=4), keys=st.sampled_from([(), ("notes",), ("tnm", "notes")]))
@example(found=[{}, {"id": ""}, {"id": "\ufeff", "notes": "NA"}], keys=("notes",))
def test_biosamples_are_those_of_the_table(form: Format, found: list[dict[str, Any]], keys: tuple[str, ...]):
    (own,) = tables.FORMAT.parts(wanted(Ask(entity="biosamples", delivery_keys=keys)))
    lines = (own.before + own.encode([array(found)]).data).decode().split("\n")[:-1]
    names, *rows = (line.split("\t") for line in lines)
    table = told(form, found, "biosamples", delivery_keys=keys)
    assert (table.column_names, table.num_rows) == (names, len(rows))
    for at, column in enumerate(table.columns):
        assert column.to_pylist() == [unescape(row[at]) or None for row in rows]


@each
@examples(10)
@given(values=st.lists(numbers | st.floats(), max_size=50))
@example(values=[5e-324, 1.7976931348623157e308, -0.0, 0.1, 1e22, 2.0**70, Decimal128("9E+6144"), Decimal128("1E-400")])
def test_doubles_read_back_exactly(form: Format, values: list[Any]):
    found = [{"biosample_id": "s", "info": {"cnv_value": value}, "_id": n} for n, value in enumerate(values)]
    got = told(form, found).column("log2").to_pylist()
    doubles = [float(str(value)) if isinstance(value, Decimal128) else float(value) for value in values]
    assert repr(got) == repr([value if math.isfinite(value) else None for value in doubles])


@each
@examples(10)
@given(
    found=st.lists(documents(VARIANT), max_size=5),
    places=st.lists(st.integers(0, 40), max_size=5),
    rows=st.integers(1, 10),
    size=st.integers(1, 600),
)
def test_bytes_do_not_depend_on_pieces(
    form: Format, found: list[dict[str, Any]], places: list[int], rows: int, size: int
):
    """Nor where batches end: at the row that makes them full, by number or by bytes."""
    data = SEGMENTS.encode([array(found)]).data * 3
    kinds = [(field.name, kind(field.type)) for field in told(form, []).schema]

    def fold() -> Batches:
        return Batches(lambda: WRITERS[form.name](kinds, ".", {"id": "demo"}), rows=rows, size=size)

    whole = made(fold(), [data])
    assert made(fold(), cut(data, places)) == made(fold(), [*cut(data, places), b""]) == whole
    lengths = batches(form, whole)
    assert sum(lengths) == data.count(b"\n")
    ends, lines = [], data.split(b"\n")[:-1]
    while lines:
        held = 0
        taken = 0
        while lines[taken:] and taken < rows and held < size:
            held += len(lines[taken]) + 1
            taken += 1
        ends.append(taken)
        del lines[:taken]
    assert lengths == ends


def kind(of: pa.DataType) -> str:
    names = {pa.int64(): "integer", pa.float64(): "number", pa.string(): "text"}
    return names.get(of, "code")


def batches(form: Format, data: bytes) -> list[int]:
    if form is ARROW:
        return [batch.num_rows for batch in ipc.open_stream(data)]
    about = parquet.ParquetFile(io.BytesIO(data)).metadata
    return [about.row_group(number).num_rows for number in range(about.num_row_groups)]


@each
def test_batches_are_of_one_length(form: Format):
    fold = part(form).fold()
    line = b"\t".join([b"s", b"1", b"1", b"2", b"0.5", *[b"."] * 5]) + b"\n"
    lengths = batches(form, made(fold, [line * 70_000, line * 70_000]))
    assert lengths == [65_536, 65_536, 140_000 - 2 * 65_536]


@each
def test_long_rows_make_short_batches(form: Format):
    """So memory stays flat whatever a row holds."""
    fold = part(form).fold()
    line = b"\t".join([b"s", b"1", b"1", b"2", b"0.5", b".", b".", b"A" * 2**20, b".", b"."]) + b"\n"
    assert batches(form, made(fold, [line] * 40)) == [16, 16, 8]


@each
def test_types_and_what_is_said(form: Format):
    table = told(form, [])
    coded = pa.dictionary(pa.int32(), pa.string())
    types = [coded, coded, pa.int64(), pa.int64(), pa.float64(), coded, pa.string(), pa.string(), coded, coded]
    assert (table.schema.names, table.schema.types) == (list(arrow.COLUMNS), types)
    assert table.schema.metadata == {b"id": b"demo", b"assemblyId": b"GRCh38", b"dataVersion": b"1"}


def test_the_opening_is_what_pyarrow_itself_says():
    """Of the stream the schema is said ahead; of all that follows nothing is lost or said twice."""
    fold = part(ARROW).fold()
    line = b"\t".join([b"s", b"1", b"1", b"2", b"0.5", *[b"."] * 5]) + b"\n"
    data = made(fold, [line])
    again = io.BytesIO()
    table = ipc.open_stream(data).read_all()
    with ipc.new_stream(again, table.schema) as writer:
        writer.write_table(table)
    assert again.getvalue() == data
    (opening,) = part(ARROW).fold().through(())
    assert opening.data
    assert data.startswith(opening.data)


def test_the_libraries_of_pyarrow_are_loaded_before_it_is_imported():
    """So that the import does not hold the interpreter, and with it the event loop, while that is done."""
    program = """
import json, sys
from gateway.formats.arrow import _EXTENSIONS
from gateway.formats.preload import preload

def mapped():
    with open("/proc/self/maps") as lines:
        return sorted({line.split("/")[-1].strip() for line in lines if "/pyarrow" in line})

found = [mapped()]
preload("pyarrow", *_EXTENSIONS)
found.append(mapped())
assert not any(name.startswith("pyarrow") for name in sys.modules)
import gateway.formats.columnar
print(json.dumps([*found, mapped()]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    first, before, after = ({name for name in names if "arrow" in name or "parquet" in name} for names in found)
    assert not first
    assert any(name.startswith("libarrow.") for name in before)
    assert before == after


@each
def test_memory_that_is_refused_is_lack_of_memory(form: Format):
    """Not an error of files, as the system's own word for it would be taken for."""
    writer = WRITERS[form.name]([("biosample_id", "text")], ".", {})
    with little_memory(16 * 1024 * 1024), pytest.raises(MemoryError):
        writer.write([b"x" * 1023 + b"\n"] * 64 * 1024)
