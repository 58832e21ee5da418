"""How long drawing takes, and how large plots are: those of the demo's cohort, once their numbers are known.

    python -m tests.benchmarks.plots [REPEATS]         (default: 5)

Seconds are processor time of this process; what is read and counted before is not among them.
"""

import gzip
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import median

from gateway.bins.counting import Census
from gateway.bins.coverage import CHROMOSOME_NUMBERS, DEL, DUP, HIGH_DEL, HIGH_DUP, Coverage, Segments
from gateway.bins.maps import bin_map
from gateway.demo.cohort import documents
from gateway.genome import HIGH_LEVEL, STATES
from gateway.plots.frame import About
from gateway.plots.histogram import GroupFrequencies, histogram
from gateway.plots.likeness import features, in_order
from gateway.plots.parameters import PlotSettings
from gateway.plots.samples import Row, sample_strips
from tests.benchmarks.clients import table

__all__ = ["run"]

_ABOUT = About(sources={"frequencies": "/services/intervalFrequencies?output=pgxfreq"})
_CODES = {"DUP": (DUP, HIGH_DUP), "DEL": (DEL, HIGH_DEL)}
_SIGNS = {DUP: 1, HIGH_DUP: 2, DEL: -1, HIGH_DEL: -2}
_GROUPS = (1, 10, 64)


def _cohort() -> dict[str, list[tuple[int, int, int, int, int]]]:
    """The segments of each sample of the demo, with their codes."""
    found = defaultdict(list)
    for collection, document in documents():
        state = STATES.get(document["variant_state"]["id"]) if collection == "variants" else None
        if state and state.variant_type in _CODES and "location" in document:
            code = _CODES[state.variant_type][state.id in HIGH_LEVEL]
            place = document["location"]
            number = CHROMOSOME_NUMBERS[place["chromosome"]]
            found[document["biosample_id"]].append((number, int(place["start"]), int(place["end"]), code, 0))
    return found


def run(repeats: int = 5) -> None:
    """Measure and print."""
    cohort, bins = _cohort(), bin_map()
    segments = [Segments(*map(list, zip(*each, strict=True))) for each in cohort.values()]
    census = Census(bins)
    census.add(Coverage(bins, [[each] for each in segments]), len(segments))
    group = GroupFrequencies("NCIT:C3262", "Neoplasm", "demo", len(segments), census.frequencies(0, len(bins)))
    names = list(CHROMOSOME_NUMBERS)
    rows = [
        Row(name, name, [(names[n], start, end, _SIGNS[code]) for n, start, end, code, _ in sorted(each)])
        for name, each in cohort.items()
    ]

    def strips() -> Iterator[str]:
        order, merges = in_order(features([[each] for each in segments], names))
        return sample_strips([rows[at] for at in order], PlotSettings(), _ABOUT, more=False, merges=merges)

    drawings: dict[str, Callable[[], Iterator[str]]] = {
        f"histogram, {many} groups of {len(bins)} bins": lambda many=many: histogram(  # type: ignore[misc]
            [group] * many, bins, PlotSettings(), _ABOUT
        )
        for many in _GROUPS
    }
    drawings[f"{len(rows)} samples of {sum(map(len, segments)):,} segments, put in order"] = strips
    found = []
    for name, draw in drawings.items():
        seconds, text = [], ""
        for _ in range(repeats):
            began = time.process_time()
            text = "".join(draw())
            seconds.append(time.process_time() - began)
        packed = len(gzip.compress(text.encode(), 6))
        found.append((name, f"{median(seconds) * 1000:,.0f}", f"{len(text) / 1e3:,.0f}", f"{packed / 1e3:,.0f}"))
    table("drawing, milliseconds of a processor", ("plot", "ms", "kB", "kB gzip"), found)


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
