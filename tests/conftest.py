"""Real parts for all tests: an embedded MongoDB-wire server, datasets of both document models, a serving gateway."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from pymongo import MongoClient

from gateway.demo.cohort import documents
from gateway.demo.store import Store
from gateway.loading.writer import load
from tests import datasets, examples, forks
from tests.harness import Gateway

settings.load_profile(examples.SUITE)

NO_SKIPS = bool(os.environ.get("GATEWAY_NO_SKIPS"))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process a core and two more for when they wait, up to six; none beside this one where single files are named.

    Each process has its own database and gateway, so that tests of two processes never meet.
    """
    named = any(Path(argument.partition("::")[0]).is_file() for argument in config.args)
    cores = os.cpu_count() or 1
    return 0 if named or cores == 1 else min(cores + 2, 6)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Where nothing may be skipped (CI), a skip is a failure."""
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def forking() -> Iterator[None]:
    """Gateways are forked, not started anew, where that makes no difference to what is tested."""
    with forks.forking():
        yield


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The embedded database, for the whole session."""
    with Store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="session")
def mongo(store: Store) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of the embedded database, to write and to look behind the gateway's back."""
    with MongoClient[dict[str, Any]](store.uri) as client:
        yield client


@pytest.fixture(scope="session")
def demo(store: Store) -> str:
    """A dataset of the current model: the demo's cohort, smaller; 470 variants, because the store reads slowly."""
    load(store.uri, "demo", datasets.thinned(documents(20), most=20))
    return "demo"


@pytest.fixture(scope="session")
def flat(mongo: MongoClient[dict[str, Any]], demo: str) -> str:
    """The same cohort in the flat model of 2021."""
    datasets.flatten(mongo[demo], mongo["flat"])
    return "flat"


@pytest.fixture(scope="session")
def odd(mongo: MongoClient[dict[str, Any]]) -> str:
    """Documents with everything that can be wrong with them."""
    datasets.write_odd(mongo["odd"])
    return "odd"


@pytest.fixture(scope="session")
def long(mongo: MongoClient[dict[str, Any]]) -> str:
    """A dataset whose whole, `datasets.LONG`, is too long for the buffers between gateway and client."""
    datasets.write_long(mongo["long"])
    return "long"


@pytest.fixture(scope="session")
def gateway(
    store: Store, demo: str, flat: str, odd: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway in a process of its own, serving the three datasets over a real socket.

    Whatever the tests throw at it, none of it may be a surprise to it.
    """
    log = tmp_path_factory.mktemp("gateway") / "log"
    with Gateway(store.uri, [demo, flat, odd], log=Path(log)) as running:
        yield running
        assert "request failed" not in running.log  # what is logged with an internal error
