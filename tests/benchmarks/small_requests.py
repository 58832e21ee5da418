"""Small requests while bulk downloads run, with limits and without: requests a second and latencies, by wrk.

    python -m tests.benchmarks.small_requests [SECONDS [DOWNLOADS]]      (default: 8 50)

wrk (Debian's) asks for a page of three biosamples on 16 connections, as one client behind a proxy; beside it no
download, or so many of the replay upstream, each a pass of its own that is read as fast as it comes.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from tests.benchmarks.attacks import OFF
from tests.benchmarks.clients import path, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.fairness import Passes
from tests.benchmarks.replay import Replay
from tests.harness import Gateway

__all__ = ["run"]

_BULK: Final = Cohort(20_000, 250)
_CONNECTIONS: Final = 16
_ENDS: Final = ("Requests/sec", "50%", "99%")


def asked(gateway: Gateway, address: str, seconds: float) -> list[str]:
    """Requests a second, the median and the 99th percentile, and how many were refused or failed."""
    url = f"http://127.0.0.1:{gateway.port}{address}"
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "20s", "--latency"]
    said = subprocess.run(
        [*command, "-H", "X-Forwarded-For: 203.0.113.7", url], check=True, capture_output=True, text=True
    ).stdout
    found = [re.search(rf"{re.escape(end)}:? +(\S+)", said) for end in _ENDS]
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return [*(one[1] if one else "?" for one in found), refused[1] if refused else "0"]


def run(seconds: float = 8.0, downloads: int = 50) -> None:
    """Measure and print."""
    lines = []
    with Replay() as replay:
        for name, settings in (("on", {}), ("off", OFF), ("on again", {}), ("off again", OFF)):
            with served(replay.uri, _BULK.name, max_passes=2 * downloads, **settings) as gateway, ExitStack() as stack:
                small = "/beacon/biosamples?limit=3&biosampleIds=pgxbs-00000001,pgxbs-00000002,pgxbs-00000003"
                asked(gateway, small, 1)  # warm
                lines.append((f"limits {name}, alone", *asked(gateway, small, seconds)))
                stack.enter_context(Passes(gateway.port, path(_BULK), downloads))
                lines.append((f"limits {name}, beside {downloads}", *asked(gateway, small, seconds)))
    table("Small requests beside downloads", ("", "requests/s", "p50", "p99", "refused"), lines)


def main(arguments: Sequence[str]) -> None:
    """Run with the arguments of the command line."""
    run(float(arguments[0]) if arguments else 8.0, int(arguments[1]) if arguments[1:] else 50)


if __name__ == "__main__":
    main(sys.argv[1:])
