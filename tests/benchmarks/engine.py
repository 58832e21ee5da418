"""The engine alone: pgxseg rows and JSON records a second, both engines, beside what bounds them.

`python -m tests.benchmarks.engine`.

Documents are those of the demo's cohort, projected as the gateway asks for them for pgxseg or (`JSON`) for records, in
batches of 1,000 as they come from the database.  Seconds are those that a core worked for this thread.  All ways run in
turn in every round, so that a noisy neighbour, who slows a shared core down, hits all alike; medians are printed.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import bson

from gateway.codec import _json, _py
from gateway.dataset_state import DatasetState
from gateway.demo.cohort import documents
from gateway.download_types import Ask, Selection, Wanted
from gateway.formats.beacon_records import RECORDS
from gateway.formats.pgxseg import COLUMNS, FORMAT

try:
    from gateway.codec import _c
except ImportError:
    _c = None

BATCH: Final = 1_000  # documents, as `flow` asks for them
KEY: Final = "biosample_id"
PLAN: Final = RECORDS["variants"].plan
WHOLE: Final = "JSON"
"""The inputs that records are made of; of the others, rows."""


class Batch(NamedTuple):
    """Documents as a reply carries them, and one behind the other as `decode_all` wants them."""

    array: bytes
    joined: bytes


Way = Callable[[Batch], object]


def projected(document: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the database sends of a document: the fields asked for, in the document's order."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        wanted = fields.get(name)
        if isinstance(wanted, dict):
            if isinstance(value, dict):
                found[name] = projected(value, wanted)
        elif wanted:
            found[name] = value
    return found


def whole(number: int) -> list[dict[str, Any]]:
    """So many variants of the demo's cohort as they come from the database for JSON."""
    samples = max(20, number // 100)  # a biosample has some 130 variants
    found = (document for collection, document in documents(samples) if collection == "variants")
    left_out = {name for name, shown in RECORDS["variants"].projection.items() if not shown}
    return [{name: document[name] for name in document if name not in left_out} for document in islice(found, number)]


def variants(number: int) -> Iterator[dict[str, Any]]:
    """The same as they come for pgxseg."""
    dataset_state = DatasetState(dataset="d", version="1")
    wanted = Wanted(
        ask=Ask(),
        datasets=((dataset_state, Selection(dataset="d")),),
        beacon_id="b",
        base="http://localhost",
        address="/",
        page_limit=1,
    )
    (projection,) = (part.projection for part in FORMAT.parts(wanted) if part.collection == "variants")
    fields: dict[str, Any] = {}
    for path in projection:
        *parents, name = path.split(".")
        inner = fields
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = 1
    return (projected(document, fields) for document in whole(number))


def batches(found: Sequence[Mapping[str, Any]]) -> list[Batch]:
    parts = [found[at : at + BATCH] for at in range(0, len(found), BATCH)]
    return [
        Batch(bson.encode({str(n): document for n, document in enumerate(part)}), b"".join(map(bson.encode, part)))
        for part in parts
    ]


def ways(order: str) -> dict[str, tuple[Way, int]]:
    """What is measured of these inputs, and every how many rounds: the slow ones less often."""
    if order == WHOLE:
        engines: dict[str, tuple[Way, int]] = {
            "copy of the input": (lambda batch: bytearray(batch.array), 1),
            "bson.decode_all": (lambda batch: bson.decode_all(batch.joined), 8),
            "python engine": (lambda batch: _json.json_rows([batch.array], PLAN, KEY), 16),
        }
        if _c is not None:
            records = _c.sure_json_rows
            engines["compiled engine"] = (lambda batch: records([batch.array], PLAN, KEY), 1)
        return engines
    found: dict[str, tuple[Way, int]] = {
        "copy of the input": (lambda batch: bytearray(batch.array), 1),
        "bson.decode_all": (lambda batch: bson.decode_all(batch.joined), 4),
        "python engine": (lambda batch: _py.rows([batch.array], COLUMNS, KEY), 8),
    }
    if _c is not None:
        rows = _c.rows
        found["compiled engine"] = (lambda batch: rows([batch.array], COLUMNS, KEY), 1)
    return found


def measure(inputs: Mapping[str, Sequence[Batch]], rounds: int) -> dict[tuple[str, str], float]:
    """Median seconds of a pass over each input, each way."""
    times: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds):
        for order, parts in inputs.items():
            for name, (way, every) in ways(order).items():
                if turn % every:
                    continue
                begin = time.thread_time()
                for batch in parts:
                    way(batch)
                times.setdefault((order, name), []).append(time.thread_time() - begin)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def table(inputs: Mapping[str, Sequence[Batch]], medians: Mapping[tuple[str, str], float], number: int) -> str:
    lines = [f"{'documents':<12}{'way':<20}{'documents/s':>14}{'MB/s in':>10}{'x python':>10}"]
    for (order, name), seconds in medians.items():
        size = sum(len(batch.array) for batch in inputs[order]) / 1e6
        ratio = medians[order, "python engine"] / seconds
        lines.append(f"{order:<12}{name:<20}{number / seconds:>14,.0f}{size / seconds:>10,.0f}{ratio:>10.1f}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args(arguments)
    found = list(variants(options.documents))
    shuffled = random.Random(1).sample(found, len(found))
    inputs = {"in order": batches(found), "shuffled": batches(shuffled)}
    for array in (batch.array for parts in inputs.values() for batch in parts):
        if _c is not None and _c.sure_rows([array], COLUMNS, KEY) != _py.rows([array], COLUMNS, KEY):
            sys.exit("the engines disagree")
    inputs[WHOLE] = batches(whole(options.documents))
    for batch in inputs[WHOLE]:
        if _c is not None and _c.sure_json_rows([batch.array], PLAN, KEY) != _json.json_rows([batch.array], PLAN, KEY):
            sys.exit("the engines disagree about records")
    size = sum(len(batch.array) for batch in inputs["in order"]) / len(found)
    sys.stdout.write(f"{len(found)} documents of {size:.0f} bytes, medians of up to {options.rounds} rounds\n")
    sys.stdout.write(table(inputs, measure(inputs, options.rounds), len(found)))


if __name__ == "__main__":
    main()
