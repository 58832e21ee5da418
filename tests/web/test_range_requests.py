"""Ranges and conditions over real sockets, on complete exports, on running ones, and without a spool."""

import base64
import gzip
import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness import Answer, Gateway, until
from tests.web.conftest import PACED, Quick

PATH = "/beacon/variants?filters=NCIT:C3262&output=pgxseg"


@pytest.fixture(scope="module", params=["kept", "direct"])
def either(request: pytest.FixtureRequest, kept: Gateway, direct: Gateway) -> Gateway:
    return kept if request.param == "kept" else direct


@pytest.fixture(scope="module")
def whole(kept: Gateway) -> Answer:
    kept.ask(PATH)
    until(lambda: "Content-Length" in kept.ask(PATH, "HEAD").headers, what="a complete export")
    return kept.ask(PATH)


def test_a_complete_export_says_what_it_is(kept: Gateway, whole: Answer):
    head = kept.ask(PATH, "HEAD")
    digest = base64.b64encode(hashlib.sha256(whole.body).digest()).decode()
    for answer in (head, whole):
        assert answer.headers["Content-Length"] == str(len(whole.body))
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
        assert "Transfer-Encoding" not in answer.headers
    assert head.body == b""


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, None),
        ("bytes=1000-70000", 1000, 70_001),
        ("bytes=7000000-99999999", 7_000_000, None),
        ("bytes=-1", -1, None),
        ("bytes=-99999999", 0, None),
    ],
)
def test_a_range_is_that_part_of_the_whole(either: Gateway, whole: Answer, header: str, start: int, stop: int | None):
    part = either.ask(PATH, Range=header)
    assert part.status == 206
    assert part.body == whole.body[start:stop]
    size = len(whole.body)
    first = start % size if start else 0
    assert part.headers["Content-Range"] == f"bytes {first}-{first + len(part.body) - 1}/{size}"
    assert part.headers["Content-Length"] == str(len(part.body))
    assert part.headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-1,5-6"},
        {"Range": "rows=0-1"},
        {"Range": "bytes=5-4"},
        {"Range": "bytes=0-1", "If_Range": '"other"'},
        {"Range": "bytes=0-1", "If_Range": "Sun, 22 Nov 2026 23:40:52 GMT"},
    ],
)
def test_what_is_no_range_to_answer_is_the_whole(either: Gateway, whole: Answer, headers: dict[str, str]):
    answer = either.ask(PATH, Accept_Encoding="gzip", **headers)
    assert (answer.status, answer.body) == (200, whole.body)
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("header", ["bytes=END-", "bytes=-0", "bytes=99999999999999999999-"])
def test_behind_the_end_is_416_with_the_length(either: Gateway, whole: Answer, header: str):
    answer = either.ask(PATH, Range=header.replace("END", str(len(whole.body))))
    assert answer.status == 416 == answer.json["error"]["errorCode"]
    assert answer.headers["Content-Range"] == f"bytes */{len(whole.body)}"


def test_conditions_come_in_their_order(either: Gateway, whole: Answer):
    etag = whole.headers["ETag"]
    part = either.ask(PATH, Range="bytes=5-9", If_Range=etag)
    assert (part.status, part.body) == (206, whole.body[5:10])
    assert either.ask(PATH, Range="bytes=5-9", If_None_Match=f'"x", W/{etag}').status == 304
    assert either.ask(PATH, If_Match=etag, Range="bytes=5-9").status == 206
    assert either.ask(PATH, If_Match="*").status == 200
    for wrong in ('"x"', f"W/{etag}"):
        refused = either.ask(PATH, If_Match=wrong, If_None_Match=etag)
        assert refused.status == 412 == refused.json["error"]["errorCode"]
    weak = either.ask(PATH, Range="bytes=5-9", If_Range=f"W/{etag}")
    assert (weak.status, weak.body) == (200, whole.body)
    assert either.ask(PATH, "HEAD", Range="bytes=5-9").status == 200


def test_ranges_of_a_post_are_left_out(kept: Gateway):
    body = {"query": {"filters": [{"id": "NCIT:C3262"}]}}
    path = "/beacon/g_variants?output=pgxseg"
    answers = [kept.ask(path, "POST", body), kept.ask(path, "POST", body, Range="bytes=5-9")]
    assert answers[0].status == answers[1].status == 200
    assert answers[0].body == answers[1].body


def test_compressed_on_the_way_and_packed(either: Gateway, whole: Answer):
    coded = either.ask(PATH, Accept_Encoding="gzip")
    assert gzip.decompress(coded.body) == whole.body
    assert "Content-Length" not in coded.headers
    assert "Repr-Digest" not in coded.headers
    packed = either.ask(PATH + ".gz", Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == whole.body
    part = either.ask(PATH + ".gz", Range="bytes=100-", If_Range=packed.headers["ETag"])
    assert (part.status, part.body) == (206, packed.body[100:])


def test_pages_have_no_ranges(kept: Gateway):
    path = "/beacon/g_variants?filters=NCIT:C3262&limit=2"
    answer = kept.ask(path, Range="bytes=0-4")
    assert answer.status == 200
    assert len(answer.json["response"]["resultSets"][0]["results"]) == 2
    assert "Accept-Ranges" not in answer.headers


def test_an_empty_selection_is_an_export_too(either: Gateway):
    path = "/beacon/variants?biosampleIds=nobody&output=jsonl"
    answer = either.ask(path)
    assert (answer.status, answer.body) == (200, b"")
    assert either.ask(path, Range="bytes=0-").status == 416
    assert either.ask(path, Range="bytes=-5").status == 416


def test_a_range_waits_for_the_end_of_the_pass(quick: Quick, paced: bytes, tmp_path: Path):
    """Also the first request of all: it starts the pass."""
    with Gateway(*quick.arguments, log=tmp_path / "log", slice_rows=1000) as slow:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(slow.ask, PACED, Range="bytes=1000-1999")
            with slow.open(PACED) as following:
                assert b"chunked" in following.recv(2000)
                tail = slow.ask(PACED, Range="bytes=-7")
        assert (first.result().status, first.result().body) == (206, paced[1000:2000])
        assert (tail.status, tail.body) == (206, paced[-7:])
        until(lambda: slow.log.count("gateway.flow pass ") == 1, what="a line in the log")


@pytest.mark.parametrize("client", ["curl", "wget"])
@pytest.mark.parametrize("have", [1, 7_000_000])
def test_common_clients_resume(either: Gateway, whole: Answer, tmp_path: Path, client: str, have: int):
    assert shutil.which(client), f"{client} is not installed"
    target = tmp_path / "file"
    target.write_bytes(whole.body[:have])
    command = {
        "curl": ["curl", "-sSf", "-C", "-", "-o", str(target), either.url + PATH],
        "wget": ["wget", "-q", "-c", "-O", str(target), either.url + PATH],
    }[client]
    subprocess.run(command, check=True, timeout=60)
    assert target.read_bytes() == whole.body
