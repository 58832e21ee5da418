"""Laws of JSON records: the core writes what the reference engine does or nothing, and ordinary ones itself."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
import ujson
from bson import Code, DatetimeMS, Decimal128, Int64, MinKey, ObjectId, Timestamp, encode
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import RecordPlan, Rest, Value, dumps, json_rows, plain
from gateway.formats.model_2021 import OLD_VARIANT
from gateway.rows import Rows
from tests.codec import raw
from tests.codec.fuzz import mutate
from tests.codec.records import PLANS, disagreement, sure
from tests.codec.seeds import corpus
from tests.codec.test_doubles import odd_doubles
from tests.codec.test_equality import batches, mutated, oids, plain_values, scalars, values
from tests.datasets import ODD_VARIANTS
from tests.examples import examples
from tests.formats.test_format_properties import VARIANT, documents

pytestmark = pytest.mark.usefixtures("compiled")
REST = RecordPlan(Rest(frozenset({"_id"})))
ALONE = RecordPlan(Value(("v",)))


def array(*found: dict[str, Any]) -> bytes:
    return encode({str(n): document for n, document in enumerate(found)})


# --- any bytes -------------------------------------------------------------------------------------------------------

names = st.sampled_from(
    [
        *("id", "label", "a_b", "aB", "a__b", "_id", "sequence_id", "a_1_c", "_a", "a_", "x_é", "", 'q"\n', "$ref"),
        *("b_c_d", "start", "end"),
    ]
)
terms = st.fixed_dictionaries(
    {}, optional={"id": st.sampled_from(["", "a:b", "ab:c", "ab:", "éb:c", ":b:c", "a::", "_x:\n"]), "label": st.text()}
).map(lambda term: raw.document(*((name, raw.string(text)) for name, text in term.items())))
instants = st.one_of(st.integers(-(2**45), 2**47), st.sampled_from([0, -1, 999, -62135596800000, 253402300799999]))
dates = instants.map(lambda ms: (0x09, ms.to_bytes(8, "little", signed=True)))
flags = st.sampled_from([(0x08, b"\0"), (0x08, b"\1"), (0x06, b"")])


def within(leaves: st.SearchStrategy[raw.Value], names: st.SearchStrategy[str]) -> st.SearchStrategy[raw.Value]:
    """Values, objects of these names, and lists, in one another."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(st.tuples(names, inner), max_size=5, unique_by=lambda field: field[0]).map(
                lambda found: raw.document(*found)
            ),
            st.lists(inner, max_size=4).map(lambda items: raw.array(*items)),
        ),
        max_leaves=10,
    )


Field = tuple[str, raw.Value]


def records(fields: st.SearchStrategy[Field]) -> st.SearchStrategy[raw.Value]:
    """Documents with these beside an id and a key."""
    found = st.lists(fields, max_size=9, unique_by=lambda field: field[0])
    whose = st.tuples(st.sampled_from(["key", "biosample_id"]), st.text(max_size=2).map(raw.string))
    return st.builds(lambda one, fields, key: raw.document(("_id", one), *fields, key), oids, found, whose)


# In functions of their own, because hypothesis prints strategies whole, and not those that are too long.
@st.composite
def any_scalar(draw: st.DrawFn) -> raw.Value:
    return draw(scalars)


@st.composite
def any_value(draw: st.DrawFn) -> raw.Value:
    return draw(values)


@st.composite
def usual_scalar(draw: st.DrawFn) -> raw.Value:
    return draw(plain_values | dates | flags)


plans = {"old_one", "list", "s", "n", "x", "a", *VARIANT} - {"biosample_id"}
odd = records(
    st.tuples(st.sampled_from(sorted(plans)) | names, within(any_scalar() | terms | dates, names) | any_value())
)
# What the core is to write itself, mostly.
scalar = usual_scalar()
alone = st.sampled_from(["s", "n", "x", "id", "variant_internal_id", "analysis_id", "individual_id"])
known = names.filter(lambda name: name.isascii() and name not in {"$ref", "aB"})
others = st.sampled_from(
    sorted(plans - OLD_VARIANT - {"old_one", "s", "n", "x", "id", "variant_internal_id", "analysis_id"})
)
usual = records(st.tuples(alone, scalar) | st.tuples(others, within(scalar | terms, known)))


@st.composite
def record(draw: st.DrawFn) -> raw.Value:
    return draw(odd if draw(st.integers(0, 3)) == 3 else usual)


