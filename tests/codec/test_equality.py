"""Laws of the engines: equal bytes or the equal error for any bytes, and no batch that depends on how it is cut."""

import random
import struct

from bson import DatetimeMS, Decimal128, ObjectId, encode
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import Column, Plan, sort
from gateway.codec.columns import forms
from gateway.formats import pgxseg
from gateway.rows import Rows
from tests.codec import raw
from tests.codec.engines import (
    COLUMNS,
    ENGINES,
    GUARDED,
    HEADERS,
    RANGED,
    SHEET,
    Engine,
    line_outcome,
    outcome,
    sure_rows,
)
from tests.codec.fuzz import mutate
from tests.examples import examples

UNKNOWN = (*GUARDED[:3], Column("guard", GUARDED[3].cells, "unknown", only="unknown"))
PLANS = (
    (COLUMNS, "key"),
    (pgxseg.COLUMNS, "biosample_id"),
    (GUARDED, "key"),
    (UNKNOWN, "key"),
    (RANGED, "key"),
    (RANGED[:4], "key"),
    (SHEET, "key"),
)

paths = [cell.path for plan, _ in PLANS for form in forms(plan) for column in form.columns for cell in column.cells]
labels = ["id", "notes", "cohorts", "references.pubmed.id", "histological_diagnosis.id", "histological_diagnosis.label"]
labels += ["info.group_id", "info.group_label", "info.pgxseg", "description", "individual_info.sex.id"]
names = st.one_of(
    st.sampled_from(
        sorted({name for path in (*paths, *labels) for name in path.split(".")} | {"_id", "key", "biosample_id"})
    ),
    st.sampled_from(["", "0", "1", "2", "00", "é", "$ref", "$id", "KEY", "ke", "keys"]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9),
    st.binary(max_size=3).filter(lambda name: b"\0" not in name),
)
texts = st.one_of(
    st.sampled_from(["DUP", "DEL", "EFO:0030067", "CopyNumberChange", "refseq:NC_000009.12", "-1", "1e5", "#", "%41"]),
    st.text(max_size=20),
    st.text(st.sampled_from("0123456789.-+eE% \t\n\0#\x7fé"), max_size=24),
    st.binary(max_size=9),
)
doubles = st.one_of(st.floats(), st.floats(-9, 9).map(lambda x: round(x, 4)), st.integers(-(2**63), 2**63).map(float))
int32s = st.integers(-(2**31), 2**31 - 1)
int64s = st.one_of(st.integers(-9, 9), st.integers(-(2**63), 2**63 - 1))
oids = st.one_of(st.integers(0, 300), st.integers(0, 2**96 - 1)).map(raw.oid)
anything = st.integers(0, 255)


def of_type(kind: int, payload: st.SearchStrategy[bytes]) -> st.SearchStrategy[raw.Value]:
    return payload.map(lambda data: (kind, data))


