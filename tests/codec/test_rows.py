"""What rows look like, whichever engine writes them."""

import struct
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

import pytest
from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, encode

from gateway.codec import Cell, Column, Form, Kind, Range, Sheet
from tests.codec import raw
from tests.codec.engines import ENGINES, Engine, sure_rows


def array(*documents: dict) -> bytes:
    return encode({str(n): document for n, document in enumerate(documents)})


def cell(engine: Engine, value: object, kind: Kind = Kind.TEXT, **words: object) -> str:
    """The text of one value."""
    columns = (Column("v", (Cell("v", kind, **words),), "missing"),)
    found = engine.rows([array({"_id": 1, "v": value})], columns, "k")
    assert found.rows == found.matched == 1
    return found.data.decode().removesuffix("\n")


NOTHING = [None, True, b"bytes", {}, {"v": 1}, [], ["v"], Timestamp(1, 2), MinKey(), MaxKey(), Binary(b"x", 4 + 124)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("", "missing"),
        ("é漢🧬", "é漢🧬"),
        ("a\tb\nc\0d\x7f#", "a%09b%0Ac%00d%7F%23"),
        ("100% %4 %41 %zz %", "100% %4 %2541 %zz %"),
        ("long enough to be copied eight bytes at a time # or not", None),
        ("exactly8", "exactly8"),
        ("1234567#", "1234567%23"),
        ("12345678#abcdefg", "12345678%23abcdefg"),
        (7, "7"),
        (-(2**31), "-2147483648"),
        (Int64(2**63 - 1), "9223372036854775807"),
        (Int64(-(2**63)), "-9223372036854775808"),
        (0.5, "0.5"),
        (float("nan"), "missing"),
        (ObjectId("0123456789abcdef01234567"), "0123456789abcdef01234567"),
        (Decimal128("1.50"), "1.50"),
        (Code("f()"), "f()"),
        (Regex("a"), "missing"),
        (DBRef("c", 1), "missing"),
        *((value, "missing") for value in NOTHING),
    ],
)
def test_text(engine: Engine, value: object, text: str | None):
    assert cell(engine, value) == (text or str(value).replace("#", "%23"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (5.9, "5"),
        (-5.9, "-5"),
        (-0.0, "0"),
        (float(2**62), str(2**62)),
        (-float(2**63), str(-(2**63))),
        (float(2**63), "missing"),
        (float("inf"), "missing"),
        (float("nan"), "missing"),
        (Decimal128("7.9"), "7"),
        (Decimal128("1E+30"), "missing"),
        (Decimal128("NaN"), "missing"),
        (Decimal128("sNaN"), "missing"),
        (Decimal128("-Infinity"), "missing"),
        ("007", "007"),
        ("-12", "-12"),
        ("", "missing"),
        ("-", "missing"),
        ("+1", "missing"),
        ("1.0", "missing"),
        ("1\n", "missing"),
        ("٣", "missing"),
        ("9" * 18, "9" * 18),
        ("9" * 19, "missing"),
        (ObjectId("0123456789abcdef01234567"), "missing"),
        *((value, "missing") for value in NOTHING),
    ],
)
def test_integer(engine: Engine, value: object, text: str):
    assert cell(engine, value, Kind.INTEGER) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (1e15, "1000000000000000.0"),
        (1e-4, "0.0001"),
        (1e-5, "1e-05"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
        (3, "3"),
        (Decimal128("1E-7"), "1E-7"),
        (Decimal128("NaN"), "missing"),
        (Decimal128("sNaN"), "missing"),
        ("-0.25", "-0.25"),
        ("1e5", "1e5"),
        ("1.5E-10", "1.5E-10"),
        ("1.", "missing"),
        (".5", "missing"),
        ("1e", "missing"),
        ("1e1234", "missing"),
        ("1.5 ", "missing"),
        ("nan", "missing"),
        ("1." + "1" * 18, "1." + "1" * 18),
        ("1." + "1" * 19, "missing"),
        *((value, "missing") for value in NOTHING),
    ],
)
def test_number(engine: Engine, value: object, text: str):
    assert cell(engine, value, Kind.NUMBER) == text


