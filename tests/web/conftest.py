"""A quick database beside the embedded one: transfers of some megabytes, at full speed or paced."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.benchmarks.replay import Replay
from tests.harness import Answer, Gateway, until
from tests.web.handed import Buffers

BIG = "/beacon/variants?allData=true&output=pgxseg"
"""7.5 MB in a tenth of a second."""
PACED = BIG + "&datasetIds=b400v250p30"
"""The same variants with a pause before each read: half a second and more."""
SMALL = "/beacon/variants?biosampleIds=pgxbs-00000001&output=pgxseg"
"""20 kB."""


class Quick:
    """The replay upstream: `arguments` are those of a gateway on it."""

    def __init__(self, replay: Replay) -> None:
        self.arguments = (replay.uri, ["b400v250", "b400v250p30"])

    @property
    def finds(self) -> int:
        """How many find commands it was sent."""
        with MongoClient[dict[str, Any]](self.arguments[0]) as client:
            return int(client.admin.command("serverStatus")["opcounters"]["query"])


def path_of(ticket: Answer, name: str = "address") -> str:
    return urlsplit(ticket.json[name]).path


def complete(gateway: Gateway, path: str) -> Answer:
    """The ticket of an export, once it is complete."""
    issued = gateway.ask(path + "&ticket=true")
    assert issued.status == 200, issued.text
    until(lambda: gateway.ask(path_of(issued, "self")).json["state"] == "complete", what="the end of a pass")
    return gateway.ask(path_of(issued, "self"))


@pytest.fixture(scope="package")
def quick() -> Iterator[Quick]:
    with Replay() as running:
        yield Quick(running)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(path)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


@pytest.fixture(scope="package")
def buffers(store: Store, mongo: MongoClient[dict[str, Any]]) -> Buffers:
    return Buffers(store.uri, mongo)


@pytest.fixture(scope="package")
def handed(store: Store, buffers: Buffers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of two small datasets, to which there are handovers."""
    log = tmp_path_factory.mktemp("handed") / "log"
    with Gateway(store.uri, [buffers.demo.name, buffers.flat.name], log=log) as running:
        yield running
        assert not re.search(r"request \w+ failed", running.log)


@pytest.fixture(scope="package")
def direct(quick: Quick, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway without a spool."""
    with Gateway(*quick.arguments, log=tmp_path_factory.mktemp("direct") / "log", no_spool=True) as running:
        yield running


@pytest.fixture(scope="package")
def kept(quick: Quick, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with one."""
    with Gateway(*quick.arguments, log=tmp_path_factory.mktemp("kept") / "log") as running:
        yield running


@pytest.fixture(scope="package")
def big(direct: Gateway) -> bytes:
    """The bytes of the big export."""
    return direct.ask(BIG).body


@pytest.fixture(scope="package")
def paced(direct: Gateway) -> bytes:
    """The bytes of the paced export."""
    return direct.ask(PACED).body
