"""The two drivers beside each other and beside the bare drain: a pass, memory, and small requests under passes.

    python -m tests.benchmarks.drivers [ROWS [REPEATS]]         (default: 1000000 3)

Runs are interleaved and medians shown.  A small request is a page of three biosamples; four passes run meanwhile.
"""

import http.client
import sys
import threading
import time
from collections import defaultdict
from contextlib import ExitStack

from gateway import codec
from tests.benchmarks.clients import cpu, curl, median, path, peak, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay
from tests.benchmarks.throughput import drained

__all__ = ["run"]

DRIVERS = ("motor", "pymongo")
_PASSES = 4
_PAGES = 60


def pages(port: int, address: str, number: int = _PAGES) -> list[float]:
    """Seconds that each of some small requests takes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    found = []
    for _ in range(number):
        began = time.perf_counter()
        connection.request("GET", address)
        connection.getresponse().read()
        found.append(time.perf_counter() - began)
    connection.close()
    return sorted(found)


def busy(gateway: served, cohort: Cohort, address: str) -> list[float]:
    """The same while passes run."""
    over = threading.Event()

    def passes() -> None:
        while not over.is_set():
            raw(gateway.port, path(cohort))

    threads = [threading.Thread(target=passes) for _ in range(_PASSES)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    found = pages(gateway.port, address)
    over.set()
    for thread in threads:
        thread.join()
    return found


def run(rows: int = 1_000_000, repeats: int = 3) -> None:
    """Measure and print."""
    cohort = Cohort.of(rows)
    address = f"/beacon/biosamples?datasetIds={cohort.name}&limit=3"
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with Replay() as replay, ExitStack() as stack:
        gateways = {name: stack.enter_context(served(replay.uri, cohort, driver=name)) for name in DRIVERS}
        for gateway in gateways.values():
            raw(gateway.port, path(cohort))  # warm
        for _ in range(repeats):
            found["drain", "rows"].append(drained(replay.uri, cohort, "plain")[0])
            for name, gateway in gateways.items():
                used = cpu(gateway.watched)
                for client, read in (("curl", curl), ("raw", raw)):
                    found[name, client].append(rows / read(gateway.port, path(cohort)).seconds)
                found[name, "cpu"].append((cpu(gateway.watched) - used) / rows / 2 * 1e6)
                found[name, "idle"].append(median(pages(gateway.port, address)) * 1000)
                under = busy(gateway, cohort, address)
                found[name, "p50"].append(median(under) * 1000)
                found[name, "p95"].append(under[len(under) * 95 // 100] * 1000)
        peaks = {name: peak(gateway.watched) for name, gateway in gateways.items()}
    drain = median(found["drain", "rows"])
    table(
        f"Drivers: {rows:,} rows, {codec.IMPLEMENTATION} engine, medians of {repeats}; bare drain {drain:,.0f} rows/s",
        ("driver", "rows/s, curl", "raw", "of drain", "CPU s / M rows", "page ms, idle", "p50, 4 passes", "p95", "MB"),
        [
            (
                name,
                f"{median(found[name, 'curl']):,.0f}",
                f"{median(found[name, 'raw']):,.0f}",
                f"{median(found[name, 'raw']) / drain:.0%}",
                f"{median(found[name, 'cpu']):.3f}",
                f"{median(found[name, 'idle']):.1f}",
                f"{median(found[name, 'p50']):.1f}",
                f"{median(found[name, 'p95']):.1f}",
                f"{peaks[name]:.0f}",
            )
            for name in DRIVERS
        ],
    )


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