@pytest.mark.parametrize(
    ("value", "default", "text"),
    [
        ("DUP", None, "gain"),
        ("DEL", "d", "d"),
        ("DEL", None, "missing"),
        ("", None, "empty"),
        ("é", None, "%23"),
        (1, "d", "missing"),
        (Code("DUP"), None, "gain"),
        (None, "d", "missing"),
    ],
)
def test_lookup(engine: Engine, value: object, default: str | None, text: str):
    table = MappingProxyType({"DUP": "gain", "": "empty", "é": "#", "DEL?": "no"})
    assert cell(engine, value, Kind.LOOKUP, table=table, default=default) == text


def test_a_large_table(engine: Engine):
    table = {f"refseq:NC_{n:06}.{n % 14}": str(n) for n in range(3000)}
    documents = [{"_id": n, "v": name} for n, name in enumerate(table)]
    columns = (Column("v", (Cell("v", Kind.LOOKUP, table),)),)
    assert engine.rows([array(*documents)], columns, "k").data.decode().split() == list(table.values())


def line(engine: Engine, *paths: str, fields: dict | raw.Value) -> str:
    batch = raw.batch(fields) if isinstance(fields, tuple) else array(fields)
    return engine.rows([batch], [Column("", (Cell(path),)) for path in paths], "k").data.decode().removesuffix("\n")


def test_paths(engine: Engine):
    fields = {"a": {"b": {"c": "abc"}}, "": {"": "nameless"}, "list": [{"x": "0x"}, "1"], "0": "not an index"}
    assert line(engine, "a.b.c", "a.b", "a.b.c.d", ".", fields=fields) == "abc\t.\t.\tnameless"
    assert line(engine, "list.0.x", "list.1", "list.2", "list.x", "list", fields=fields) == "0x\t1\t.\t.\t."
    assert line(engine, "0", "list.01", "list.00000000000001", fields=fields) == "not an index\t1\t1"
    assert line(engine, "é", "a\0b", fields={"é": "accent", "a": "b"}) == "accent\t."


def test_the_last_of_equal_fields_counts(engine: Engine):
    text = raw.string
    assert line(engine, "a", fields=raw.document(("a", text("1")), ("a", text("2")))) == "2"
    assert line(engine, "a", fields=raw.document(("a", text("1")), ("a", (0x0A, b"")))) == "."


def test_an_earlier_parent_leaves_nothing_behind(engine: Engine):
    both = raw.document(("b", raw.string("1")), ("c", raw.document(("d", raw.string("2")))))
    again = raw.document(("b", raw.string("3")))
    assert line(engine, "a.b", "a.c.d", fields=raw.document(("a", both), ("a", again))) == "3\t."
    assert line(engine, "a.b", "a.c.d", fields=raw.document(("a", both), ("a", raw.int32(1)))) == ".\t."
    listed = raw.array(raw.string("zero"))
    assert line(engine, "a.b", "a.0", fields=raw.document(("a", both), ("a", listed))) == ".\tzero"
    assert line(engine, "a.b", "a.0", fields=raw.document(("a", listed), ("a", again))) == "3\t."


def test_a_plan_of_no_columns(engine: Engine):
    assert engine.rows([array({"_id": 1}, {"_id": 2})], (), "k").data == b"\n\n"


def test_columns_are_read_anew_where_they_can_change(engine: Engine):
    columns = [Column("", (Cell("a"),))]
    batch = array({"_id": 1, "a": "x", "b": "y"})
    assert engine.rows([batch], columns, "k").data == b"x\n"
    columns[0] = Column("", (Cell("b"),))
    assert engine.rows([batch], columns, "k").data == b"y\n"


def test_many_plans(engine: Engine):
    batch = array({"_id": 1, "a": "x", "k": "a", "l": "b"})
    for n in range(200):
        assert engine.rows([batch], (Column("", (Cell(f"b{n}"), Cell("a"))),), "kl"[n % 2]).data == b"x\n"


def ids(engine: Engine, *documents: dict, split: int = 0, **words: int) -> str:
    parts = [array(*documents[:split]), array(*documents[split:])]
    return engine.rows(parts, (Column("", (Cell("n"),)),), "k", **words).data.decode().replace("\n", "")


