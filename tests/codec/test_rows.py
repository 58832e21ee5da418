"""What rows look like, whichever engine writes them."""

import struct
import sys
import threading
from types import MappingProxyType

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, encode

from gateway.codec import Cell, Column, Kind
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


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ({}, ".\t-\tk\t.\t.\t."),
        ({"x": None}, ".\t-\tk\t.\t.\t."),
        ({"x": {"a": "1"}}, "1\t-\tk\t.\t.\t1"),
        ({"x": ["z"], "y": "t"}, ".\tz\tk\t.\tt\t."),
        ({"y": {"b": "t"}}, ".\t-\tk\t.\tt\t."),
        ({"x": {}, "y": {"a": "u"}}, ".\t-\tk\tu\t.\tu"),
    ],
)
def test_columns_of_one_field_that_is_there_or_not(engine: Engine, document: dict, line: str):
    columns = (
        *(Column("a", (Cell("x.a"),)), Column("b", (Cell("x.0"), Cell("x.b.c")), "-")),
        Column("k", (Cell("id"),)),
        *(Column("c", (Cell("y.a"),)), Column("d", (Cell("y"), Cell("y.b")))),
        Column("e", (Cell("x.a"), Cell("y.a"))),
    )
    assert engine.rows([array({"_id": 1, "id": "k", **document})], columns, "id").data.decode() == f"{line}\n"
