"""A TCP proxy that does to connections what networks do: resets, closes, stalls and slows them, at given bytes.

    with Cutter(("127.0.0.1", port), fates=repeat(Fate("reset", 1000))) as cutter: ... cutter.port ...

Each connection that comes in takes the next fate; when there are no more, connections are left alone.  `heard` gets
what clients send, before it is passed on.
"""

import itertools
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import bson

__all__ = ["Cutter", "Fate", "Listener"]

_BUFFER: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
_OP_MSG: Final = 2013


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a connection once `at` bytes of the reply have passed; `rate` is bytes a second, 0 for no limit.

    `reset`: RST to both sides; `close`: FIN to the client; `stall`: nothing moves any more; `pass`: nothing happens.
    """

    kind: Literal["reset", "close", "stall", "pass"] = "pass"
    at: int = 0
    rate: int = 0


class Cutter:
    """The proxy, on a port of its own."""

    def __init__(
        self,
        target: tuple[str, int],
        fates: Iterable[Fate] = (),
        *,
        heard: Callable[[int, bytes], None] | None = None,
    ) -> None:
        self._target = target
        self.fates = iter(fates)
        self._heard = heard
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = int(self._listening.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self.cut = 0
        """Connections that met their fate."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.reset_all()

    def reset_all(self) -> None:
        """Reset what is open now."""
        with self._lock:
            caught = list(self._open)
        for one in caught:
            _reset(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:  # closed: the end
                return
            with self._lock:
                fate = next(self.fates, Fate())
            threading.Thread(target=self._serve, args=(client, fate, next(self._numbers)), daemon=True).start()

    def _serve(self, client: socket.socket, fate: Fate, number: int) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if fate.rate:  # or else the kernels would take it all
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        with self._lock:
            self._open |= {client, server}
        threading.Thread(target=self._forward, args=(client, server, number), daemon=True).start()
        try:
            self._reply(server, client, fate)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= {client, server}
            _shut(client)
            _shut(server)

    def _forward(self, client: socket.socket, server: socket.socket, number: int) -> None:
        try:
            while data := client.recv(_BUFFER):
                if self._heard is not None:
                    self._heard(number, data)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(server)

    def _reply(self, server: socket.socket, client: socket.socket, fate: Fate) -> None:
        passed, began = 0, time.monotonic()
        while True:
            left = fate.at - passed if fate.kind != "pass" else _BUFFER
            if left <= 0:
                self._meet(fate, server, client)
                return
            data = server.recv(min(_BUFFER, left, max(1024, fate.rate // 20) if fate.rate else _BUFFER))
            if not data:
                client.shutdown(socket.SHUT_WR)
                return
            client.sendall(data)
            passed += len(data)
            if fate.rate:
                time.sleep(max(0, began + passed / fate.rate - time.monotonic()))

    def _meet(self, fate: Fate, server: socket.socket, client: socket.socket) -> None:
        with self._lock:
            self.cut += 1
        if fate.kind == "stall":
            client.recv(0)
            while client.fileno() >= 0 and not _gone(client):
                time.sleep(0.05)
        elif fate.kind == "reset":
            _reset(client)
            _reset(server)


def _gone(peer: socket.socket) -> bool:
    """Whether the peer has closed; the other thread reads what it sends."""
    state = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1  # TCP_ESTABLISHED


def _reset(one: socket.socket) -> None:
    """RST at once.  `shutdown` wakes the thread that reads; the close that follows sends the reset."""
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one.close()
    except OSError:
        pass


def _shut(one: socket.socket) -> None:
    try:
        one.close()
    except OSError:
        pass


class Listener:
    """Counts the commands of MongoDB's wire protocol that pass through a cutter: `heard=Listener().heard`."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        """By command and collection."""
        self._pending: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def heard(self, number: int, data: bytes) -> None:
        """Bytes of a connection, in order."""
        with self._lock:
            raw = self._pending.get(number, b"") + data
            while len(raw) >= 16 and len(raw) >= (size := int.from_bytes(raw[:4], "little")):
                message, raw = raw[:size], raw[size:]
                if int.from_bytes(message[12:16], "little") == _OP_MSG:
                    length = int.from_bytes(message[21:25], "little")
                    command: dict[str, Any] = bson.decode(message[21 : 21 + length])
                    name = next(iter(command))
                    self.counts[name, str(command[name])] += 1
            self._pending[number] = raw

    def finds(self, collection: str) -> int:
        """`find` commands on a collection so far."""
        with self._lock:
            return self.counts["find", collection]
