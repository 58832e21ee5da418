"""Metrics: all of the table are told, of one process as of several, and they stay right when one of these dies."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from gateway.metrics import METRICS
from tests.harness import free_port, until
from tests.proxies import DEPLOY
from tests.web.conftest import BIG, PACED, Quick
from tests.web.operations.scrapes import Watched, asked_everything, tool

DASHBOARD = DEPLOY / "grafana-dashboard.json"
RULES = DEPLOY / "prometheus-rules.yml"


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two processes"])
def watched(
    request: pytest.FixtureRequest, quick: Quick, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    log = tmp_path_factory.mktemp("watched") / "log"
    with Watched(*quick.arguments, log=log, workers=request.param) as running:
        asked_everything(running, BIG)
        folder = running.folder
        assert (folder is None) is (request.param == 1)
        yield running
    assert folder is None or not folder.exists()


def test_all_of_the_table_is_told(watched: Watched):
    told = set(re.findall(r"^# TYPE pgx_gateway_(\S+) (\S+)$", watched.scrape(), re.MULTILINE))
    assert told == {(m.name + "_total" * (m.kind == "counter"), m.kind) for m in METRICS}
    command = [tool("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=watched.scrape(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_numbers_are_those_of_what_was_asked(watched: Watched):
    def numbers() -> list[tuple[float, float]]:
        return [
            (watched.number("requests_total", endpoint="/beacon/variants", status="200"), 4),
            (watched.number("requests_total", endpoint="other", status="404"), 1),
            (watched.number("refusals_total", kind="NotFound", limit=""), 1),
            (watched.number("downloads_total", outcome="complete"), 4),
            (watched.number("format_downloads_total", format="pgxseg"), 3),
            (watched.number("spool_uses_total", result="made"), 2),
            (watched.number("spool_uses_total"), 3),
            (watched.number("passes_total", kind="page", outcome="complete"), 1),
            (watched.number("rows_total", dataset="b400v250") // 1000, 200),  # and two of the page
            (watched.number("downloads_running") + watched.number("passes_running"), 0),
            (watched.number("passes_most"), 64 * watched.number("workers")),
        ]

    until(lambda: all(found == expected for found, expected in numbers()), what=f"counting: {numbers()}")
    size = len(watched.ask(BIG).body)
    until(lambda: watched.number("sent_bytes_total", source="file") >= size, what="counting what was sent")
    for name in ("database_seconds_sum", "pass_seconds_sum", "download_seconds_sum"):
        assert watched.number(name) > 0
    until(lambda: watched.number("loop_delay_seconds_count") > 0, what="the first second")
    assert watched.number("encoding_seconds_total", stage="compressed") > 0
    assert watched.number("database_errors_total", kind="DatabaseRefused") > 0  # it does not know `buildInfo`
    assert watched.number("spool_bytes") > size


def test_a_worker_that_dies_takes_nothing_with_it(quick: Quick, tmp_path: Path):
    """What it was doing is not done any more, what it had counted is counted, and who follows needs no files more."""
    with Watched(*quick.arguments, log=tmp_path / "log", workers=2) as several:
        asked_everything(several, BIG)
        folder = several.folder
        assert folder is not None
        opened = [several.open(PACED) for _ in range(6)]
        assert all(client.recv(10) for client in opened)
        until(lambda: several.number("downloads_running") == 6, what="six downloads")
        counted = several.number("requests_total")
        files = {path.name for path in folder.glob("*.db")}
        for worker in psutil.Process(several.process.pid).children():
            worker.kill()
            worker.wait(60)
        until(lambda: still(several, "workers") == 2, seconds=120, what="two new workers")
        for client in opened:
            client.close()
        until(lambda: several.number("downloads_running") + several.number("passes_running") == 0, what="the end")
        assert several.number("requests_total") >= counted
        assert {path.name for path in folder.glob("*.db")} == files
        everybody = [several.process.pid, *(w.pid for w in psutil.Process(several.process.pid).children())]
        for pid in everybody:
            psutil.Process(pid).send_signal(signal.SIGKILL)
        until(lambda: not any(map(lives, everybody)), what="the end of all")
    with Watched(*quick.arguments, log=tmp_path / "log", workers=2):
        assert not folder.exists()  # the next takes away what the dead have left


def lives(pid: int) -> bool:
    """Whether there is such a process, and it is not just that nobody has asked how it ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def still(gateway: Watched, name: str) -> float:
    """A number, or -1 while nobody tells it."""
    try:
        return gateway.number(name)
    except OSError:
        return -1


