"""A gateway in a process of its own, and the smallest HTTP client that shows how a transfer ended."""

import http.client
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil
import ujson

from tests import forks

__all__ = ["Answer", "Gateway", "free_port", "listens", "little_memory", "until"]


def free_port() -> int:
    """A port that nobody has: below those that clients are given, so that it stays free while nothing listens."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(true: Any, *, seconds: float = 40, what: str = "it") -> None:
    """Wait until a condition holds; a busy machine takes its time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} seconds"
        time.sleep(0.02)


@contextmanager
def little_memory(room: int) -> Iterator[None]:
    """A block in which the system gives this process so many bytes more, and refuses what is larger."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@dataclass(frozen=True)
class Answer:
    """A whole response; `whole` is false if the transfer broke off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return ujson.loads(self.body)

    @property
    def rows(self) -> list[str]:
        """The data lines of a pgxseg body, without header lines."""
        return [line for line in self.text.splitlines() if not line.startswith("#")][1:]

    @property
    def samples(self) -> list[dict[str, str]]:
        """The `#sample=>` lines of a pgxseg body."""
        lines = [line[9:] for line in self.text.splitlines() if line.startswith("#sample=>")]
        return [dict(pair.split("=", 1) for pair in line.split(";")) for line in lines]


class Gateway:
    """`pgx-gateway serve` on a free port; `module` may be a wrapper of it, `before` what a shell does first."""

    def __init__(
        self,
        uri: str,
        datasets: Sequence[str],
        *,
        log: Path,
        module: str = "gateway",
        before: str = "",
        fork: bool = True,
        **settings: object,
    ) -> None:
        """`fork=False`: a process with another order of sets, which what is found again in a spool must not hang on."""
        settings.setdefault("count_budget", 60)  # a busy machine is no failure
        settings.setdefault("htsget_wait", 50)
        settings.setdefault("version_ttl", 60)  # nor is one that has more to do than to renew what nobody changes
        self._log = log
        self._spool = None
        forked = fork and forks.available() and module == "gateway" and not before
        if not {"spool", "no_spool"} & settings.keys():
            self._spool = tempfile.mkdtemp(prefix="spool-")  # never the user's own
            settings["spool"] = self._spool
        flags = [
            f"--{name.replace('_', '-')}={str(value).lower() if value is True else value}"
            for name, value in settings.items()
        ]
        arguments = ["serve", f"--mongo-uri={uri}", f"--datasets={','.join(datasets)}", "--port=0", *flags]
        command = [sys.executable, "-m", module, *arguments]
        if before:
            command = ["sh", "-c", f'{before} && exec "$@"', "sh", *command]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self.process: subprocess.Popen[str] | forks.Forked
        with log.open("w") as file:
            self.process = (
                forks.Forked(arguments, file)
                if forked
                else subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, env=environment, text=True)
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"the gateway did not start: {line} {log.read_text()}"
        self.url = found[0]
        self.port = int(self.url.rpartition(":")[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
        if self._spool:
            shutil.rmtree(self._spool, ignore_errors=True)
        return code

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def rss(self) -> int:
        """Resident memory, bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            raw = body if isinstance(body, bytes) or body is None else ujson.dumps(body).encode()
            connection.request(method, path, raw, {name.replace("_", "-"): v for name, v in headers.items()})
            response = connection.getresponse()
            try:
                data, whole = response.read(), True
            except (http.client.IncompleteRead, ConnectionError) as error:
                data, whole = getattr(error, "partial", b""), False
            return Answer(response.status, dict(response.headers.items()), data, whole)
        finally:
            connection.close()

    def open(self, path: str, *, buffer: int = 4096, version: str = "1.1") -> socket.socket:
        """A raw connection with a small receive buffer, the request sent; the caller reads as slowly as it likes."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        client.settimeout(60)
        client.connect(("127.0.0.1", self.port))
        host = urlsplit(self.url).netloc
        client.sendall(f"GET {path} HTTP/{version}\r\nHost: {host}\r\n\r\n".encode())
        return client
