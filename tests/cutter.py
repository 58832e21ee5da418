"""A TCP proxy that does to connections what networks do: resets, closes, stalls and slows them, at given bytes.

    with Cutter(("127.0.0.1", port), fates=repeat(Fate("reset", 1000))) as cutter: ... cutter.port ...

Each connection that comes in takes the next fate; when there are no more, connections are left alone.  `heard` gets
what clients send, before it is passed on, and `answered` what comes back; either way takes `delay` seconds.
"""

import asyncio
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

__all__ = ["Cutter", "Exchanges", "Fate", "Listener"]

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
    """The proxy, on a port of its own, in a thread of its own."""

    def __init__(
        self,
        target: tuple[str, int],
        fates: Iterable[Fate] = (),
        *,
        heard: Callable[[int, bytes], None] | None = None,
        answered: Callable[[int, bytes], None] | None = None,
        delay: float = 0,
    ) -> None:
        self.target = target
        self.fates = iter(fates)
        self.cut = 0
        """Connections that met their fate."""
        self._heard = heard
        self._answered = answered
        self._delay = delay
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = int(self._listening.getsockname()[1])
        self._open: set[asyncio.StreamWriter] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def reset_all(self) -> None:
        """Reset what is open now."""
        asyncio.run_coroutine_threadsafe(self._reset_open(), self._loop).result(10)

    async def _reset_open(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, sock=self._listening)
        await self._stopping.wait()
        server.close()
        await self._reset_open()
        if self._running:
            await asyncio.wait(self._running, timeout=2)

    def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        # A task of our own: those of asyncio say on standard error that they were cancelled.
        task = asyncio.create_task(self._connection(reader, client))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _connection(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        number, fate = next(self._numbers), next(self.fates, Fate())
        self._open.add(client)
        try:
            # A slow connection must not be read ahead of, or else its end would come when nobody waits for it.
            limit = 8 * 1024 if fate.rate else _BUFFER
            replies, server = await asyncio.open_connection(*self.target, limit=limit)
        except OSError:
            _reset(client)
            self._open.discard(client)
            return
        self._open.add(server)
        if fate.rate:
            server.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        forward = asyncio.create_task(self._forward(reader, server, number))
        try:
            await self._reply(replies, client, fate, forward, number)
            if fate.kind == "reset":
                _reset(client)
                _reset(server)
        except OSError:  # either side left; the other hears it the same way
            _reset(client)
            _reset(server)
        finally:
            self._open -= {client, server}
            client.close()
            server.close()
            forward.cancel()
            await asyncio.gather(forward, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, number: int) -> None:
        try:
            while data := await reader.read(_BUFFER):
                if self._heard is not None:
                    self._heard(number, data)
                await asyncio.sleep(self._delay)
                server.write(data)
                await server.drain()
        except OSError:
            pass
        server.close()  # the client left

    async def _reply(
        self,
        replies: asyncio.StreamReader,
        client: asyncio.StreamWriter,
        fate: Fate,
        forward: "asyncio.Task[None]",
        number: int,
    ) -> None:
        """Pass the reply on, until its end or as far as the fate lets it."""
        passed, began = 0, time.monotonic()
        step = max(1024, fate.rate // 20) if fate.rate else _BUFFER
        while fate.kind == "pass" or passed < fate.at:
            data = await replies.read(step if fate.kind == "pass" else min(step, fate.at - passed))
            if not data:
                return
            await asyncio.sleep(self._delay)
            if self._answered is not None:
                self._answered(number, data)
            client.write(data)
            await client.drain()
            passed += len(data)
            if fate.rate:
                await asyncio.sleep(max(0, began + passed / fate.rate - time.monotonic()))
        self.cut += 1
        if fate.kind == "stall":
            await forward


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN, what is buffered is lost."""
    found = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


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
                    self.sent(number, name)
            self._pending[number] = raw

    def sent(self, number: int, name: str) -> None:
        """A command went out on a connection."""

    def finds(self, collection: str) -> int:
        """`find` commands on a collection so far."""
        with self._lock:
            return self.counts["find", collection]


class Exchanges(Listener):
    """Notes when each command was sent and answered: `heard=exchanges.heard, answered=exchanges.answered`."""

    def __init__(self) -> None:
        super().__init__()
        self._times: list[list[float]] = []
        self._last: dict[int, list[float]] = {}

    def sent(self, number: int, name: str) -> None:
        """A command went out on a connection, which has one under way at a time."""
        self._last.pop(number, None)
        if name not in {"hello", "ismaster"}:  # of the driver's monitoring
            self._last[number] = [time.monotonic(), float("inf")]
            self._times.append(self._last[number])

    def answered(self, number: int, _: bytes) -> None:
        """A reply, or a part of it, came back."""
        with self._lock:
            if number in self._last:
                self._last[number][1] = time.monotonic()

    def rounds(self, began: float, ended: float) -> int:
        """How many exchanges of a time were one after the other: the most of which no two overlap."""
        with self._lock:
            within = sorted((end, begin) for begin, end in self._times if began <= begin and end <= ended)
        count, free = 0, began
        for end, begin in within:
            if begin >= free:
                count, free = count + 1, end
        return count

    def quiet(self, seconds: float) -> bool:
        """Whether nothing was sent or is under way for some time."""
        with self._lock:
            return all(end < time.monotonic() - seconds for _, end in self._times)
