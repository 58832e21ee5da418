"""The fetch itself: try, hold on to what came, ask for what is missing, verify, name.

What moves forward, bytes here or rows at the server, starts the clock of `give_up` anew.
"""

import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import stamina

from gateway.fetch import urls
from gateway.fetch.blocks import Block, bring
from gateway.fetch.errors import Broken, Contradiction, FetchError, GaveUp, Gone, Mismatch, NoParts, Refused
from gateway.fetch.part import Part, Sink, Stream, sha256_of
from gateway.fetch.progress import Progress
from gateway.fetch.responses import Export, Promise
from gateway.fetch.server import Answer, Nothing, Server, connected
from gateway.tasks import cancelled

__all__ = ["FetchOptions", "Fetched", "fetch"]

T = TypeVar("T")

# Seconds without a byte.  A complete export is a file; one in the making may wait for its database.
_SILENCE: Final = 60.0
_SILENCE_IN_THE_MAKING: Final = 300.0
_LEAST_PAUSE: Final = 0.1
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_JITTER: Final = 1.0
_AFTER_PROGRESS: Final = 0.2
_FIRST_POLL: Final = 0.2
_LONGEST_POLL: Final = 3.0
_ANEW: Final = 3  # times that a query is asked again because its data changed


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """What to fetch, and where to.  `output` None is the server's name for it, in this folder; `-` standard output."""

    url: str
    output: str | None = None
    overwrite: bool = False
    give_up: float = 600.0
    """Seconds without progress."""
    token: str = field(default="", repr=False)
    """For the server of the URL alone."""
    connections: int = 1
    """At once, to a server that gives parts of what is complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch came to."""

    place: str
    size: int
    sha256: str
    verified: bool
    """The server had a checksum to compare with; else only sizes and framing say that it is the whole."""
    already: bool = False
    """Nothing was done: the file was there."""


async def fetch(options: FetchOptions, progress: Progress) -> Fetched:
    """Bring the file; FetchError and its kinds say why not."""
    logging.getLogger("stamina").setLevel(logging.ERROR)  # we say ourselves what is tried again
    async with connected(options.url, options.token) as server:
        run, why = _Fetch(options, progress, server), ""
        for _ in range(_ANEW + 1):
            try:
                return await run.once()
            except Gone as error:
                why = str(error)
                if urls.is_fixed(options.url):
                    raise Refused(why) from error
                progress.note(f"{why}; starting anew")
    raise FetchError(f"the data changes all the time ({why}); try again later")


