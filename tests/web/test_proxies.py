"""Behind another server, as `deploy/` has it: downloads reach the gateway and flow at once, the rest the old Beacon."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.formats import FORMATS
from tests.cutter import Cutter, Fate
from tests.harness import Gateway, until
from tests.proxies import DEPLOY, Apache, Nginx, old_beacon

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
# What a Beacon's paths deliver; plain JSON is the old Beacon's.
ROWS = [form for form in FORMATS if form.entities != ("collations",)]
ALSO = {form.name: form.also for form in ROWS if "frequencies" not in form.entities}
OUTPUTS = list(dict.fromkeys(w for form in ROWS for w in (*form.words, *form.whole, *ALSO.get(form.name, ()))))
SERVICES = [word for form in FORMATS for word in form.services]


@pytest.mark.parametrize("name", ["nginx.conf", "apache.conf"])
def test_just_the_outputs_and_services_of_the_formats_table_go_to_the_gateway(name: str):
    text = (DEPLOY / name).read_text()
    outputs = re.findall(r"\(method\|output\)=\(\(([^)]*)\)", text)
    services = re.findall(r"\^/services/\(([^)]*)\)", text)
    assert [found.split("|") for found in outputs] == [[word for word in OUTPUTS if word != "json"]]
    assert [found.split("|") for found in services] == [SERVICES]


def test_what_goes_to_the_gateway_is_what_it_delivers(gateway: Gateway):
    for word in OUTPUTS:
        asked = f"?filters=NCIT:C3058&output={word}"
        paths = ("g_variants", "biosamples", "analyses")
        statuses = {gateway.ask(f"/beacon/{path}{asked}", "HEAD").status for path in paths}
        assert 200 in statuses, word
    assert gateway.ask("/beacon/g_variants?filters=NCIT:C3058&output=collations", "HEAD").status == 406


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def proxied(
    request: pytest.FixtureRequest, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp(request.param.name)
    with old_beacon() as beacon, request.param.deployed(folder, gateway.port, beacon) as through:
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
        old_beacon() as beacon,
        Cutter(("127.0.0.1", gateway.port), [fate]) as slow,
        proxy.deployed(tmp_path / proxy.name, slow.port, beacon) as through,
    ):
        target = tmp_path / "out"
        with subprocess.Popen(["curl", "-sS", "-N", "-o", target, through.url + path], stderr=subprocess.PIPE) as curl:
            until(lambda: target.exists() and target.stat().st_size > 5_000, what="first bytes")
            assert slow.cut == 0, "held back"  # the rest takes five seconds
            curl.communicate(timeout=60)
        assert curl.returncode == 18  # partial file
        assert gateway.ask(path).body.startswith(target.read_bytes())
        assert target.stat().st_size > 50_000
