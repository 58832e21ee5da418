"""Headers of downloads: what a request prefers and demands, and what a response says."""

import base64
import re
from collections.abc import Iterable
from typing import Final

from aiohttp import web

from gateway.errors import BadRange, NotMatched
from gateway.flow.compression import CODINGS
from gateway.spool.folder import Sum
from gateway.spool.spool import Spool
from gateway.web.messages import dates, ranges

__all__ = ["PRIVATE", "coding_of", "completion", "dated", "described", "is_known", "sized", "span_of", "within"]

PRIVATE: Final = "private, no-store"
"""`Cache-Control` of what depends on who asks."""
_WARNINGS: Final = 5
_BY_DATE: Final = frozenset({"If-Modified-Since", "If-Unmodified-Since", "If-Range"})
_DOCUMENTS: Final = frozenset({"image/svg+xml"})
"""What a browser runs as a page of this host if it is opened by itself: nothing in it may act, whatever it holds."""


def coding_of(header: str) -> str | None:
    """The content coding that `Accept-Encoding` prefers (RFC 9110, 12.5.3), ours first where it does not care."""
    wanted: dict[str, float] = {}
    for item in header.lower().split(","):
        name, _, parameter = item.partition(";")
        quality = re.fullmatch(r"\s*q=([01](\.\d{0,3})?)\s*", parameter) if parameter else None
        wanted[name.strip()] = float(quality[1]) if quality else 0.0 if parameter else 1.0
    best = max(CODINGS, key=lambda name: wanted.get(name, 0.0))
    quality_of_best = wanted.get(best, 0.0)
    return best if quality_of_best > 0 and quality_of_best >= wanted.get("identity", 0.0) else None


def described(
    digest: str,
    media: str,
    filename: str,
    coding: str | None,
    *,
    attachment: bool,
    warnings: Iterable[str],
    guarded: bool = False,
) -> dict[str, str]:
    """The headers that any download has; of a `guarded` one, which not everybody gets, no cache keeps a copy."""
    kind = "attachment" if attachment else "inline"
    encoded = {"Content-Encoding": coding} if coding else {}
    headers = {
        **encoded,
        "Content-Type": media,
        "Content-Disposition": f'{kind}; filename="{filename}"',
        # Compressed bytes are other bytes.
        "ETag": f'"{digest}-{coding}"' if coding else f'"{digest}"',
        "Cache-Control": PRIVATE if guarded else "no-cache",
        "Vary": "Accept, Accept-Encoding" + (", Authorization" if guarded else ""),
        "X-Content-Type-Options": "nosniff",
        # nginx would otherwise take the stream to its disk.
        "X-Accel-Buffering": "no",
    }
    if media in _DOCUMENTS:
        headers["Content-Security-Policy"] = "default-src 'none'"
    if shown := [text.encode("ascii", "replace").decode()[:200] for text in warnings][:_WARNINGS]:
        quotable = (text.replace("\\", "\\\\").replace('"', "'") for text in shown)
        headers["Warning"] = ", ".join(f'299 pgx-gateway "{text}"' for text in quotable)
    return headers


def sized(known: Sum) -> dict[str, str]:
    """What is said of a complete export besides its length; the hash is that of the whole (RFC 9530)."""
    digest = base64.b64encode(bytes.fromhex(known.sha256)).decode()
    return {"Accept-Ranges": "bytes", "Repr-Digest": f"sha-256=:{digest}:"}


def dated(known: Sum) -> dict[str, str]:
    """When the bytes of an immutable address were completed, where that is known."""
    return {"Last-Modified": dates.written(known.completed)} if known.completed else {}


async def completion(request: web.Request, spool: Spool | None, digest: str) -> int:
    """When an export was completed, if a condition of the request may be one by date; 0 where it is not known."""
    if spool is None or not _BY_DATE & request.headers.keys():
        return 0
    known = await spool.stated(digest)
    return known.completed if known else 0


def _date(request: web.Request, name: str) -> int | None:
    """The date of a condition; of several nobody knows which is meant."""
    said = request.headers.getall(name, [])
    return dates.read(said[0]) if len(said) == 1 else None


def is_known(request: web.Request, etag: str, completed: int = 0) -> bool:
    """Whether the client has these bytes; NotMatched if it wants others.

    As RFC 9110 (13.2.2) has it: by ETag, and where that is not asked by date, if it is known when they were completed.
    """
    wanted = request.headers.getall("If-Match", [])
    # Strong comparison: a weak tag matches nothing (RFC 9110, 13.1.1).
    if wanted and not {"*", etag} & {tag.strip() for tag in ",".join(wanted).split(",")}:
        raise NotMatched(f"the export is now {etag}, not what If-Match names", parameter="If-Match")
    until = None if wanted else _date(request, "If-Unmodified-Since")
    if until is not None and completed > until:
        when = f"the export was completed on {dates.written(completed)}"
        raise NotMatched(f"{when}, later than If-Unmodified-Since", parameter="If-Unmodified-Since")
    if "If-None-Match" not in request.headers:
        since = _date(request, "If-Modified-Since") if request.method in {"GET", "HEAD"} else None
        return since is not None and 0 < completed <= since
    had = [tag.strip().removeprefix("W/") for tag in ",".join(request.headers.getall("If-None-Match")).split(",")]
    known = "*" in had or etag in had
    if known and request.method not in {"GET", "HEAD"}:  # RFC 9110, 13.1.2
        raise NotMatched(f"the export is {etag}, which If-None-Match names", parameter="If-None-Match")
    return known


def span_of(request: web.Request, etag: str, completed: int = 0) -> ranges.Span | None:
    """The range that a request wants, where it is to have one."""
    modified = dates.written(completed) if completed else ""
    if request.method != "GET" or not ranges.same(request.headers.get("If-Range"), etag, modified):
        return None
    return ranges.read(",".join(request.headers.getall("Range", [])))


def within(span: ranges.Span, size: int) -> tuple[int, int]:
    """Start and stop of a range; BadRange if there is nothing of it."""
    found = span.within(size)
    if found is None:
        raise BadRange(f"the export has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return found