@pytest.mark.parametrize("split", [0, 1, 3])
@pytest.mark.parametrize(
    "in_order",
    [
        [{"k": "a", "_id": ObjectId(bytes([0] * 11 + [n]))} for n in (1, 2, 200)],
        [{"k": "pgxbs-1", "_id": 2}, {"k": "pgxbs-10", "_id": 1}, {"k": "pgxbs-2", "_id": 0}],
        [{"_id": 9}, {"k": "", "_id": 10}, {"k": "a", "_id": 1}, {"k": "a\0", "_id": 0}],
        [{"k": "z", "_id": 1}, {"k": "é", "_id": 1}, {"k": "漢", "_id": 1}, {"k": "🧬", "_id": 1}],
        [{"k": "a", "_id": x} for x in (-(2**40), 3, 4.5, 5, "1", "10", "2", b"1", ObjectId("0" * 24), True)],
        [{"k": "a", "_id": x} for x in (-(2**40), 3, 5, "1", "10", "2", ObjectId("0" * 24))],
        [{"k": "a", "_id": x} for x in ({"a": 1}, {"a": 2}, [1], ObjectId("0" * 24))] + [{"k": "a"}],
        [{"k": k, "_id": 1} for k in (1, None, "b")],
    ],
)
def test_order(engine: Engine, in_order: list[dict], split: int):
    documents = [{**document, "n": str(n)} for n, document in enumerate(in_order)]
    expected = "".join(str(n) for n in range(len(documents)))
    assert ids(engine, *documents, split=split) == expected
    assert ids(engine, *reversed(documents), split=split) == expected
    assert ids(engine, *documents[1::2], *documents[::2], split=split) == expected


def test_rows_that_compare_equal_keep_their_order(engine: Engine):
    assert ids(engine, {"k": "b", "n": "3"}, {"k": "a", "n": "2"}, {"k": "a", "n": "1"}) == "213"


@pytest.mark.parametrize("start", [0, 1, 2, 3, 4, -1, -9, 2**70])
@pytest.mark.parametrize("stop", [None, 0, 1, 3, 9, -1, -9, 2**70])
def test_slices(engine: Engine, start: int, stop: int | None):
    for numbers in ("012", "210"):
        documents = [{"_id": int(n), "n": n} for n in numbers]
        found = engine.rows([array(*documents)], (Column("", (Cell("n"),)),), "k", start, stop)
        assert found.data.decode().split() == list("012")[start:stop]
        assert (found.rows, found.matched) == (len("012"[start:stop]), 3)


@pytest.mark.parametrize(
    ("value", "shift", "text"),
    [
        (0, 0, "0"),
        (2**31 - 1, 0, "2147483647"),
        (2**31, 0, "missing"),
        (-1, 0, "missing"),
        (-1, 1, "0"),
        (2**31 + 4, -5, "2147483647"),
        (Int64(2**63 - 1), 2**30, "missing"),
        (Int64(-(2**63)), -(2**30), "missing"),
        (9.9, 1, "10"),
        (1e300, 0, "missing"),
        (float("nan"), 0, "missing"),
        ("007", 1, "8"),
        ("-0", 0, "0"),
        ("999999999999999999", 0, "missing"),
        ("1.0", 0, "missing"),
        (Decimal128("5"), 1, "6"),
        *((value, 0, "missing") for value in NOTHING),
    ],
)
def test_position(engine: Engine, value: object, shift: int, text: str):
    assert cell(engine, value, Kind.POSITION, shift=shift) == text


def test_rows_that_columns_refuse_are_left_out_and_counted(engine: Engine):
    batch = [array(*({"_id": n, "n": n} if n % 2 else {"_id": n, "s": "yes"} for n in range(6)))]

    def lines(*columns: Column, start: int = 0, stop: int | None = None) -> tuple[list[str], int, int]:
        found = engine.rows(batch, columns, "k", start, stop)
        return found.data.decode().splitlines(), found.rows, found.matched

    odd, identity = Column("n", (Cell("n"),), required=True), Column("id", (Cell("_id"),))
    assert lines(identity, odd) == (["1\t1", "3\t3", "5\t5"], 6, 6)
    assert lines(identity, odd, start=2, stop=4) == (["3\t3"], 2, 6)
    even = Column("s", (Cell("s"),), "no", only="yes")
    assert lines(identity, even) == (["0\tyes", "2\tyes", "4\tyes"], 6, 6)
    assert lines(Column("s", (Cell("s"),), "no", only="no"), identity) == (["no\t1", "no\t3", "no\t5"], 6, 6)
    assert lines(odd, even) == ([], 6, 6)


