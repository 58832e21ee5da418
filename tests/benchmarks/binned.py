"""Frequencies and status matrices of a million segments: rates, and the most memory that the server had.

    python -m tests.benchmarks.binned [VARIANTS [REPEATS]]         (default: 1000000 3)

The replay upstream hands out ready-made replies, 250 segments a biosample; pgxseg of the same stands beside.  Each
output has a server process of its own, so that its peak is its own.
"""

import sys

from gateway import codec
from tests.benchmarks.clients import cpu, median, peak, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay

__all__ = ["run"]

OUTPUTS = (
    ("pgxseg", "/services/pgxsegvariants?filters=NCIT:C3262"),
    ("pgxfreq", "/beacon/biosamples?filters=NCIT:C3262&output=pgxfreq"),
    ("pgxfreq, 100 kb", "/beacon/biosamples?filters=NCIT:C3262&output=pgxfreq&genomeBinning=100kb"),
    ("frequencies", "/beacon/biosamples?filters=NCIT:C3262&output=frequencies"),
    ("pgxmatrix", "/services/samplematrix?filters=NCIT:C3262"),
    ("pgxmatrix, 10 Mb", "/services/samplematrix?filters=NCIT:C3262&genomeBinning=10Mb"),
    ("valuematrix", "/services/samplematrix?filters=NCIT:C3262&output=values"),
)


def run(variants: int = 1_000_000, repeats: int = 3) -> None:
    """Measure and print."""
    cohort, small = Cohort.of(variants), Cohort.of(variants // 10)
    rows = []
    with Replay() as replay:
        for name, address in OUTPUTS:
            with served(replay.uri, cohort, small) as gateway:
                raw(gateway.port, f"{address}&datasetIds={small.name}")  # warm
                least = peak(gateway.watched)
                used = cpu(gateway.watched)
                found = [raw(gateway.port, f"{address}&datasetIds={cohort.name}") for _ in range(repeats)]
                used = (cpu(gateway.watched) - used) / repeats
                seconds = median(one.seconds for one in found)
                rows.append(
                    (
                        name,
                        f"{cohort.rows / seconds:,.0f}",
                        f"{cohort.biosamples / seconds:,.0f}",
                        f"{found[0].size / 1e6:,.1f}",
                        f"{found[0].size / seconds / 1e6:,.1f}",
                        f"{used / cohort.rows * 1e6:.2f}",
                        f"{median(one.first for one in found) * 1000:,.0f}",
                        f"{least:,.0f}",
                        f"{peak(gateway.watched):,.0f}",
                    )
                )
    table(
        f"Binned outputs: {cohort.rows:,} segments of {cohort.biosamples:,} biosamples, {codec.IMPLEMENTATION} engine",
        (
            "output",
            "segments/s",
            "samples/s",
            "MB",
            "MB/s",
            "CPU s / M",
            "first byte ms",
            "peak MB at a tenth",
            "peak MB",
        ),
        rows,
    )


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
