"""Several processes on one address."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from gateway.demo.store import Store
from tests.harness import Gateway, until

PATH = "/beacon/variants?filters=NCIT:C3058&output=pgxseg"


def workers(gateway: Gateway) -> list[psutil.Process]:
    return psutil.Process(gateway.process.pid).children()


def test_workers_serve_are_replaced_and_stop_together(gateway: Gateway, store: Store, tmp_path: Path):
    expected = gateway.ask(PATH)
    with Gateway(store.uri, ["demo"], log=tmp_path / "log", workers=2, grace=2) as several:
        until(lambda: len(workers(several)) == 2, what="two workers")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(several.ask, [PATH] * 16))
        assert {(a.body, a.headers["ETag"]) for a in answers} == {(expected.body, expected.headers["ETag"])}
        first = workers(several)[0]
        first.kill()
        until(lambda: len(workers(several)) == 2 and first not in workers(several), what="a new worker")
        assert several.ask(PATH).body == expected.body
        began = time.monotonic()
        children = workers(several)
        assert several.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 10
        assert not any(child.is_running() for child in children)
