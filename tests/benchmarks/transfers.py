"""Long transfers under fire: what clients have in the end, and what it costs the server.

    python -m tests.benchmarks.transfers [PART ...]        (default: all of them; some 40 minutes on two cores)

cuts      1,000 transfers cut at random bytes, gone on with by wget, curl and `pgx-gateway fetch`
kills     the gateway killed with -9 and started again 50 times while they run
database  the embedded database killed and started again during passes
crowd     1,000 clients at 20 KB/s on one process: memory, cursors, latency of a small request
together  50 clients of one export over two processes: reads of the database, beside those of one client
delivery  a complete export: MB/s, beside nginx with the same file
Numbers behind a part's name make it smaller: `cuts=100`, `kills=5`, `database=3`, `crowd=100`.
"""

import hashlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from psutil import Process
from pymongo import MongoClient

from gateway.demo.cohort import documents
from gateway.demo.store import Store
from gateway.loading.writer import load
from tests.benchmarks.clients import curl, median, path, peak, table
from tests.benchmarks.cohort import Cohort
from tests.benchmarks.crowd import Crowd, latency
from tests.benchmarks.replay import Replay
from tests.cutter import Cutter, Fate, Listener
from tests.harness import Gateway, free_port
from tests.proxies import Nginx, old_beacon
from tests.resuming import CLIENTS, cuts, sha256

__all__ = ["quick"]

_MEGA: Final = 1_000_000
_AT_ONCE: Final = 4
_RATE: Final = 20_000  # bytes a second of a slow client


