"""Pages of a large dataset: times, what the database did for each, and the same documents by a bare `find` beside it.

    python -m tests.benchmarks.pages --uri URI --dataset NAME [--load VARIANTS] [--load-passes] [--only WORDS]

`--load` writes the dataset first (`tests.benchmarks.bycon`); without `--uri` an embedded database holds it.  `cold` is
the first request of a gateway just started and of a planner that has cached nothing, `again` the median of three that
follow, with the figures of the last; `new` is a question that is new to a gateway which has answered another one.  A
`+` is a count that says it is a lower bound.  The profiler is on all the time.
`--load-passes` shows the latency of small pages beside bulk passes instead.
"""

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pymongo import MongoClient
from pymongo.database import Database

from gateway.demo.store import Store
from tests.benchmarks import bycon
from tests.benchmarks.clients import median, table
from tests.benchmarks.page_ceilings import Ceiling, Read, fastest
from tests.benchmarks.profiler import Effort, Profiler
from tests.harness import Gateway

__all__ = ["quick", "run"]

PASSES: Final = (0, 1, 8, 64)
_AGAIN: Final = 3
_LONG: Final = 10.0  # seconds after which a request is asked again only once
_TIMEOUT: Final = 600.0
_QUICKLY: Final = 2_000  # variants that an embedded database is loaded with
_STALE: Final = 6.0  # seconds after which a survey is made anew
_SECONDS: Final = 8.0  # of each load
_FIRST: Final = re.compile(rb'"results":\[\s*\{')
_LOWER: Final = re.compile(rb"lower.?bound|at least", re.IGNORECASE)
_NEXT: Final = re.compile(r'<([^>]+)>;\s*rel="?next')
_DEL: Final = "EFO:0030067 SO:0001743 EFO:0030068 EFO:0020073 EFO:0030069".split()  # noqa: SIM905 - a row of names
_NINE: Final = "refseq:NC_000009.12"
_BY_BIOSAMPLE: Final = "biosample_id_1"
_BY_STATE: Final = "variant_state.id_1"
_FOCAL: Final = "variant_state.id_1_location.sequence_id_1_location.start_1_location.end_1_info.var_length_1"


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer: milliseconds to the first byte of its body, to its first record and to its end, and what it said."""

    first: float
    row: float
    whole: float
    count: str
    following: str


def ask(port: int, path: str) -> Timed:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    began = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    body, first, row = b"", 0.0, 0.0
    while piece := response.read1(1 << 16):
        body += piece
        now = 1000 * (time.perf_counter() - began)
        first = first or now
        if not row and _FIRST.search(body):
            row = now
    whole = 1000 * (time.perf_counter() - began)
    link = _NEXT.search(response.headers.get("Link", ""))
    connection.close()
    following = re.sub(r"^https?://[^/]+", "", link[1]) if link else ""
    return Timed(first, row, whole, _count(response.status, body), following)


def _count(status: int, body: bytes) -> str:
    if status != 200:
        return f"status {status}"
    try:
        summary = json.loads(body)["responseSummary"]
    except (ValueError, KeyError):
        return "broken off"
    number = summary.get("numTotalResults")
    return ("none" if number is None else f"{number:,}") + ("+" if _LOWER.search(body) else "")


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the least that must be read for it."""

    name: str
    path: str
    ceiling: Ceiling
    turned: bool = False
    """Whether the page behind it is asked for, too."""


