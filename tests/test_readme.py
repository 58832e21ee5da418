"""README is true: its tables are those of the code, its nginx configuration routes, its tour's output is the demo's."""

import http.server
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import _parser
from gateway.config import SETTINGS
from gateway.demo.cohort import documents
from gateway.formats import FORMATS
from gateway.query.parameters import PARAMETERS
from gateway.web.routes import ROUTES
from tests.harness import Gateway, free_port

TEXT = (Path(__file__).parents[1] / "README.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, without its head."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_settings():
    told = [(row[0].strip("`"), row[1].strip("`"), row[2].strip("`"), row[3]) for row in table("Settings")]
    assert told == [(s.flag, s.variable, s.default, s.help) for s in SETTINGS]


def test_formats():
    told = [(tuple(code(row[0])), tuple(code(row[1])), row[2]) for row in table("Formats")]
    assert told == [(form.words, form.accepts, form.summary) for form in FORMATS]


def test_parameters():
    told = {name for row in table("Parameters") for name in code(row[0])}
    known = {p.name for p in PARAMETERS if p.use in {"request", "variant"}}
    assert known <= told
    assert told <= known | {alias for p in PARAMETERS for alias in p.aliases}


def test_commands():
    told = {code(row[0])[0].split()[1] for row in table("Commands")}
    choices = next(action.choices for action in _parser()._actions if action.dest != "help" and action.choices)
    assert told == set(choices)


def test_endpoints():
    told = " ".join(code for row in table("Endpoints") for code in re.findall(r"`([^`]+)`", " ".join(row)))
    for route in ROUTES:
        for word in route.path.strip("/").split("/"):
            assert word in told or word == "{ids}", route.path


def test_the_numbers_of_the_tour_are_those_of_the_demo():
    cohort = list(documents())
    biosamples = [document for collection, document in cohort if collection == "biosamples"]
    glioblastoma = {d["id"] for d in biosamples if d.get("histological_diagnosis", {}).get("id") == "NCIT:C3058"}
    in_situ = [d for d in biosamples if d.get("icdo_morphology", {}).get("id") == "pgx:icdom-85002"]
    variants = [document for collection, document in cohort if collection == "variants"]
    rows = sum(variant["biosample_id"] in glioblastoma for variant in variants)
    assert f'"numTotalResults":{rows}}}' in TEXT
    assert f"\n{rows + 1}\n" in TEXT  # with the line of column names
    assert f'"numTotalResults":{len(in_situ)}}}' in TEXT
    assert f"{len(biosamples)} biosamples, some {round(len(variants), -3):,} variants" in TEXT


def test_the_nginx_configuration_knows_all_formats_and_services():
    pattern = re.search(r'"~(\S+)" 1;', TEXT)
    assert pattern
    for form in FORMATS:
        for word in (*form.words, *form.whole):
            ours = re.search(pattern[1], f"filters=x&output={word}")
            assert bool(ours) == (form.name != "json"), word
            assert re.search(pattern[1], f"method={word}.gz&filters=x")
        for word in form.services:
            assert re.search(rf"location ~ \^/services/\([^)]*\b{word}\b", TEXT), word


@pytest.fixture
def beacon() -> Iterator[int]:
    """A stand-in for the existing Beacon: says so to everybody."""

    class Stand(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the old Beacon: " + self.path.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stand) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_the_nginx_configuration_routes_downloads(gateway: Gateway, beacon: int, tmp_path: Path):
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    block = TEXT.split("```nginx\n")[1].split("```")[0]
    port = free_port()
    for old, new in (("listen 80;", f"listen 127.0.0.1:{port};"), ("127.0.0.1:8080", f"127.0.0.1:{gateway.port}")):
        assert old in block
        block = block.replace(old, new)
    block = block.replace("127.0.0.1:8000", f"127.0.0.1:{beacon}")
    paths = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
        f"events {{}} http {{ access_log off; {paths} {block} }}"
    )
    with subprocess.Popen([nginx, "-c", str(config), "-p", str(tmp_path), "-e", f"{tmp_path}/error.log"]) as proxy:
        try:
            _wait(port)
            through = Gateway.__new__(Gateway)
            through.port = port
            for path in (
                "/beacon/biosamples/?filters=NCIT:C3058&method=callsetsvariants",
                "/beacon/g_variants?output=jsonl&filters=NCIT:C3058",
                "/services/pgxsegvariants?filters=NCIT:C3058",
            ):
                answer = through.ask(path)
                assert answer.status == 200
                assert answer.body == gateway.ask(path).body
            for path in ("/beacon/g_variants?filters=NCIT:C3058", "/services/genespans", "/"):
                assert through.ask(path).text == f"the old Beacon: {path}"
        finally:
            proxy.terminate()
            proxy.wait(10)


def _wait(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx did not start")
