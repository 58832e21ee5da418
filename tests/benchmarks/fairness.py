"""Small pages beside bulk passes: what a page waits while 1, 8 and 64 passes run as fast as they can.

    python -m tests.benchmarks.fairness [SECONDS [PASSES [URI DATASET]]]     (default: 6 1,8,64, the replay upstream)

Latencies are of one client that asks for a page after the other: three biosamples, and ten variants.  `MB/s alone` is
what the passes have when nobody asks for pages, measured before and after, and `MB/s beside` what they have meanwhile.
The ceilings are in the same table: latencies where nothing else runs, and the rate of the passes alone.
"""

import http.client
import json
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from tests.benchmarks.child import Child
from tests.benchmarks.clients import median, path, served, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.replay import Replay
from tests.harness import Gateway

__all__ = ["Passes", "run"]

_PASSES: Final = "1,8,64"
_SECONDS: Final = 6.0
_BULK: Final = Cohort(20_000, 250)
_BUFFER: Final = 1 << 20
_TELL: Final = 0.25  # seconds
_MEGA: Final = 1_000_000


class Passes(Child):
    """So many downloads, one behind the other on each connection, read as fast as they come, by one process."""

    def __init__(self, port: int, address: str, passes: int) -> None:
        super().__init__("tests.benchmarks.fairness", "--passes", str(port), address, str(passes))
        while self._said()[2] < passes:  # until all have had their first bytes
            pass

    def _said(self) -> tuple[float, int, int]:
        when, size, begun = json.loads(self.line())
        return when, size, begun

    def taken(self) -> tuple[float, int]:
        """The time now, and the bytes that all of them have had."""
        now, said = time.monotonic(), self._said()
        while said[0] < now:
            said = self._said()
        return said[:2]

    def rate(self, since: tuple[float, int]) -> float:
        """Bytes a second since then."""
        when, size = self.taken()
        return (size - since[1]) / (when - since[0])

    def alone(self, seconds: float) -> float:
        """Bytes a second while nothing else is asked for."""
        since = self.taken()
        time.sleep(seconds)
        return self.rate(since)


def pages(port: int, addresses: Sequence[str], seconds: float) -> list[list[float]]:
    """Seconds that each page took, ascending, for each of the addresses; asked for in turn."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    found: list[list[float]] = [[] for _ in addresses]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for address, took in zip(addresses, found, strict=True):
            began = time.perf_counter()
            connection.request("GET", address)
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            took.append(time.perf_counter() - began)
    connection.close()
    return [sorted(took) for took in found]


def run(seconds: float = _SECONDS, some: str = _PASSES, uri: str = "", dataset: str = "") -> None:
    """Measure and print, for each of some numbers of passes."""
    numbers = [int(number) for number in some.split(",")]
    with ExitStack() as stack:
        if uri:
            address = f"/beacon/variants?allData=true&output=pgxseg&datasetIds={dataset}"
        else:
            uri, dataset, address = stack.enter_context(Replay()).uri, _BULK.name, path(_BULK)
        gateway = stack.enter_context(served(uri, dataset, max_passes=2 * max(numbers)))
        asked = _small(gateway, dataset)
        pages(gateway.port, asked, 0.5)  # warm
        lines = [("idle", *_places(pages(gateway.port, asked, seconds)), "", "", "")]
        for passes in numbers:
            with Passes(gateway.port, address, passes) as load:
                before = load.alone(seconds / 2)
                since = load.taken()
                beside = pages(gateway.port, asked, seconds)
                rate = load.rate(since)
                after = load.alone(seconds / 2)
            alone = (before + after) / 2
            shown = (f"{alone / _MEGA:.0f}", f"{rate / _MEGA:.0f}", f"{rate / alone:.0%}" if alone else "")
            lines.append((f"{passes} passes", *_places(beside), *shown))
    table(
        f"Fairness: pages beside passes of {dataset}",
        ("", "biosamples p50 ms", "p95", "variants p50 ms", "p95", "MB/s alone", "MB/s beside", "of alone"),
        lines,
    )


def _small(gateway: Gateway, dataset: str) -> list[str]:
    """Pages of three biosamples: what larger selections cost is not the question here."""
    first = gateway.ask(f"/beacon/biosamples?limit=3&datasetIds={dataset}").json["response"]["resultSets"][0]["results"]
    names = ",".join(one["id"] for one in first)
    return [
        f"/beacon/{what}&biosampleIds={names}&datasetIds={dataset}"
        for what in ("biosamples?limit=3", "g_variants?limit=10")
    ]


def _places(found: list[list[float]]) -> list[str]:
    """The median and the 95th percentile of each, in milliseconds."""
    return [f"{1000 * each:.1f}" for took in found for each in (median(took), took[len(took) * 95 // 100])]


# --- the process that reads ------------------------------------------------------------------------------------------


def _connected(port: int, address: str) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", port), timeout=120)
    # HTTP/1.0 ends with the connection: what is read need not be looked at.
    peer.sendall(f"GET {address} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
    peer.setblocking(False)
    return peer


def _read(port: int, address: str, passes: int) -> None:
    buffer, size, told, begun = bytearray(_BUFFER), 0, 0.0, set[int]()
    with selectors.DefaultSelector() as ready:
        for _ in range(passes):
            ready.register(_connected(port, address), selectors.EVENT_READ)
        while True:
            for key, _ in ready.select(_TELL):
                peer = key.fileobj
                assert isinstance(peer, socket.socket)
                if got := peer.recv_into(buffer):
                    size += got
                    begun.add(peer.fileno())
                else:
                    ready.unregister(peer)
                    peer.close()
                    ready.register(_connected(port, address), selectors.EVENT_READ)
            if (now := time.monotonic()) > told + _TELL:
                print(json.dumps((now, size, len(begun))), flush=True)
                told = now


if __name__ == "__main__":
    if sys.argv[1:2] == ["--passes"]:
        _read(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        run(*([float(sys.argv[1])] if sys.argv[1:] else []), *sys.argv[2:5])
