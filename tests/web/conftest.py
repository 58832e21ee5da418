"""A quick database beside the embedded one: transfers of some megabytes, at full speed or paced."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.benchmarks.replay import Replay
from tests.harness import Gateway

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


@pytest.fixture(scope="package")
def quick() -> Iterator[Quick]:
    with Replay() as running:
        yield Quick(running)


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