replies = st.lists(st.lists(record(), max_size=4).map(lambda found: raw.batch(*found)), max_size=3)


@examples(60)
@given(
    arrays=replies | st.lists(batches, max_size=2),
    start=st.integers(-3, 5),
    stop=st.none() | st.integers(-3, 9),
)
def test_engines_agree(arrays: list[bytes], start: int, stop: int | None):
    for plan, key in PLANS:
        assert disagreement(arrays, plan, key, start=start, stop=stop) is None


@examples(40)
@given(array=mutated(), found=record(), seed=st.integers(0, 2**32))
def test_engines_agree_on_mutated_bytes(array: bytes, found: raw.Value, seed: int):
    rng, other = random.Random(seed), raw.batch(found, found)
    inputs = [array, *(mutate(rng, other, [array or b"\0"]) for _ in range(20))]
    for each in inputs:
        for plan, key in PLANS:
            assert disagreement([each], plan, key) is None


@examples(50)
@given(st.lists(documents(VARIANT), max_size=6))
def test_engines_agree_about_bent_variants(found: list[dict[str, Any]]):
    assert disagreement([array(*found)], *PLANS[0]) is None


@pytest.mark.parametrize("name", sorted(corpus()))
def test_engines_agree_about_the_corpus(name: str):
    data = corpus()[name]
    for plan, key in PLANS:
        for size in range(len(data)):
            cut = size.to_bytes(4, "little") + data[4 : size - 1] + b"\0"
            assert disagreement([data[:size]], plan, key) is None
            assert disagreement([cut], plan, key) is None
            assert disagreement([data[:size] + bytes([data[size] ^ 0x11]) + data[size + 1 :]], plan, key) is None


# --- what the core must write itself ---------------------------------------------------------------------------------


def told(document: dict[str, Any], plan: RecordPlan = REST) -> Any:
    """What the core's record says, which is also what the reference engine's does."""
    batch = [array({"_id": 1, **document})]
    found = sure(batch, plan, "k")
    assert found is not None, "unsure"
    assert found == json_rows(batch, plan, "k")
    return ujson.loads(found.data)


TEXTS = [
    "",
    "plain",
    "é漢🧬 \x7f\u2028\ufeff/",
    *(f"{'x' * size}{mark}{'y' * (7 - size % 3)}" for size in (0, 3, 7, 8, 20) for mark in '"\\\n\0\x1f'),
    "".join(map(chr, range(0x24))) * 3,
    '"' * 5000,
    "é" * 5000,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:12]))
def test_texts(text: str):
    assert told({"v": [text], text.replace("\0", "") if text.isascii() else "name": 1})["v"] == [text]
    assert told({"v": text}, ALONE) == (text)


def test_doubles():
    found = odd_doubles()
    assert len(found) > 190_000
    batch = [raw.batch(*(raw.document(("v", raw.double(sign * value))) for value in found for sign in (1, -1)))]
    rows = sure(batch, ALONE, "k", after=b" ")
    assert rows is not None
    assert rows.data.split() == [dumps(sign * value) for value in found for sign in (1, -1)]


def test_dates():
    rng = random.Random(20211127)
    days = [int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000 for year in (*range(1, 30), *range(1890, 2110))]
    found = [day + shift for day in days for shift in (-86_400_000, -1, 0, 1, 58 * 86_400_000, 59 * 86_400_000)][1:]
    found += [rng.randrange(-62135596800000, 253402300800000) for _ in range(10_000)] + [253402300799999]
    batch = [raw.batch(*(raw.document(("v", (0x09, ms.to_bytes(8, "little", signed=True)))) for ms in found[1:]))]
    rows = sure(batch, ALONE, "k", after=b"\n")
    assert rows is not None
    assert rows == json_rows(batch, ALONE, "k", after=b"\n")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        Int64(2**63 - 1),
        Int64(-(2**63)),
        ObjectId(b"twelve bytes"),
        {},
        [],
        [[]],
        [{}],
        [None, {"a_b": []}],
    ],
    ids=repr,
)
def test_values(value: Any):
    said = told({"v": [value], "deep_er": {"a_b": value}})
    assert said["v"] == [ujson.loads(dumps(str(value) if isinstance(value, ObjectId) else _camel(value)))]


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.replace("a_b", "aB"): _camel(item) for key, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["start", "end"])
def test_positions_are_integers(name: str):
    """Some documents store them as doubles, which Go's and Java's integer fields refuse."""
    exact = 2.0**53
    values = [20000.0, -0.0, -5.0, 20000.5, exact, -exact, exact + 2, 1e300, float("nan"), 7, "8.0"]
    wanted = ["20000", "0", "-5", "20000.5", str(2**53), str(-(2**53)), *(dumps(plain(x)).decode() for x in values[6:])]
    for value, text in zip(values, wanted, strict=True):
        for found in ({name: value}, {name: [value]}, {name: [[value]]}):
            batch = [array({"_id": 1, "v": {"location": found}})]
            rows = sure(batch, REST, "k")
            assert rows == json_rows(batch, REST, "k")
            assert rows is not None
            brackets = rows.data.decode().partition(f'"{name}":')[2].rstrip("}")
            assert brackets.strip("[]") == text
    assert told({"v": {name: {"x": 5.0}, "other": 5.0, f"{name}s": 5.0}}) == {
        "v": {name: {"x": 5.0}, "other": 5.0, f"{name}s": 5.0}
    }
    rows = sure([array({"_id": 1, "v": {name: {"x": 5.0}}})], REST, "k")
    assert rows is not None
    assert b'"x":5.0' in rows.data


