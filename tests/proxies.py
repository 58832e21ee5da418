"""Debian's nginx and Apache with the configurations of `deploy/`, on free ports, and a stand-in for the old Beacon."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from tests.harness import Gateway, free_port, listens, until

__all__ = ["DEPLOY", "Apache", "Nginx", "before_beacon", "old_beacon", "program", "reached"]

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


class _Proxy:
    """A server in the foreground of a folder, in front of a gateway."""

    name: str

    def __init__(self, folder: Path, port: int, configuration: str) -> None:
        self._folder = folder
        self._configuration = configuration
        self.port = port

    def __enter__(self) -> Gateway:
        found, folder = program(self.name), self._folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "conf").write_text(self._configuration)
        self._process = subprocess.Popen([found, *self._arguments(folder)])
        try:
            until(lambda: listens(self.port), what=f"the start of {self.name}")
        except AssertionError:
            self.__exit__()
            raise
        return reached(self.port)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _arguments(self, folder: Path) -> list[object]:
        raise NotImplementedError


def _moved(name: str, listen: str, port: int, gateway: int, beacon: int) -> str:
    """A configuration of `deploy/` with other ports."""
    text = (DEPLOY / name).read_text()
    for old, new in (
        (listen, listen.replace("80", f"127.0.0.1:{port}").replace("*:", "")),
        ("127.0.0.1:8080", f"127.0.0.1:{gateway}"),
        ("127.0.0.1:8000", f"127.0.0.1:{beacon}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return text


class Nginx(_Proxy):
    """nginx; `block` is what stands in its http section."""

    name = "nginx"

    def __init__(self, folder: Path, port: int, block: str) -> None:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        super().__init__(
            folder,
            port,
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;"
            f"events {{ worker_connections 4096; }} http {{ access_log off; {paths} {block} }}",
        )

    @classmethod
    def deployed(cls, folder: Path, gateway: int, beacon: int) -> Self:
        """As `deploy/nginx.conf` has it."""
        port = free_port()
        return cls(folder, port, _moved("nginx.conf", "listen 80;", port, gateway, beacon))

    def _arguments(self, folder: Path) -> list[object]:
        return ["-c", folder / "conf", "-p", folder, "-e", folder / "error.log"]


class Apache(_Proxy):
    """Debian's Apache."""

    name = "apache2"

    @classmethod
    def deployed(cls, folder: Path, gateway: int, beacon: int) -> Self:
        """As `deploy/apache.conf` has it."""
        port = free_port()
        modules = ("mpm_event", "authz_core", "proxy", "proxy_http", "rewrite", "env")
        loaded = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in modules)
        site = _moved("apache.conf", "*:80>", port, gateway, beacon)
        return cls(
            folder,
            port,
            f"ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\n"
            f"DefaultRuntimeDir {folder}\nErrorLog {folder}/error.log\n{loaded}{site}",
        )

    def _arguments(self, folder: Path) -> list[object]:
        return ["-DFOREGROUND", "-f", folder / "conf"]


@contextmanager
def before_beacon(proxy: type[Nginx] | type[Apache], folder: Path, gateway: int) -> Iterator[Gateway]:
    """A proxy as it is deployed, before the gateway on a port and the existing Beacon."""
    with old_beacon() as beacon, proxy.deployed(folder, gateway, beacon) as through:
        yield through
