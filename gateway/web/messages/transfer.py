"""One transfer: bytes to a client, however slow, and an end that shows how it went, to the client and to the log.

Until the first byte every failure is a Beacon error response; from then on it is a cut connection, without the final
chunk or short of the length, so that no client takes a part for the whole.
"""

import asyncio
import logging
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

from aiohttp import HttpVersion11, web

from gateway import metrics
from gateway.errors import DatasetChanged, GatewayError
from gateway.spool.spool import Export
from gateway.web.app_keys import CONFIG, STOPPING

__all__ = ["FORWARDED", "TRANSFER", "Transfer", "tune"]

log = logging.getLogger("gateway.web")

# Bytes of a write.  A slow client has no more than the smaller in its buffer; who keeps up is served in larger ones.
_PIECE: Final = 64 * 1024
_SMALL: Final = 16 * 1024
_LARGE_PIECE: Final = 512 * 1024
# Files are sent in pieces that double while the client takes them quickly.
_LARGEST: Final = 4 * 1024 * 1024
_QUICK: Final = 0.05  # seconds
# What the kernel may hold of a stream unsent: more would only be memory, much less makes every write wait.
_UNSENT: Final = 512 * 1024
_TCP: Final = frozenset({socket.AF_INET, socket.AF_INET6})
# `tcpi_bytes_acked` of Linux (`struct tcp_info`, since 4.1).
_ACKED: Final = struct.Struct("=Q")
_INFO_SIZE: Final = 128
# How often it is looked, within the time allowed, whether the client takes anything.
_LOOKS: Final = 20
_GRACE: Final = 5_000  # milliseconds
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 8))


def tune(request: web.Request) -> None:
    """Bound what is buffered for a client, and have the kernel notice one that vanished."""
    transport = request.transport
    tcp = transport.get_extra_info("socket") if transport is not None else None
    if transport is None or tcp is None or tcp.family not in _TCP:
        return
    transport.set_write_buffer_limits(high=_SMALL)
    # Later than we do: who takes nothing should be told apart from who left.
    allowed = int(request.app[CONFIG].client_timeout * 1000) + _GRACE
    with suppress(OSError):  # it has left already
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            tcp.setsockopt(socket.IPPROTO_TCP, option, value)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, allowed)
        # Not SO_SNDBUF: that would also bound what is on its way, and so the speed of distant clients.
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)


