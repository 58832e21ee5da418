"""Rows sorted by position: the same rows in their order, whatever they hold and however they came."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from gateway import codec
from gateway.download_types import Ask, Part
from gateway.formats.arrow import ARROW, PARQUET
from gateway.formats.base import Format
from gateway.formats.bed import FORMAT as BED
from gateway.formats.pgxseg import FORMAT as PGXSEG
from gateway.formats.position_order import InOrder, by_genome, by_values
from gateway.genome import CHROMOSOMES
from gateway.sorting import Sorter
from tests.examples import examples
from tests.formats.documents import VARIANT, array, documents, wanted
from tests.formats.test_arrow import read

MISSING = "\U0010ffff" * 2  # behind any text
SIZE = CHROMOSOMES["9"].size


def part(form: Format, order: Any = "position") -> Part:
    return form.parts(wanted(Ask(order=order)))[-1]


def made(own: Part, pieces: list[bytes]) -> bytes:
    """What the walk of a part makes of encoded rows."""
    assert own.fold
    fold, said = own.fold(), [own.before]
    for piece in pieces:
        fold.feed(0, piece)
        said += [rows.data for rows in fold.through(("s",))]
    return b"".join([*said, *(rows.data for rows in fold.finish())])


def place(row: dict[str, Any]) -> tuple[bytes, float, float]:
    """As Parquet compares them: texts by their bytes, what is missing last."""
    name, start, end = row["reference_name"], row["start"], row["end"]
    return ((MISSING if name is None else name).encode(), *(math.inf if x is None else x for x in (start, end)))


@pytest.mark.parametrize("form", [ARROW, PARQUET], ids=lambda form: form.name)
@examples(10)
@given(found=st.lists(documents(VARIANT), max_size=6))
def test_columns_are_sorted_by_their_values(form: Format, found: list[dict[str, Any]]):
    own, plain = part(form), part(form, "")
    encoded = own.encode([array(found)]).data
    rows = read(form, made(own, [encoded])).to_pylist()
    unsorted = read(form, made(plain, [encoded])).to_pylist()
    assert [place(row) for row in rows] == sorted(place(row) for row in unsorted)
    assert sorted(map(repr, rows)) == sorted(map(repr, unsorted))


@pytest.mark.parametrize("form", [PARQUET, PGXSEG, BED], ids=lambda form: form.name)
@examples(10)
@given(found=st.lists(documents(VARIANT), max_size=6), data=st.data())
def test_bytes_do_not_depend_on_how_rows_came(form: Format, found: list[dict[str, Any]], data: st.DataObject):
    own = part(form)
    lines = own.encode([array(found)]).data.splitlines(keepends=True)
    mixed = data.draw(st.permutations(lines))
    assert made(own, mixed) == made(own, [b"".join(lines)])


def test_a_parquet_file_says_how_it_is_sorted_and_where_its_pages_are():
    own = part(PARQUET)
    lines = [b"s%d\t%d\t%d\t%d\t0.5" % (n, 1 + n % 22, n, n + 9) + b"\t." * 5 for n in range(40_000)]
    file = parquet.ParquetFile(_buffer(made(own, [b"\n".join(lines) + b"\n"])))
    about = file.metadata
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    assert [group.num_rows for group in groups] == [16_384, 16_384, 40_000 - 2 * 16_384]
    for group in groups:
        assert [column.column_index for column in group.sorting_columns] == [1, 2, 3]
        assert not any(column.descending or column.nulls_first for column in group.sorting_columns)
        assert group.column(1).has_column_index
        assert group.column(2).has_offset_index
    spans = [(group.column(1).statistics.min, group.column(1).statistics.max) for group in groups]
    assert all(last <= first for (_, last), (first, _) in pairwise(spans))
    assert (spans[0][0], spans[-1][1]) == ("1", "9")
    assert file.schema_arrow.metadata[b"assemblyId"] == b"GRCh38"


def _buffer(data: bytes) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.BufferReader(data)


@pytest.mark.parametrize(
    ("cells", "end"),
    [
        (("9", "1", "2"), "2"),
        (("9", "0", "0"), "0"),
        (("MT", "16568", "16569"), "16569"),
        (("9", str(SIZE - 1), str(SIZE + 5)), str(SIZE)),
        (("9", str(SIZE), str(SIZE + 5)), None),
        (("9", "5", "4"), None),
        (("chr9", "1", "2"), None),
        ((".", "1", "2"), None),
        (("9", ".", "2"), None),
        (("9", "1", "."), None),
        (("9", "-1", "2"), None),
    ],
)
def test_what_has_a_place(cells: tuple[str, str, str], end: str | None):
    line = "\t".join(("s", *cells, "0.5", "x")).encode()
    keyed = by_genome(line)
    rest = keyed and keyed.partition(b"\t")[2].decode().split("\t")
    assert rest == (end and ["s", *cells[:2], end, "0.5", "x"])


@pytest.mark.parametrize("sorter_of", [Sorter, codec.Sorter], ids=["python", "core"])
def test_what_is_left_out_is_counted_before_the_rows(sorter_of: type[Sorter]):
    fold = InOrder(by_genome, opening=lambda left_out: b"%d\n" % left_out, sorter=sorter_of(run_bytes=20))
    for name in (b"X", b"2", b".", b"10"):
        fold.feed(0, b"".join(b"s\t%b\t%d\t200\t\n" % (name, start) for start in (100, 20)))
    told = [(rows.data, rows.rows) for rows in fold.finish()]
    lines = [b"s\t%b\t%d\t200\t\n" % each for each in ((n, at) for n in (b"2", b"10", b"X") for at in (20, 100))]
    assert told == [(b"2\n", 0), (b"".join(lines), 6)]


def test_codes_are_sorted_as_what_they_stand_for():
    """A control character comes before a letter, though its percent code does not."""
    names = ["a", "a%01", "a!", "%25", "é", "b"]
    keys = sorted((by_values(f"s\t{name}\t1\t2\t.".encode()), name) for name in names)
    assert [name for _, name in keys] == ["%25", "a", "a%01", "a!", "b", "é"]
