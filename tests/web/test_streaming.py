"""Direct transfers over real sockets: what a client sees when it, the gateway or the database goes away."""

import hashlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.datasets import LONG, write_long
from tests.harness import Answer, Gateway, free_port, until

Client = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def slow(store: Store, long: str, demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that cuts its passes into many small slices, of a dataset that leaves clients in mid-stream."""
    log = tmp_path_factory.mktemp("slow") / "log"
    with Gateway(store.uri, [long, demo], log=log, slice_rows=20, grace=1, max_passes=300, no_spool=True) as running:
        yield running


def open_cursors(mongo: Client) -> int:
    return int(mongo.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"])


def test_two_hundred_clients_that_leave_leave_no_cursor(slow: Gateway, mongo: Client):
    before = open_cursors(mongo)
    opened = []
    for _ in range(200):
        client = slow.open(LONG)
        opened.append(client)
        if len(opened) == 50:
            for leaving in opened:
                assert leaving.recv(1000).startswith(b"HTTP/1.1 200 OK")
                leaving.close()
            opened.clear()
    until(lambda: slow.log.count('outcome="client left"') >= 200, what="noticing that the clients left")
    until(lambda: open_cursors(mongo) == before, what="closing all cursors")


def test_work_stops_when_the_client_leaves(slow: Gateway, mongo: Client):
    left = "file=long_variants.jsonl"
    before = slow.log.count(left)
    client = slow.open(LONG)
    client.recv(1000)
    client.close()
    until(lambda: slow.log.count(left) > before, what="the end of the download")
    last = [line for line in slow.log.splitlines() if left in line][-1]
    assert 'outcome="client left"' in last
    assert int(last.split(" rows=")[1].split()[0]) < 400
    finds = mongo.admin.command("serverStatus")["opcounters"]["query"]
    time.sleep(0.5)
    assert mongo.admin.command("serverStatus")["opcounters"]["query"] - finds <= 4  # what was under way then


def read_all(client: socket.socket, *, pause: float = 0) -> bytes:
    got = bytearray()
    try:
        while not got.endswith(b"\r\n0\r\n\r\n") and (piece := client.recv(65536)):
            got += piece
            time.sleep(pause)
    except ConnectionError:
        got += b"(reset)"
    return bytes(got)


def test_http_1_0_is_delivered_without_chunks_to_the_close(slow: Gateway):
    path = "/beacon/variants?filters=NCIT:C3058&output=pgxseg&datasetIds=demo"
    with slow.open(path, version="1.0") as client:
        head, body = read_all(client).split(b"\r\n\r\n", 1)
    assert b"Transfer-Encoding" not in head
    assert body == slow.ask(path).body


def test_head_says_what_get_would(slow: Gateway):
    path = "/beacon/variants?filters=NCIT:C3058&output=pgxseg&datasetIds=demo"
    head, get = slow.ask(path, "HEAD"), slow.ask(path)
    assert head.status == 200
    assert head.body == b""
    for name in ("ETag", "Content-Type", "Content-Disposition", "Cache-Control"):
        assert head.headers[name] == get.headers[name]
    assert head.headers["Content-Disposition"] == 'attachment; filename="demo_NCIT-C3058_variants.pgxseg"'
    assert head.headers.get("Content-Length") is None


def test_keep_alive_serves_one_request_after_another(slow: Gateway):
    with slow.open("/health") as client:
        assert b'"ok"' in client.recv(65536)
        for _ in range(3):
            client.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b'"ready":true' in client.recv(65536)


def test_beyond_the_passes_allowed_is_503(store: Store, long: str, tmp_path: Path):
    with Gateway(store.uri, [long], log=tmp_path / "log", max_passes=1, slice_rows=20, no_spool=True) as gateway:
        with gateway.open(LONG) as client:
            client.recv(1000)
            refused = gateway.ask(LONG)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
        until(lambda: gateway.ask("/beacon/variants?filters=x&output=jsonl").status == 200, what="a free place")


def test_sigterm_lets_streams_go_on_then_cuts_them_visibly(store: Store, long: str, tmp_path: Path):
    with Gateway(store.uri, [long], log=tmp_path / "log", slice_rows=20, grace=1, no_spool=True) as gateway:
        client = gateway.open(LONG)
        client.recv(1000)
        gateway.process.send_signal(signal.SIGTERM)
        code = gateway.process.wait(60)
        assert code == 0
        rest = read_all(client)
        assert not rest.endswith(b"0\r\n\r\n")
        client.close()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_process_resets_its_streams(
    store: Store, long: str, tmp_path: Path, version: str, number: signal.Signals
):
    """A plain close is the end of the body to HTTP/1.0 clients, and within a chunk to wget, too."""
    gateway = Gateway(store.uri, [long], log=tmp_path / "log", slice_rows=20, grace=0, no_spool=True)
    with gateway, gateway.open(LONG, version=version) as client:
        client.recv(1000)
        gateway.process.send_signal(number)
        assert read_all(client, pause=0.001).endswith(b"(reset)")


class Outage:
    """A store of its own that can be killed and started again on the same port and folder.

    The URI tells gateways to notice within half a second.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.store = Store(folder, self.port).start()
        with Client(self.store.uri) as client:
            write_long(client["long"])
        self.uri = self.store.uri + "&serverSelectionTimeoutMS=500"

    def kill(self) -> None:
        self.store.stop()

    def restart(self) -> None:
        self.store = Store(self.folder, self.port).start()


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    made = Outage(tmp_path_factory.mktemp("outage"))
    yield made
    made.store.stop()


def test_a_database_that_comes_back_is_only_a_pause(outage: Outage, tmp_path: Path):
    with Gateway(outage.uri, ["long"], log=tmp_path / "log", slice_rows=20, retry_window=60, no_spool=True) as gateway:
        whole = gateway.ask(LONG)
        assert whole.whole
        with gateway.open(LONG) as client:
            got = client.recv(1000)
            outage.kill()
            threading.Timer(1, outage.restart).start()
            got += read_all(client)
        assert "lost in mid-stream" in gateway.log
        assert _unchunked(got) == whole.body


def test_a_database_that_stays_away_cuts_the_transfer(outage: Outage, tmp_path: Path):
    with Gateway(outage.uri, ["long"], log=tmp_path / "log", slice_rows=20, retry_window=1, no_spool=True) as gateway:
        command = ["curl", "-sS", gateway.url + LONG]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as curl:
            assert curl.stdout is not None
            assert curl.stdout.read(1000)  # curl waits until we read on
            outage.kill()
            _, complaint = curl.communicate(timeout=60)
        assert curl.returncode in {18, 56}, complaint  # "partial file", "receive error"
        old = gateway.open(LONG, version="1.0")
        assert b" 503 " in old.recv(100)  # down before the first byte: an error response
        old.close()
        outage.restart()


def test_http_1_0_clients_see_a_cut_as_a_reset(outage: Outage, tmp_path: Path):
    with Gateway(outage.uri, ["long"], log=tmp_path / "log", slice_rows=20, retry_window=0, no_spool=True) as gateway:
        with gateway.open(LONG, version="1.0") as client:
            client.recv(1000)
            outage.kill()
            assert read_all(client, pause=0.001).endswith(b"(reset)")
        outage.restart()


def test_starts_without_a_database_and_recovers(outage: Outage, tmp_path: Path):
    outage.kill()
    with Gateway(outage.uri, ["long"], log=tmp_path / "log") as gateway:
        assert gateway.ask("/health").status == 200
        down = gateway.ask("/ready")
        assert (down.status, down.json["ready"], down.headers["Retry-After"]) == (503, False, "5")
        refused = gateway.ask("/beacon/variants?filters=NCIT:C3058&output=pgxseg")
        assert refused.status == 503 == refused.json["error"]["errorCode"]
        assert refused.headers["Retry-After"]
        assert str(outage.port) not in refused.text  # where the database is, is nobody's business
        outage.restart()
        until(lambda: gateway.ask("/ready").status == 200, what="recovery")
        assert gateway.ask("/beacon/variants?filters=NCIT:C3058&output=pgxseg").status == 200


def _unchunked(raw: bytes) -> bytes:
    """The body of a chunked response; fails if its end is missing."""
    at = raw.index(b"\r\n\r\n") + 4
    body = bytearray()
    while size := int(raw[at : (begin := raw.index(b"\r\n", at) + 2)], 16):
        body += raw[begin : begin + size]
        at = begin + size + 2
    assert raw[begin:] == b"\r\n"
    return bytes(body)


@pytest.mark.parametrize("client", ["curl", "wget"])
def test_common_clients_get_the_right_bytes(gateway: Gateway, tmp_path: Path, client: str):
    assert shutil.which(client), f"{client} is not installed"
    path = "/beacon/biosamples/?filters=NCIT:C3058&method=callsetsvariants"
    options = {"curl": ["-sS", "-OJ"], "wget": ["-q", "--content-disposition"]}[client]
    subprocess.run([client, *options, gateway.url + path], cwd=tmp_path, check=True, timeout=60)
    (found,) = tmp_path.iterdir()
    assert found.name == "demo_NCIT-C3058_variants.pgxseg"
    assert _sha(found) == hashlib.sha256(gateway.ask(path).body).hexdigest()


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_page_links_to_what_works(gateway: Gateway):
    page = gateway.ask("/")
    assert page.headers["Content-Type"].startswith("text/html")
    links = [part.split('"')[0].replace("&amp;", "&") for part in page.text.split('href="')[1:]]
    answers: list[Answer] = [gateway.ask(urljoin("/", link)) for link in links]
    assert len(answers) > 3
    # Behind a proxy the page has another address, and its own services are beneath that.
    assert {"./gateway/ready", "./gateway/openapi.json"} <= set(links)
    assert {answer.status for answer in answers} == {200}
