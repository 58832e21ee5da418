"""Indexes of exports to clients, and to who reads an export by them.

An index is derived from the bytes of its export: made with them, or of the file that is kept, or, where none is, by a
pass of its own.  What is kept of it says of which bytes it is; so it is never that of another file.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from gateway import bgzf
from gateway.errors import BadRequest, GatewayError, NotFound
from gateway.flow.indexing import indexes_of
from gateway.logs import fields
from gateway.rows import NotToBeKept
from gateway.spool.folder import Sum
from gateway.spool.spool import Export, Unspooled
from gateway.spool.writer import UNKEPT
from gateway.tabix import Index, Indexed, Kind
from gateway.web.app_keys import CLIENTS, DAILY, EXECUTOR, SLOTS, SPOOL
from gateway.web.messages.headers import is_known, span_of, within
from gateway.web.messages.representation import Representation
from gateway.web.messages.transfer import Transfer, tune

__all__ = ["IndexedExport", "answer_index", "index_of", "opened"]

log = logging.getLogger("gateway.web")

_PIECE: Final = 256 * 1024


async def answer_index(request: web.Request, representation: Representation, kind: Kind) -> web.StreamResponse:
    """Answer a request for an index: as `answer` does, but it is not sent before it is whole."""
    _needs_one(representation)
    name = f"{representation.filename}.{kind}"
    # It is named by the export's digest: that says what was asked of which data, and how it was packed and indexed.
    own = replace(
        representation,
        digest=f"{representation.digest}.{kind}",
        media="application/octet-stream",
        filename=name,
        attachment=True,
    )
    headers = own.headers(None)
    completed = await _completed(request.app, representation)
    if is_known(request, headers["ETag"], completed):
        return web.Response(status=304, headers={each: headers[each] for each in ("ETag", "Cache-Control", "Vary")})
    span = span_of(request, headers["ETag"], completed)
    if request.method == "HEAD":
        data = await _known(request.app, representation, kind)
        told = {**headers, **own.sized(_sum(data, completed)), "Content-Length": str(len(data))} if data else headers
        return web.Response(headers=told)
    transfer = Transfer(request, name, representation.digest, representation.form)
    with request.app[CLIENTS].take(), request.app[DAILY].having(lambda: transfer.size), transfer:
        tune(request)
        data = await index_of(request.app, representation, kind)
        headers |= own.sized(_sum(data, completed or await _completed(request.app, representation)))
        start, stop = within(span, len(data)) if span else (0, len(data))
        if span:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        return await transfer.sized(headers, stop - start, _cut(data, start, stop), status=206 if span else 200)


async def _completed(app: web.Application, representation: Representation) -> int:
    """When the export at an immutable address was completed, and its index with it; 0 where that is not known."""
    spool = app.get(SPOOL) if representation.immutable else None
    known = await spool.stated(representation.digest) if spool is not None else None
    return known.completed if known else 0


def _sum(data: bytes, completed: int) -> Sum:
    return Sum(len(data), 0, hashlib.sha256(data).hexdigest(), completed)


async def _cut(data: bytes, start: int, stop: int) -> AsyncGenerator[bytes, None]:
    for at in range(start, stop, _PIECE):
        yield data[at : min(at + _PIECE, stop)]


def _needs_one(representation: Representation) -> Indexed:
    """What its index is made by."""
    if representation.index is None:
        raise NotFound(f"{representation.filename} has no index")
    if representation.record is None:
        raise BadRequest("only whole downloads have an index: no page, no limit", parameter="output")
    return representation.index


async def index_of(app: web.Application, representation: Representation, kind: Kind) -> bytes:
    """The index of an export, as a file, once the export is complete.

    Raises NotFound where there can be none, and what a pass fails with.
    """
    _needs_one(representation)
    if (spool := app.get(SPOOL)) is not None:
        try:
            async with spool.join(representation.making) as export:
                return await _of_export(app, representation, export, kind)
        except Unspooled as reason:
            log.info("an index is made directly", extra=fields(digest=representation.digest, reason=reason))
    with app[SLOTS].take():
        async with aclosing(representation.produce([])) as chunks:
            try:
                async for _ in chunks:
                    pass
            except NotToBeKept as error:  # the file would be of another pass
                raise UNKEPT from error
    return _found(representation.beside.get(kind))


async def _known(app: web.Application, representation: Representation, kind: Kind) -> bytes | None:
    """The index, if it is kept; starts nothing."""
    spool = app.get(SPOOL)
    known = await spool.stated(representation.digest) if spool is not None else None
    return await spool.beside(representation.digest, kind, known) if spool is not None and known is not None else None


async def _of_export(app: web.Application, representation: Representation, export: Export, kind: Kind) -> bytes:
    known, spool, digest = await export.finished(), app[SPOOL], representation.digest
    if not export.to_be_kept:
        raise UNKEPT
    if kind in export.beside:
        return export.beside[kind]
    async with spool.deriving(digest):
        if found := await spool.beside(digest, kind, known):
            return found
        # As the export is of a version without indexes, or theirs were damaged.
        made = await indexes_of(_all(export), _needs_one(representation), app[EXECUTOR])
        await spool.keep_beside(digest, known, made)
        return _found(made.get(kind))


def _found(data: bytes | None) -> bytes:
    if data is None:  # the log says why
        raise NotFound("there is no index of this file")
    return data


async def _all(export: Export) -> AsyncGenerator[bytes, None]:
    at = 0
    while piece := await export.read(at, _PIECE):
        at += len(piece)
        yield piece


# --- reading by an index ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IndexedExport:
    """A complete export, and where its lines are.  Offsets are virtual ones: a block's << 16 | that in its text."""

    export: Export
    known: Sum
    index: Index

    @property
    def header_end(self) -> int:
        """Where the first line of the data begins; where there is none, the block that ends the file."""
        end = self.index.header_end
        return self.known.size - len(bgzf.END) << 16 if end is None else end

    async def text(self, begin: int, end: int) -> AsyncGenerator[bytes, None]:
        """What the file holds from one offset to another, unpacked."""
        at, rest = begin >> 16, b""
        while at << 16 < end:
            while len(rest) < bgzf.HEAD or len(rest) < bgzf.size_of(rest[: bgzf.HEAD]):
                piece = await self.export.read(at + len(rest), _PIECE)
                if not piece:
                    raise GatewayError("an index points behind the end of its file")
                rest += piece
            size = bgzf.size_of(rest[: bgzf.HEAD])
            data = bgzf.unpacked(rest[:size])
            first = begin & 0xFFFF if at == begin >> 16 else 0
            last = end & 0xFFFF if at == end >> 16 else len(data)
            if first < last:
                yield data[first:last]
            at, rest = at + size, rest[size:]

    async def block_end(self, offset: int) -> int:
        """Where the block that begins at a byte of the file ends."""
        head = b""
        while len(head) < bgzf.HEAD and (piece := await self.export.read(offset + len(head), bgzf.HEAD - len(head))):
            head += piece
        return offset + bgzf.size_of(head)


@asynccontextmanager
async def opened(app: web.Application, representation: Representation) -> AsyncIterator[IndexedExport]:
    """An export with its index, once it is complete; begun if nobody makes it.

    Raises Unspooled where there is no spool, or no room in it; NotFound without an index; what a pass fails with.
    """
    _needs_one(representation)
    if (spool := app.get(SPOOL)) is None:
        raise Unspooled("there is no spool")
    async with spool.join(representation.making) as export:
        data = await _of_export(app, representation, export, "tbi")
        index = await asyncio.get_running_loop().run_in_executor(app[EXECUTOR], _parsed, data)
        yield IndexedExport(export, await export.finished(), index)


def _parsed(data: bytes) -> Index:
    at, text = 0, b""
    while at < len(data):
        size = bgzf.size_of(data[at : at + bgzf.HEAD])
        text += bgzf.unpacked(data[at : at + size])
        at += size
    return Index.read(text)
