"""An export to a client: from the spool where there is one, else from a pass of its own; whole or in part.

The bytes of an export are the same whoever makes them.  So a client that followed a growing export goes on with a pass
of its own where the spool has no more room for it: that pass starts over, and what was sent already is left out.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Self

from aiohttp import web

from gateway.download_types import Plan
from gateway.errors import DatasetChanged, NotMatched
from gateway.flow.compression import compressed
from gateway.formats import indexed
from gateway.logs import fields
from gateway.rows import NotToBeKept, Tally, delivered
from gateway.spool.folder import Sum
from gateway.spool.spool import Export, Making, Produce, Unspooled
from gateway.spool.writer import UNKEPT
from gateway.tabix import Indexed
from gateway.web.app_keys import CLIENTS, DAILY, EXECUTOR, MEASURED, PAGES, PUMP, SLOTS, SPOOL
from gateway.web.messages.headers import (
    PRIVATE,
    coding_of,
    completion,
    dated,
    described,
    is_known,
    sized,
    span_of,
    within,
)
from gateway.web.messages.pages import Page
from gateway.web.messages.production import is_kept, produced
from gateway.web.messages.ranges import Span
from gateway.web.messages.request import DownloadRequest
from gateway.web.messages.transfer import Transfer, tune

__all__ = ["Representation", "answer"]

log = logging.getLogger("gateway.web")

# Bytes that a follower reads at once.
_READ: Final = 256 * 1024
_SMALL_READ: Final = 32 * 1024
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_MEASURED_KEPT: Final = 1000
# Of a page that is held until its rows are there.
_PAGE: Final = 1024 * 1024
# Rows of a page that has a place beside downloads: one read of the database brings them.
_SMALL: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """An export as HTTP offers it.  `record` is what the spool keeps of it, None for what does not go there.

    `guarded` is what not everybody gets; what is `reduced` has no ETag: that would change with what is not told.
    `beside` are the indexes of what was produced, by kind, once it is.
    """

    digest: str
    form: str
    media: str
    filename: str
    attachment: bool
    packing: str
    warnings: tuple[str, ...]
    record: Mapping[str, Any] | None
    produce: Produce
    immutable: bool
    page: Page | None = None
    guarded: bool = False
    reduced: bool = False
    small: bool = False
    beside: dict[str, bytes] = field(default_factory=dict)

    KEPT: ClassVar[frozenset[str]] = frozenset(
        {"path", "pairs", "body", "accept", "base", "live", "datasets", "expected"}
        | {"media", "filename", "attachment", "packing", "warnings"}
    )
    """What a record says; one of another version of this program may say less, and is as good as none."""

    @classmethod
    def of(cls, plan: Plan, download_request: DownloadRequest, app: web.Application) -> Self:
        """What answers a request now."""
        own = {
            **(download_request if plan.repeats else download_request.understood).record(),
            "form": plan.form,
            "media": plan.media,
            "filename": plan.filename,
            "attachment": plan.attachment,
            "packing": plan.packing,
            "warnings": list(plan.warnings),
            "datasets": sorted(plan.datasets),
            "expected": dict(plan.expected),
        }

        beside: dict[str, bytes] = {}

        def produce(tallies: list[Tally]) -> AsyncGenerator[bytes, None]:
            return produced(app, plan, tallies, beside)

        representation = cls.kept(plan.digest, own, produce, beside)
        page = Page(plan.parts, download_request.following) if plan.continues and not plan.whole else None
        small = not plan.whole and sum(part.limit for part in plan.parts) <= _SMALL
        told = replace(representation, immutable=False, record=own if is_kept(plan) else None, page=page, small=small)
        return replace(told, guarded=plan.guarded, reduced=plan.reduced)

    @classmethod
    def kept(cls, digest: str, record: Mapping[str, Any], produce: Produce, beside: dict[str, bytes]) -> Self:
        """What was asked before, at its immutable address; producing it leaves its indexes `beside`."""
        return cls(
            digest=digest,
            form=record.get("form", "other"),
            media=record["media"],
            filename=record["filename"],
            attachment=record["attachment"],
            packing=record["packing"],
            warnings=tuple(record["warnings"]),
            record=record,
            produce=produce,
            immutable=True,
            beside=beside,
        )

    @property
    def making(self) -> Making:
        """What the spool needs of it."""
        return Making(self.digest, self.record or {}, self.produce, self.beside)

    @property
    def index(self) -> Indexed | None:
        """What its indexes are made by; None if it has none."""
        return indexed(self.form, self.packing)

    def headers(self, coding: str | None) -> dict[str, str]:
        """The headers that any answer has."""
        headers = described(
            self.digest,
            self.media,
            self.filename,
            coding,
            attachment=self.attachment,
            warnings=self.warnings,
            guarded=self.guarded,
        )
        if self.reduced:
            headers = _unsettled(headers)
        if self.immutable and not self.guarded:
            headers["Cache-Control"] = _IMMUTABLE
            headers["Vary"] = "Accept-Encoding"  # the format is settled
        if self.record is not None and not coding:
            headers["Accept-Ranges"] = "bytes"
        return headers

    def sized(self, known: Sum) -> dict[str, str]:
        """What is said of it besides when it is complete; a date only where others never come to this address."""
        return sized(known) | (dated(known) if self.immutable else {})


@dataclass(frozen=True, slots=True)
class _Negotiated:
    """How a client wants an export: with these headers, in a coding, in part."""

    headers: dict[str, str]
    coding: str | None
    span: Span | None


async def answer(request: web.Request, representation: Representation) -> web.StreamResponse:
    """Answer a request for an export: conditions first, then ranges, then the bytes."""
    # Ranges are of the bytes as they are: who goes on with a file has counted those.
    plain = bool(representation.packing) or "Range" in request.headers
    coding = None if plain else coding_of(request.headers.get("Accept-Encoding", ""))
    headers = representation.headers(coding)
    etag = headers.get("ETag", "")
    spool = request.app.get(SPOOL) if representation.record is not None else None
    completed = await completion(request, spool, representation.digest) if representation.immutable else 0
    if etag and is_known(request, etag, completed):
        kept = {name: headers[name] for name in ("ETag", "Cache-Control", "Vary")}
        return web.Response(status=304, headers=kept)
    span = span_of(request, etag, completed) if representation.record is not None else None
    if request.method == "HEAD":
        if representation.page is not None and not representation.page.is_known(request.app[PUMP].totals.known):
            headers = _unsettled(headers)
        known = await spool.stated(representation.digest) if spool is not None and coding is None else None
        told = {**headers, **representation.sized(known), "Content-Length": str(known.size)} if known else headers
        return web.Response(headers=told)
    negotiated = _Negotiated(headers, coding, span)
    transfer = Transfer(request, representation.filename, representation.digest, representation.form)
    with request.app[CLIENTS].take(), request.app[DAILY].having(lambda: transfer.size), transfer:
        tune(request)
        if spool is not None:
            try:
                async with spool.join(representation.making) as export:
                    return await _follow(transfer, representation, export, negotiated)
            except Unspooled as reason:
                log.info("delivered directly", extra=fields(digest=representation.digest, reason=reason))
        return await _direct(transfer, representation, negotiated)


async def _follow(
    transfer: Transfer, representation: Representation, export: Export, negotiated: _Negotiated
) -> web.StreamResponse:
    """Send from the spool.  Raises Unspooled only before the response has begun."""
    transfer.rows = lambda: export.progress.rows
    await export.begins()
    if negotiated.span is not None:
        await export.finished()
        if not export.to_be_kept:  # the next range would be of another pass: all of this one, or nothing
            if "If-Match" in transfer.request.headers:  # whoever puts parts together by it
                raise NotMatched(UNKEPT.message, parameter="If-Match")
            passing = {**negotiated.headers, "Cache-Control": "no-store"}
            del passing["ETag"]
            negotiated = replace(negotiated, span=None, headers=passing)
    elif export.sum is None:
        await export.read(0, 1)  # of one that is being checked, when that is done
    if export.sum is not None and negotiated.coding is None:
        sized = negotiated.headers | representation.sized(export.sum)
        return await _from_file(transfer, export, replace(negotiated, headers=sized), export.sum)
    return await _streamed(transfer, _followed(transfer, representation, export), negotiated)


async def _page(
    transfer: Transfer,
    plain: AsyncGenerator[bytes, None],
    negotiated: _Negotiated,
    tallies: Sequence[Tally],
    page: Page,
) -> web.StreamResponse:
    """Send a page: its rows as soon as it is known what the next one is, and do not wait for their total.

    What says a lower bound, or may come to, has no ETag: asked again it is another.
    """
    begun: list[bytes] = []
    ended = True
    async for chunk in plain:
        begun.append(chunk)
        if sum(map(len, begun)) > _PAGE or (not page.waits and page.is_told(tallies)):
            ended = False
            break
    headers = dict(negotiated.headers)
    if (ended or page.is_told(tallies)) and (url := page.following(tallies)):
        headers["Link"] = f'<{url}>; rel="next"'
    if not page.is_certain(tallies):
        headers = _unsettled(headers)

    async def chunks() -> AsyncGenerator[bytes, None]:
        async with aclosing(plain):
            for chunk in begun:
                yield chunk
            async for chunk in plain:
                yield chunk

    return await _streamed(transfer, chunks(), replace(negotiated, headers=headers))


def _unsettled(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of what may be another when it is asked for again."""
    others = {name: value for name, value in headers.items() if name != "ETag"}
    return others if headers["Cache-Control"] == PRIVATE else others | {"Cache-Control": "no-store"}


