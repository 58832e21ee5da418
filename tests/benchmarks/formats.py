"""Every format of variants: rows and MB a second, and peak memory, on both engines.

    python -m tests.benchmarks.formats [ROWS [FORMAT…]]         (default: 1000000, all)

Each in a gateway of its own, over the replay upstream, which ignores conditions on states: for BED it sends every
variant once a track, eight times what a database would.  Its variants repeat 250 sites, so that VCF sorts all of them
but writes few records, of many columns or, as `vcf, few`, of some.  The Python engine gets a tenth of the rows.
"""

import sys

from gateway.codec import IMPLEMENTATION
from gateway.formats import FORMATS
from tests.benchmarks.clients import peak, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay

__all__ = ["run"]

_MANY = 10_000  # variants of a sample, where samples are few


def measured(uri: str, cohort: Cohort, address: str, module: str) -> tuple[str, ...]:
    """The cells of a line of the table."""
    with served(uri, cohort, module=module, flights=4) as gateway:
        resting = peak(gateway.watched)
        found = raw(gateway.port, address)
        rate, size = cohort.rows / found.seconds, found.size / found.seconds / 1e6
        memory = peak(gateway.watched)
    return (
        f"{cohort.rows:,}",
        f"{rate:,.0f}",
        f"{size:,.1f}",
        f"{1000 * found.first:,.0f} ms",
        f"{resting:.0f} MB",
        f"{memory:.0f} MB",
    )


def run(rows: int = 1_000_000, *names: str) -> None:
    """Measure and print."""
    lines = []
    with Replay() as replay:
        for form in FORMATS:
            if "variants" not in form.entities or (names and form.name not in names):
                continue
            for module, share in (("gateway", 1), ("tests.benchmarks.plain", 10)):
                engine = IMPLEMENTATION if module == "gateway" else "python"
                for name, cohort in _cohorts(form.name, rows // share).items():
                    query = f"filters=NCIT:C3262&limit=0&datasetIds={cohort.name}&output={form.name}"
                    query = query if form.pages else query.replace("limit=0&", "")
                    cells = measured(replay.uri, cohort, f"/beacon/g_variants?{query}", module)
                    lines.append((f"{name}, {engine}", *cells))
    heads = ("format, engine", "rows", "rows/s", "MB/s", "first byte", "RSS before", "peak RSS")
    table(f"Formats: {rows:,} variants", heads, lines)


def _cohorts(name: str, rows: int) -> dict[str, Cohort]:
    if name != "vcf":
        return {name: Cohort.of(rows)}
    return {"vcf": Cohort.of(rows), "vcf, few": Cohort.of(rows, _MANY)}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    run(int(arguments[0]) if arguments else 1_000_000, *arguments[1:])
