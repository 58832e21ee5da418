"""The first byte where the database is some way off: `python -m tests.benchmarks.distant [HOST:PORT DATASET]`.

The database is a stand-in for a replica set with snapshots, or a real member of one, through a proxy that takes 10 ms
each way.  Requests come after a pause that is longer than a data version is believed.  Beside each figure is the
ceiling: a `find` of one document by the same proxy, and how many of these the first byte took.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient

from gateway.demo.cohort import documents
from gateway.demo.store import Store
from gateway.loading.writer import load
from tests.cutter import Cutter, Exchanges
from tests.harness import Gateway
from tests.topology import ReplicaSet

__all__ = ["run"]

_AWAY: Final = 0.01  # seconds, one way
_TTL: Final = 1.0
_TIMES: Final = 7
_PATHS: Final = {
    "page of 5 of a diagnosis": "/beacon/g_variants?filters=NCIT:C3262&limit=5&output=jsonl",
    "download of a diagnosis": "/beacon/g_variants?filters=NCIT:C3262&output=pgxseg",
    "download of everything": "/beacon/g_variants?allData=true&output=pgxseg",
}


@contextmanager
def _stand_in() -> Iterator[tuple[str, int]]:
    """The demo's cohort, smaller, in a replica set of one member."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        load(store.uri, "demo", documents(20))
        with ReplicaSet("5.0", members=1, store=store) as rs:
            rs.seed("demo")
            yield "127.0.0.1", rs.members[0].port


def _ceiling(uri: str, dataset: str) -> float:
    """Seconds of one round trip."""
    with MongoClient[dict[str, Any]](uri) as client:
        biosamples, found = client[dataset].biosamples, []
        for _ in range(_TIMES + 1):
            began = time.monotonic()
            biosamples.find_one({}, {"_id": 1})
            found.append(time.monotonic() - began)
    return statistics.median(found[1:])


def _measure(address: tuple[str, int], dataset: str) -> None:
    exchanges = Exchanges()
    network = Cutter(address, heard=exchanges.heard, answered=exchanges.answered, delay=_AWAY)
    with tempfile.TemporaryDirectory() as folder, network:
        uri = f"mongodb://127.0.0.1:{network.port}/?directConnection=true"
        ceiling = _ceiling(uri, dataset)
        print(f"  one round trip: {ceiling * 1000:.0f} ms")
        with Gateway(uri, [dataset], log=Path(folder) / "log", version_ttl=_TTL, no_spool=True) as gateway:
            for name, path in _PATHS.items():
                seconds, rounds, commands = [], [], []
                for turn in range(_TIMES + 1):
                    time.sleep(2.5 * _TTL)
                    sent, began = exchanges.counts.total(), time.monotonic()
                    with gateway.open(path) as client:
                        assert client.recv(12).endswith(b"200")
                        if turn:  # the first fills what is remembered
                            ended = time.monotonic()
                            seconds.append(ended - began)
                            rounds.append(exchanges.rounds(began, ended))
                            commands.append(exchanges.counts.total() - sent)
                median = statistics.median(seconds)
                print(
                    f"  {name}: {median * 1000:.0f} ms to the first byte, {median / ceiling:.1f} round trips; "
                    f"{min(rounds)} to {max(rounds)} one after the other, {min(commands)} to {max(commands)} commands"
                )


def run(address: tuple[str, int] | None = None, dataset: str = "demo") -> None:
    """Print the figures."""
    if address:
        _measure(address, dataset)
        return
    with _stand_in() as made:
        _measure(made, dataset)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        host, _, port = sys.argv[1].partition(":")
        run((host, int(port)), sys.argv[2])
    else:
        run()