def requests(variants: int, name: str) -> list[Request]:
    """What is asked of a dataset with so many variants."""
    nine: dict[str, Any] = {"location.sequence_id": _NINE}
    losses: dict[str, Any] = {"variant_state.id": {"$in": _DEL}}
    place = {"location.start": {"$lt": 21995301}, "location.end": {"$gt": 21967751}}
    rare = {"variant_state.id": bycon.RARE_STATE}
    deep = variants * 24 // 100 // 100  # of the 30 % that have the diagnosis
    far = variants * 9 // 10 // 100
    walked, states = (_BY_BIOSAMPLE,), (_BY_BIOSAMPLE, _BY_STATE, _FOCAL)
    asked = (
        ("page of a common diagnosis", f"filters={bycon.COMMON}&limit=100", Ceiling(bycon.COMMON, limit=100)),
        ("page of a rare diagnosis", f"filters={bycon.RARE}&limit=100", Ceiling(bycon.RARE, limit=100)),
        ("5 of everything", "limit=5", Ceiling(limit=5, hints=walked)),
        ("5 losses", "variantType=DEL&limit=5", Ceiling(limit=5, condition=losses, hints=states)),
        ("5 of chromosome 9", "referenceName=9&limit=5", Ceiling(limit=5, condition=nine, hints=states)),
        (
            "5 focal losses",
            "referenceName=9&start=21967751&end=21995301&variantType=DEL&limit=5",
            Ceiling(limit=5, condition={**nine, **place, **losses}, hints=states),
        ),
        ("a rare state", "variantType=LOH&limit=100", Ceiling(limit=100, condition=rare, hints=states)),
        (
            "5 losses of a common diagnosis",
            f"filters={bycon.COMMON}&variantType=DEL&limit=5",
            Ceiling(bycon.COMMON, limit=5, condition=losses),
        ),
        ("deep page", f"filters={bycon.COMMON}&limit=100&skip={deep}", Ceiling(bycon.COMMON, limit=100, page=deep)),
        ("deep page of everything", f"limit=100&skip={far}", Ceiling(limit=100, page=far)),
        (
            "count of a common diagnosis",
            f"filters={bycon.COMMON}&requestedGranularity=count",
            Ceiling(bycon.COMMON, limit=0),
        ),
    )
    found = [
        Request(what, f"/beacon/g_variants?{path}&datasetIds={name}", ceiling, turned="skip=" in path)
        for what, path, ceiling in asked
    ]
    biosamples = f"/beacon/biosamples?filters={bycon.COMMON}&limit=100&datasetIds={name}"
    return [*found, Request("page of biosamples", biosamples, Ceiling(bycon.COMMON, limit=100, biosamples=True))]


# --- measuring -------------------------------------------------------------------------------------------------------


@contextmanager
def gateway_of(uri: str, dataset: str, **settings: object) -> Iterator[Gateway]:
    """A gateway without a spool, whose log is forgotten."""
    with (
        TemporaryDirectory() as folder,
        Gateway(uri, [dataset], log=Path(folder) / "log", no_spool=True, count_budget=2, **settings) as found,
    ):
        yield found


def _profiled(profiler: Profiler, port: int, path: str) -> tuple[Timed, Effort | None]:
    mark = profiler.mark()
    timed = ask(port, path)
    return timed, profiler.since(mark)


def _again(profiler: Profiler, port: int, path: str, before: float) -> tuple[Timed, Effort | None]:
    """The median of some further requests, and what was done for the last of them."""
    found = [_profiled(profiler, port, path) for _ in range(1 if before > 1000 * _LONG else _AGAIN)]
    timed = [each for each, _ in found]
    middle = Timed(*(median(getattr(each, name) for each in timed) for name in ("first", "row", "whole")), "", "")
    last = timed[-1]
    return Timed(middle.first, middle.row, middle.whole, last.count, last.following), found[-1][1]


def _line(what: str, when: str, timed: Timed, effort: Effort | None, best: Read | None) -> list[str]:
    row = _ms(timed.row) if timed.row else "-"
    done = [""] * 4
    if effort:
        done = [f"{n:,}" for n in (effort.documents, effort.keys, effort.returned, effort.commands)]
    ceiling = [_ms(best.milliseconds), best.hint[:24]] if best else ["", ""]
    return [what, when, _ms(timed.first), row, _ms(timed.whole), timed.count, *done, *ceiling]


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


HEADS: Final = (
    "request", "", "first byte", "first row", "whole ms", "count",
    "documents", "keys", "returned", "commands", "find ms", "by",
)  # fmt: skip


def _plans(said: Sequence[tuple[str, Effort | None]]) -> None:
    for what, effort in said:
        for plan in effort.plans if effort else ():
            print(f"  {what:32} {plan}", flush=True)


@dataclass(slots=True)
class Measuring:
    """What is asked of one dataset, and the lines that came of it."""

    uri: str
    database: Database[dict[str, Any]]
    profiler: Profiler
    lines: list[list[str]] = field(default_factory=list)
    plans: list[tuple[str, Effort | None]] = field(default_factory=list)

    def asked(self, request: Request, path: str, *, stale: bool) -> None:
        """Ask for one page of a gateway just started, and again."""
        best = fastest(self.database, request.ceiling)
        self.profiler.forget_plans()
        with gateway_of(self.uri, self.database.name) as gateway:
            timed, effort = _profiled(self.profiler, gateway.port, path)
            self.lines.append(_line(request.name, "cold", timed, effort, best))
            self.plans.append((request.name, effort))
            self.lines.append(_line("", "again", *_again(self.profiler, gateway.port, path, timed.whole), None))
            if stale:
                time.sleep(_STALE)
                aged = _profiled(self.profiler, gateway.port, path)
                self.lines.append(_line("", "survey aged", *aged, None))
            if request.turned:  # as who turns pages asks for it: of the same gateway
                path = timed.following or re.sub(r"skip=(\d+)", lambda skip: f"skip={int(skip[1]) + 1}", path)
                best = fastest(self.database, replace(request.ceiling, page=request.ceiling.page + 1))
                behind = _profiled(self.profiler, gateway.port, path)
                self.lines.append(_line("the page behind it", "new", *behind, best))

    def asked_of_another(self, request: Request) -> None:
        """Ask for one page of a gateway that knows the dataset, and not the question."""
        self.profiler.forget_plans()
        with gateway_of(self.uri, self.database.name) as gateway:
            ask(gateway.port, f"/beacon/g_variants?filters={bycon.OTHER}&limit=1&datasetIds={self.database.name}")
            self.lines.append(_line("", "new", *_profiled(self.profiler, gateway.port, request.path), None))


