"""The database under running downloads: whatever its connections do, the bytes are the same or the transfer is cut."""

import random
from collections.abc import Iterator
from pathlib import Path

from gateway.demo.store import Store
from tests.cutter import Cutter, Fate
from tests.harness import Gateway

LONG = "/beacon/variants?allData=true&output=jsonl"


def resets(seed: int) -> Iterator[Fate]:
    """In any reply: the first of a connection, or some slices on."""
    chance = random.Random(seed)
    while True:
        yield Fate("reset", chance.randrange(1_200_000))


def test_connections_reset_at_random_bytes_of_replies(store: Store, demo: str, gateway: Gateway, tmp_path: Path):
    whole = gateway.ask(LONG).body
    with Cutter(("127.0.0.1", store.port)) as cutter:
        uri = f"mongodb://127.0.0.1:{cutter.port}/?directConnection=true"
        settings = {"slice_rows": 200, "retry_window": 60, "version_ttl": 60, "no_spool": True}
        with Gateway(uri, [demo], log=tmp_path / "log", **settings) as shaken:
            assert shaken.ask(LONG).body == whole
            cutter.fates = resets(4)
            cutter.reset_all()
            delivered = 0
            while delivered < 2 or cutter.cut < 8:
                answer = shaken.ask(LONG)
                # Before the first byte there is no patience: the client is told at once, and may come again.
                if answer.status == 503:
                    assert answer.headers["Retry-After"]
                    continue
                assert (answer.status, answer.whole, answer.body == whole) == (200, True, True)
                delivered += 1
            assert "lost in mid-stream" in shaken.log
