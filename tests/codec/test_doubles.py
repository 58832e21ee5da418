"""Doubles print as Python prints them: some 200,000 odd ones through the compiled engine, some through both."""

import math
import random
import struct

import pytest

from gateway.codec import Cell, Column, Kind
from tests.codec import raw
from tests.codec.engines import Engine

COLUMNS = (Column("x", (Cell("x", Kind.NUMBER),)),)


def neighbours(value: float) -> list[float]:
    return [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]


def odd_doubles() -> list[float]:
    rng = random.Random(20211127)
    found = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 9007199254740993.0, 123456789012345.6]
    for exponent in range(-1074, 1024):
        found += neighbours(math.ldexp(1.0, exponent))
    for exponent in range(-323, 309):
        for digits in (1, 5, 9, 12, 99, 123456789, 999999999999999, 9999999999999999, 12345678901234567):
            found += neighbours(float(f"{digits}e{exponent}"))
    # Where Python changes its form, and where the engine does.
    for border in (1e-5, 1e-4, 1e3, 1e7, 1e11, 1e15, 1e16, 1e17, 2.0**53):
        found += [border * (1 + n * 2.0**-52) for n in range(-200, 200)]
    found += [struct.unpack("<d", rng.randbytes(8))[0] for _ in range(60_000)]
    found += [round(rng.gauss(0, 1), digits) for digits in range(17) for _ in range(4_000)]
    found += [round(rng.uniform(-1e7, 1e7), digits) for digits in range(12) for _ in range(2_000)]
    found += [float(rng.randrange(-(2**63), 2**63) >> rng.randrange(63)) for _ in range(20_000)]
    return [value for value in found if math.isfinite(value)]


@pytest.fixture(scope="module")
def doubles() -> list[float]:
    return odd_doubles()


def test_they_print_as_python_prints_them(engine: Engine, doubles: list[float]):
    assert len(doubles) > 190_000
    if engine.IMPLEMENTATION == "python":  # prints them with `repr` itself
        doubles = doubles[::20]
    array = raw.batch(*(raw.document(("x", raw.double(sign * value))) for value in doubles for sign in (1, -1)))
    lines = engine.rows([array], COLUMNS, "k").data.decode().split()
    assert lines == [repr(sign * value) for value in doubles for sign in (1, -1)]