@dataclass(slots=True)
class Transfer:
    """What a download came to, for the line of its request in the log.  `rows` tells how many there are so far.

    `outcome` is one of `metrics.OUTCOMES`, `reason` why it was cut, `held` the seconds that it waited for its client.
    """

    request: web.Request
    filename: str
    digest: str
    form: str
    rows: Callable[[], int] = int
    began: float = field(default_factory=time.monotonic)
    first: float | None = None  # when the response began
    status: int = 0
    size: int = 0
    held: float = 0.0
    outcome: str = "failed"
    reason: str | None = None
    source: str = "stream"  # what the bytes come from
    keeps_up: bool = False  # the client took at once what it was last sent
    waiting: float | None = None  # since when the client, or a sign of life from it, is waited for
    _counted: tuple[int, float] = (0, 0.0)  # of size and seconds held

    def __enter__(self) -> Self:
        own: Transfer = self
        self.request[TRANSFER] = own
        self._note(1)
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if self.first is None and error is not None:
            left = isinstance(error, ConnectionError | asyncio.CancelledError)
            self.outcome = self._left() if left else "refused" if isinstance(error, GatewayError) else "failed"
        self._note(-1)

    def _note(self, change: int) -> None:
        """Count that it begins, or that it ends."""
        metrics.DOWNLOADS_RUNNING.add(change)
        if change > 0:
            return
        metrics.DOWNLOADS.add(1, self.outcome)
        if self.outcome == "complete":
            metrics.FORMAT_DOWNLOADS.add(1, self.form)
        metrics.DOWNLOAD_SECONDS.observe(time.monotonic() - self.began)
        metrics.DOWNLOAD_BYTES.observe(self.size)

    def _left(self) -> str:
        """The outcome where the connection ended, or the work was given up."""
        return "stopping" if self.request.app[STOPPING] else "client left"

    async def _begin(self, response: web.StreamResponse) -> None:
        await response.prepare(self.request)
        self.first, self.status = time.monotonic(), response.status

    def _count(self) -> None:
        """Add what was sent, and waited for, since this was done last."""
        size, held = self._counted
        self._counted = self.size, self.held
        metrics.SENT_BYTES.add(self.size - size, self.source)
        metrics.CLIENT_WAIT_SECONDS.add(self.held - held)

    async def chunks(self, headers: dict[str, str], chunks: AsyncIterator[bytes]) -> web.StreamResponse:
        """Send a stream of unknown length.  Its first chunk is in hand before the response begins."""
        first = await anext(chunks, b"")
        response = web.StreamResponse(headers=headers)
        if self.request.version < HttpVersion11:
            response.force_close()
        _reset_on_close(self.request, on=True)
        await self._begin(response)
        await self._guarded(self._write(response, first, chunks))
        _reset_on_close(self.request, on=False)
        return response

    async def send(
        self, response: web.StreamResponse, chunks: AsyncIterator[bytes], length: int | None
    ) -> web.StreamResponse:
        """Send a response with a head of its own; it begins before its first chunk is there."""
        _reset_on_close(self.request, on=True)
        await self._begin(response)
        await self._guarded(self._write(response, b"", chunks, length))
        _reset_on_close(self.request, on=False)
        return response

    async def sized(
        self, headers: dict[str, str], length: int, chunks: AsyncIterator[bytes], *, status: int = 200
    ) -> web.StreamResponse:
        """Send a stream of known length; short of it, it is cut."""
        first = await anext(chunks, b"")
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = length
        await self._begin(response)
        await self._guarded(self._write(response, first, chunks, length))
        return response

    async def file(
        self, headers: dict[str, str], export: Export, start: int, stop: int, *, status: int = 200
    ) -> web.StreamResponse:
        """Send a part of a complete export, from the kernel's memory."""
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = stop - start
        await self._begin(response)
        self.source = "file"
        await self._guarded(self._send_file(response, export, start, stop))
        return response

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Do the sending; whatever goes wrong in it ends the connection."""
        try:
            await self._in_allowed_time(work)
            self.outcome = "complete"
        except (ConnectionError, asyncio.CancelledError):
            self.outcome = self._left()
            raise
        except Exception as error:
            self.outcome = "stalled" if isinstance(error, TimeoutError) else "cut"
            self.reason = str(error) if isinstance(error, GatewayError | TimeoutError) else "an internal error"
            _cut(self.request, error)
            raise ConnectionResetError("cut") from error
        finally:
            self._count()

    async def _write(
        self, response: web.StreamResponse, first: bytes, rest: AsyncIterator[bytes], length: int | None = None
    ) -> None:
        chunk: bytes | None = first
        most = _PIECE
        while chunk is not None:
            view = memoryview(chunk)
            while view:
                piece, view = view[:most], view[most:]
                await self._in_time(self._written(response, piece))
                self.size += len(piece)
                self.keeps_up = not _waiting(self.request)
                most = min(2 * most, _LARGE_PIECE) if self.keeps_up else _PIECE
            self._count()
            chunk = await anext(rest, None)
        if length is not None and self.size != length:
            raise DatasetChanged(f"{self.size} bytes where {length} were promised")
        await self._in_time(response.write_eof())

    async def _written(self, response: web.StreamResponse, piece: memoryview) -> None:
        """Write a piece, and wait until hardly anything of it is left in our own memory."""
        await response.write(piece)
        if _waiting(self.request):  # aiohttp would let 64 KiB more come together first
            await self.request.writer.drain()

    async def _in_time(self, work: Awaitable[None]) -> None:
        """Let the client take a piece, however slowly, as long as it takes some."""
        began = self.waiting = time.monotonic()
        await work
        self.waiting = None
        self.held += time.monotonic() - began

    async def _in_allowed_time(self, work: Awaitable[None]) -> None:
        """Do the sending; TimeoutError if the client is waited for and takes nothing for too long.

        Looked at now and then: a limit of its own for each piece would cost more than the pieces.
        """
        allowed = self.request.app[CONFIG].client_timeout
        loop, taken, pause = asyncio.get_running_loop(), _taken(self.request), allowed / _LOOKS
        watched: asyncio.TimerHandle

        def look(limit: asyncio.Timeout) -> None:
            nonlocal taken, watched
            if self.waiting is not None:
                if (now := _taken(self.request)) > taken:
                    taken, self.waiting = now, time.monotonic()
                elif time.monotonic() - self.waiting >= allowed:
                    limit.reschedule(loop.time())
                    return
            watched = loop.call_later(pause, look, limit)

        limit = asyncio.timeout(None)
        try:
            async with limit:
                watched = loop.call_later(pause, look, limit)
                try:
                    await work
                finally:
                    watched.cancel()
        except TimeoutError:
            if limit.expired():
                raise TimeoutError(f"the client took none of it for {allowed:g} seconds") from None
            raise

    async def _send_file(self, response: web.StreamResponse, export: Export, start: int, stop: int) -> None:
        loop, at, step = asyncio.get_running_loop(), start, _PIECE
        # The last bytes go by way of our own memory: so it is known of all of them that they are right before a client
        # can take the transfer for complete.
        held = max(start, stop - _SMALL)
        while at < held:
            if export.error is not None:
                raise DatasetChanged("the export cannot be read any more")
            await export.sure()
            size, began = min(step, held - at), loop.time()
            # The disk is read ahead of the loop, which must not wait for it.
            os.posix_fadvise(export.file.fileno(), at + size, _LARGEST, os.POSIX_FADV_WILLNEED)
            await self._in_time(self._send_piece(response, export, at, size))
            quick = loop.time() - began < _QUICK
            step = min(step * 2, _LARGEST) if quick else _PIECE
            at += size
            self.size += size
            self._count()
        last = await export.last(held, stop)
        await self._in_time(self._written(response, memoryview(last)))
        self.size += len(last)
        await self._in_time(response.write_eof())

    async def _send_piece(self, response: web.StreamResponse, export: Export, at: int, size: int) -> None:
        transport = self.request.transport
        if transport is None:
            raise ConnectionResetError("the client left")
        try:
            # Not asyncio's own fallback: that moves the position of a file that others read, too.
            sent = await asyncio.get_running_loop().sendfile(transport, export.file, at, size, fallback=False)
        except (asyncio.SendfileNotAvailableError, NotImplementedError):  # and nothing was sent
            sent = 0
            while sent < size and (data := await export.read(at + sent, min(_PIECE, size - sent))):
                await response.write(data)
                sent += len(data)
        if sent != size:
            raise DatasetChanged("the export is shorter than it was")


FORWARDED: Final = "beacon"
"""The source of an answer that is not our own."""
TRANSFER: Final = web.RequestKey("transfer", Transfer)
"""The transfer that a request came to, if it did."""


def _taken(request: web.Request) -> int:
    """Bytes that the client's side has acknowledged; 0 where the system does not tell."""
    tcp = request.transport.get_extra_info("socket") if request.transport is not None else None
    if tcp is None or tcp.family not in _TCP:
        return 0
    with suppress(OSError):
        told = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
        if len(told) == _INFO_SIZE:
            return int(_ACKED.unpack_from(told, _INFO_SIZE - _ACKED.size)[0])
    return 0


def _waiting(request: web.Request) -> bool:
    """Whether there are bytes that the client did not take at once."""
    return request.transport is None or request.transport.get_write_buffer_size() > 0


def _cut(request: web.Request, error: Exception) -> None:
    """Close the connection so that the transfer looks as broken as it is."""
    if not isinstance(error, GatewayError | TimeoutError):
        metrics.INTERNAL_ERRORS.add(1)
        log.error("request failed in mid-stream", exc_info=error)
    if request.transport is not None:
        _reset_on_close(request, on=True)  # nor let the kernel go on with what it holds
        request.transport.abort()


def _reset_on_close(request: web.Request, *, on: bool) -> None:
    """Let a connection end in a reset, until its body is complete.

    Without chunks a plain close looks like the end of the body, whoever closes: we, a shutdown, or the kernel for a
    process that was killed.  With chunks it looks like that to wget (1.21) if it comes within a chunk.
    """
    tcp = request.transport.get_extra_info("socket") if request.transport is not None else None
    if tcp is not None and tcp.family in _TCP:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", on, 0))