def blob(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def scoped(code: str, scope: raw.Value) -> bytes:
    content = raw.string(code)[1] + scope[1]
    return struct.pack("<i", len(content) + 4) + content


scalars = st.one_of(
    doubles.map(raw.double),
    texts.map(raw.string),
    int32s.map(raw.int32),
    int64s.map(raw.int64),
    oids,
    st.sampled_from([(0x06, b""), (0x0A, b""), (0xFF, b""), (0x7F, b""), (0x08, b"\0"), (0x08, b"\1")]),
    st.builds(raw.binary, st.binary(max_size=17), st.sampled_from([0, 0, 1, 2, 3, 4, 5, 9, 128])),
    of_type(0x08, blob(1)),
    of_type(0x09, int64s.map(lambda n: struct.pack("<q", n))),
    of_type(0x0B, st.sampled_from([b"a\0i\0", b"\0\0", b"\xff\0\0"])),
    of_type(0x0C, oids.map(lambda value: raw.string("c")[1] + value[1])),
    of_type(0x0D, texts.map(lambda text: raw.string(text)[1])),
    of_type(0x0E, texts.map(lambda text: raw.string(text)[1])),
    of_type(0x0F, st.just(scoped("f", raw.document(("x", raw.int32(1)))))),
    of_type(0x11, blob(8)),
    of_type(0x13, blob(16)),
    of_type(0x13, st.sampled_from(["1.50", "NaN", "-Infinity", "1E+400", "-0"]).map(lambda text: Decimal128(text).bid)),
    st.tuples(anything, st.binary(max_size=9)),
)


def documents(values: st.SearchStrategy[raw.Value], most: int = 8) -> st.SearchStrategy[raw.Value]:
    return st.lists(st.tuples(names, values), max_size=most).map(lambda fields: raw.document(*fields))


values = st.recursive(
    scalars,
    lambda inner: st.one_of(documents(inner, 5), st.lists(inner, max_size=4).map(lambda items: raw.array(*items))),
    max_leaves=12,
)
# Ordinary documents, which the compiled engine must write by itself, and any.
plain_values = st.one_of(
    doubles.map(raw.double),
    st.text(max_size=20).map(raw.string),
    int32s.map(raw.int32),
    int64s.map(raw.int64),
    oids,
    st.just((0x0A, b"")),
)
plain = st.lists(st.tuples(st.sampled_from(sorted(set(paths))), plain_values), max_size=8).map(
    lambda fields: raw.document(*fields)
)
batches = st.one_of(
    st.lists(documents(values), max_size=5).map(lambda found: raw.batch(*found)),
    st.lists(plain, max_size=5).map(lambda found: raw.batch(*found)),
    st.lists(st.tuples(names, values), max_size=4).map(lambda fields: raw.document(*fields)[1]),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A batch in which some bytes were changed, cut out, put in or repeated."""
    data = bytearray(draw(batches))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = bytes([draw(anything)])
            case 1:
                del data[at:]
            case 2:
                data[at:at] = draw(st.binary(max_size=5))
            case 3:
                data[at:at] = data[at : at + 20]
            case 4:
                length = draw(st.one_of(st.integers(0, 40), st.just(2**31 - 1), st.just(2**32 - 1)))
                data[at : at + 4] = struct.pack("<I", length)
    if draw(st.booleans()) and len(data) >= 5:
        # The outermost length made true again, so that reading goes on behind it.
        data[:4] = struct.pack("<I", len(data))
        data[-1] = 0
    return bytes(data)


def agree(compiled: Engine, arrays: list[bytes], start: int = 0, stop: int | None = None) -> None:
    python = ENGINES["python"]
    for columns, key in PLANS:
        expected = outcome(python.rows, arrays, columns, key, start, stop)
        assert outcome(compiled.rows, arrays, columns, key, start, stop) == expected
    for number in range(len(HEADERS)):
        expected = line_outcome(python, number, arrays, start, stop)
        assert line_outcome(compiled, number, arrays, start, stop) == expected
    for array in arrays:
        assert outcome(compiled.count, array) == outcome(python.count, array)
        assert repr(outcome(compiled.decode, [array])) == repr(outcome(python.decode, [array]))
        assert outcome(compiled.split_reply, array) == outcome(python.split_reply, array)
        if outcome(python.count, array)[1]:
            assert repr(outcome(compiled.last_id, array)) == repr(outcome(python.last_id, array))


# Drawing an input costs fifty times what both engines need for it: few are drawn, and each is used well.
@examples(40)
@given(arrays=st.lists(batches, max_size=3), start=st.integers(-3, 5), stop=st.none() | st.integers(-3, 9))
def test_engines_agree(compiled: Engine, arrays: list[bytes], start: int, stop: int | None):
    agree(compiled, arrays, start, stop)


@examples(30)
@given(array=mutated(), seed=st.integers(0, 2**32))
def test_engines_agree_on_mutated_bytes(compiled: Engine, array: bytes, seed: int):
    agree(compiled, [array])
    rng = random.Random(seed)
    for _ in range(20):
        agree(compiled, [mutate(rng, array, [array or b"\0"])])


sound = st.fixed_dictionaries(
    {"_id": st.integers(0, 2**62) | st.text(max_size=5)},
    optional={
        "key": st.text(max_size=4),
        "a": st.text(max_size=9) | st.fixed_dictionaries({"b": st.text(max_size=9), "x": st.floats()}),
        "n": st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5),
        "x": st.floats(),
        "s": st.sampled_from(["DUP", "DEL", "", "?"]),
    },
)


# Integers about the bounds of ranges, so that rows are kept, cut and left out.
near = st.one_of(st.integers(-2, 8), st.integers(2**31 - 4, 2**31 + 2), st.integers(-2, 8).map(lambda n: n + 0.5))
ranged = st.fixed_dictionaries(
    {"_id": st.integers(0, 99), "s": st.sampled_from(["DUP", "DEL", "#", "?"])},
    optional={
        "key": st.text(max_size=2),
        "n": near | near.map(str),
        "x": near | near.map(float),
        "a": st.fixed_dictionaries({"n": near, "s": st.sampled_from(["DEL", "anything"])}),
    },
)


@examples(50)
@given(found=st.lists(ranged, min_size=1, max_size=6))
def test_engines_agree_about_ranges(compiled: Engine, found: list[dict]):
    batch = encode({str(n): document for n, document in enumerate(found)})
    for columns in (RANGED, RANGED[:4]):
        rows = sure_rows([batch], columns, "key")
        assert rows == ENGINES["python"].rows([batch], columns, "key")
        for line in rows.data.decode().split("\n")[:-1]:
            start, end = line.split("\t")[2:4]
            assert 0 <= int(start) <= int(end) < 2**31


shown = st.one_of(
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.integers(-9, 9),
    st.floats(),
    near.map(float),
    oids.map(lambda value: ObjectId(value[1])),
    st.lists(st.text(max_size=2), max_size=3),
    st.lists(st.text(max_size=2) | st.integers(0, 9), max_size=2),
    st.datetimes(allow_imaginary=False).map(lambda date: date.replace(microsecond=date.microsecond // 1000 * 1000)),
    st.integers(-(2**63), 2**63 - 1).map(DatetimeMS),
    st.dictionaries(st.sampled_from("bx"), st.integers(0, 9) | st.text(max_size=2), max_size=2),
)
tabled = st.dictionaries(st.sampled_from(["key", "a", "list", "x", "s", "n", "0"]), shown, max_size=6)


@examples(40)
@given(found=st.lists(tabled, min_size=1, max_size=6), shuffled=st.randoms())
def test_engines_agree_about_sheets(compiled: Engine, found: list[dict], shuffled: random.Random):
    numbered = [{"_id": n, **document} for n, document in enumerate(found)]
    numbered = [{**d, "key": d["key"] if isinstance(d.get("key"), str) else "k"} for d in numbered]
    shuffled.shuffle(numbered)
    batch = encode({str(n): document for n, document in enumerate(numbered)})
    rows = sure_rows([batch], SHEET, "key")
    assert rows == ENGINES["python"].rows([batch], SHEET, "key")
    assert rows.matched == len(numbered)


@examples(40)
@given(found=st.lists(sound, max_size=12), cut=st.integers(0, 12))
def test_a_cut_changes_nothing(engine: Engine, found: list[dict], cut: int):
    """Consecutive parts give consecutive rows, encoded one by one or in one go."""

    def rows(columns: Plan, *parts: list[dict]) -> Rows:
        arrays = [encode({str(n): document for n, document in enumerate(part)}) for part in parts]
        return engine.rows(arrays, columns, "key")

    sort(found, "key")
    for columns in (COLUMNS, RANGED, SHEET):
        a, b, whole = rows(columns, found[:cut]), rows(columns, found[cut:]), rows(columns, found)
        assert whole == rows(columns, found[:cut], found[cut:])
        assert whole == Rows(a.data + b.data, a.rows + b.rows, a.matched + b.matched)
