"""Sheets of several forms, values as tables show them, and lines of odd documents, whichever engine writes them."""

from datetime import UTC, datetime
from functools import partial

import pytest
from bson import Code, DatetimeMS, DBRef, Decimal128, Int64, MinKey, ObjectId, Regex, Timestamp

from gateway.codec import Cell, Column, Form, Kind, Sheet
from tests.codec.engines import Engine
from tests.codec.test_rows import NOTHING, array, cell

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
