"""Every format, one after the other in one serving process: seconds, rows a second, first byte, peak memory.

    python -m tests.benchmarks.formats [--rows N] [--shape NAME] [--spool] [--python] [FORMAT …] (default: 1000000, all)

Datasets of the replay upstream: `many` biosamples of 200 variants, and `giants`, four biosamples of all of them; what
depends on where variants are also of `one` and of a `hundred` biosamples, each variant at a place of its own.  `read`
are the documents that the database sent, for each variant that there is; `CPU` the processor seconds of the serving
process, which other programs of the machine disturb less than the rest, `upstream` those of the upstream, which has
kept the replies to reads that it has seen: more than some tenths for a million variants say that it made some anew.
`peak` is the most resident memory of the serving process while the format was made (its mark is reset before each), on
top of whatever those before have left; the last line is the most of all.  `bare drain` is what the same reads, thrown
away, came to in the same run, a moment before.  `--python` asks for the Python engine, with a tenth of the rows.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pymongo import MongoClient

from gateway.codec import IMPLEMENTATION
from gateway.formats import OFFERED
from tests.benchmarks.clients import cpu, peak, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay
from tests.benchmarks.throughput import drained

__all__ = ["run"]

_SAMPLE: Final = 200
_GIANTS: Final = 4
_SPREAD: Final = {"one": 1, "hundred": 100}
_PLACED: Final = {"vcf", "vcf.gz", "bed", "bed.gz", "pgxseg", "pgxseg, sorted", "parquet, sorted"}
_LIMIT: Final = 150  # MB
_AIMED: Final = 10_000  # rows of a slice, as the gateway aims at them
_HEADS: Final = ("format", "seconds", "rows/s", "MB", "MB/s", "first byte", "CPU", "upstream", "read", "peak RSS")
_UNREAD: Final = {  # nothing of variants is read for them
    *("table", "idtable", "collations", "collationtext", "filteringterms", "igvsession", "ucsctracks"),
}


def _addresses(names: Sequence[str]) -> dict[str, str]:
    """The path of all that there is in a dataset, by format."""
    found = {}
    for form in OFFERED:
        if form.name in _UNREAD or (names and form.name not in names):
            continue
        entity = "g_variants" if "variants" in form.entities else "biosamples"
        limit = "&limit=0" if form.paged else ""
        found[form.name] = f"/beacon/{entity}?filters=NCIT:C3262&output={form.words[0]}{limit}"
        if form.name in {"pgxseg", "vcf", "bed"}:
            found[f"{form.name}.gz"] = found[form.name].replace(f"={form.words[0]}", f"={form.words[0]}.gz")
        if form.by_position == "asked" and "variants" in form.entities:
            found[f"{form.name}, sorted"] = found[form.name].replace("&limit=0", "") + "&sorted=position"
    return found


def _shapes(rows: int) -> dict[str, Cohort]:
    shapes = {"many": Cohort(max(1, rows // _SAMPLE), _SAMPLE), "giants": Cohort(_GIANTS, max(1, rows // _GIANTS))}
    scattered = {name: Cohort(number, max(1, rows // number), scattered=True) for name, number in _SPREAD.items()}
    return {**shapes, **scattered}


def _returned(mongo: MongoClient[dict[str, Any]]) -> int:
    """The documents that the database has sent so far."""
    return int(mongo.admin.command("serverStatus")["metrics"]["document"]["returned"])


def _drained(replay: Replay, cohort: Cohort) -> tuple[str, ...]:
    """The line of the ceiling."""
    speed, size, used = drained(replay.uri, cohort, "kept", _AIMED)
    seconds = cohort.rows / speed
    figures = (f"{seconds:.2f}", f"{speed:,.0f}", f"{size * seconds:,.1f}", f"{size:,.1f}", "")
    return ("bare drain", *figures, f"{used * cohort.rows / 1e6:.2f}", "", "", "")


def measured(
    replay: Replay, cohort: Cohort, addresses: dict[str, str], module: str, *, spool: bool
) -> list[tuple[str, ...]]:
    """A line for each format, in the order in which one process was asked for them."""
    lines = [_drained(replay, cohort)]
    with ExitStack() as stack:
        kept = {"spool": stack.enter_context(TemporaryDirectory())} if spool else {}
        gateway = stack.enter_context(served(replay.uri, cohort, module=module, flights=4, **kept))
        mongo = stack.enter_context(MongoClient[dict[str, Any]](replay.uri))
        lines.append(("at rest", *[""] * 8, f"{peak(gateway.watched):.0f} MB"))
        most = 0.0
        for name, address in addresses.items():
            Path(f"/proc/{gateway.watched.pid}/clear_refs").write_text("5")
            before = _returned(mongo)
            used, upstream = cpu(gateway.watched), cpu(replay.process)
            found = raw(gateway.port, f"{address}&datasetIds={cohort.name}")
            used, upstream = cpu(gateway.watched) - used, cpu(replay.process) - upstream
            read = (_returned(mongo) - before) / cohort.rows
            memory = peak(gateway.watched)
            most = max(most, memory)
            figures = (
                f"{found.seconds:.2f}",
                f"{cohort.rows / found.seconds:,.0f}",
                f"{found.size / 1e6:,.1f}",
                f"{found.size / found.seconds / 1e6:,.1f}",
                f"{1000 * found.first:,.0f} ms",
                f"{used:.2f}",
                f"{upstream:.2f}",
                f"{read:.2f}",
            )
            lines.append((name, *figures, f"{memory:.0f} MB"))
        said = "below" if most < _LIMIT else "NOT below"
        lines.append((f"most ({said} {_LIMIT} MB)", *[""] * 8, f"{most:.0f} MB"))
    return lines


def run(
    rows: int = 1_000_000, *names: str, shapes: Sequence[str] = (), spool: bool = False, python: bool = False
) -> None:
    """Measure and print."""
    module, engine = ("tests.benchmarks.plain", "python") if python else ("gateway", IMPLEMENTATION)
    with Replay() as replay:
        for shape, cohort in _shapes(rows // 10 if python else rows).items():
            addresses = {n: a for n, a in _addresses(names).items() if shape not in _SPREAD or n in _PLACED}
            if shape == "giants":  # more segments than a picture of samples may have
                addresses.pop("samplesplot", None)
            if not addresses or (shapes and shape not in shapes):
                continue
            lines = measured(replay, cohort, addresses, module, spool=spool)
            where = "with a spool" if spool else "without a spool"
            what = f"{cohort.biosamples:,} biosamples, {cohort.rows:,} variants"
            title = f"Formats, {shape}: {what}, {engine} engine, {where}"
            table(title, _HEADS, lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="variants of each dataset")
    parser.add_argument("--shape", action="append", default=[], help="only of this dataset, of `many` and so on")
    parser.add_argument("--spool", action="store_true", help="deliver from a spool, as the gateway does by default")
    parser.add_argument("--python", action="store_true", help="the Python engine, with a tenth of the rows")
    parser.add_argument("formats", nargs="*", help="names of formats, as in the table")
    options = parser.parse_args(arguments)
    run(options.rows, *options.formats, shapes=options.shape, spool=options.spool, python=options.python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
