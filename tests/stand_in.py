"""A stand-in for a Beacon: a socket, a thread a connection, answers as they are scripted, byte by byte."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.harness import Gateway

__all__ = ["Asked", "StandIn", "answer", "exchange", "in_front_of", "raw", "read_message", "reset"]

Script = Callable[["Asked", socket.socket], None]


@dataclass
class Asked:
    """A request as it came: its line, its fields in order, its body; `whole` is false if the client broke off."""

    line: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    whole: bool = True
    head: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.fields}

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


def read_message(client: socket.socket) -> Asked | None:
    """A message with its body, by its length or its chunks; None if there is none."""
    file = client.makefile("rb")
    lines: list[bytes] = []
    while (line := file.readline()) not in {b"\r\n", b""}:
        lines.append(line)
    if not lines:
        return None
    fields = [line.decode("latin-1").rstrip("\r\n").partition(":")[::2] for line in lines[1:]]
    asked = Asked(lines[0].decode("latin-1").rstrip("\r\n"), [(n, v.strip()) for n, v in fields], head=b"".join(lines))
    if asked.all("Transfer-Encoding"):
        while (size := file.readline().strip()) and (length := int(size, 16)):
            asked.body += file.read(length)
            file.readline()
        asked.whole = size == b"0"
    elif asked.all("Content-Length"):
        length = int(asked.all("Content-Length")[0])
        asked.body = file.read(length)
        asked.whole = len(asked.body) == length
    return asked


def exchange(port: int, text: bytes) -> bytes:
    """What comes back for these bytes until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        client.sendall(text)
        return b"".join(iter(lambda: client.recv(65536), b""))


def raw(text: bytes) -> Script:
    """An answer of just these bytes, then the end of the connection."""
    return lambda _, client: client.sendall(text)


def reset(text: bytes) -> Script:
    """The same, then a reset."""

    def script(_: Asked, client: socket.socket) -> None:
        client.sendall(text)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


def answer(body: bytes, status: str = "200 OK", **fields: str) -> Script:
    """A whole answer of a length."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{''.join(lines)}\r\n"

    def script(asked: Asked, client: socket.socket) -> None:
        client.sendall(head.encode("latin-1") + (b"" if asked.line.startswith("HEAD ") else body))

    return script


@dataclass
class StandIn:
    """The server.  Paths without a script hear who answers; `begun` are connections, `ended` those that are over."""

    scripts: dict[str, Script] = field(default_factory=dict)
    seen: list[Asked] = field(default_factory=list)
    begun: int = 0
    ended: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.begun += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, ValueError):
            if asked := read_message(client):
                self.seen.append(asked)
                path = asked.path.partition("?")[0]
                default = answer(f"the Beacon: {asked.path}".encode(), Content_Type="text/plain")
                self.scripts.get(path, default)(asked, client)
        self.ended.append(client)


@contextmanager
def in_front_of(beacon: StandIn, uri: str, dataset: str, log: Path) -> Iterator[Gateway]:
    """A gateway before it, which must not fail by itself."""
    with Gateway(uri, [dataset], log=log, beacon_url=beacon.url) as running:
        yield running
        assert "Traceback" not in running.log
