"""Exports whose files were damaged on the disk: no client takes wrong bytes, or too few, for whole."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import Answer, Gateway, until
from tests.web.conftest import BIG, Quick, complete, path_of

AT = 3_000_000


def damage(data: Path, at: int = AT, length: int = 100) -> None:
    until(data.exists, what="data")
    with data.open("r+b") as file:
        file.seek(at)
        file.write(bytes(length))


class Damaged:
    """A gateway, and an export that can be damaged; `again` starts the gateway anew, which forgets what it knew."""

    def __init__(self, quick: Quick, path: Path) -> None:
        self._make = lambda: Gateway(*quick.arguments, log=path / "log", spool=path / "spool", workers=self.workers)
        self.workers = 1
        self.gateway = self._make()
        self.issued = complete(self.gateway, BIG)
        self.data = path / "spool" / f"{self.issued.json['digest']}.data"
        until(self.data.exists, what="data")  # followers do not wait for the disk

    def again(self) -> None:
        self.gateway.stop()
        self.gateway = self._make()

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return self.gateway.ask(path, method, **headers)

    @property
    def told(self) -> int:
        return self.gateway.log.count("WARNING gateway.spool damaged and removed")


@pytest.fixture
def damaged(quick: Quick, tmp_path: Path) -> Iterator[Damaged]:
    made = Damaged(quick, tmp_path)
    yield made
    made.gateway.stop()


@pytest.mark.parametrize("started", [False, True], ids=["running", "started anew"])
def test_whatever_is_asked_first_of_damaged_data_is_right(damaged: Damaged, big: bytes, *, started: bool):
    sha, etag = hashlib.sha256(big).hexdigest(), damaged.issued.json["etag"]
    address, own = path_of(damaged.issued), path_of(damaged.issued, "self")
    states = {"producing", "complete"}
    asked: list[Callable[[], bool]] = [
        lambda: damaged.ask(BIG).body == big,
        lambda: damaged.ask(address).body == big,
        lambda: damaged.ask(address, Range=f"bytes={AT - 100}-{AT + 199}").body == big[AT - 100 : AT + 200],
        lambda: damaged.ask(BIG, Range="bytes=-9", If_Range=etag).body == big[-9:],
        lambda: damaged.ask(address + ".sha256").text.split()[0] == sha,
        lambda: damaged.ask(BIG, Accept_Encoding="gzip").whole,
        lambda: damaged.ask(own).json["state"] in states,
        lambda: damaged.ask(BIG + "&ticket=true").json["state"] in states,
    ]
    for number, ask in enumerate(asked, 1):
        damage(damaged.data)
        if started:
            damaged.again()
        # Of the export, not of its file: it is made anew as this.
        head = damaged.ask(address, "HEAD").headers
        assert head["Content-Length"] == str(len(big))
        assert damaged.ask(BIG, If_None_Match=etag).status == 304
        assert ask()
        until(lambda: damaged.ask(own).json["state"] == "complete", what="an export made anew")
        assert damaged.ask(own).json["sha256"] == sha
        assert damaged.ask(address).body == big
        assert damaged.told == (1 if started else number)


@pytest.mark.parametrize("how", ["overwritten", "short", "replaced"])
def test_a_client_in_the_middle_of_damaged_data_is_cut(damaged: Damaged, big: bytes, how: str):
    with damaged.gateway.open(path_of(damaged.issued)) as client:
        got = client.recv(100_000)
        if how == "overwritten":
            damage(damaged.data, len(big) - 50, 20)  # the last bytes of all
        elif how == "short":
            os.truncate(damaged.data, AT)
        else:
            damage(damaged.data)
            damaged.data.rename(damaged.data.with_suffix(".aside"))
        ended = False
        while not ended:
            try:
                piece = client.recv(1_000_000)
            except ConnectionError:
                break
            got, ended = got + piece, not piece
    body = got.partition(b"\r\n\r\n")[2]
    assert len(body) < len(big)
    assert damaged.ask(path_of(damaged.issued)).body == big
    assert "outcome=cut" in damaged.gateway.log
    assert "Traceback" not in damaged.gateway.log


def test_a_restart_takes_what_is_right(damaged: Damaged, big: bytes):
    """Two workers: one reads it, the other takes its word."""
    damaged.workers = 2
    damaged.again()
    time.sleep(1)  # both have begun
    for _ in range(20):
        assert damaged.ask(path_of(damaged.issued)).body == big
    assert damaged.gateway.log.count("gateway.spool checked") == 1
    assert damaged.told == 0
    assert "gateway.flow pass " not in damaged.gateway.log
