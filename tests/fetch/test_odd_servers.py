"""A fetch from servers that lie, contradict themselves or never end: the whole, verified, or a plain error.

Whatever they do, nothing wrong gets the name, no more is written than was promised, and none of their control
characters reaches the terminal.
"""

import gzip
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli.command_line import main
from gateway.fetch import server, transfer
from tests.fetch.odd import (
    BODY,
    ETAG,
    SHA256,
    TOO_MUCH,
    Odd,
    Request,
    Sent,
    chunked,
    drip,
    either,
    endless,
    on,
    part,
    sized,
    ticket,
    unframed,
)

NAME = "cohort.pgxseg"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("_FIRST_PAUSE", "_JITTER", "_AFTER_PROGRESS", "_FIRST_POLL"):
        monkeypatch.setattr(transfer, name, 0.02)
    monkeypatch.setattr(transfer, "_SILENCE", 0.5)
    monkeypatch.setattr(server, "_ASK", 0.5)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A server, and how a fetch from it ends: the exit code, and what is said."""

    answer: Callable[[Request], Sent]
    tickets: bool = True
    code: int = 0
    told: str = SHA256
    """A regular expression."""
    name: str = NAME


CUT = on("first", sized(BODY[:30_000], ETAG, length=len(BODY)))
"""The first answer breaks off after 30,000 bytes: the next one is for a range."""
MAKING = on("ticket", lambda asked: ticket(state="producing", size=None, sha256=None) if asked.nth == 0 else None)
"""The first ticket is of an export in the making."""
PLAIN = {"tickets": False, "told": "no checksum"}


def capped(request: Request) -> Sent:
    return part(by_start(request), min(by_start(request) + 20_000, len(BODY)))


def by_start(request: Request) -> int:
    return request.start or 0


WHOLE = {
    "206 of 20,000 bytes at most": Case(answer=either(CUT, on("rest", capped))),
    "206 of 20,000 bytes at most, no ticket": Case(answer=either(CUT, on("rest", capped)), **PLAIN),
    "206 that ends short of its own range": Case(
        answer=either(
            CUT,
            on(
                "rest",
                lambda asked: part(by_start(asked), by_start(asked) + 20_000, said=f"bytes {asked.start}-99999/100000"),
            ),
        ),
        **PLAIN,
    ),
    "206 of a total that it does not know": Case(
        answer=either(CUT, on("rest", lambda asked: part(by_start(asked), by_start(asked) + 20_000, total="*")))
    ),
    "206 of a total that nobody knows before 416": Case(
        answer=either(
            on("head", unframed(b"", "Transfer-Encoding: chunked")),
            on("first", unframed(b"5\r\n" + BODY[:5], "Transfer-Encoding: chunked")),
            on("rest", lambda asked: part(5, total="*") if asked.start == 5 else None),
        ),
        name="variants",
        **PLAIN,
    ),
    "206 in chunks": Case(
        answer=either(
            CUT,
            on(
                "rest",
                lambda _: chunked([BODY[30_000:]], ETAG, "Content-Range: bytes 30000-99999/100000", status="206 P"),
            ),
        )
    ),
    "206 one byte at a time, for a while": Case(
        answer=either(
            CUT,
            on("rest", lambda asked: part(by_start(asked), by_start(asked) + 1) if by_start(asked) < 30_050 else None),
        )
    ),
    "the connection ends the body, early": Case(answer=on("first", unframed(BODY[:40_000]))),
    "the connection ends the body, early, no ticket": Case(answer=on("first", unframed(BODY[:40_000])), **PLAIN),
    "the connection ends the body, early, of an export in the making": Case(
        answer=either(
            MAKING,
            on("first", unframed(BODY[:40_000])),
        )
    ),
    "chunks that end early and well": Case(answer=on("first", lambda _: chunked([BODY[:40_000]], ETAG))),
    "200 where a range was asked": Case(answer=either(CUT, on("rest", sized(BODY, ETAG)))),
    "200 where a range was asked, in chunks": Case(answer=either(CUT, on("rest", lambda _: chunked([BODY], ETAG)))),
    "200 without an ETag where a range was asked": Case(answer=either(CUT, on("rest", sized(BODY))), **PLAIN),
    "no ETag at all, and a break": Case(
        answer=either(
            on("head", sized(b"", length=len(BODY))),
            on("first", lambda asked: sized(BODY[: None if asked.nth else 10_000], length=len(BODY))),
        ),
        name="variants",
        **PLAIN,
    ),
    "silence after some bytes": Case(
        answer=on("first", lambda _: drip(sized(BODY[:50_000], ETAG, length=len(BODY)), size=60_000, pause=3))
    ),
    "a slow drip": Case(answer=on("first", lambda _: drip(sized(BODY, ETAG), size=500, pause=0.01))),
    **{
        f"a ticket of size {size!r}": Case(answer=on("ticket", ticket(size=size)))
        for size in (-1, 10**30, 1e5, "100000", True, [], {})
    },
    "a ticket without size": Case(answer=on("ticket", ticket(size=None))),
    **{
        f"a ticket for {address!r}, which is no ticket": Case(answer=on("ticket", ticket(address=address)))
        for address in ("file:///etc/passwd", "http://[\x1b[31m", "http:///", "data:,x")
    },
    "a ticket compressed a thousandfold": Case(
        answer=on(
            "ticket", sized(gzip.compress(bytes(10**7)), "Content-Type: application/json", "Content-Encoding: gzip")
        )
    ),
    "a ticket that drips": Case(
        answer=on(
            "ticket",
            lambda _: drip(sized(b'{"state"' + b" " * 100, "Content-Type: application/json"), size=99, pause=0.3),
        )
    ),
    "a ticket without end": Case(
        answer=on("ticket", lambda _: chunked(endless(b'{"state": "'), "Content-Type: application/json"))
    ),
    "a ticket with a name like \x1b]0;x\x07../../evil\n": Case(
        answer=on("ticket", ticket(name="\x1b]0;x\x07../../\u202eevil\n")), name="evil"
    ),
    "HEAD is not for this server": Case(
        answer=on("head", sized(b"", status="405 Method Not Allowed")), name="variants", **PLAIN
    ),
    "HEAD of a compressed file": Case(
        answer=on("head", sized(b"", ETAG, "Content-Encoding: gzip", length=7)), name="variants", **PLAIN
    ),
    "a redirect": Case(
        answer=on(
            "first", lambda asked: None if "there" in asked.path else sized(b"", "Location: /there", status="302 F")
        )
    ),
    "data that change once, told by no ETag": Case(
        answer=either(
            on("head", lambda asked: sized(b"", length=len(BODY) - (asked.nth == 0))), on("first", sized(BODY))
        ),
        tickets=False,
        told="starting anew",
        name="variants",
    ),
}
REFUSED = {
    "sends without end": Case(
        answer=on("first", lambda _: chunked(endless(BODY), ETAG)), code=5, told="more than it said"
    ),
    "sends without end, no ticket": Case(
        answer=on("first", lambda _: chunked(endless(BODY), ETAG)), tickets=False, code=5, told="more than it said"
    ),
    "sends without end, nor frame": Case(
        answer=on("first", lambda _: endless(unframed(BODY))),
        code=5,
        told="more than it said",
    ),
    "one byte too many": Case(
        answer=on("first", lambda _: chunked([BODY, b"x"], ETAG)), code=5, told="more than it said.*100,000"
    ),
    "206 without end": Case(
        answer=either(
            CUT,
            on("rest", lambda _: chunked(endless(), ETAG, "Content-Range: bytes 30000-49999/100000", status="206 P")),
        ),
        code=5,
        told="more than it said",
    ),
    "206 that is longer than its own range": Case(
        answer=either(CUT, on("rest", part(30_000, 60_000, said="bytes 30000-49999/100000"))), code=5, told="50,000"
    ),
    "a byte too many of an export in the making": Case(
        answer=either(
            MAKING,
            on("first", lambda _: chunked([BODY, b"x"], ETAG)),
        ),
        code=5,
        told="100,001 bytes",
    ),
    **{
        f"HEAD says {size}": Case(
            answer=on("head", sized(b"", ETAG, length=size)), tickets=False, code=1, told=f"{size:,} bytes.*100,000"
        )
        for size in (0, 40_000, 200_000)
    },
    "HEAD says more than chunks bring": Case(
        answer=either(on("head", sized(b"", length=200_000)), on("first", lambda _: chunked([BODY]))),
        tickets=False,
        code=4,
        told="100,000 of 200,000",
    ),
    "HEAD and GET never agree, no ETag": Case(
        answer=either(on("head", sized(b"", length=200_000)), on("first", sized(BODY))),
        tickets=False,
        code=1,
        told="changes all the time.*200,000 bytes.*100,000",
    ),
    **{
        f"a ticket of size {size}": Case(
            answer=on("ticket", ticket(size=size)), code=1, told=f"{size:,} bytes.*100,000"
        )
        for size in (40_000, 200_000, 2**62)
    },
    "a ticket says more than chunks bring": Case(
        answer=either(on("ticket", ticket(size=200_000)), on("first", lambda _: chunked([BODY], ETAG))),
        code=1,
        told="200,000 bytes.*100,000",
    ),
    "Content-Length says more than comes": Case(
        answer=either(
            on("head", sized(b"", ETAG, length=200_000)),
            on("first", sized(BODY, ETAG, length=200_000)),
            on("rest", sized(b"", ETAG, "Content-Range: bytes 100000-199999/200000", status="206 P", length=100_000)),
        ),
        tickets=False,
        code=4,
        told="no progress",
    ),
    "206 of another range": Case(
        answer=either(CUT, on("rest", part(20_000, said="bytes 20000-99999/100000"))), code=1, told="asked for bytes"
    ),
    "206 without a range": Case(
        answer=either(CUT, on("rest", sized(BODY[30_000:], ETAG, status="206 P"))), code=1, told="asked for bytes"
    ),
    **{
        f"206 of {said}": Case(answer=either(CUT, on("rest", part(30_000, said=said))), code=1, told="asked for bytes")
        for said in (
            "bytes 30000-29000/100000",
            "bytes 30000-100000/100000",
            "bytes 30000-99999",
            "words 30000-99999/100000",
        )
    },
    "206 where no range was asked": Case(answer=on("first", part(0)), code=1, told="asked for"),
    "206 that is empty": Case(
        answer=either(CUT, on("rest", sized(b"", ETAG, "Content-Range: bytes 30000-99999/100000", status="206 P"))),
        code=4,
        told="no progress",
    ),
    "206 of another total": Case(
        answer=either(CUT, on("rest", part(30_000, said="bytes 30000-99999/200000"))),
        code=1,
        told="100,000 bytes.*200,000",
    ),
    "416 of another total": Case(
        answer=either(CUT, on("rest", sized(b"", "Content-Range: bytes */30000", status="416 R"))),
        code=1,
        told="100,000 bytes.*30,000",
    ),
    "an ETag for every answer": Case(
        answer=lambda asked: sized(BODY, f'ETag: "{asked.kind}{asked.nth}"') if asked.kind != "ticket" else None,
        tickets=False,
        code=1,
        told="changes all the time",
    ),
    "another digest than the ticket's": Case(
        answer=on("first", sized(BODY, ETAG, f"Repr-Digest: sha-256=:{'A' * 43}=:")), code=1, told="two SHA-256"
    ),
    "other bytes": Case(answer=on("first", sized(bytes(len(BODY)), ETAG)), code=5, told="SHA-256 is"),
    "a ticket that is never complete": Case(
        answer=either(CUT, on("ticket", ticket(state="producing", size=None, sha256=None))), code=4, told="no progress"
    ),
    "a ticket that goes back and forth": Case(
        answer=either(
            CUT,
            on("ticket", lambda asked: ticket(state="producing", size=None, sha256=None, bytes=1_000 + asked.nth % 2)),
        ),
        code=4,
        told="no progress",
    ),
    "a ticket for no host": Case(
        answer=on("ticket", ticket(address=f"http://{'a' * 70}.org/")), code=1, told="no URL of a download"
    ),
    "redirects in a circle": Case(
        answer=lambda asked: sized(b"", f"Location: /beacon/{asked.nth % 2}\x1b[31m", status="302 Found"),
        code=1,
        told="redirect",
    ),
    **{
        f"a redirect to {there}": Case(
            answer=on("first", sized(b"", f"Location: {there}", status="302 Found")), code=1, told="redirect"
        )
        for there in ("file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "http://[")
    },
    "compressed a thousandfold": Case(
        answer=on("first", sized(gzip.compress(bytes(10**7)), ETAG, "Content-Encoding: gzip")),
        code=1,
        told="compressed",
    ),
    "a reason that colours": Case(
        answer=lambda _: sized(b"", status="404 \x1b[31mNot \udc9b31m\x07found"), code=3, told="404"
    ),
    "a message that colours": Case(
        answer=lambda _: sized(
            b'{"error": {"errorMessage": "\\u001b[2Jno\\nsuch\\u202e \\u009b1mthing"}}', status="404 Not Found"
        ),
        code=3,
        told="no such",
    ),
    "a message that drips": Case(
        answer=on("first", lambda _: drip(sized(b" " * 1_000, status="403 Forbidden"), size=40, pause=0.2)),
        code=3,
        told="403",
    ),
    "a status line that is none": Case(answer=on("first", b"HTTP/1.1 \x1b[31m\r\n\r\n"), code=4, told="no progress"),
    "header fields that drip": Case(
        answer=on("first", lambda _: drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000, size=6, pause=0.1)),
        code=4,
        told="silent",
    ),
    "continue, without end": Case(
        answer=on("first", lambda _: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n", 10**6)),
        code=4,
        told="no progress",
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in {**WHOLE, **REFUSED}.items()])
def test_odd_servers(case: Case, capsys: pytest.CaptureFixture[str]):
    with Odd(case.answer, tickets=case.tickets) as odd:
        code = main(["fetch", odd.url, f"--give-up={1 if case.code == 4 else 10}"])
    told = capsys.readouterr().err
    assert code == case.code, told
    assert re.search(f"(?s){case.told}", told), told
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told)
    assert odd.sent < TOO_MUCH / 2
    left = {path.name for path in Path().iterdir()}
    if code == 0:
        assert left == {case.name}
        assert Path(case.name).read_bytes() == BODY
    elif code == 5:
        assert not left
    else:
        assert left <= {f"{case.name}.part", f"{case.name}.part.json", "variants.part", "variants.part.json"}
        assert all(BODY.startswith(path.read_bytes()) for path in Path().glob("*.part"))


def test_no_more_than_was_promised_goes_down_a_pipe(capsysbinary: pytest.CaptureFixture[bytes]):
    with Odd(on("first", lambda _: chunked(endless(BODY[:50_000]), ETAG))) as odd:
        assert main(["fetch", odd.url, "-o", "-"]) == 5
    out, told = capsysbinary.readouterr()
    assert len(out) <= len(BODY)
    assert b"cannot be taken back" in told
