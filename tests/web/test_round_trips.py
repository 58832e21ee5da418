"""What a client waits for where the database is far away: a few round trips, not all that the gateway asks."""

import time
from collections.abc import Iterator

import pytest

from gateway.demo.store import Store
from tests.cutter import Cutter, Exchanges
from tests.harness import Gateway, until
from tests.topology import ReplicaSet

TTL = 2.0
AWAY = 0.01  # seconds, one way


@pytest.fixture(scope="module")
def exchanges() -> Exchanges:
    return Exchanges()


@pytest.fixture(scope="module")
def distant(
    store: Store, demo: str, exchanges: Exchanges, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway whose database, one that has snapshots, is some way off."""
    with ReplicaSet("5.0", members=1, store=store) as rs:
        rs.seed(demo)
        network = Cutter(
            ("127.0.0.1", rs.members[0].port), heard=exchanges.heard, answered=exchanges.answered, delay=AWAY
        )
        with network:
            uri = f"mongodb://127.0.0.1:{network.port}/?directConnection=true"
            log = tmp_path_factory.mktemp("distant") / "log"
            with Gateway(uri, [demo], log=log, version_ttl=TTL, no_spool=True) as running:
                yield running


def rounds(gateway: Gateway, path: str, exchanges: Exchanges) -> int:
    """The exchanges one after the other until the first byte."""
    began = time.monotonic()
    with gateway.open(path) as client:
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        return exchanges.rounds(began, time.monotonic())


@pytest.mark.parametrize(
    "path",
    [
        "/beacon/g_variants?filters=NCIT:C3262&limit=5&output=jsonl",
        "/beacon/g_variants?filters=NCIT:C3262&output=pgxseg",
    ],
)
def test_two_round_trips_until_the_first_byte(distant: Gateway, path: str, exchanges: Exchanges):
    """Also when nobody has asked for longer than a data version is believed: it is renewed meanwhile, and no more."""
    rounds(distant, path, exchanges)
    for _ in range(5):  # a pause of the machine may bring a renewal between
        surveys = exchanges.counts["listCollections", "1"]
        time.sleep(TTL)
        until(lambda: exchanges.counts["listCollections", "1"] > surveys, seconds=90, what="a renewal")  # noqa: B023
        # Between two renewals, so that what is under way is for this request.
        until(lambda: exchanges.quiet(0.1), what="the end of the renewal")
        if (taken := rounds(distant, path, exchanges)) <= 2:
            return
    pytest.fail(f"{taken} round trips")
