"""Transfers that are cut at random bytes end with the right bytes, whatever client goes on with them."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.demo.store import Store
from tests.cutter import Cutter, Fate
from tests.harness import Gateway
from tests.proxies import Nginx, old_beacon
from tests.resuming import CLIENTS, cuts, sha256

LONG = "/beacon/variants?allData=true&output=jsonl"
EACH = 10


def transfer(address: str, client: str, fates: Iterable[Fate], target: Path) -> tuple[str, int]:
    """The checksum of what a client has in the end, and how often it was cut."""
    asked = urlsplit(address)
    with Cutter(("127.0.0.1", asked.port or 80), fates) as cutter:
        CLIENTS[client](asked._replace(netloc=f"127.0.0.1:{cutter.port}").geturl(), target)
        return sha256(target), cutter.cut


@pytest.mark.parametrize("client", CLIENTS)
def test_cut_transfers_end_with_the_right_bytes(gateway: Gateway, tmp_path: Path, client: str):
    ticket = gateway.ask(f"{LONG}&ticket=true").json
    whole = gateway.ask(LONG).body

    def one(seed: int) -> tuple[str, int]:
        return transfer(ticket["address"], client, cuts(seed, len(whole)), tmp_path / str(seed))

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(one, range(EACH)))
    assert {sha for sha, _ in done} == {hashlib.sha256(whole).hexdigest()}
    assert sum(cut for _, cut in done) > EACH


@pytest.mark.parametrize("client", CLIENTS)
def test_cut_in_mid_pass_behind_nginx(store: Store, demo: str, gateway: Gateway, tmp_path: Path, client: str):
    """The first transfer of an export, cut while the pass runs; what is cut is the connection to nginx."""
    whole = gateway.ask(LONG).body
    with (
        Gateway(store.uri, [demo], log=tmp_path / "log", slice_rows=60, flights=1) as slow,
        old_beacon() as beacon,
        Nginx.deployed(tmp_path / "nginx", slow.port, beacon) as through,
    ):
        fates = cuts(7, len(whole) // 10, resets=True)
        sha, cut = transfer(through.url + LONG, client, fates, tmp_path / "out")
    assert sha == hashlib.sha256(whole).hexdigest()
    assert cut > 0