def test_what_says_nothing_is_left_out():
    empty = {"null": None, "text": "", "list": [], "object": {}, "nan": float("nan"), "term": {"id": "", "label": "x"}}
    kept = {"zero": 0, "no": False, "inner": {"null": None}, "code": {"id": "a1:b"}, "named": {"label": "x"}}
    assert told({**empty, **kept}) == kept
    assert told({"t": {"id": "x:y"}, "u": {"id": "xx:y", "label": None, "more": 1}}).keys() == {"u"}


@pytest.mark.parametrize(
    "document",
    [
        {"a_b": 1, "aB": 2},
        {"v": {"a_b": 1, "aB": 2}},
        {"v": Decimal128("1.5")},
        {"v": Code("x")},
        *({"v": DatetimeMS(ms)} for ms in (2**60, 253402300800000, -62135596800001)),
        {"v": {"id": datetime(2021, 1, 1, tzinfo=UTC)}},
        {"é": 1},
        {f"n{n}": n for n in range(100)},
    ],
    ids=lambda document: str(document)[:20],
)
def test_what_is_left_to_the_reference_engine(document: dict[str, Any]):
    assert sure([array(document)], REST, "k") is None


@pytest.mark.parametrize("value", [Decimal128("0"), b"bytes", MinKey(), Timestamp(1, 2)], ids=repr)
@pytest.mark.parametrize("name", ["id", "identifiers", "type"])
def test_rare_values_are_left_wherever_they_are(name: str, value: Any):
    assert sure([array({"_id": 1, name: value})], *PLANS[0]) is None
    assert sure([array({"_id": 1, "info": value})], *PLANS[0]) is not None  # of which nothing is told


def test_the_first_that_is_true_is_told():
    """In JSON, where NaN is null; if none is, the last."""
    first = RecordPlan(Value(("a", "b", "c")))
    empty = [None, "", 0, Int64(0), 0.0, -0.0, False, float("nan"), float("-inf")]
    for value in empty:
        assert told({"a": value, "b": "x", "c": "y"}, first) == "x"
        assert told({"a": value, "c": "y"}, first) == "y"
        assert told({"a": "x", "b": value}, first) == "x"
        last = dumps(plain(value))
        assert sure([array({"_id": 1, "a": 0, "c": value})], first, "k", after=b"") == Rows(last, 1, 1)


def test_many_names_are_learnt_and_forgotten():
    found = [
        {"_id": n, "v": [{f"n_{n}_{m}": m for m in range(30)}, {f"n_{n}_{m}": m for m in range(25)}]} for n in range(40)
    ]
    rows = sure([array(*found)], REST, "k", after=b"\n")
    assert rows == json_rows([array(*found)], REST, "k", after=b"\n")


def test_depth():
    """As deep as the reference engine reads."""
    deep = raw.batch(raw.document(("v", raw.nested(199))), raw.document(("v", raw.nested(199, 0x04))))
    assert sure([deep], REST, "k") == json_rows([deep], REST, "k")


def test_odd_variants_are_written_by_the_core_alone():
    batch = [array(*(document for document, _ in ODD_VARIANTS if "variant_type" not in document))]
    assert sure(batch, *PLANS[0]) == json_rows(batch, *PLANS[0])
