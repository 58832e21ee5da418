"""Bytes that lie: one clean error that names the document, whichever engine reads, and never a crash or a hang.

Long runs, from the repository's root:

    python -m tests.codec.fuzz 3600                                  # both engines against each other

    clang++ -std=c++17 -g -O1 -DLIBFUZZER -fsanitize=fuzzer,address,undefined -I gateway/codec/core \
        tests/codec/native/fuzz.cpp -o build/fuzz                    # the core under AddressSanitizer
    build/fuzz -max_total_time=3600 build/found tests/codec/corpus     # new inputs go to build/found (make it first)

What they find goes into `tests/codec/corpus/`, which all tests here run.
"""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.codec._py import MAX_DEPTH, _bounds
from gateway.errors import BadDocument
from gateway.formats import pgxseg
from tests import examples
from tests.codec import raw
from tests.codec.engines import COLUMNS, Engine, sure_rows
from tests.codec.fuzz import differences
from tests.codec.seeds import CORPUS, corpus

ROOT = Path(__file__).parents[2]
NATIVE = Path(__file__).parent / "native"
CORE = ROOT / "gateway" / "codec" / "core"


def good(number: int) -> raw.Value:
    return raw.document(("_id", raw.oid(number)), ("key", raw.string("k")), ("a", raw.string("text")))


def rows(engine: Engine, array: bytes) -> bytes:
    return engine.rows([array], COLUMNS, "key").data


def with_value(value: raw.Value) -> bytes:
    return raw.batch(good(1), raw.document(("_id", raw.oid(0xABC)), ("unasked", value)), good(2))


@pytest.mark.parametrize(
    "value",
    [
        (0x02, struct.pack("<i", 0)),
        (0x02, struct.pack("<i", -1) + b"x\0"),
        (0x02, struct.pack("<i", 2**31 - 1) + b"x\0"),
        (0x02, struct.pack("<i", 2) + b"xy"),
        raw.string(b"\xff"),
        raw.string(b"\xed\xa0\x80"),
        raw.string(b"\xc0\x80"),
        (0x03, struct.pack("<i", 4)),
        (0x03, struct.pack("<i", 500) + b"\0"),
        (0x03, struct.pack("<i", 6) + b"\1\1"),
        (0x03, struct.pack("<i", 7) + b"\x10a\0"),
        (0x04, struct.pack("<i", 0x7FFFFFFF)),
        (0x05, struct.pack("<i", -5) + b"\0"),
        (0x08, b"\2"),
        (0x13, b"short"),
        (0x77, b""),
        raw.document((b"\xff", raw.int32(1))),
        raw.array((0x02, struct.pack("<i", 60) + b"x\0")),
        raw.nested(MAX_DEPTH),
        raw.nested(5000),
    ],
)
def test_the_error_names_the_document(engine: Engine, value: raw.Value):
    with pytest.raises(BadDocument, match=f"the document with _id {0xABC:024x} cannot be read"):
        rows(engine, with_value(value))


@pytest.mark.parametrize("kind", [0x03, 0x04])
def test_depth(engine: Engine, kind: int):
    """The document itself counts."""
    deepest = with_value(raw.nested(MAX_DEPTH - 1, kind))
    assert rows(engine, deepest).count(b"\n") == 3
    assert rows(engine, deepest) == rows(engine, raw.batch(good(1), raw.document(("_id", raw.oid(0xABC))), good(2)))


@pytest.mark.usefixtures("compiled")
def test_the_compiled_engine_goes_as_deep():
    assert sure_rows([with_value(raw.nested(MAX_DEPTH - 1))], COLUMNS, "key") is not None
    assert sure_rows([with_value(raw.nested(MAX_DEPTH))], COLUMNS, "key") is None


def test_a_nesting_bomb(engine: Engine):
    bomb = b"\x03a\0\xff\xff\xff\0" * 300_000
    for array in (raw.batch((0x03, bomb)), raw.batch(raw.nested(9_000, 0x04)), bomb):
        with pytest.raises(BadDocument):
            rows(engine, array)


def test_a_length_that_points_far_away(engine: Engine):
    """The driver's decoder alone crashes here: inside an array it looks for the end of a string behind its input."""
    size = 8_000_000
    long = (0x02, struct.pack("<i", size) + b"x" * (size - 1) + b"\0")
    lying = (0x02, struct.pack("<i", size) + b"x\0")
    with pytest.raises(BadDocument, match=f"{0xABC:024x}"):
        rows(engine, with_value(raw.array(long, lying)))


@pytest.mark.parametrize("name", ["current", "every-type", "fusion", "texts"])
def test_every_truncation(engine: Engine, name: str):
    whole = corpus()[name]
    ends = {4} | {end for _, end in _bounds(whole)}
    for size in range(len(whole)):
        with pytest.raises(BadDocument):
            engine.rows([whole[:size]], pgxseg.COLUMNS, "biosample_id")
        if size < 5:
            continue
        # The outermost length and end made true again: the damage is further in, if there is any.
        cut = struct.pack("<i", size) + whole[4 : size - 1] + b"\0"
        if size - 1 in ends:
            assert engine.rows([cut], pgxseg.COLUMNS, "biosample_id").rows == sorted(ends).index(size - 1)
        else:
            with pytest.raises(BadDocument):
                engine.rows([cut], pgxseg.COLUMNS, "biosample_id")


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("name", sorted(corpus()))
def test_engines_agree_about_the_corpus(name: str):
    data = corpus()[name]
    assert not differences(data)
    # Two hundred levels of eight bytes, seven of them in front: each of these is hit, though not at each level.
    # Elsewhere each third byte: of each length, type and name some are hit; each of them is in the thorough run.
    step = 1 if examples.thorough() else 9 if name in {"deep", "too-deep"} else 3
    for at in range(0, len(data), step):
        assert not differences(data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :])


@pytest.mark.usefixtures("compiled")
def test_a_short_fuzz_run(tmp_path: Path):
    """In a process of its own, so that a crash is a failure with a traceback; see above for long runs."""
    last = tmp_path / "last"
    run = subprocess.run(
        [sys.executable, "-m", "tests.codec.fuzz", "1.5"],
        cwd=ROOT,
        env={**os.environ, "FUZZ_LAST": str(last)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, f"{run.stdout}{run.stderr}\nlast input: {last.read_bytes().hex()}"


@pytest.fixture(scope="session")
def compiler() -> str:
    for name in ("g++", "clang++"):
        if found := shutil.which(name):
            return found
    pytest.skip("no C++ compiler: the core is not tested under AddressSanitizer")


def test_the_core_under_sanitizers(compiler: str, tmp_path: Path):
    """No read outside the input, no undefined behaviour, no warning; its parts do what they say."""
    strict = ["-std=c++17", "-g1", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    binary = tmp_path / "fuzz"
    source = NATIVE / "fuzz.cpp"
    command = [compiler, *strict, *sanitizers, f"-I{CORE}", f"-I{NATIVE}", str(source), "-o", str(binary)]
    for step in (command, [str(binary), "150", *map(str, sorted(CORPUS.iterdir()))]):
        run = subprocess.run(step, capture_output=True, text=True, check=False, timeout=140)
        assert run.returncode == 0, run.stdout + run.stderr
