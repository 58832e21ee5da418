"""`Last-Modified` of immutable addresses, conditions by date, and the tools that live by them."""

import os
import subprocess
import time
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import pytest

from gateway.web.messages import dates
from tests.harness import Answer, Gateway
from tests.web.conftest import Quick, complete, path_of

PATH = "/beacon/variants?filters=NCIT:C3262&output=pgxseg"
DAY = 86_400
OLD = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture(scope="module")
def address(kept: Gateway) -> str:
    return path_of(complete(kept, PATH))


@pytest.fixture(scope="module")
def whole(kept: Gateway, address: str) -> Answer:
    return kept.ask(address)


@pytest.fixture(scope="module")
def completed(whole: Answer) -> int:
    seconds = int(parsedate_to_datetime(whole.headers["Last-Modified"]).timestamp())
    assert time.time() - DAY < seconds <= time.time() + 1
    return seconds


def test_dates_as_http_has_them():
    assert dates.written(784111777) == OLD
    for text in (OLD, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", f"  {OLD}\t"):
        assert dates.read(text) == 784111777
    for text in (
        "",
        "0",
        OLD[:-4],
        OLD.replace("GMT", "+0100"),
        OLD.replace("06", "31"),
        OLD + ", " + OLD,
        OLD.lower(),
    ):
        assert dates.read(text) is None, text


def test_only_immutable_addresses_have_one(kept: Gateway, address: str, whole: Answer, completed: int):
    assert kept.ask(address, "HEAD").headers["Last-Modified"] == whole.headers["Last-Modified"]
    assert kept.ask(address + ".sha256").headers["Last-Modified"] == whole.headers["Last-Modified"]
    assert "Last-Modified" not in kept.ask(PATH).headers
    # There it would be that of another question, or of other data.
    later = formatdate(completed + DAY, usegmt=True)
    assert kept.ask(PATH, If_Modified_Since=later).status == 200
    assert kept.ask(PATH, If_Unmodified_Since=OLD).status == 200
    assert kept.ask(PATH, Range="bytes=5-9", If_Range=whole.headers["Last-Modified"]).status == 200


def test_conditions_by_date(kept: Gateway, address: str, whole: Answer, completed: int):
    etag, exact = whole.headers["ETag"], whole.headers["Last-Modified"]
    earlier, later = (formatdate(completed + days * DAY, usegmt=True) for days in (-1, 1))
    for method in ("GET", "HEAD"):
        for headers, status in (
            ({"If_Modified_Since": exact}, 304),
            ({"If_Modified_Since": later}, 304),
            ({"If_Modified_Since": earlier}, 200),
            ({"If_Modified_Since": "yesterday"}, 200),
            # ETags come first, whatever the date says.
            ({"If_Modified_Since": later, "If_None_Match": '"other"'}, 200),
            ({"If_Modified_Since": earlier, "If_None_Match": etag}, 304),
            ({"If_Unmodified_Since": exact}, 200),
            ({"If_Unmodified_Since": later}, 200),
            ({"If_Unmodified_Since": earlier}, 412),
            ({"If_Unmodified_Since": "yesterday"}, 200),
            ({"If_Unmodified_Since": earlier, "If_Match": etag}, 200),
            ({"If_Unmodified_Since": later, "If_Match": '"other"'}, 412),
        ):
            told = kept.ask(address, method, **headers)
            assert told.status == status, headers
            assert status != 304 or (told.headers["ETag"], told.body) == (etag, b"")
            assert method != "GET" or status != 200 or told.body == whole.body
    for if_range, status in ((exact, 206), (etag, 206), (earlier, 200), (later, 200), ("yesterday", 200)):
        part = kept.ask(address, Range="bytes=5-9", If_Range=if_range)
        assert (part.status, part.body) == (status, whole.body[5:10] if status == 206 else whole.body), if_range
    assert kept.ask(address, Range="bytes=5-9", If_Modified_Since=exact).status == 304
    assert kept.ask(address + ".sha256", If_Modified_Since=exact).status == 304
    assert kept.ask(address + ".sha256", If_Modified_Since=earlier).status == 200


def test_an_index_is_as_old_as_its_file(gateway: Gateway):
    address = path_of(complete(gateway, "/beacon/variants?filters=NCIT:C3058&output=vcf.gz"))
    date = gateway.ask(address).headers["Last-Modified"]
    for extension in (".tbi", ".csi"):
        for method in ("GET", "HEAD"):
            assert gateway.ask(address + extension, method).headers["Last-Modified"] == date
        assert gateway.ask(address + extension, If_Modified_Since=date).status == 304
        assert gateway.ask(address + extension, Range="bytes=0-1", If_Range=date).status == 206
        assert gateway.ask(address + extension, If_Unmodified_Since=OLD).status == 412
    assert "Last-Modified" not in gateway.ask("/beacon/variants/x.vcf.gz.tbi?filters=NCIT:C3058").headers


def test_what_is_made_again_is_no_newer(quick: Quick, tmp_path: Path):
    """What is kept of an export that gave way to others: the same bytes have the same date."""
    spool = tmp_path / "spool"
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=spool) as gateway:
        address = path_of(complete(gateway, PATH))
        first = gateway.ask(address)
    [note], [data] = spool.glob("*.sum"), spool.glob("*.data")
    os.utime(note)
    data.unlink()
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=spool) as gateway:
        complete(gateway, PATH)
        again = gateway.ask(address)
    assert (again.body, again.headers["Last-Modified"]) == (first.body, first.headers["Last-Modified"])


def wget(folder: Path, *arguments: str) -> str:
    line = ["wget", "-nv", "--tries=3", *arguments]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    return done.stderr


@pytest.mark.parametrize("way", [(), ("--no-if-modified-since",)], ids=["by condition", "by HEAD"])
def test_wget_mirrors(kept: Gateway, address: str, completed: int, tmp_path: Path, way: tuple[str, ...]):
    whole = kept.ask(address)
    file = tmp_path / address.rpartition("/")[2]
    assert "->" in wget(tmp_path, "-N", *way, kept.url + address)
    assert (file.read_bytes(), int(file.stat().st_mtime)) == (whole.body, completed)
    assert "->" not in wget(tmp_path, "-N", *way, kept.url + address)
    os.utime(file, (completed - DAY, completed - DAY))  # an older one is replaced
    assert "->" in wget(tmp_path, "-N", *way, kept.url + address)
    assert int(file.stat().st_mtime) == completed
    if way:  # and one that was cut, although it is newer: the lengths differ
        file.write_bytes(whole.body[:100])
        assert "->" in wget(tmp_path, "-N", *way, kept.url + address)
        assert file.read_bytes() == whole.body


def test_curl_asks_by_date(kept: Gateway, address: str, whole: Answer, completed: int, tmp_path: Path):
    file = tmp_path / "here"
    line = ["curl", "-fsS", "-R", "-o", str(file), "-w", "%{http_code}", "-z", str(file), kept.url + address]

    def status() -> str:
        return subprocess.run(line, capture_output=True, text=True, timeout=120, check=True).stdout

    assert status() == "200"
    assert (file.read_bytes(), int(file.stat().st_mtime)) == (whole.body, completed)
    assert status() == "304"
    assert file.read_bytes() == whole.body
    os.utime(file, (completed - DAY, completed - DAY))
    assert status() == "200"