@contextmanager
def serving(uri: str, *names: str, **settings: object) -> Iterator[Gateway]:
    """A gateway with its log and its spool in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        spool = {"spool": Path(folder) / "spool"} | settings
        with Gateway(uri, names, log=Path(folder) / "log", version_ttl=3600, **spool) as gateway:
            yield gateway


def address_of(gateway: Gateway, asked: str) -> str:
    """The immutable address that the ticket of a download names, without its host."""
    return urlsplit(gateway.ask(f"{asked}&ticket=true").json["address"]).path


def right(uri: str, name: str, asked: str) -> tuple[str, int]:
    """SHA-256 and size of a download that nothing disturbs."""
    with serving(uri, name) as gateway:
        answer = gateway.ask(asked)
    assert (answer.status, answer.whole) == (200, True)
    return hashlib.sha256(answer.body).hexdigest(), len(answer.body)


def verdict(found: Counter[bool]) -> str:
    """How many files were right."""
    return f"{found[True]} of {found.total()}"


# --- cuts ------------------------------------------------------------------------------------------------------------


def run_cuts(total: int = 1_000) -> None:
    """Every tenth transfer is of an export that nobody asked for yet, so that it is cut while the pass runs."""
    fresh = [Cohort(300 + number, 250) for number in range(total // 10 + 1)]
    found: dict[str, Counter[bool]] = {client: Counter() for client in CLIENTS}
    broken: Counter[str] = Counter()
    with Replay() as replay, tempfile.TemporaryDirectory() as folder:
        expected = {cohort.name: right(replay.uri, cohort.name, path(cohort)) for cohort in fresh}
        with serving(replay.uri, *expected) as gateway:

            def one(number: int) -> None:
                client = list(CLIENTS)[number % len(CLIENTS)]
                cohort = fresh[number // 10]
                sha, size = expected[cohort.name]
                target = Path(folder) / str(number)
                asked = path(cohort) if number % 10 == 0 else address_of(gateway, path(cohort))
                fates = cuts(number, size, resets=True)
                with Cutter(("127.0.0.1", gateway.port), fates) as cutter:
                    CLIENTS[client](cutter.url + asked, target)
                found[client][sha256(target) == sha] += 1
                broken[client] += cutter.cut
                target.unlink()

            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(one, range(total)))
    rows = [(client, str(counts.total()), str(broken[client]), verdict(counts)) for client, counts in found.items()]
    table(
        f"{total} transfers cut at random bytes, a tenth of them in mid-pass; ceiling: all right",
        ("client", "transfers", "cuts", "right SHA-256"),
        rows,
    )


# --- kills -----------------------------------------------------------------------------------------------------------


class Mortal:
    """A gateway that is killed and started again on the same port and spool."""

    def __init__(self, uri: str, names: list[str], folder: Path) -> None:
        self.port = free_port()
        self._start: Callable[[], Gateway] = lambda: Gateway(
            uri, names, log=folder / "log", port=self.port, spool=folder / "spool", version_ttl=3600
        )
        self.gateway = self._start()

    def kill(self) -> None:
        """SIGKILL, then a new process."""
        self.gateway.stop(signal.SIGKILL)
        self.gateway = self._start()


def _disturbed(url: str, expected: tuple[str, int], folder: Path, disturb: Callable[[], None]) -> dict[str, bool]:
    """All clients at once, for two seconds or more, while something happens; whether each has the right bytes."""
    port, (sha, size) = urlsplit(url).port or 0, expected

    def one(client: str) -> tuple[str, bool]:
        target = folder / client.split(maxsplit=1)[0]
        fates = iter(lambda: Fate(rate=size // 2), None)
        with Cutter(("127.0.0.1", port), fates) as slow:
            CLIENTS[client](urlsplit(url)._replace(netloc=f"127.0.0.1:{slow.port}").geturl(), target)
        right = sha256(target) == sha
        target.unlink()
        return client, right

    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        running = pool.map(one, CLIENTS)
        disturb()
        return dict(running)


def run_kills(total: int = 50) -> None:
    """Each time with an export of its own, killed anywhere in its pass or its delivery."""
    chance = random.Random(5)
    cohorts = [Cohort(1_000 + number, 250) for number in range(total)]
    found: dict[str, Counter[bool]] = {client: Counter() for client in CLIENTS}
    with Replay() as replay, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = [right(replay.uri, cohort.name, path(cohort)) for cohort in cohorts]
        mortal = Mortal(replay.uri, [cohort.name for cohort in cohorts], folder)
        for cohort, one in zip(cohorts, expected, strict=True):

            def disturb() -> None:
                time.sleep(chance.uniform(0.02, 1.5))
                mortal.kill()

            for client, good in _disturbed(mortal.gateway.url + path(cohort), one, folder, disturb).items():
                found[client][good] += 1
        mortal.gateway.stop()
    rows = [(client, str(counts.total()), verdict(counts)) for client, counts in found.items()]
    table(
        f"gateway killed with -9 and started again {total} times; ceiling: all right",
        ("client", "files", "right"),
        rows,
    )


# --- database --------------------------------------------------------------------------------------------------------

_LONG: Final = "/beacon/variants?allData=true&output=jsonl"


def run_database(total: int = 20) -> None:
    """The store killed with -9 in a pass and started again within two seconds; each time a new spool."""
    chance, found = random.Random(6), {client: Counter[bool]() for client in CLIENTS}
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        store = Store(folder / "store", port).start()
        load(store.uri, "demo", documents(200))
        expected = right(store.uri, "demo", _LONG)
        with ExitStack() as stack:
            for _ in range(total):
                gateway = stack.enter_context(serving(store.uri, "demo", slice_rows=100, flights=2))

                def disturb() -> None:
                    nonlocal store
                    time.sleep(chance.uniform(0.3, 2))
                    assert store.pid is not None
                    os.kill(store.pid, signal.SIGKILL)
                    store.stop()
                    time.sleep(chance.uniform(0, 2))
                    store = Store(folder / "store", port).start()

                for client, good in _disturbed(gateway.url + _LONG, expected, folder, disturb).items():
                    found[client][good] += 1
                stack.pop_all().close()
        store.stop()
    rows = [(client, verdict(counts)) for client, counts in found.items()]
    table(f"database killed with -9 {total} times in mid-pass; ceiling: all right", ("client", "right"), rows)


# --- crowd -----------------------------------------------------------------------------------------------------------


def run_crowd(total: int = 1_000) -> None:
    """Slow clients of one export, the first of whom starts the pass; they are read from for 40 seconds."""
    cohort = Cohort(8_000, 250)
    with Replay() as replay, serving(replay.uri, cohort.name) as gateway, MongoClient[Any](replay.uri) as mongo:
        small = f"/beacon/biosamples?limit=1&datasetIds={cohort.name}"
        assert gateway.ask(small).status == 200
        alone = latency(gateway, small, 10)
        before = gateway.rss / _MEGA
        with Crowd(gateway.port, path(cohort), total, _RATE) as crowd:
            crowd.after(10)
            busy = latency(gateway, small, 30)
            cursors = mongo.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"]
            living, rate = crowd.after(30)
        most = peak(Process(gateway.process.pid))
    table(
        f"{total} clients at {_RATE // 1000} KB/s on one process, {cohort.rows:,} rows",
        ("", "figure", "ceiling"),
        [
            ("clients still served", str(living), str(total)),
            ("delivered, MB/s", f"{rate / _MEGA:.1f}", f"{total * _RATE / _MEGA:.1f}"),
            ("peak RSS, MB (ceiling: RSS without clients)", f"{most:.0f}", f"{before:.0f}"),
            ("open cursors, pass done", str(cursors), "0"),
            *(
                (f"small request, p{place}, ms (ceiling: without clients)", _place(busy, place), _place(alone, place))
                for place in (50, 99)
            ),
        ],
    )


def _place(seconds: list[float], place: int) -> str:
    """A percentile, in milliseconds."""
    return f"{1000 * sorted(seconds)[len(seconds) * place // 100]:.1f}"


# --- together --------------------------------------------------------------------------------------------------------


def _finds(uri: str, cohort: Cohort, clients: int, workers: int) -> tuple[int, set[str]]:
    """Reads of variants that so many clients of one export cost, and the checksums that they got."""
    target, listener = urlsplit(uri), Listener()
    with (
        Cutter((target.hostname or "", target.port or 0), heard=listener.heard) as wire,
        serving(f"mongodb://127.0.0.1:{wire.port}/?directConnection=true", cohort.name, workers=workers) as gateway,
    ):
        barrier = threading.Barrier(clients)

        def one(_: int) -> str:
            barrier.wait()
            answer = gateway.ask(path(cohort))
            assert answer.whole
            return hashlib.sha256(answer.body).hexdigest()

        with ThreadPoolExecutor(clients) as pool:
            shas = set(pool.map(one, range(clients)))
        return listener.finds("variants"), shas


def run_together(clients: int = 50) -> None:
    """Count what passes on the wire to the database."""
    cohort = Cohort(400, 250)
    with Replay() as replay:
        alone, expected = _finds(replay.uri, cohort, 1, 1)
        finds, shas = _finds(replay.uri, cohort, clients, 2)
    table(
        f"{clients} clients at once, one export of {cohort.rows:,} rows, two processes",
        ("", "figure", "ceiling"),
        [
            ("find commands on variants (ceiling: one client's)", str(finds), str(alone)),
            ("different files", str(len(shas | expected)), "1"),
        ],
    )


# --- delivery --------------------------------------------------------------------------------------------------------


def run_delivery(times: int = 7) -> None:
    """Turn by turn, curl throwing away what it gets; through the deployed nginx as well."""
    cohort = Cohort(10_000, 250)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        replay = stack.enter_context(Replay())
        gateway = stack.enter_context(serving(replay.uri, cohort.name))
        size = curl(gateway.port, path(cohort)).size
        address = address_of(gateway, path(cohort))
        (folder / "www").mkdir()
        (folder / "www/export").write_bytes(gateway.ask(address).body)
        port = free_port()
        block = f"sendfile on; server {{ listen 127.0.0.1:{port}; root {folder}/www; }}"
        (folder / "www").chmod(0o755)
        folder.chmod(0o755)
        stack.enter_context(Nginx(folder / "file", port, block))
        beacon = stack.enter_context(old_beacon())
        through = stack.enter_context(Nginx.deployed(folder / "proxy", gateway.port, beacon))
        ways = {
            "nginx, the same file": (port, "/export"),
            "gateway": (gateway.port, address),
            "gateway behind deploy/nginx.conf": (through.port, address),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(times):
            for way, (at, asked) in ways.items():
                read = curl(at, asked)
                assert read.size == size
                found[way].append(size / read.seconds / _MEGA)
    ceiling = median(found["nginx, the same file"])
    table(
        f"a complete export of {size / _MEGA:.0f} MB on loopback, median of {times}",
        ("", "MB/s", "of nginx"),
        [(way, f"{median(rates):,.0f}", f"{median(rates) / ceiling:.0%}") for way, rates in found.items()],
    )


PARTS: Final[dict[str, Callable[..., None]]] = {
    "cuts": run_cuts,
    "kills": run_kills,
    "database": run_database,
    "crowd": run_crowd,
    "together": run_together,
    "delivery": run_delivery,
}


def quick() -> None:
    """What a minute shows."""
    run_together()
    run_delivery()
    run_cuts(30)


def main() -> int:
    """Run what is named, or all."""
    for word in sys.argv[1:] or list(PARTS):
        name, _, number = word.partition("=")
        if name not in PARTS:
            print(f"no such part: {name}; there are: {', '.join(PARTS)}", file=sys.stderr)
            return 2
        began = time.monotonic()
        PARTS[name](*([int(number)] if number else []))
        print(f"  ({name}: {time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
