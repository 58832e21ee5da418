"""How first byte, memory and fairness follow the size of a download and the number of clients.

    python -m tests.benchmarks.scaling [LARGEST]         (default: 10000000 rows, with the compiled engine or a stub)

Four tables: first byte and peak memory for 10^4 to 10^7 rows, each size in a gateway of its own; aggregate throughput
and memory for 1 to 64 clients; throughput of one worker on one processor, and of several on all of them; the latency of
`/health` while bulk passes run flat out, and of an idle server beside it: the latter is what the busy machine adds.
Where the engine is Python's the largest sizes are left to the stub encoder (0.3 microseconds a row).
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator

from gateway import codec
from tests.benchmarks.clients import Ceiling, cpu, many, median, path, peak, raw, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay
from tests.harness import Gateway

__all__ = ["run"]

_CLIENTS = (1, 2, 8, 64)
_STUB = 0.3
_SLOW = 100_000  # rows that are enough of an engine that is not compiled
_PASS = 400_000  # rows of a client's download among many
_CROWD = 8
_PLACES = (0.5, 0.95, 0.99)

Engine = tuple[str, float | None]
_ENGINES: tuple[Engine, ...] = (
    ((codec.IMPLEMENTATION, None),) if codec.IMPLEMENTATION != "python" else (("python", None), ("stub 0.3", _STUB))
)


def first_byte(gateway: Gateway, address: str) -> float:
    """Seconds until the first rows are in a client's hands; it then leaves."""
    began = time.perf_counter()
    with gateway.open(address) as client:
        got = b""
        while b"\n#sample" not in got:
            piece = client.recv(4096)
            assert piece, "no rows came"
            got += piece
        return time.perf_counter() - began


def sizes(uri: str, largest: int) -> Iterator[tuple[str, ...]]:
    """A line of the first table for each engine and size."""
    for name, stub in _ENGINES:
        size = 10_000
        while size <= (_SLOW if name == "python" else largest):
            cohort = Cohort.of(size)
            with served(uri, cohort, stub=stub) as gateway:
                first_byte(gateway, path(cohort))  # the data version is known from here on
                firsts = sorted(first_byte(gateway, path(cohort)) for _ in range(7))
                time.sleep(0.2)
                resting = gateway.rss / 1e6
                found = raw(gateway.port, path(cohort))
                yield (
                    *(name, f"{size:,}", f"{1000 * median(firsts):.0f} ms", f"{1000 * firsts[-1]:.0f} ms"),
                    *(f"{size / found.seconds:,.0f}", f"{resting:.0f} MB", f"{peak(gateway.watched):.0f} MB"),
                )
            size *= 10


def crowds(uri: str, largest: int) -> Iterator[tuple[str, ...]]:
    """A line of the second table for each engine and number of clients, all sizes in the same gateway."""
    for name, stub in _ENGINES:
        rows = _SLOW // 10 if name == "python" else min(_PASS, largest)
        cohort = Cohort.of(rows)
        with served(uri, cohort, stub=stub) as gateway:
            raw(gateway.port, path(cohort))
            alone = peak(gateway.watched)
            for clients in _CLIENTS:
                used = cpu(gateway.watched)
                seconds, found = many(clients, lambda g=gateway, c=cohort: raw(g.port, path(c)))
                total, firsts = clients * cohort.rows, [one.first for one in found]
                more = (peak(gateway.watched) - alone) / max(1, clients - 1)
                yield (
                    *(
                        name,
                        str(clients),
                        f"{total / seconds:,.0f}",
                        f"{1e6 * (cpu(gateway.watched) - used) / total:.2f}",
                    ),
                    *(f"{1000 * median(firsts):.0f} ms", f"{peak(gateway.watched):.0f} MB", f"{more:.1f} MB"),
                )


def workers(uri: str, largest: int) -> Iterator[tuple[str, ...]]:
    """A line of the third table: one worker on one processor, then several on all that there are.

    Upstream and clients need processors too: on two, one worker on one of them leaves little for others to gain.
    """
    rows = min(_PASS, largest)
    cohort = Cohort.of(rows)
    processors = sorted(os.sched_getaffinity(0))
    for number, own in ((1, processors[:1]), (1, processors), (2, processors), (4, processors)):
        with served(uri, cohort, workers=number) as gateway:
            for one in (gateway.watched, *gateway.watched.children(recursive=True)):
                one.cpu_affinity(own)
                for thread in one.threads():
                    os.sched_setaffinity(thread.id, own)
            raw(gateway.port, path(cohort))
            family = [gateway.watched, *gateway.watched.children(recursive=True)]
            used = sum(map(cpu, family))
            seconds, _ = many(_CROWD, lambda g=gateway: raw(g.port, path(cohort)))
            total = _CROWD * cohort.rows
            spent = 1e6 * (sum(map(cpu, family)) - used) / total
            yield str(number), str(len(own)), f"{total / seconds:,.0f}", f"{spent:.2f}"


def probes(ports: Iterable[int]) -> list[list[float]]:
    """Latencies of a small request, ascending, as processes of their own see them at the same time."""
    command = [sys.executable, "-m", "tests.benchmarks.probe"]
    running = [subprocess.Popen([*command, str(port)], stdout=subprocess.PIPE, text=True) for port in ports]
    return [sorted(json.loads(one.communicate()[0])) for one in running]


def under_load(gateway: Gateway, cohort: Cohort, clients: int, idle: int) -> list[list[float]]:
    """The latencies of the gateway and of an idle server, while so many clients download again and again."""
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            raw(gateway.port, path(cohort))

    threads = [threading.Thread(target=load) for _ in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(0.3 if clients else 0)
    found = probes((gateway.port, idle))
    over.set()
    for thread in threads:
        thread.join()
    return found


def fairness(uri: str) -> Iterator[tuple[str, ...]]:
    """A line of the third table for each engine and number of clients."""
    for name, stub in _ENGINES:
        cohort = Cohort.of(_SLOW // 10 if name == "python" else _PASS)
        with served(uri, cohort, stub=stub) as gateway, Ceiling("ready") as idle:
            raw(gateway.port, path(cohort))
            for clients in (0, 1, 4):
                own, other = under_load(gateway, cohort, clients, idle.port)
                shown = [
                    f"{1000 * sample[int(len(sample) * place)]:.1f} ms" for sample in (own, other) for place in _PLACES
                ]
                yield name, str(clients), *shown


def run(largest: int = 10_000_000) -> None:
    """Measure and print."""
    with Replay() as replay:
        heads = ("engine", "rows", "first byte", "worst of 7", "rows/s", "RSS before", "peak RSS")
        table("First byte and memory by size", heads, sizes(replay.uri, largest))
        heads = ("engine", "clients", "rows/s, all", "CPU s / M rows", "first byte", "peak RSS", "more a client")
        table("Clients at once", heads, list(crowds(replay.uri, largest)))
        if codec.IMPLEMENTATION != "python":
            heads = ("workers", "on processors", "rows/s, all", "CPU s / M rows")
            table(f"Workers, {_CROWD} clients, which share the machine", heads, list(workers(replay.uri, largest)))
        heads = ("engine", "bulk clients", "p50", "p95", "p99", "idle server: p50", "p95", "p99")
        table("A small request while bulk passes run", heads, list(fairness(replay.uri)))


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