async def _streamed(
    transfer: Transfer, plain: AsyncGenerator[bytes, None], negotiated: _Negotiated
) -> web.StreamResponse:
    """Send what comes, compressed where that is wished."""
    async with aclosing(plain):
        if negotiated.coding is None:
            return await transfer.chunks(negotiated.headers, plain)
        async with aclosing(compressed(plain, negotiated.coding, transfer.request.app[EXECUTOR])) as chunks:
            return await transfer.chunks(negotiated.headers, chunks)


async def _from_file(transfer: Transfer, export: Export, negotiated: _Negotiated, known: Sum) -> web.StreamResponse:
    if negotiated.span is None:
        return await transfer.file(negotiated.headers, export, 0, known.size)
    start, stop = within(negotiated.span, known.size)
    headers = {**negotiated.headers, "Content-Range": f"bytes {start}-{stop - 1}/{known.size}"}
    return await transfer.file(headers, export, start, stop, status=206)


async def _followed(transfer: Transfer, representation: Representation, export: Export) -> AsyncGenerator[bytes, None]:
    """The bytes of an export as they come, from the spool as long as that goes."""
    at = 0
    try:
        # What a slow client has not taken yet is held for it, and there may be thousands.
        while piece := await export.read(at, _READ if transfer.keeps_up else _SMALL_READ):
            at += len(piece)
            yield piece
    except Unspooled as reason:
        log.warning("delivered directly from here", extra=fields(digest=representation.digest, byte=at, reason=reason))
    else:
        return
    # The first bytes again, to be sure that they go together with the rest: data may change without a trace.
    begun = 0
    async with aclosing(_passed(transfer.request.app, representation, [])) as again:
        async for piece in again:
            known, begun = piece[: max(0, at - begun)], begun + len(piece)
            if known and not await export.begins_with(known, begun - len(piece)):
                raise DatasetChanged("the dataset changed during the download; ask again for the new data")
            if rest := piece[len(known) :]:
                yield rest


