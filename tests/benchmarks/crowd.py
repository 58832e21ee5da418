"""Many slow clients in a process of their own, and the latency of a request beside them.

python -m tests.benchmarks.crowd PORT PATH CLIENTS RATE       (prints a line of JSON each second, until killed)
"""

import asyncio
import json
import socket
import sys
import time
from typing import Any, Final

from tests.benchmarks.child import Child
from tests.harness import Gateway

__all__ = ["Crowd", "latency"]

_BUFFER: Final = 16 * 1024  # bytes that a client's kernel takes ahead of it
_TURN: Final = 0.5  # seconds between two reads of a client


class Crowd(Child):
    """The clients' process."""

    def __init__(self, port: int, path: str, clients: int, rate: int) -> None:
        super().__init__("tests.benchmarks.crowd", str(port), path, str(clients), str(rate))

    def after(self, seconds: int) -> tuple[int, float]:
        """Clients that are served still so many seconds later, and the bytes a second that they all took."""
        said: dict[str, Any] = {}
        for _ in range(seconds):
            said = json.loads(self.line())
        return said["living"], said["rate"]


def latency(gateway: Gateway, path: str, seconds: float) -> list[float]:
    """Seconds that each of many small requests took, ten a second, each on a connection of its own."""
    found, end = [], time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        assert gateway.ask(path).status == 200
        took = time.monotonic() - now
        found.append(took)
        time.sleep(max(0, 0.1 - took))
    return found


# --- the process -----------------------------------------------------------------------------------------------------


class _Counts:
    living = 0
    taken = 0


async def _client(port: int, path: str, rate: int, counts: _Counts) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", port))
        await loop.sock_sendall(peer, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        counts.living += 1
        try:
            due = time.monotonic()
            while data := await loop.sock_recv(peer, int(rate * _TURN)):
                counts.taken += len(data)
                due += len(data) / rate
                await asyncio.sleep(due - time.monotonic())
        finally:
            counts.living -= 1


async def _main(port: int, path: str, clients: int, rate: int) -> None:
    counts = _Counts()
    tasks = []
    for _ in range(clients):
        tasks.append(asyncio.create_task(_client(port, path, rate, counts)))
        await asyncio.sleep(0.002)
    taken, then = counts.taken, time.monotonic()
    while True:
        await asyncio.sleep(1)
        now = time.monotonic()
        print(json.dumps({"living": counts.living, "rate": (counts.taken - taken) / (now - then)}), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
