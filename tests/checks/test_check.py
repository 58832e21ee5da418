"""`pgx-gateway check` against databases of several kinds."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pymongo import MongoClient

from gateway.checks import explained
from gateway.checks.database import check_database
from gateway.checks.findings import Finding, exit_code
from gateway.cli import main
from gateway.config import load
from gateway.demo.cohort import documents
from gateway.demo.store import Store
from gateway.loading.writer import load as load_documents
from gateway.planning import index_check
from tests import datasets
from tests.harness import Gateway, free_port
from tests.topology import ReplicaSet, Sharded
from tests.topology.deployments import Deployment

Client = MongoClient[dict[str, Any]]
Finds = dict[str, list[Finding]]


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the command."""

    def run(*arguments: object) -> Done:
        code = main(["check", *map(str, arguments)])
        return Done(code, *capsys.readouterr())

    return run


Check = Callable[..., Done]


def checked(uri: str, *names: str) -> Finds:
    """The findings about a database, by subject."""
    found: Finds = {}
    for each in asyncio.run(check_database(load({"mongo_uri": uri, "datasets": ",".join(names)}, {}))):
        found.setdefault(each.subject, []).append(each)
    return found


@pytest.fixture(scope="module")
def small(store: Store) -> str:
    """A dataset that is read quickly."""
    load_documents(store.uri, "checked", datasets.thinned(documents(4), most=10))
    return "checked"


@pytest.fixture(scope="module")
def bare(store: Store, mongo: Client, small: str) -> Iterator[str]:
    """The same without any index."""
    for name in mongo[small].list_collection_names():
        mongo["bare"][name].insert_many(list(mongo[small][name].find()))
    yield "bare"
    mongo.drop_database("bare")


def test_a_database_without_users_works_but_is_not_safe(check: Check, store: Store, small: str, tmp_path: Path):
    tmp_path.chmod(0o700)
    done = check("--mongo-uri", store.uri, "--datasets", small, "--spool", tmp_path)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert {line.split()[0] for line in lines} == {"ok", "warning"}, done.stdout + done.stderr
    warned = {line.split()[1] for line in lines if line.startswith("warning")}
    assert {"rights", "topology"} <= warned <= {"rights", "topology", "engine", "open"}
    assert f"ok      indexes     {small}: " in done.stdout
    assert re.search(rf"queries +{small}: \d\d kinds answered, the plans of their \d\d reads are right", done.stdout)
    assert (done.returncode, done.stderr) == (1, "")


def test_missing_indexes_are_named_with_the_commands_that_make_them(
    store: Store, mongo: Client, bare: str, monkeypatch: pytest.MonkeyPatch
):
    few = checked(store.uri, bare)["indexes"]
    assert [found.level for found in few] == ["ok"]
    monkeypatch.setattr(index_check, "_LARGE", 1)
    monkeypatch.setattr(explained, "_FEW", 3)
    found = checked(store.uri, bare)
    assert {each.level for each in found["indexes"]} == {"warning"}
    assert any("read whole" in each.text for each in found["queries"])
    commands = [command for each in found["indexes"] for command in each.commands]
    assert 'db.getSiblingDB("bare").getCollection("variants").createIndex({"biosample_id": 1})' in commands
    assert len(commands) == len(set(commands))
    assert set(commands) == set(few[0].commands)
    for command in commands:
        names = re.fullmatch(r'.*\.getCollection\("(\w+)"\)\.createIndex\(\{"(.+)": 1\}\)', command)
        assert names
        mongo[bare][names[1]].create_index(names[2])
    assert [each.text for each in checked(store.uri, bare)["indexes"]] == ["bare: every kind of query has its own"]


@pytest.mark.parametrize(
    ("made", "level", "told"),
    [
        (partial(ReplicaSet, "5.0", members=1), "ok", "a replica set of wire version 13: all reads of a download"),
        (
            partial(ReplicaSet, "4.4", members=1),
            "warning",
            "a replica set of wire version 9: reads are of the newest",
        ),
        (
            partial(Sharded, "5.0"),
            "ok",
            "a sharded cluster of wire version 13: all reads of a",
        ),
    ],
)
def test_topologies(made: Callable[..., Deployment], level: str, told: str, store: Store, small: str):
    with made(store=store) as deployment:
        deployment.seed(small)
        found = checked(deployment.uri, small)
    (topology,) = found["topology"]
    assert (topology.level, topology.text[: len(told)]) == (level, told)
    # What it does not know (it is no real server) is said.
    assert "does not say what this user may do" in found["rights"][0].text
    assert "does not explain how" in found["queries"][0].text
    assert exit_code(each for several in found.values() for each in several) == 1


def test_what_cannot_be_reached_or_holds_nothing_fails(check: Check, store: Store):
    uri = f"mongodb://reader:hunter2%40@127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200"
    for arguments, told in (
        (["--mongo-uri", uri], "fail    database    cannot be used: 127.0.0.1"),
        (["--mongo-uri", store.uri, "--datasets", "nowhere"], "fail    datasets    nowhere holds no data"),
        (["--mongo-uri", "mongodb://u:hunter2@h:0/"], "fail    settings    mongo_uri: the MongoDB URI cannot be used"),
        (["--port", "x"], "fail    settings    --port 'x'"),
    ):
        done = check("--no-spool", *arguments)
        assert done.returncode == 2
        assert told in done.stdout
        assert "hunter2" not in done.stdout + done.stderr
        assert done.stderr == ""


def test_json(check: Check, tmp_path: Path):
    file = tmp_path / "gateway.toml"
    file.write_text("port = 'x'")
    done = check("--json", "--config", file)
    (found,) = json.loads(done.stdout)
    assert done.returncode == 2
    assert (found["level"], found["subject"], found["commands"]) == ("fail", "settings", [])
    assert f"{file}: port: must be a number" in found["text"]


def test_health_of_a_running_gateway(check: Check, gateway: Gateway):
    for arguments, code in (
        ([f"{gateway.url}/health"], 0),
        (["--port", gateway.port, "--host", "0.0.0.0"], 0),
        ([f"{gateway.url}/none"], 1),
        ([f"http://127.0.0.1:{free_port()}/health"], 1),
        (["nonsense"], 1),
    ):
        done = check("--health", *arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert bool(done.stderr) == bool(code)
        assert "Traceback" not in done.stderr