def test_it_is_off_unless_it_is_wanted_and_says_so_if_it_cannot_be(quick: Quick, tmp_path: Path):
    loaded = "import sys, gateway.web.server, gateway.web.workers; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
    assert not {"prometheus_client", "opentelemetry"} & set(modules.split())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for workers in ("1", "2"):
            arguments = ["serve", "--port=0", f"--metrics-port={port}", f"--workers={workers}", "--no-spool"]
            command = [sys.executable, "-m", "gateway", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            assert (done.returncode, done.stdout) == (1, "")
            assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
            assert "--metrics-port" in done.stderr
            assert "Traceback" not in done.stderr


# --- the dashboard and the alerts -----------------------------------------------------------------------------------


def expressions() -> Iterator[tuple[str, str]]:
    """What the panels ask, with their titles."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$job", "pgx-gateway").replace("$instance", ".+")
            yield panel["title"], expression.replace("$__rate_interval", "1m")


def test_the_rules_are_right():
    promtool = tool("promtool")
    for words in (["check", "rules", RULES.name], ["test", "rules", "prometheus-rules-test.yml"]):
        done = subprocess.run([promtool, *words], cwd=DEPLOY, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    # Each alert is shown to fire, and all that is asked is told by the gateway.
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    fired = re.findall(r"alertname: (\w+)\n\s+exp_alerts", (DEPLOY / "prometheus-rules-test.yml").read_text())
    assert sorted(set(fired)) == sorted(alerts)


@pytest.mark.parametrize("watched", [2], ids=["two processes"], indirect=True)
def test_prometheus_has_all_that_dashboard_and_rules_ask(watched: Watched, tmp_path: Path):
    """A Prometheus that scrapes the gateway answers each panel; its alerts can be evaluated."""
    told = {name for name, _ in watched.samples()}
    asked = RULES.read_text() + " ".join(expression for _, expression in expressions())
    assert set(re.findall(r"\bpgx_gateway_\w+", asked.replace("pgx_gateway_refusals_total says", ""))) <= told
    with Prometheus(watched, tmp_path) as prometheus:
        until(lambda: prometheus.ask("count_over_time(pgx_gateway_info[1m]) > 2"), what="three scrapes")
        for title, expression in expressions():
            assert prometheus.ask(expression), f"{title}: {expression}"
        groups = prometheus.get("rules")["groups"]
        assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
        assert [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"] == []


class Prometheus:
    """A Prometheus that scrapes a gateway each second."""

    def __init__(self, gateway: Watched, folder: Path) -> None:
        self._port = free_port()
        self._log = folder / "prometheus.log"
        target = {"targets": [f"127.0.0.1:{gateway.metrics_port}"]}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "pgx-gateway", "static_configs": [target]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))  # which is YAML, too
        command = [tool("prometheus"), f"--config.file={folder}/prometheus.yml"]
        command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{self._port}"]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    def get(self, what: str) -> Any:
        """What its interface answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/{what}", timeout=60) as answer:
            return json.loads(answer.read())["data"]

    def ask(self, expression: str) -> list[Any]:
        """The result of an expression; empty while it does not listen yet."""
        assert self._process.poll() is None, self._log.read_text()[-2000:]
        try:
            return list(self.get("query?" + urllib.parse.urlencode({"query": expression}))["result"])
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:  # it has not begun yet
                return []
            raise
        except OSError:
            return []


def test_names_are_those_that_prometheus_wants_and_labels_are_known():
    """A new label has to be thought about: none may have values without bound."""
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    bounded = {"endpoint", "status", "kind", "outcome", "format", "source", "dataset", "stage"}
    bounded |= {"limit", "command", "result", "version", "engine"}
    assert {label for metric in METRICS for label in metric.labels} <= bounded
