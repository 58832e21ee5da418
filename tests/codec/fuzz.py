"""Mutates the corpus and holds the compiled engine against the Python one: `python -m tests.codec.fuzz SECONDS [SEED]`.

Prints how many inputs it tried and how many the compiled engine answered by itself; at the first difference it prints
the input in hexadecimal and fails.  A crash is reported by faulthandler, the input before it lies in FUZZ_LAST.
"""

import faulthandler
import os
import random
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.codec.columns import forms
from gateway.formats import pgxseg
from tests.codec import records
from tests.codec.engines import COLUMNS, ENGINES, HEADERS, SHEET, line_outcome, outcome, sure_rows
from tests.codec.seeds import corpus

PLANS = ((pgxseg.COLUMNS, "biosample_id"), (COLUMNS, "key"), (SHEET, "key"))
WORDS = [
    name.encode() + b"\0"
    for plan, _ in PLANS
    for form in forms(plan)
    for column in form.columns
    for cell in column.cells
    for name in cell.path.split(".")
]
WORDS += [name + b"\0" for name in (b"id", b"label", b"notes", b"cohorts", b"histological_diagnosis", b"references")]
WORDS += [
    b"\x02",
    b"\x03",
    b"\x04",
    b"\x05",
    b"\x08",
    b"$ref\0",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
]


def _lie(rng: random.Random, found: bytearray, at: int) -> None:
    """A length that is another, wherever a length may be."""
    if rng.random() < 0.5 and at + 4 <= len(found):
        (length,) = struct.unpack_from("<I", found, at)
        length = (length + rng.randrange(-6, 7)) % 2**32
    else:
        length = rng.choice((0, 1, 4, 5, len(found) - at, 2**31 - 1, 2**32 - 1))
    found[at : at + 4] = struct.pack("<I", length)


def mutate(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at, word, other = rng.randrange(len(found) + 1), rng.choice(WORDS), rng.choice(others)
        match rng.randrange(8):
            case 0 | 1:
                found[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                del found[at : at + rng.randrange(12)]
            case 3:
                del found[at:]
            case 4:
                found[at:at] = word
            case 5:
                found[at : at + len(word)] = word
            case 6:
                start = rng.randrange(len(other))
                found[at:at] = other[start : start + rng.randrange(64)]
            case 7:
                _lie(rng, found, at)
    if rng.random() < 0.7 and len(found) >= 5:
        found[:4] = struct.pack("<I", len(found))
        found[-1] = 0
    return bytes(found)


def differences(data: bytes) -> list[str]:
    """The functions whose engines disagree about these bytes."""
    python, compiled = ENGINES["python"], ENGINES["compiled"]
    assert compiled is not None, "the compiled engine is not built"
    calls: list[tuple[str, Callable[[Any], Callable[..., Any]], tuple[Any, ...]]] = [
        ("rows", lambda engine: engine.rows, ([data], columns, key)) for columns, key in PLANS
    ]
    calls += [
        ("decode", lambda engine: engine.decode, ([data],)),
        ("count", lambda engine: engine.count, (data,)),
        ("split_reply", lambda engine: engine.split_reply, (data,)),
    ]
    if outcome(python.count, data)[1]:
        calls.append(("last_id", lambda engine: engine.last_id, (data,)))
    found = [
        name
        for name, of, arguments in calls
        if repr(outcome(of(python), *arguments)) != repr(outcome(of(compiled), *arguments))
    ]
    numbers = range(len(HEADERS))
    lines = (line_outcome(python, n, [data], 0, None) != line_outcome(compiled, n, [data], 0, None) for n in numbers)
    found += [f"json_rows by {key}" for plan, key in records.PLANS if records.disagreement([data], plan, key)]
    return found + (["lines"] if any(lines) else [])


def run(seconds: float, seed: int) -> bool:
    rng, seeds = random.Random(seed), list(corpus().values())
    last = Path(os.environ["FUZZ_LAST"]) if "FUZZ_LAST" in os.environ else None
    tried = sure = recorded = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(rng, rng.choice(seeds), seeds)
        if last:
            last.write_bytes(data)
        if found := differences(data):
            sys.stdout.write(f"seed {seed}: the engines disagree in {found} about {data.hex()}\n")
            return False
        tried += 1
        sure += sure_rows([data], *PLANS[0]) is not None
        recorded += records.sure([data], *records.PLANS[0]) is not None
    said = f"{sure} of them encoded by the compiled engine itself, {recorded} as records"
    sys.stdout.write(f"seed {seed}: {tried} inputs, {said}\n")
    return sure > 0 and recorded > 0


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(not run(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)))
