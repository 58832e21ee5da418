"""Debian's nginx and Apache with the configurations of `deploy/`, on free ports, and a stand-in for the old Beacon."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness import Gateway, free_port, listens, until

__all__ = ["DEPLOY", "Nginx", "old_beacon", "program", "reached"]

DEPLOY = Path(__file__).parents[1] / "deploy"


def program(name: str) -> str:
    """The path of a server's program; skips the test where it is not installed."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def old_beacon() -> Iterator[int]:
    """A stand-in for the existing Beacon, which says so to everybody; its port."""

    class Stand(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the old Beacon: " + self.path.encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stand) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def reached(port: int) -> Gateway:
    """The gateway as it is reached by another port."""
    through = Gateway.__new__(Gateway)
    through.port, through.url = port, f"http://127.0.0.1:{port}"
    return through


class Nginx:
    """nginx in the foreground of a folder; `block` is what stands in its http section."""

    def __init__(self, folder: Path, block: str) -> None:
        self._folder = folder
        self._block = block
        self.port = free_port()

    @classmethod
    def deployed(cls, folder: Path, gateway: int, beacon: int) -> "Nginx":
        """`deploy/nginx.conf`, with other ports."""
        text = (DEPLOY / "nginx.conf").read_text()
        for old in ("listen 80;", "127.0.0.1:8080", "127.0.0.1:8000"):
            assert text.count(old) == 1, old
        nginx = cls(folder, "")
        nginx._block = (
            text.replace("listen 80;", f"listen 127.0.0.1:{nginx.port};")
            .replace("127.0.0.1:8080", f"127.0.0.1:{gateway}")
            .replace("127.0.0.1:8000", f"127.0.0.1:{beacon}")
        )
        return nginx

    def __enter__(self) -> Gateway:
        nginx, folder = program("nginx"), self._folder
        folder.mkdir(parents=True, exist_ok=True)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;"
            f"events {{ worker_connections 4096; }} http {{ access_log off; {paths} {self._block} }}"
        )
        self._process = subprocess.Popen([nginx, "-c", config, "-p", folder, "-e", folder / "error.log"])
        until(lambda: listens(self.port), what="nginx's start")
        return reached(self.port)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
