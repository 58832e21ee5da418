"""Behind another server, as `deploy/` has it: downloads reach the gateway and flow at once, the rest the old Beacon."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cutter import Cutter, Fate
from tests.harness import Gateway, until
from tests.proxies import Apache, Nginx, before_beacon
from tests.resuming import CLIENTS, cuts
from tests.web.conftest import BIG

DOWNLOADS = [
    "/beacon/biosamples/?filters=NCIT:C3058&method=callsetsvariants",
    "/beacon/g_variants?output=jsonl&filters=NCIT:C3058",
    "/beacon/g_variants?filters=NCIT:C3058&output=pgxseg.gz",
    "/services/pgxsegvariants?filters=NCIT:C3058",
    "/services/pgxseg/pgxbs-none",
    "/services/collations?filters=NCIT",
    "/beacon/individuals?method=table&filters=NCIT:C3058",
    "/beacon/analyses?output=values&filters=NCIT:C3058",
]
OTHERS = [
    "/beacon/g_variants?filters=NCIT:C3058",
    "/beacon/biosamples?output=pgxsegs",
    "/services/collationsfor",
    "/services/genespans?output=pgxseg",
    "/beacon/g_variants?method=callsetstats",
    "/beacon/g_variants?output=json",
    "/beacon/info?x=/exports/",
    "/",
]


PROXIES = [Nginx, Apache]


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def proxied(
    request: pytest.FixtureRequest, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp(request.param.name)
    with before_beacon(request.param, folder, gateway.port) as through:
        yield through


@pytest.mark.parametrize("path", DOWNLOADS)
def test_downloads_go_to_the_gateway(proxied: Gateway, gateway: Gateway, path: str):
    answer = proxied.ask(path)
    assert answer.status == 200
    assert (answer.body, answer.headers["ETag"]) == (gateway.ask(path).body, gateway.ask(path).headers["ETag"])


def test_packed_json_is_a_download(proxied: Gateway):
    """Its links are those of the address that was asked, so that the bytes differ."""
    answer = proxied.ask("/beacon/g_variants?filters=NCIT:C3058&output=json.gz")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/gzip")


@pytest.mark.parametrize("path", OTHERS)
def test_everything_else_stays_where_it_was(proxied: Gateway, path: str):
    assert proxied.ask(path).text == f"the old Beacon: {path}"


def test_the_gateways_own_page_and_health(proxied: Gateway):
    assert proxied.ask("/gateway/health").json["status"] == "ok"
    assert "pgx-gateway" in proxied.ask("/gateway/").text
    assert proxied.ask("/gateway/terms?ids=NCIT:C3058").json["terms"][0]["label"] == "Glioblastoma"
    assert proxied.ask("/beacon/g_variants", "POST", {"query": {}}).text.startswith("the old Beacon")


def test_long_urls_pass(proxied: Gateway):
    ids = ",".join(f"pgxbs-{n:08}" for n in range(3000))
    assert proxied.ask(f"/services/pgxsegvariants?biosampleIds={ids}").status == 200


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.name)
def test_bytes_flow_at_once_and_a_break_is_seen(gateway: Gateway, tmp_path: Path, proxy: type[Nginx] | type[Apache]):
    """Behind the proxy the gateway is as slow as a modem, then resets."""
    path = "/beacon/variants?allData=true&output=jsonl"
    fate = Fate("reset", 60_000, rate=12_000)
    with (
        Cutter(("127.0.0.1", gateway.port), [fate]) as slow,
        before_beacon(proxy, tmp_path / proxy.name, slow.port) as through,
    ):
        target = tmp_path / "out"
        with subprocess.Popen(["curl", "-sS", "-N", "-o", target, through.url + path], stderr=subprocess.PIPE) as curl:
            until(lambda: target.exists() and target.stat().st_size > 5_000, what="first bytes")
            assert slow.cut == 0, "held back"  # the rest takes five seconds
            curl.communicate(timeout=60)
        assert curl.returncode == 18  # partial file
        assert gateway.ask(path).body.startswith(target.read_bytes())
        assert target.stat().st_size > 50_000


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.name)
def test_transfers_that_are_cut_or_slow(kept: Gateway, big: bytes, tmp_path: Path, proxy: type[Nginx] | type[Apache]):
    """Megabytes, more than the buffers on the way hold."""
    with before_beacon(proxy, tmp_path / proxy.name, kept.port) as through:
        with Cutter(("127.0.0.1", through.port), cuts(11, len(big), resets=True)) as cutter:
            CLIENTS["wget -c"](f"http://127.0.0.1:{cutter.port}{BIG}", tmp_path / "out")
            assert cutter.cut > 0
        assert (tmp_path / "out").read_bytes() == big
        with through.open(BIG, buffer=4096, version="1.0") as slow:
            got = slow.recv(4096)
            for _ in range(100):  # 4 kB in 10 ms, and then as fast as it goes
                got += slow.recv(4096)
                time.sleep(0.01)
            while piece := slow.recv(1 << 20):
                got += piece
        assert got.partition(b"\r\n\r\n")[2] == big
