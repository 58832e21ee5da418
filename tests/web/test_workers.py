"""Several processes on one address."""

import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil

from gateway.demo.store import Store
from tests.harness import Gateway, until

PATH = "/beacon/variants?filters=NCIT:C3058&output=pgxseg"


def workers(gateway: Gateway) -> list[psutil.Process]:
    return psutil.Process(gateway.process.pid).children()


def test_workers_serve_are_replaced_and_stop_together(gateway: Gateway, store: Store, tmp_path: Path):
    expected = gateway.ask(PATH)
    log = tmp_path / "log"
    with Gateway(store.uri, ["demo"], log=log, before="ulimit -S -n 64", workers=2, grace=2) as several:
        until(lambda: len(workers(several)) == 2, what="two workers")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(several.ask, [PATH] * 16))
        assert {(a.body, a.headers["ETag"]) for a in answers} == {(expected.body, expected.headers["ETag"])}
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert {worker.rlimit(psutil.RLIMIT_NOFILE) for worker in workers(several)} == {(most, most)}
        first = workers(several)[0]
        first.kill()
        until(lambda: len(workers(several)) == 2 and first not in workers(several), what="a new worker")
        assert several.ask(PATH).body == expected.body
        children = workers(several)
        assert several.stop(signal.SIGTERM) == 0
        assert psutil.wait_procs(children, timeout=40)[1] == []


def test_a_process_opens_more_files_than_it_is_given_at_first(store: Store, tmp_path: Path):
    log = tmp_path / "log"
    with Gateway(store.uri, ["demo"], log=log, before="ulimit -S -n 64") as narrow, ExitStack() as stack:
        clients = [stack.enter_context(narrow.open("/health")) for _ in range(200)]
        assert all(client.recv(12) == b"HTTP/1.1 200" for client in clients)  # and all of them stay open
        assert "too few open files" not in narrow.log


def test_too_few_files_for_the_clients_are_told_of(store: Store, tmp_path: Path):
    with Gateway(store.uri, ["demo"], log=tmp_path / "log", before="ulimit -n 400", max_clients=300) as narrow:
        assert "too few open files for --max-clients open_files=400 max_clients=300" in narrow.log
