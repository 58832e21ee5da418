"""Clients that are slow are served; those that take nothing are dropped."""

import socket
import time
from collections.abc import Iterator

import pytest

from gateway.demo.store import Store
from tests.datasets import LONG
from tests.harness import Gateway, until

FAST = 3_000_000


@pytest.fixture(scope="module")
def impatient(store: Store, long: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that waits three seconds for its clients, with a complete export."""
    with Gateway(store.uri, [long], log=tmp_path_factory.mktemp("slow") / "log", client_timeout=3) as running:
        assert running.ask(LONG).whole
        yield running


def begin(gateway: Gateway) -> socket.socket:
    """A client that begins fast, so that large pieces are on their way to it."""
    client = gateway.open(LONG, version="1.0")
    got = 0
    while got < FAST:
        got += len(client.recv(65536))
    return client


def finish(client: socket.socket) -> None:
    """Read to the end of what is there, or to the reset."""
    while client.recv(1 << 20):
        pass


def test_a_client_that_becomes_slow_is_served(impatient: Gateway):
    with begin(impatient) as client:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            assert client.recv(4096)
            time.sleep(0.01)
        finish(client)
    assert impatient.log.splitlines()[-1].endswith("outcome=complete")


def test_a_client_that_takes_nothing_is_dropped(impatient: Gateway):
    with begin(impatient) as client:
        until(lambda: "took none of it for 3 seconds" in impatient.log, what="losing patience")
        with pytest.raises(ConnectionResetError):
            finish(client)