# --- without a spool -------------------------------------------------------------------------------------------------


async def _direct(transfer: Transfer, representation: Representation, negotiated: _Negotiated) -> web.StreamResponse:
    """Send from a pass of its own, with backpressure from the client to the database."""
    app = transfer.request.app
    tallies: list[Tally] = []
    transfer.rows = lambda: delivered(tallies)
    if negotiated.span is None and representation.page is not None:
        plain = _passed(app, representation, tallies)
        async with aclosing(plain):
            return await _page(transfer, plain, negotiated, tallies, representation.page)
    if negotiated.span is None:
        return await _streamed(transfer, _passed(app, representation, tallies), negotiated)
    size = app[MEASURED].get(representation.digest)
    if size is None:
        # A range needs the length: the export is produced to learn it, and again to be sent.
        async with aclosing(_passed(app, representation, tallies)) as plain:
            size = sum([len(piece) async for piece in plain])
        tallies.clear()
    start, stop = within(negotiated.span, size)
    headers = {**negotiated.headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    async with aclosing(_held_back(_passed(app, representation, tallies), start, stop, size)) as plain:
        return await transfer.sized(headers, stop - start, plain, status=206)


async def _passed(
    app: web.Application, representation: Representation, tallies: list[Tally]
) -> AsyncGenerator[bytes, None]:
    """The bytes of a pass."""
    at = 0
    with app[PAGES if representation.small else SLOTS].take():
        async with aclosing(representation.produce(tallies)) as chunks:
            with suppress(NotToBeKept):
                async for chunk in chunks:
                    at += len(chunk)
                    yield chunk
    measured = app[MEASURED]
    measured[representation.digest] = at
    if len(measured) > _MEASURED_KEPT:
        del measured[next(iter(measured))]


async def _held_back(
    chunks: AsyncGenerator[bytes, None], start: int, stop: int, size: int
) -> AsyncGenerator[bytes, None]:
    """Bytes `start` to `stop`, the last of them not before all is read: only then it is known that all was right."""
    at, held = 0, b""
    async with aclosing(chunks):
        async for chunk in chunks:
            piece = chunk[max(0, start - at) : max(0, stop - at)]
            at += len(chunk)
            if piece and held:
                yield held
            held = piece or held
    if at != size:
        raise DatasetChanged("the dataset changed; ask again for the new data")
    yield held
