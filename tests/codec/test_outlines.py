"""Documents of a few outlines, again and again in one batch, as a database gives them: each as if it came alone."""

import random
import struct

import pytest

from gateway.codec import Cell, Column
from tests.codec import raw
from tests.codec.engines import ENGINES, Engine, sure_rows
from tests.codec.fuzz import mutate
from tests.codec.test_equality import PLANS, agree

TOP = ("a", "n", "x", "s", "list", "location", "variant_state", "info", "other")
BELOW = ("b", "n", "x", "s", "id", "label", "chromosome", "start", "end", "0", "1", "cnv_value")
TEXTS = ("", "DUP", "DEL", "EFO:0030067", "a#b", "%41%", "12", "-7", "1.5", "é" * 5, "tab\there", "y" * 40, "12345678#")
NUMBERS = (
    0,
    9,
    10,
    99,
    100,
    12_345_678,
    99_999_999,
    100_000_000,
    2**31 - 1,
    9_999_999_999,
    10_000_000_000,
    -1,
    -(2**63),
)
DOUBLES = (0.0, -0.0, 0.0001, 0.1, -0.3351, 0.00005, 7.0, 1e22, 123456.7891, float("nan"), float("inf"))
KINDS = ("text", "text", "int32", "int64", "double", "oid", "bool", "null", "date", "document", "array", "binary")

# Columns that look into one field, which some documents do not have.
JOINED = tuple(Column(path, (Cell(path),)) for path in ("key", "a.b", "a.n", "x", "info.id", "info.label"))

Shape = tuple[str, tuple["tuple[str, Shape]", ...]]


def shape(rng: random.Random, depth: int = 0) -> Shape:
    kind = rng.choice(KINDS if depth < 3 else KINDS[:9])
    names = BELOW if kind == "document" else tuple(map(str, range(9)))
    nested = kind in {"document", "array"}
    return kind, tuple((rng.choice(names), shape(rng, depth + 1)) for _ in range(rng.randint(0, 3) if nested else 0))


def outline(rng: random.Random) -> tuple[tuple[str, Shape], ...]:
    """Of documents whose order the compiled engine is sure of."""
    fields = [("_id", ("oid", ())), ("key", ("text", ())), ("biosample_id", ("text", ()))]
    fields += [(rng.choice(TOP), shape(rng)) for _ in range(rng.randint(0, 7))]
    rng.shuffle(fields)
    return tuple(fields)


def number(rng: random.Random) -> float:
    return rng.choice(DOUBLES) if rng.random() < 0.5 else round(rng.uniform(-3, 3), rng.randint(0, 9))


def scalar(rng: random.Random, kind: str, *, strange: bool) -> raw.Value:
    made = {
        "text": lambda: raw.string(b"\xff\xfe" if strange else rng.choice(TEXTS)),
        "int32": lambda: raw.int32(max(-(2**31), min(rng.choice(NUMBERS), 2**31 - 1))),
        "int64": lambda: raw.int64(rng.choice(NUMBERS)),
        "double": lambda: raw.double(number(rng)),
        "oid": lambda: raw.oid(rng.randint(0, 2**96 - 1)),
        "bool": lambda: (0x08, bytes([2 if strange else rng.randint(0, 1)])),
        "date": lambda: (0x09, struct.pack("<q", rng.choice(NUMBERS))),
        "binary": lambda: raw.binary(b"bytes", 9 if strange else 0),
        "null": lambda: (0x0A, b""),
    }
    return made[kind]()


def value(rng: random.Random, shape: Shape, *, odd: bool) -> raw.Value:
    kind, inside = shape
    if kind == "document":
        return raw.document(*((name, value(rng, each, odd=odd)) for name, each in inside))
    if kind == "array":
        return raw.array(*(value(rng, each, odd=odd) for _, each in inside))
    return scalar(rng, kind, strange=odd and rng.random() < 0.02)


def document(rng: random.Random, fields: tuple[tuple[str, Shape], ...], *, odd: bool) -> raw.Value:
    return raw.document(*((name, value(rng, each, odd=odd)) for name, each in fields))


@pytest.mark.parametrize("seed", range(12))
def test_engines_agree_on_documents_that_are_alike(compiled: Engine, seed: int):
    rng = random.Random(seed)
    for _ in range(4):
        outlines = [outline(rng) for _ in range(rng.randint(1, 4))]
        odd = rng.random() < 0.3
        found = [document(rng, rng.choice(outlines), odd=odd) for _ in range(25)]
        whole = raw.batch(*found)
        agree(compiled, [whole, raw.batch(*found[:3])])
        agree(compiled, [mutate(rng, whole, [whole])])


@pytest.mark.usefixtures("compiled")
def test_more_outlines_than_are_remembered():
    rng = random.Random(5)
    outlines = [outline(rng) for _ in range(90)]
    found = [document(rng, each, odd=False) for each in (*outlines, *outlines[::-1], *outlines[:40] * 6)]
    for columns, key in (*PLANS, (JOINED, "key")):
        rows = sure_rows([raw.batch(*found)], columns, key)
        assert rows is not None
        assert rows == ENGINES["python"].rows([raw.batch(*found)], columns, key)