class _Fetch:
    """One download, and how far it is."""

    def __init__(self, options: FetchOptions, progress: Progress, server: Server) -> None:
        self._options = options
        self._progress = progress
        self._server = server
        self._furthest = 0
        self._promise = Promise()
        self._framed = False
        self._stream = Stream(sys.stdout.buffer) if options.output == "-" else None
        self._connections = options.connections
        self._told = ""

    async def once(self) -> Fetched:
        """Bring the export that the URL names now; Gone if its data changes meanwhile."""
        self._furthest, self._promise = 0, Promise()
        export = await self._with_pauses(partial(self._server.export, self._options.url))
        if self._stream is not None:
            self._stream.restart()
            return await self._bring(export, self._stream, "standard output")
        target = self._target(export)
        if target.exists() and not target.is_file():
            with target.open("wb") as device:
                return await self._bring(export, Stream(device), str(target))
        if target.exists():
            if _size(target) >= export.made:  # else it is another file, whatever will be made
                export = await self._made(export)
            if there := await self._there(export, target):
                return there
        part = await asyncio.to_thread(Part, target, overwrite=self._options.overwrite)
        with closing(part):
            await asyncio.to_thread(part.resume, export.address, export.etag)
            if part.size:
                self._progress.note(f"going on from byte {part.size:,} of {part.path.name}")
            return await self._bring(export, part, str(target))

    def _target(self, export: Export) -> Path:
        if self._options.output is None:
            return Path(export.name)
        given = Path(self._options.output)
        if self._options.output.endswith("/"):  # only a folder is written so; one that is mistyped above it is not made
            try:
                given.mkdir(exist_ok=True)
            except OSError as error:
                raise FetchError(f"{self._options.output}: {error.strerror}") from error
        return given / export.name if given.is_dir() else given

    async def _there(self, export: Export, target: Path) -> Fetched | None:
        """The file whose name is taken, if by these very bytes; None where it is to be replaced."""
        with suppress(OSError):
            if export.sha256 is not None and export.size in {None, _size(target)}:
                size, found = await asyncio.to_thread(sha256_of, target)
                if found == export.sha256:
                    return Fetched(place=str(target), size=size, sha256=found, verified=True, already=True)
        if self._options.overwrite:
            return None
        raise FetchError(f"{target} exists and is not known to be this download; --overwrite replaces it")

    async def _bring(self, export: Export, sink: Sink, place: str) -> Fetched:
        self._hear(export, export.size, export.sha256)
        if self._promise.size is not None and sink.size > self._promise.size:
            await asyncio.to_thread(sink.restart)
        self._furthest = sink.size
        try:
            while not await self._with_pauses(partial(self._pull, export, sink)):
                pass
            verified = self._verified(sink)
        except Mismatch as error:
            raise Mismatch(f"{error}; {await asyncio.to_thread(sink.discard)}") from error
        await asyncio.to_thread(sink.finish)
        return Fetched(place=place, size=sink.size, sha256=sink.sha256, verified=verified)

    def _verified(self, sink: Sink) -> bool:
        """Whether the server's checksum says that this is it; Mismatch where anything says that it is not."""
        size, sha256 = self._promise.size, self._promise.sha256
        if size is not None and sink.size != size:
            raise Mismatch(f"{sink.size:,} bytes came, the server promised {size:,}")
        if sha256 is not None and sink.sha256 != sha256:
            raise Mismatch(f"SHA-256 is {sink.sha256}, the server's is {sha256}")
        if sha256 is None and size is None and not self._framed:
            raise FetchError("this server's answers end like broken ones, and it has no checksum: nothing to rely on")
        return sha256 is not None

    def _hear(self, export: Export, size: int | None, sha256: str | None) -> None:
        """Another statement of the server's about the whole."""
        try:
            self._promise = self._promise.also(size, sha256)
        except Contradiction as error:
            if export.etag is None:  # no ETag would have told that the data are others now
                raise Gone(str(error)) from error
            raise

    async def _pull(self, export: Export, sink: Sink) -> bool:
        """One request for what is missing.  True: all is here; False: more is to be asked for."""
        if sink.size and export.state == "producing":
            # A range of what is still being made would be answered at its end, after a long silence.
            export = await self._made(export)
            self._hear(export, export.size, export.sha256)
        if sink.size == self._promise.size and self._promise.sha256 is not None:
            return True
        silence = _SILENCE if export.state == "complete" else min(_SILENCE_IN_THE_MAKING, self._options.give_up)
        total = self._promise.size
        if self._connections > 1 and total is not None and export.etag is not None and export.state != "producing":
            return await self._side_by_side(export, sink, total)
        try:
            whole = await self._read(export, sink, silence)
            if whole:
                await self._hear_out(export)
                whole = self._promise.size is None or sink.size >= self._promise.size
        except Broken as error:
            if sink.size <= self._furthest:
                raise
            self._progress.note(f"broken at byte {sink.size:,} ({error}); going on")
            await asyncio.sleep(random.uniform(0, _AFTER_PROGRESS))  # noqa: S311 - so that clients do not come as one
            whole = False
        self._furthest = sink.size
        return whole

    async def _read(self, export: Export, sink: Sink, silence: float) -> bool:
        """One answer.  True: it says that this is all; False: it was a part, and brought something."""
        held = sink.size
        async with self._server.body(export, held, silence) as answer:
            if isinstance(answer, Nothing):
                self._framed = True
                self._hear(export, answer.total, None)
                if answer.total != held:
                    await self._afresh(sink)
                return True  # all was here already
            if export.etag is not None and answer.etag not in {None, export.etag}:
                raise Gone("the data changed")
            if answer.whole and held and (answer.etag is None or answer.etag != export.etag):
                await asyncio.to_thread(sink.restart)
            self._hear(export, answer.total, answer.sha256)
            self._framed = answer.framed
            async with self._watched(export):
                end = await self._take(answer, sink)
        total = self._promise.size
        if sink.size == total:
            return True
        if answer.whole and sink.size > (end if total is None else total):
            await self._afresh(sink)
        if answer.whole and total is None:
            return True
        if answer.whole or sink.size == held:
            raise Broken(f"the answer ended at byte {end:,}{'' if total is None else f' of {total:,}'}")
        return False

    async def _take(self, answer: Answer, sink: Sink) -> int:
        """Keep what is new of an answer's bytes; where it ended.  What was not promised is not written."""
        at = answer.start
        stop = min((end for end in (answer.stop, self._promise.size) if end is not None), default=None)
        async for piece in answer.pieces:
            # A server that cannot give a part sends the whole: the same bytes, so what is here is passed over.
            new = piece[max(0, sink.size - at) :]
            at += len(piece)
            if stop is not None and at > stop:
                raise Mismatch(f"the server sends more than it said: nothing was to come behind byte {stop:,}")
            if new:
                await asyncio.to_thread(sink.add, new)
                self._progress.at(sink.size)
        return at

    async def _side_by_side(self, export: Export, sink: Sink, total: int) -> bool:
        """What is missing over several connections.  False: the server gives no parts, and is asked for all."""
        self._progress.of(export, total)
        came = sink.size

        async def pull(block: Block) -> None:
            nonlocal came
            while block.at < block.stop:
                before = block.at
                try:
                    await self._with_pauses(partial(self._fill, export, block, total))
                finally:
                    came += block.at - before
                    self._progress.at(came)

        try:
            await bring(sink, total, self._connections, pull)
        except NoParts:
            self._connections = 1
            return False
        self._framed = True
        return True

    async def _fill(self, export: Export, block: Block, total: int) -> None:
        """One answer for a block; Broken if it brought nothing."""
        held = block.at
        try:
            async with self._server.body(export, held, _SILENCE, block.stop - 1) as answer:
                await self._part(export, block, answer)
        except Broken:
            if block.at == held:
                raise
            await asyncio.sleep(random.uniform(0, _AFTER_PROGRESS))  # noqa: S311 - as above
        if block.at == held:
            raise Broken(f"the answer ended at byte {held:,} of {total:,}")

    async def _part(self, export: Export, block: Block, answer: Answer | Nothing) -> None:
        """Take in an answer's bytes, if it is of this export and of this part."""
        if isinstance(answer, Nothing):
            self._hear(export, answer.total, None)
            return
        if answer.etag not in {None, export.etag}:
            raise Gone("the data changed")
        if answer.whole:
            raise NoParts
        self._hear(export, answer.total, answer.sha256)
        async for piece in answer.pieces:
            block.data += piece[: block.stop - block.at]
            if block.at == block.stop:  # some servers go on to the end of the file
                return

    async def _afresh(self, sink: Sink) -> None:
        await asyncio.to_thread(sink.restart)
        raise Broken("what was here is longer than the server's file")

    @asynccontextmanager
    async def _watched(self, export: Export) -> AsyncGenerator[None, None]:
        """While bytes flow, ask now and then how far the server is, for the time left."""
        self._progress.of(export, self._promise.size)
        status = export.status
        if export.state != "producing" or status is None or not self._progress.shown:
            yield
            return

        async def look() -> None:
            while True:
                await asyncio.sleep(_LONGEST_POLL)
                with suppress(Broken, Gone, FetchError):
                    self._progress.of(await self._server.status(status) or export, self._promise.size)

        task = asyncio.create_task(look())
        try:
            yield
        finally:
            await cancelled(task)

    async def _hear_out(self, export: Export) -> None:
        """Size and SHA-256 of the whole, as soon as the server has them."""
        if self._promise.sha256 is None and export.status is not None:
            try:
                made = await self._made(export)
            except Gone:  # the whole came just before the data changed
                return
            self._hear(export, made.size, made.sha256)

    async def _made(self, export: Export) -> Export:
        """Wait until the server has made the export, or has failed to."""
        if export.status is None:
            return export
        pause, moved, made = _FIRST_POLL, time.monotonic(), -1
        while True:
            now = await self._with_pauses(partial(self._server.status, export.status))
            if now is None or now.etag != export.etag:
                raise Gone("the data changed")
            if now.state != "producing":
                return replace(now, address=export.address, name=export.name, status=export.status)
            self._progress.waiting(now)
            if now.made > made:
                moved, made = time.monotonic(), now.made
            elif time.monotonic() - moved > self._options.give_up:
                raise GaveUp(f"the server made no progress for {self._options.give_up:g} seconds")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_POLL)

    async def _with_pauses(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, tried again while it breaks; GaveUp at the end of `give_up` seconds."""
        self._told = ""

        def pause(error: Exception) -> bool | float:
            if isinstance(error, Broken) and str(error) != self._told:  # of all connections
                self._told = str(error)
                self._progress.note(f"{self._told}; trying again")
            return self._pause(error)

        try:
            async for attempt in stamina.retry_context(
                on=pause,
                attempts=None,
                timeout=self._options.give_up,
                wait_initial=_FIRST_PAUSE,
                wait_max=_LONGEST_PAUSE,
                wait_jitter=_JITTER,
            ):
                with attempt:
                    return await work()
        except Broken as error:
            raise GaveUp(
                f"no progress for {self._options.give_up:g} seconds; the last try ended so: {error}"
            ) from error
        raise AssertionError("a retry ends with a result or an exception")

    def _pause(self, error: Exception) -> bool | float:
        """Whether to try again, and after how many seconds where the server said so."""
        if not isinstance(error, Broken):
            return False
        if error.pause is None:
            return True
        return min(max(error.pause, _LEAST_PAUSE) * random.uniform(1, 1.2), self._options.give_up)  # noqa: S311


def _size(path: Path) -> int:
    return path.stat().st_size