CUT = Range(after="from", within="of", cut=True)


@pytest.mark.parametrize(
    ("start", "end", "row"),
    [
        (0, 5, "0 5"),
        (4, 5, "4 5"),
        (4, 4, "4 4"),
        (4, 3, None),
        (0, 0, "0 0"),
        (0, -1, None),
        (-1, 5, None),
        (5, 5, None),
        (5, 6, None),
        (6, 9, None),
        (4, 6, "4 5"),
        (4, Int64(2**40), "4 5"),
        (Int64(-(2**63)), Int64(2**63 - 1), None),
        ("04", "0000005", "4 5"),
        ("-0", 1.9, "0 1"),
        (2.9, 3.1, "2 3"),
        (float("nan"), 5, None),
        (0, float("inf"), None),
        (0, Decimal128("9.5"), "0 5"),
        (None, 5, None),
        (0, "1.0", None),
    ],
)
def test_ranges(engine: Engine, start: object, end: object, row: str | None):
    columns = (
        Column("of", (Cell("of"),), sizes={"five": 5}),
        Column("from", (Cell("from", Kind.INTEGER),), range=Range(within="of", room=1)),
        Column("to", (Cell("to", Kind.INTEGER),), range=CUT),
    )
    found = engine.rows([array({"of": "five", "from": start, "to": end})], columns, "k")
    assert found.data.decode() == ("five\t" + row.replace(" ", "\t") + "\n" if row else "")
    assert found.rows == found.matched == 1
    assert engine.rows([array({"of": "six", "from": start, "to": end})], columns, "k").data == b""


def test_ranges_of_the_nearest_earlier_column(engine: Engine):
    def numbers(*ranges: Range) -> str:
        columns = [Column("n", (Cell(name, Kind.INTEGER),), range=r) for name, r in zip("abc", ranges, strict=False)]
        return engine.rows([array({"a": 1, "b": 5, "c": 3})], columns, "k").data.decode()

    assert numbers(Range(), Range(5), Range(after=None)) == "1\t5\t3\n"
    assert numbers(Range(), Range(after="n"), Range(after="n")) == ""
    assert numbers(Range(), Range(6)) == ""
    assert numbers(Range(), Range(within="n", cut=True), Range(after="n", within="n", cut=True)) == "1\t1\t1\n"
    with pytest.raises(ValueError, match="there is no column m before it"):
        numbers(Range(), Range(after="m"))
    with pytest.raises(ValueError, match="there is no column n before it"):
        numbers(Range(after="n"))


def test_a_range_of_what_has_no_number(engine: Engine):
    text, number = Column("t", (Cell("a"),)), (Cell("b", Kind.INTEGER),)
    for bounds in (Range(after="t"), Range(within="t"), Range(within="t", cut=True)):
        assert engine.rows([array({"a": 1, "b": 2})], (text, Column("n", number, range=bounds)), "k").data == b""
    sized = Column("t", (Cell("z"),), "nowhere", sizes={"nowhere": 7})  # what is missing has a text, too
    cut = Column("n", number, range=Range(within="t", cut=True))
    assert engine.rows([array({"b": 9})], (sized, cut), "k").data == b"nowhere\t7\n"


@pytest.mark.parametrize(
    "words",
    [
        {"range": Range(), "cells": (Cell("a"),)},
        {"range": Range(), "cells": (Cell("a", Kind.INTEGER), Cell("a", Kind.NUMBER))},
        {"range": Range(), "cells": (), "sizes": {"a": 1}},
        {"range": Range(), "cells": (Cell("a", Kind.INTEGER, strict=True),)},
        {"cells": (), "sizes": {"a": -1}},
        {"cells": (), "sizes": {"a": 2**31}},
    ],
)
def test_columns_that_no_engine_executes(words: dict):
    with pytest.raises(ValueError, match="column n: "):
        Column("n", **words)


ODD = "odd"
utc = partial(datetime, tzinfo=UTC)


