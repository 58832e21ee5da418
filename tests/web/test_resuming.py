"""Transfers that are cut at random bytes end with the right bytes, whatever client goes on with them."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway.demo.store import Store
from tests.cutter import Cutter, Fate
from tests.harness import Gateway
from tests.proxies import Nginx, before_beacon
from tests.resuming import CLIENTS, cuts, fetch_here, sha256

LONG = "/beacon/variants?allData=true&output=jsonl"
# Each client has an export of its own, for only the first transfer of it can be cut in mid-pass.
OWN = {
    "wget -c": (CLIENTS["wget -c"], "/beacon/variants?allData=true&output=jsonl"),
    "curl -C -": (CLIENTS["curl -C -"], "/beacon/variants?allData=true&output=pgxseg"),
    "fetch": (fetch_here, "/beacon/variants?filters=NCIT:C3262&output=jsonl"),
}
EACH = 10


def transfer(address: str, client: str, fates: Iterable[Fate], target: Path) -> tuple[str, int]:
    """The checksum of what a client has in the end, and how often it was cut."""
    asked = urlsplit(address)
    with Cutter(("127.0.0.1", asked.port or 80), fates) as cutter:
        OWN[client][0](asked._replace(netloc=f"127.0.0.1:{cutter.port}").geturl(), target)
        return sha256(target), cutter.cut


@pytest.mark.parametrize("client", OWN)
def test_cut_transfers_end_with_the_right_bytes(gateway: Gateway, tmp_path: Path, client: str):
    ticket = gateway.ask(f"{LONG}&ticket=true").json
    whole = gateway.ask(LONG).body

    def one(seed: int) -> tuple[str, int]:
        return transfer(ticket["address"], client, cuts(seed, len(whole)), tmp_path / str(seed))

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(one, range(EACH)))
    assert {sha for sha, _ in done} == {hashlib.sha256(whole).hexdigest()}
    assert sum(cut for _, cut in done) > EACH


@pytest.fixture(scope="module")
def slow(store: Store, demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Nginx before a gateway of slow passes."""
    folder = tmp_path_factory.mktemp("slow")
    with (
        Gateway(store.uri, [demo], log=folder / "log", slice_rows=60, flights=1) as gateway,
        before_beacon(Nginx, folder / "nginx", gateway.port) as through,
    ):
        yield through


@pytest.mark.parametrize("client", OWN)
def test_cut_in_mid_pass_behind_nginx(slow: Gateway, gateway: Gateway, tmp_path: Path, client: str):
    """The first transfer of an export, cut while the pass runs; what is cut is the connection to nginx."""
    path = OWN[client][1]
    whole = gateway.ask(path).body
    fates = cuts(7, len(whole) // 10, resets=True)
    sha, cut = transfer(slow.url + path, client, fates, tmp_path / "out")
    assert sha == hashlib.sha256(whole).hexdigest()
    assert cut > 0
