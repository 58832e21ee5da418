"""A member of a topology: a port, what it has applied, and what a test can do to it."""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tests.harness import free_port
from tests.topology import dispatch, wire
from tests.topology.cluster import Cluster
from tests.topology.cursors import Cursors
from tests.topology.failures import Refused

__all__ = ["Failure", "Member"]

T = TypeVar("T")

_RESET: Final = struct.pack("ii", 1, 0)
_MONITORING: Final = {"hello", "isMaster", "ismaster"}


@dataclass
class Failure:
    """What becomes of the next commands of a name: an error, or the end of the connection where there is no code."""

    command: str
    code: int | None
    times: int
    labels: Sequence[str] = ()

    def strike(self) -> None:
        """Raise what was ordered."""
        self.times -= 1
        if self.code is None:
            raise ConnectionAbortedError
        fields = {"errorLabels": list(self.labels)} if self.labels else {}
        raise Refused(self.code, "Failing command due to 'failCommand' failpoint", **fields)


class Member:
    """One server.  The methods are for tests, in any thread but the loop's; attributes are the loop's own."""

    def __init__(self, cluster: Cluster, index: int, loop: asyncio.AbstractEventLoop) -> None:
        self.cluster = cluster
        self.index = index
        self.port = free_port()
        self._known = False
        self.alive = False
        self.primary = cluster.mode != "replica set" or index == 0
        self.applying = True
        self.applied = 0
        self.cursors = Cursors(index)
        self.delays: dict[str, float] = {}
        self.failures: list[Failure] = []
        self._loop = loop
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def __repr__(self) -> str:
        return f"<member {self.index} at {self.address}>"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        """Of this member alone."""
        return f"mongodb://{self.address}/?directConnection=true"

    # What a test can do

    def stop_applying(self) -> None:
        """Lag: serve what there is now, and nothing newer."""
        self._do(lambda: setattr(self, "applying", False))

    def resume(self) -> None:
        """Catch up."""

        def work() -> None:
            self.applying = True
            self.cluster.replicate()

        self._do(work)

    def apply(self, entries: int) -> None:
        """Apply that many entries of the log, though stopped: a member in the midst of a bulk write."""

        def work() -> None:
            self.applied = min(self.applied + entries, self.cluster.log.end)
            self.cluster.replicate()

        self._do(work)

    def kill(self) -> None:
        """Connections are reset, the port refuses; a primary's place stays empty until somebody is elected."""
        self._await(self.shut())

    def restart(self) -> None:
        """Come back, as a secondary, without cursors."""
        self._await(self.listen())

    def delay(self, seconds: float, *commands: str) -> None:
        """Take so long for the named commands, or for any that is not of the monitoring; 0 ends it."""
        self._do(lambda: self.delays.update(dict.fromkeys(commands or ("",), seconds)))

    def fail(self, command: str, code: int | None, *, times: int = 1, labels: Sequence[str] = ()) -> None:
        """Answer the next commands of that name with an error; without a code, close the connection instead."""
        self._do(lambda: self.failures.append(Failure(command, code, times, labels)))

    def kill_cursors(self) -> None:
        """Forget all cursors, as after ten minutes without a question."""
        self._do(self.cursors.clear)

    @property
    def open_cursors(self) -> int:
        """How many cursors there are."""
        return len(self.cursors)

    def _do(self, work: Callable[[], T]) -> T:
        async def wrapped() -> T:
            return work()

        return self._await(wrapped())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    # In the loop

    async def listen(self) -> None:
        """Open the port."""
        if self.alive:
            return
        while self._server is None:
            try:
                self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=1024)
            except OSError:  # somebody took it in between
                if self._known:  # clients know it: who has it now will let it go
                    await asyncio.sleep(0.1)
                else:
                    self.port = free_port()
        self.alive = self._known = True
        self.cluster.replicate()

    async def shut(self) -> None:
        """Close the port, reset all connections."""
        if self._server is None:
            return
        self.alive = False
        self._server.close()
        self._server = None
        self.cursors.clear()
        for task, writer in list(self._open.items()):
            found = writer.get_extra_info("socket")
            if found is not None and found.fileno() >= 0:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
            task.cancel()
        if self._open:
            await asyncio.wait(list(self._open), timeout=5)
        self.cluster.lost()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self._open[task] = writer
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await wire.read(reader)
                answer = await self._answer(asked)
                if not asked.silent:
                    writer.write(wire.reply(asked, answer))
                    await writer.drain()
        except (asyncio.CancelledError, EOFError, OSError):  # the test or the client ended it
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, asked: wire.Message) -> dict[str, Any]:
        command = asked.body
        name = next(iter(command))
        if name not in _MONITORING:
            self.cluster.commands.append((self, command))
        try:
            return await dispatch.answer(self, command, name, legacy=asked.code != wire.OP_MSG)
        except Refused as refused:
            return dispatch.finished(self, refused.reply(self.cluster.version.major))

    def strike(self, name: str) -> None:
        """Do what was ordered for this command."""
        for failure in self.failures:
            if failure.command == name and failure.times > 0:
                failure.strike()