def shown(engine: Engine, value: object, kind: Kind) -> str:
    """What a strict cell makes of a value."""
    form = Form((Column("v", (Cell("v", kind, strict=True),), "missing"),))
    found = engine.rows([array({"_id": 1, "v": value})], Sheet((form,), lambda _: ODD), "k")
    return found.data.decode().removesuffix("\n")


@pytest.mark.parametrize(
    ("value", "text", "whole"),
    [
        ("a#\t%41", "a%23%09%2541", None),
        ("", "missing", None),
        (None, "missing", None),
        ({}, "missing", None),
        ({"v": "deep"}, "missing", None),
        (True, "True", None),
        (False, "False", None),
        (0, "0", None),
        (Int64(-(2**63)), "-9223372036854775808", None),
        (0.5, "0.5", None),
        (2.0, "2.0", "2"),
        (-0.0, "-0.0", "0"),
        (1e18, "1e+18", "1000000000000000000"),
        (float(2**63), "9.223372036854776e+18", ODD),
        (-float(2**63), "-9.223372036854776e+18", "-9223372036854775808"),
        (1e300, "1e+300", ODD),
        (float("nan"), "missing", None),
        (float("-inf"), "missing", None),
        (ObjectId("0123456789abcdef01234567"), "0123456789abcdef01234567", None),
        ([], "missing", None),
        ([""], "missing", None),
        (["a", "", "#b"], "a&&%23b", None),
        (["", "long enough to be copied by eight", "c"], "long enough to be copied by eight&&c", None),
        (["a", 1], ODD, None),
        ([None], ODD, None),
        ([["a"]], ODD, None),
        (b"bytes", ODD, None),
        (Decimal128("1.5"), ODD, None),
        (Regex("a"), ODD, None),
        (MinKey(), ODD, None),
        (Timestamp(1, 2), ODD, None),
        (Code("f()"), "f()", None),
        (DBRef("c", 1), ODD, None),
        (utc(1, 1, 1), "0001-01-01T00:00:00", None),
        (utc(9999, 12, 31, 23, 59, 59, 999000), "9999-12-31T23:59:59.999000", None),
        (utc(1970, 1, 1, 0, 0, 0, 1000), "1970-01-01T00:00:00.001000", None),
        (utc(1969, 12, 31, 23, 59, 59, 999000), "1969-12-31T23:59:59.999000", None),
        (utc(2000, 2, 29, 12, 30), "2000-02-29T12:30:00", None),
        (utc(1900, 3, 1), "1900-03-01T00:00:00", None),
        (DatetimeMS(253402300800000), ODD, None),
        (DatetimeMS(-62135596800001), ODD, None),
        (DatetimeMS(2**63 - 1), ODD, None),
    ],
)
def test_values_as_tables_show_them(engine: Engine, value: object, text: str, whole: str | None):
    assert shown(engine, value, Kind.VALUE) == text
    assert shown(engine, value, Kind.WHOLE) == (whole or text)
    assert cell(engine, value, Kind.VALUE) == (text if text != ODD else "missing")
    assert cell(engine, value, Kind.WHOLE) == ((whole or text) if (whole or text) != ODD else "missing")


def test_strings(engine: Engine):
    assert cell(engine, "a#", Kind.STRING) == shown(engine, "a#", Kind.STRING) == "a%23"
    assert shown(engine, "", Kind.STRING) == shown(engine, None, Kind.STRING) == "missing"
    for value in (0, 0.5, True, ObjectId(), {}, ["a"]):
        assert cell(engine, value, Kind.STRING) == "missing"
        assert shown(engine, value, Kind.STRING) == ODD


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.INTEGER, Kind.POSITION, Kind.NUMBER, Kind.LOOKUP])
def test_strict_cells_find_odd_what_yields_nothing(engine: Engine, kind: Kind):
    values = ["text", "7", 7, -7, 7.5, float("nan"), 2.0**70, ObjectId("0" * 24), *NOTHING]
    for value in values:
        plain = cell(engine, value, kind)
        assert shown(engine, value, kind) == (plain if plain != "missing" or value is None else ODD)
    assert shown(engine, "", kind) == "missing"