def measure(uri: str, dataset: str, only: str = "") -> None:
    """Ask all requests and print."""
    with MongoClient[dict[str, Any]](uri, appname="benchmark") as client:
        database = client[dataset]
        variants = database.variants.estimated_document_count()
        with Profiler(database) as profiler:
            measuring = Measuring(uri, database, profiler)
            for at, request in enumerate(requests(variants, dataset)):
                if only in request.name:
                    measuring.asked(request, request.path, stale=at == 0)
                    measuring.asked_of_another(request)
    table(f"Pages of {variants:,} variants ({dataset})", HEADS, measuring.lines)
    if profiler.available:
        print("\nWhat the database did for the cold ones:")
        _plans(measuring.plans)
    else:
        print(f"\nThis server has no profiler: {profiler.why or 'it records nothing'}")


# --- beside passes ---------------------------------------------------------------------------------------------------

_PASS: Final = 'while :; do curl -s -o /dev/null "$1" || sleep 0.2; done'


@contextmanager
def _passes(port: int, dataset: str, number: int) -> Iterator[None]:
    """So many downloads of the whole at once, one after the other on each, as fast as they come."""
    url = f"http://127.0.0.1:{port}/beacon/variants?allData=true&output=pgxseg&datasetIds={dataset}"
    command = ["sh", "-c", _PASS, "sh", url]
    running = [subprocess.Popen(command, start_new_session=True) for _ in range(number)]
    try:
        yield
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _asked_for(port: int, path: str, seconds: float) -> list[float]:
    """Milliseconds that each of some requests took, ten a second at most, one at least."""
    found, end = [ask(port, path).whole], time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(max(0.0, 0.1 - found[-1] / 1000))
        found.append(ask(port, path).whole)
    return found


def beside_passes(uri: str, dataset: str) -> None:
    """Latencies of two small pages beside bulk passes."""
    lines = []
    asked = {
        "3 biosamples": f"/beacon/biosamples?limit=3&datasetIds={dataset}",
        "10 of a rare diagnosis": f"/beacon/g_variants?filters={bycon.RARE}&limit=10&datasetIds={dataset}",
    }
    with gateway_of(uri, dataset, max_passes=2 * max(PASSES)) as gateway:
        for number in PASSES:
            with _passes(gateway.port, dataset, number):
                time.sleep(2)
                for name, path in asked.items():
                    took = sorted(_asked_for(gateway.port, path, _SECONDS))
                    places = (took[len(took) // 2], took[len(took) * 95 // 100], took[-1])
                    lines.append([f"{number} passes", name, str(len(took)), *map(_ms, places)])
    table(f"Small pages beside bulk passes ({dataset})", ("", "page", "asked", "p50 ms", "p95", "longest"), lines)


# --- the command -----------------------------------------------------------------------------------------------------


def quick() -> None:
    """Some requests of a small dataset in the embedded database, which knows neither plans nor a profiler."""
    run(["--load", str(_QUICKLY), "--only", "page of"])


def run(arguments: Sequence[str] | None = None) -> None:
    """Load what is to be loaded, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pages")
    parser.add_argument("--uri", help="a MongoDB; without one an embedded database is started")
    parser.add_argument("--dataset", default="pages", help="the database of the dataset")
    parser.add_argument("--load", type=int, metavar="VARIANTS", help="write a dataset of so many variants first")
    parser.add_argument("--load-passes", action="store_true", help="small pages beside bulk passes instead")
    parser.add_argument("--only", default="", help="requests whose name holds these words")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        uri = given.uri or stack.enter_context(Store(Path(stack.enter_context(TemporaryDirectory())))).uri
        if given.load or not given.uri:
            bycon.load(uri, given.dataset, given.load or _QUICKLY)
        if given.load_passes:
            beside_passes(uri, given.dataset)
        else:
            measure(uri, given.dataset, given.only)


if __name__ == "__main__":
    run()
