"""Columns whose integers have to lie somewhere: rows that are kept, cut and left out, whichever engine writes them."""

import pytest
from bson import Decimal128, Int64

from gateway.codec import Cell, Column, Kind, Range
from tests.codec.engines import Engine
from tests.codec.test_rows import array

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