def test_forms(engine: Engine):
    def columns(text: str) -> tuple[Column, ...]:
        return (Column("form", (), text), Column("n", (Cell("n"),)))

    forms = (
        Form(columns("one"), has=("a", "b"), lacks=("c", "d")),
        Form(columns("two"), has=("c",)),
        Form(columns("three"), lacks=("a", "b")),
    )
    sheet = Sheet(forms, lambda document: f"odd\t{document['n']}\n")
    names = ["a", "b", "ab", "ac", "c", "cd", "d", "", "ad", "bd"]
    documents = [{"_id": n, "n": name, **dict.fromkeys(name, None)} for n, name in enumerate(names)]
    wanted = ["one", "one", "one", "two", "two", "two", "three", "three", "odd", "odd"]
    expected = [f"{form}\t{name or '.'}" for form, name in zip(wanted, names, strict=True)]
    assert engine.rows([array(*documents)], sheet, "k").data.decode().splitlines() == expected
    found = engine.rows([array(*reversed(documents))], sheet, "k", 3, 9)
    assert found.data.decode().splitlines() == expected[3:9]
    assert (found.rows, found.matched) == (6, 10)


def test_what_an_odd_document_has_elsewhere_does_not_matter(engine: Engine):
    """Its line comes from elsewhere, or is none; and a row that is left out before oddness is seen stays out."""
    guard, strict = Column("g", (Cell("g"),), only="yes"), Column("v", (Cell("v", Kind.STRING, strict=True),))
    documents = [{"_id": n, "g": g, "v": v} for n, (g, v) in enumerate([("yes", 1), ("no", 1), ("yes", "a")])]
    for columns, expected in (((guard, strict), b"odd\nyes\ta\n"), ((strict, guard), b"odd\nodd\na\tyes\n")):
        sheet = Sheet((Form(columns),), lambda _: "odd\n")
        assert engine.rows([array(*documents)], sheet, "k").data == expected
        none = engine.rows([array(*documents)], Sheet((Form(columns),), lambda _: ""), "k")
        assert (none.data, none.rows, none.matched) == (expected.replace(b"odd\n", b""), 3, 3)


def test_only_sheets_have_strict_cells(engine: Engine):
    with pytest.raises(ValueError, match="only sheets"):
        engine.rows([array({"a": 1})], (Column("a", (Cell("a", strict=True),)),), "k")


def test_nothing(engine: Engine):
    for batches in ([], [array()], [array(), array()]):
        found = engine.rows(batches, (Column("", (Cell("n"),)),), "k")
        assert (found.data, found.rows, found.matched) == (b"", 0, 0)


@pytest.mark.usefixtures("compiled")
def test_the_compiled_engine_needs_no_help():
    """Ordinary documents, even with values of most types beside what is asked for, do not go to the other engine."""
    document = {
        "_id": ObjectId(),
        "k": "a",
        "n": "x",
        "others": [1, Int64(2), 0.5, True, None, b"b", Timestamp(1, 2), MinKey(), MaxKey(), Decimal128("1"), "é", {}],
    }
    columns = (Column("", (Cell("n"),)), Column("", (Cell("others.5"), Cell("others.1"))))
    found = sure_rows([array(document, {**document, "_id": "text"}, {**document, "_id": 1})], columns, "k")
    assert found is not None
    assert found == ENGINES["python"].rows([array(*[document] * 3)], columns, "k")
    date = raw.batch(raw.document(("d", (0x09, struct.pack("<q", -(2**63)))), ("n", raw.string("x"))))
    assert sure_rows([date], columns, "k").data == b"x\t.\n"


@pytest.mark.usefixtures("compiled")
def test_other_threads_run_while_a_batch_is_encoded():
    """With no switching by time, another thread can only run where the engine lets go of the interpreter."""
    batch = raw.batch(*[raw.document(("n", raw.string("x")))] * 20_000)
    columns = (Column("", (Cell("n"),)),)
    may_run, has_run = threading.Lock(), threading.Event()
    may_run.acquire()
    other = threading.Thread(target=lambda: (may_run.acquire(), has_run.set()))
    other.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        may_run.release()
        for _ in range(500):
            assert sure_rows([batch], columns, "k") is not None
            if ran := has_run.is_set():
                break
    finally:
        sys.setswitchinterval(interval)
        other.join()
    assert ran
