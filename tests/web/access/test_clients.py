"""Clients with a token: our own, and the command lines of tickets; none of them tells it to anybody else."""

import hashlib
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli import command_line
from tests.harness import Answer, until
from tests.web.access.conftest import Guarded
from tests.web.conftest import path_of

PATH = "/beacon/g_variants?datasetIds=secret&allData=true&output=pgxseg"


def ask(guarded: Guarded, path: str) -> Answer:
    return guarded.gateway.ask(path, Authorization=f"Bearer {guarded.tokens['alice']}")


@dataclass
class Done:
    code: int
    stderr: str


class Fetch:
    """`pgx-gateway fetch` in this process, with nothing of the token in its environment but what is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, url: str, folder: Path, *more: str, **environment: str) -> Done:
        with self._monkeypatch.context() as patched:
            patched.delenv("PGX_TOKEN", raising=False)
            for name, value in environment.items():
                patched.setenv(name, value)
            code = command_line.main(["fetch", url, "-o", f"{folder}/", "--quiet", *more])
        return Done(code, self._capsys.readouterr().err)


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fetch:
    return Fetch(monkeypatch, capsys)


def test_fetch_shows_a_token_from_environment_or_file(guarded: Guarded, fetch: Fetch, tmp_path: Path):
    url, token, body = guarded.gateway.url + PATH, guarded.tokens["alice"], ask(guarded, PATH).body
    address = guarded.gateway.url + path_of(ask(guarded, PATH + "&ticket=true"))
    (tmp_path / "token").write_text(token + "\n")
    for number, (from_url, more, environment) in enumerate(
        ((url, (), {"PGX_TOKEN": token}), (address, ("--token-file", str(tmp_path / "token")), {"PGX_TOKEN": "x"}))
    ):
        folder = tmp_path / str(number)
        done = fetch(from_url, folder, *more, **environment)
        assert done.code == 0, done.stderr
        (file,) = folder.iterdir()
        assert file.read_bytes() == body
    for more, environment, code, word in (
        ((), {}, 3, "no such dataset"),
        ((), {"PGX_TOKEN": "pgx_x"}, 3, "not known"),
        ((), {"PGX_TOKEN": "a\nX-Other: b"}, 2, "PGX_TOKEN"),
        (("--token-file", os.devnull), {}, 2, "is empty"),
        (("--token-file", str(tmp_path / "none")), {}, 1, "No such file"),
    ):
        done = fetch(url, tmp_path / "x", *more, **environment)
        assert (done.code, word in done.stderr) == (code, True), done.stderr
        assert not any(secret in done.stderr for secret in (token, "X-Other"))


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another origin: where it is asked, and with which credentials; one path of it leads to where it is told."""

    seen: list[tuple[str, str | None]]
    leads_to = ""

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        self.send_response(302 if self.path.startswith("/away") else 200)
        self.send_header("Location", self.leads_to)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_HEAD = do_GET  # noqa: N815 - so it is called

    def log_message(self, *_: object) -> None: ...


Origins = tuple[tuple[str, type[Elsewhere]], ...]


@pytest.fixture
def origins() -> Iterator[Origins]:
    """Two servers, and what they see."""
    servers, found = [], []
    for _ in range(2):
        kind = type("Kind", (Elsewhere,), {"seen": []})
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        found.append((f"http://127.0.0.1:{servers[-1].server_port}", kind))
    yield tuple(found)
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_redirect_takes_no_token_along(origins: Origins, fetch: Fetch, tmp_path: Path):
    (first, own), (second, other) = origins
    own.leads_to = f"{second}/there"
    fetch(f"{first}/away/file", tmp_path, "--give-up", "1", PGX_TOKEN="pgx_secret")
    assert own.seen
    assert {shown for _, shown in own.seen} == {"Bearer pgx_secret"}
    assert other.seen
    assert {shown for _, shown in other.seen} == {None}


def test_a_token_and_credentials_of_netrc(origins: Origins, fetch: Fetch, tmp_path: Path):
    (first, own), _ = origins
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    fetch(f"{first}/file", tmp_path, "--give-up", "1", PGX_TOKEN="pgx_secret", NETRC=str(tmp_path / "netrc"))
    assert {shown for _, shown in own.seen} == {"Bearer pgx_secret"}


RUN = {"wget": "sh", "curl": "sh", "python": "python3", "R": "Rscript"}


@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_ticket_keep_a_token_to_themselves(guarded: Guarded, tmp_path: Path, name: str):
    """What programs are started with is seen by all users: here it is written down by who stands in for them."""
    until(lambda: ask(guarded, PATH + "&ticket=true").json["state"] == "complete", what="the end of the export")
    told = ask(guarded, PATH + "&ticket=true").json
    assert told["commands"].keys() == {*RUN, "fetch"}
    assert told["commands"]["fetch"] == f"pgx-gateway fetch {told['address']}"
    if shutil.which(RUN[name]) is None:
        assert name == "R"
        pytest.skip("R is not installed")
    programs, noted = tmp_path / "programs", tmp_path / "noted"
    programs.mkdir()
    noted.write_text("")
    for program in ("wget", "curl", "sha256sum", "sleep"):
        real = shutil.which(program)
        (programs / program).write_text(f'#!/bin/sh\necho "{program} $*" >> {noted}\nexec {real} "$@"\n')
        (programs / program).chmod(0o755)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    own = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)}
    own["PGX_TOKEN"] = guarded.tokens["alice"]
    folder = tmp_path / "folder"
    folder.mkdir()
    option = "-e" if name == "R" else "-c"
    command = [RUN[name], option, told["commands"][name]]
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256((folder / told["name"]).read_bytes()).hexdigest() == told["sha256"]
    assert guarded.tokens["alice"] not in noted.read_text() + str(command)
    if RUN[name] == "sh":
        assert told["name"] in noted.read_text()
        again = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=100, check=False)
        assert again.returncode == 0, again.stderr
    without = {key: value for key, value in own.items() if key != "PGX_TOKEN"}
    (folder / told["name"]).unlink()
    done = subprocess.run(command, cwd=folder, env=without, capture_output=True, timeout=100, check=False)
    assert done.returncode != 0
    assert not list(folder.iterdir()) or name == "R"
    assert not list(temporary.iterdir()), "what holds a token is gone"


@pytest.mark.parametrize("name", ["wget", "curl", "python"])
def test_the_commands_of_a_ticket_do_not_follow_redirects_with_a_token(
    guarded: Guarded, origins: Origins, tmp_path: Path, name: str
):
    (first, own), (second, other) = origins
    own.leads_to = f"{second}/there"
    told = ask(guarded, PATH + "&ticket=true").json
    text = told["commands"][name].replace(told["address"], f"{first}/away/{told['name']}")
    command = [RUN[name], "-c", text]
    environment = {**os.environ, "PGX_TOKEN": "pgx_secret"}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=100, check=False)
    assert {shown for _, shown in own.seen} == {"Bearer pgx_secret"}
    assert {shown for _, shown in other.seen} <= {None}
