"""All benchmarks, quickly: `python -m tests.benchmarks`, or one of them: `python -m tests.benchmarks NAME`.

Each module has a longer run of its own: `python -m tests.benchmarks.NAME`, with sizes as arguments.
"""

import os
import sys
import time
from importlib.metadata import version
from platform import python_version

from gateway import codec
from tests.benchmarks import (
    binned,
    capacity,
    compression,
    drivers,
    engine,
    estimates,
    formats,
    pages,
    peers,
    plots,
    scaling,
    throughput,
    transfers,
)

NAMED = {
    "engine": lambda: engine.main([]),
    "compression": compression.run,
    "drivers": lambda: drivers.run(400_000, 3),
    "throughput": lambda: throughput.run(1_000_000, 3),
    "peers": lambda: peers.run(200_000, 3),
    "scaling": scaling.run,
    "capacity": capacity.run,
    "binned": lambda: binned.run(1_000_000, 1),
    "pages": pages.quick,
    "plots": plots.run,
    "formats": lambda: formats.run(100_000),
    "transfers": transfers.quick,
    "estimates": estimates.run,
}


def main() -> int:
    """Run what is named, or all."""
    chosen = sys.argv[1:] or list(NAMED)
    if unknown := set(chosen) - NAMED.keys():
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(NAMED)}", file=sys.stderr)
        return 2
    libraries = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "motor", "pymongo"))
    load = os.getloadavg()[0]
    machine = f"{os.cpu_count()} cores, load {load:.1f}"
    print(f"{codec.IMPLEMENTATION} engine; Python {python_version()}, {libraries}; {machine}")
    for name in chosen:
        began = time.monotonic()
        NAMED[name]()
        print(f"  ({name}: {time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
