"""Indexes over HTTP: genome tools read a region at an address, and take little more than that of the file."""

import gzip
import hashlib
import random
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.harness import Answer, Gateway, until
from tests.web.conftest import complete, path_of

PATH = "/beacon/g_variants?allData=true&output=vcf.gz"


class Relay:
    """Stands before a gateway with small buffers, so that what a client does not read is not sent; counts bytes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.taken = 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with suppress(OSError):  # the door is closed
            while True:
                client, _ = self._door.accept()
                self._threads.append(threading.Thread(target=self._connection, args=(client,)))
                self._threads[-1].start()

    def _connection(self, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        with client, socket.create_connection(("127.0.0.1", self._port)) as upstream:
            asking = threading.Thread(target=self._pass, args=(client, upstream))
            asking.start()
            self._pass(upstream, client, counted=True)
            asking.join()

    def _pass(self, source: socket.socket, target: socket.socket, *, counted: bool = False) -> None:
        with suppress(OSError):  # one of them left
            while data := source.recv(4_096):
                target.sendall(data)
                self.taken += len(data) if counted else 0
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def long(mongo: MongoClient[dict[str, Any]]) -> str:
    """A dataset of one sample, with alleles so long that a file of few is larger than what may be under way."""
    rng = random.Random(9)
    bases = "".join(rng.choices("ACGT", k=100_000)) * 2
    mongo.drop_database("alleles")  # where the module comes in two parts
    database = mongo["alleles"]
    database.biosamples.insert_one({"id": "a"})
    database.biosamples.create_index("id")
    for n in range(250):
        database.variants.insert_one(
            {
                "biosample_id": "a",
                "location": {"chromosome": "9", "start": n * 540_000 + 7, "end": n * 540_000 + 8},
                "variant_state": {"id": "SO:0001059", "label": "sequence_alteration"},
                "state": {"sequence": bases[(at := rng.randrange(100_000)) : at + 80_000]},
            }
        )
    database.variants.create_index("biosample_id")
    return "alleles"


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "spool"


@pytest.fixture(scope="module")
def serving(
    store: Store, demo: str, long: str, spool: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    log = tmp_path_factory.mktemp("indexes") / "log"
    with Gateway(store.uri, [long, demo], log=log, spool=spool) as running:
        yield running
        assert "request failed" not in running.log


@pytest.fixture(scope="module")
def address(serving: Gateway) -> str:
    """The path of the immutable address of a complete file."""
    return path_of(complete(serving, PATH))


def test_a_ticket_names_the_indexes_of_a_file_that_has_some(serving: Gateway, address: str):
    ticket = serving.ask(address.rpartition("/")[0]).json
    assert ticket["indexAddresses"] == {kind: f"{ticket['address']}.{kind}" for kind in ("tbi", "csi")}
    assert "indexAddresses" not in serving.ask(PATH.replace("vcf.gz", "vcf") + "&ticket=true").json


@pytest.fixture(scope="module")
def whole(serving: Gateway, address: str) -> Answer:
    return serving.ask(address)


@pytest.fixture(scope="module")
def near(whole: Answer) -> list[str]:
    """The lines of the region that is read below."""
    rows = [line for line in gzip.decompress(whole.body).decode().splitlines() if line.startswith("9")]
    return [row for row in rows if 21_000_000 < int(row.split("\t", 2)[1]) <= 22_000_000]


READ = "import pysam, sys; print(*pysam.TabixFile({url!r}).fetch('9', 21000000, 22000000), sep='\\n')"


def tools(url: str) -> dict[str, list[str]]:
    return {
        "tabix": ["tabix", url, "9:21000001-22000000"],
        "bcftools": ["bcftools", "view", "-H", "-r", "9:21000001-22000000", url],
        "pysam": [sys.executable, "-c", READ.format(url=url)],
    }


@pytest.mark.parametrize("name", ["tabix", "bcftools", "pysam", "tabix of a live URL"])
def test_a_tool_reads_a_region(
    serving: Gateway, address: str, tmp_path: Path, *, near: list[str], whole: Answer, name: str
):
    command, _, live = name.partition(" ")
    if shutil.which(command) is None and command != "pysam":
        pytest.skip(f"{command} is not installed")
    with Relay(serving.port) as relay:
        url = relay.url + PATH
        url = f"{url}##idx##{url}.tbi" if live else relay.url + address
        done = subprocess.run(
            tools(url)[command], cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == near
        assert len(near) == 2
        assert relay.taken < len(whole.body) / 2
    kept = [path.name for path in tmp_path.iterdir()]
    assert kept in (["g_variants"], ["alleles_variants.vcf.gz.csi"], ["alleles_variants.vcf.gz.tbi"])


@pytest.mark.parametrize("kind", ["tbi", "csi"])
def test_an_index_is_delivered_as_its_export_is(serving: Gateway, address: str, whole: Answer, kind: str):
    answer = serving.ask(f"{address}.{kind}")
    assert gzip.decompress(answer.body)[:3].decode().lower() == kind
    assert answer.headers["ETag"] == f'{whole.headers["ETag"][:-1]}.{kind}"'
    assert answer.headers["Cache-Control"] == whole.headers["Cache-Control"]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="alleles_variants.vcf.gz.{kind}"'
    said = serving.ask(f"{address}.{kind}.sha256").text
    assert said == f"{hashlib.sha256(answer.body).hexdigest()}  alleles_variants.vcf.gz.{kind}\n"
    head = serving.ask(f"{address}.{kind}", "HEAD")
    assert head.headers["Content-Length"] == str(len(answer.body))
    part = serving.ask(f"{address}.{kind}", Range="bytes=5-9", If_Range=answer.headers["ETag"])
    assert (part.status, part.body) == (206, answer.body[5:10])
    assert part.headers["Content-Range"] == f"bytes 5-9/{len(answer.body)}"
    assert serving.ask(f"{address}.{kind}", Range="bytes=99999999-").status == 416
    assert serving.ask(f"{address}.{kind}", If_None_Match=answer.headers["ETag"]).status == 304
    for live in (f"{PATH}.{kind}", f"{PATH}.{kind}".replace("output", "method")):
        assert serving.ask(live).body == answer.body
    other = serving.ask(f"{PATH}.{kind}&datasetIds=demo")
    assert other.status == 200
    assert other.body != answer.body


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/beacon/g_variants?allData=true&output=pgxseg.gz.tbi", 406, "output: there is no index of pgxseg files"),
        ("/beacon/g_variants?allData=true&output=vcf.tbi", 406, "output"),
        ("/beacon/g_variants.tbi?allData=true&output=vcf.gz", 404, "path"),
        ("/beacon/g_variants?allData=true&output=vcf.gz.tbi&method=vcf.gz.csi", 400, "output: several indexes"),
        (PATH + ".tbi&ticket=true", 400, "ticket"),
        ("/beacon/g_variants?output=vcf.gz.tbi", 400, "filters"),
    ],
)
def test_what_has_no_index_says_so(serving: Gateway, path: str, status: int, why: str):
    answer = serving.ask(path)
    assert answer.status == status == answer.json["error"]["errorCode"]
    assert why in answer.json["error"]["errorMessage"]


def test_only_a_sorted_file_has_an_index_at_its_address(serving: Gateway):
    segments = path_of(complete(serving, PATH.replace("vcf.gz", "pgxseg.gz") + "&datasetIds=demo"))
    assert serving.ask(segments + ".tbi").status == 404


def test_it_is_made_again_of_the_file_where_it_is_not_kept_or_damaged(serving: Gateway, spool: Path):
    """As exports are of versions without indexes."""
    path = path_of(complete(serving, PATH + "&datasetIds=demo"))
    answers = {kind: serving.ask(f"{path}.{kind}").body for kind in ("tbi", "csi")}
    digest = path.split("/")[2][:40]
    passes = serving.log.count("gateway.flow pass ")
    until((spool / f"{digest}.index").exists, what="a kept index")
    index, tbi, csi = (spool / f"{digest}.{kind}" for kind in ("index", "tbi", "csi"))
    for spoiled, data in ((index, None), (tbi, answers["csi"]), (csi, None), (csi, b""), (index, b"{}")):
        spoiled.unlink() if data is None else spoiled.write_bytes(data)
        for kind, body in answers.items():
            assert serving.ask(f"{path}.{kind}").body == body
            assert (spool / f"{digest}.{kind}").read_bytes() == body
    assert serving.log.count("gateway.flow pass ") == passes


def test_without_a_spool_it_is_of_a_pass_of_its_own(serving: Gateway, store: Store, demo: str, tmp_path: Path):
    path = PATH + "&datasetIds=demo"
    with Gateway(store.uri, [demo], log=tmp_path / "log", no_spool=True) as direct:
        for kind in ("tbi", "csi"):
            answer = direct.ask(f"{PATH}.{kind}")
            assert answer.body == serving.ask(f"{PATH}.{kind}&datasetIds=demo").body
            assert direct.ask(f"{PATH}.{kind}", Range="bytes=3-8").body == answer.body[3:9]
        assert direct.ask(PATH).body == serving.ask(path).body
