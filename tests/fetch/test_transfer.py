"""A fetch against servers that behave in every way: the right bytes under the name, or no file and an exit code."""

import fcntl
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from gateway.cli.command_line import main
from gateway.fetch import transfer
from gateway.fetch.errors import FetchError
from gateway.fetch.part import Part
from tests.cutter import Cutter, Fate
from tests.fetch.stand import Stand
from tests.harness import until

BODY = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(200_000)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("_FIRST_PAUSE", "_JITTER", "_AFTER_PROGRESS", "_FIRST_POLL"):
        monkeypatch.setattr(transfer, name, 0.02)
    return tmp_path


def fetch(url: str, *options: str) -> int:
    return main(["fetch", url, "--give-up=20", *options])


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def leave_part(stand: Stand, data: bytes, *, name: str = "cohort.pgxseg", **card: str) -> None:
    """What an earlier run that was killed left behind."""
    Path(f"{name}.part").write_bytes(data)
    Path(f"{name}.part.json").write_text(json.dumps({"source": stand.address, "etag": f'"{stand.digest}"', **card}))


@pytest.mark.parametrize("tickets", [True, False])
def test_a_file_gets_its_name_when_it_is_whole(capsys: pytest.CaptureFixture[str], *, tickets: bool):
    with Stand(BODY, tickets=tickets) as stand:
        assert fetch(stand.url) == 0
    assert names() == ["cohort.pgxseg"]
    assert Path("cohort.pgxseg").read_bytes() == BODY
    told = capsys.readouterr().err
    assert (hashlib.sha256(BODY).hexdigest() in told) == tickets
    assert ("no checksum" in told) != tickets


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("tickets", [True, False])
def test_cuts_are_resumed(*, tickets: bool, ranges: bool):
    with Stand(BODY, tickets=tickets, ranges=ranges, cuts=[100_000, 150_000, 0, 250_000]) as stand:
        assert fetch(stand.url, "-o", "out") == 0
        assert len(stand.ranges_asked()) >= 4
    assert names() == ["out"]
    assert Path("out").read_bytes() == BODY


def test_what_an_earlier_run_left_is_gone_on_with():
    with Stand(BODY) as stand:
        leave_part(stand, BODY[:123_456])
        assert fetch(stand.url) == 0
        assert stand.ranges_asked() == ["bytes=123456-"]
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_a_part_that_is_whole_already_needs_its_name_only():
    with Stand(BODY) as stand:
        leave_part(stand, BODY)
        assert fetch(stand.url) == 0
        assert stand.ranges_asked() == []
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_whole_already_without_tickets_is_a_range_that_cannot_be_satisfied():
    with Stand(BODY, tickets=False) as stand:
        leave_part(stand, BODY, source=stand.url)
        assert fetch(stand.url) == 0
        assert stand.ranges_asked()[-1] == "bytes=300000-"
    assert Path("cohort.pgxseg").read_bytes() == BODY


@pytest.mark.parametrize(
    "card", [{"etag": '"older"'}, {"source": "http://elsewhere/exports/d1/cohort.pgxseg"}, {"etag": "\0"}]
)
def test_parts_of_something_else_are_not_gone_on_with(card: dict[str, str]):
    with Stand(BODY) as stand:
        leave_part(stand, OTHER[:1000], **card)
        assert fetch(stand.url) == 0
        assert stand.ranges_asked() == [None]
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_begun_anew():
    for tickets in (True, False):
        with Stand(BODY, tickets=tickets) as stand:
            leave_part(stand, BODY + b"more", name="out", source=stand.address if tickets else stand.url)
            assert fetch(stand.url, "-o", "out", "--overwrite") == 0
        assert Path("out").read_bytes() == BODY


def test_wrong_bytes_never_get_the_name(capsys: pytest.CaptureFixture[str]):
    with Stand(BODY, checksum="0" * 64) as stand:
        assert fetch(stand.url) == 5
    assert "SHA-256" in capsys.readouterr().err
    assert names() == []


def test_a_part_that_was_tampered_with_is_found_out():
    with Stand(BODY) as stand:
        leave_part(stand, b"x" * 1000)
        assert fetch(stand.url) == 5
        assert names() == []
        assert fetch(stand.url) == 0
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_an_export_in_the_making_is_followed_then_its_rest_waited_for():
    """Cut in mid-pass: a range is asked for only when the server is through, so that nothing is silent."""

    def polled(stand: Stand) -> None:
        if stand.made is not None and len(stand.ranges_asked()) == 1:
            stand.made = stand.made + 100_000 if stand.made < len(BODY) else None

    with Stand(BODY, made=50_000, cuts=[120_000], polled=polled) as stand:
        assert fetch(stand.url) == 0
        first, rest = stand.ranges_asked()
        assert first is None
        # A reset may lose what was on its way.
        assert 0 < int(str(rest).removeprefix("bytes=").removesuffix("-")) <= 120_000
        assert sum("ticket" in path for _, path, _ in stand.requests) >= 4
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_the_checksum_of_what_was_followed_is_asked_for_at_its_end(capsys: pytest.CaptureFixture[str]):
    def polled(stand: Stand) -> None:
        if len(stand.ranges_asked()) == 1:
            stand.made = None

    for checksum, code in ((None, 0), ("1" * 64, 5)):
        Path("cohort.pgxseg").unlink(missing_ok=True)
        with Stand(BODY, made=1, polled=polled, checksum=checksum) as stand:
            assert fetch(stand.url) == code
    assert hashlib.sha256(BODY).hexdigest() in capsys.readouterr().err


@pytest.mark.parametrize("tickets", [True, False])
def test_data_that_changes_in_mid_way_is_fetched_anew(*, tickets: bool, capsys: pytest.CaptureFixture[str]):
    with Stand(BODY, tickets=tickets, cuts=[100_000]) as stand:
        answer = stand.ranges_asked

        class Changing(list[int]):
            def pop(self, at: int = 0) -> int:  # type: ignore[override]
                stand.gone.add(stand.digest)
                stand.digest, stand.body = "d2", OTHER
                return list.pop(self, at)

        stand.cuts = Changing([100_000])
        assert fetch(stand.url) == 0
        assert answer()[0] is None
    assert "starting anew" in capsys.readouterr().err
    assert Path("cohort.pgxseg").read_bytes() == OTHER


def test_an_immutable_address_gives_its_own_bytes_or_none():
    with Stand(BODY) as stand:
        assert fetch(stand.address) == 0
        assert Path("cohort.pgxseg").read_bytes() == BODY
        stand.gone.add("d1")
        assert fetch(stand.address, "-o", "second") == 3
    assert names() == ["cohort.pgxseg"]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([(503, {"Retry-After": "0"}), (502, {}), (429, {"Retry-After": "0"})], 0),
        ([(500, {"Retry-After": "0"})], 0),
        ([(500, {})], 1),
        ([(404, {})], 3),
        ([(403, {})], 3),
        ([(206, {"Content-Range": "bytes 0-9/10"})], 1),
        ([(200, {"Content-Encoding": "gzip"})], 1),
    ],
)
def test_what_passes_is_waited_for_and_what_does_not_is_said(answers: list[tuple[int, dict[str, str]]], code: int):
    with Stand(BODY, answers=answers) as stand:
        assert fetch(stand.url) == code
    assert names() == (["cohort.pgxseg"] if code == 0 else [])


def test_gives_up_without_progress_and_keeps_what_it_has(capsys: pytest.CaptureFixture[str]):
    with Stand(BODY, cuts=[1000, *[0] * 50]) as stand:
        assert main(["fetch", stand.url, "--give-up=1"]) == 4
        assert "no progress" in capsys.readouterr().err
        assert Path("cohort.pgxseg.part").read_bytes() == BODY[:1000]
        stand.cuts.clear()
        assert fetch(stand.url) == 0
        assert stand.ranges_asked()[-1] == "bytes=1000-"
    assert names() == ["cohort.pgxseg"]


def test_a_server_that_makes_nothing_is_given_up():
    with Stand(BODY, made=5) as stand:
        leave_part(stand, BODY[:1000])
        assert main(["fetch", stand.url, "--give-up=1"]) == 4


def test_nobody_there_is_given_up(capsys: pytest.CaptureFixture[str]):
    assert main(["fetch", "http://127.0.0.1:9/beacon/variants?filters=x", "--give-up=1", "--quiet"]) == 4
    assert capsys.readouterr().err.endswith("ended so: cannot connect to 127.0.0.1:9: Connection refused\n")
    assert names() == []


def test_an_end_that_looks_like_a_break_is_trusted_at_a_size_that_was_stated_alone():
    with Stand(BODY, tickets=False, closing=True) as stand:
        assert fetch(stand.url) == 1
    assert not Path("cohort.pgxseg").exists()
    with Stand(BODY, closing=True, cuts=[1000]) as stand:
        assert fetch(stand.url, "--overwrite") == 0
        assert stand.ranges_asked() == [None, "bytes=1000-"]
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_an_existing_file_is_left_alone_unless_told(capsys: pytest.CaptureFixture[str]):
    with Stand(BODY) as stand:
        Path("out").write_bytes(b"mine")
        assert fetch(stand.url, "-o", "out") == 1
        assert "--overwrite" in capsys.readouterr().err
        assert Path("out").read_bytes() == b"mine"
        assert fetch(stand.url, "-o", "out", "--overwrite") == 0
        assert fetch(stand.url, "-o", "out") == 0
        assert "there already" in capsys.readouterr().err
        assert len(stand.ranges_asked()) == 1
    assert names() == ["out"]


def test_overwriting_leaves_the_right_bytes_alone(capsys: pytest.CaptureFixture[str]):
    out = Path("out")
    for held, requests in ((BODY, 0), (BODY[:-1], 1), (BODY[:-1] + b"?", 1), (BODY + b"?", 1), (b"", 1), (OTHER, 1)):
        out.write_bytes(held)
        before = out.stat()
        with Stand(BODY) as stand:
            assert fetch(stand.url, "-o", "out", "--overwrite") == 0
            assert len(stand.ranges_asked()) == requests, held[-5:]
        assert out.read_bytes() == BODY
        assert (out.stat().st_mtime_ns == before.st_mtime_ns) is (held == BODY)
        assert ("there already" in capsys.readouterr().err) is (held == BODY)
    assert names() == ["out"]


def test_overwriting_waits_for_what_is_compared():
    def polled(stand: Stand) -> None:
        stand.made = None if stand.made is None or stand.made > 1000 else stand.made + 1000

    for held, requests in ((BODY, 0), (OTHER, 1), (b"short", 1)):
        Path("out").write_bytes(held)
        with Stand(BODY, made=500, polled=polled) as stand:
            assert fetch(stand.url, "-o", "out", "--overwrite") == 0
            assert len(stand.ranges_asked()) == requests
        assert Path("out").read_bytes() == BODY


def test_overwriting_what_has_no_checksum_loads_it():
    Path("out").write_bytes(BODY)
    with Stand(BODY, checksum="") as stand:
        assert fetch(stand.url, "-o", "out", "--overwrite") == 0
        assert len(stand.ranges_asked()) == 1


def test_folders_links_and_devices():
    with Stand(BODY) as stand:
        Path("folder").mkdir()
        assert fetch(stand.url, "-o", "folder") == 0
        assert Path("folder/cohort.pgxseg").read_bytes() == BODY
        Path("real").touch()
        Path("link").symlink_to("real")
        assert fetch(stand.url, "-o", "link", "--overwrite") == 0
        assert Path("link").is_symlink()
        assert Path("real").read_bytes() == BODY
        assert fetch(stand.url, "-o", os.devnull) == 0
        assert fetch(stand.url, "-o", "no/such/folder") == 1
        assert fetch(stand.url, "-o", "new/") == 0
        assert Path("new/cohort.pgxseg").read_bytes() == BODY
        for wrong in ("real/", "no/such/"):
            assert fetch(stand.url, "-o", wrong) == 1


def test_two_at_once_do_not_write_the_same_file():
    with Stand(BODY) as stand:
        held = Part(Path("cohort.pgxseg"))
        assert fetch(stand.url) == 1
        held.close()
        assert fetch(stand.url) == 0


def test_names_of_servers_stay_in_the_folder():
    for name in ("../../evil", "/etc/evil", "..\\evil", ".evil"):
        with Stand(BODY, tickets=False, name=name.replace("\\", "\\\\")) as stand:
            assert fetch(stand.url, "--overwrite") == 0
    assert names() == ["evil"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_is_gone_on_with_by_the_next(number: signal.Signals):
    with Stand(BODY) as stand, Cutter(("127.0.0.1", stand.port), iter(lambda: Fate(rate=200_000), None)) as slow:
        url = stand.url.replace(str(stand.port), str(slow.port))
        # Where the tests run in the background of a script, Ctrl-C would be ignored, as it should be.
        command = ["env", "--default-signal=INT", sys.executable, "-m", "gateway", "fetch", url, "-o", "out"]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as run:
            part = Path("out.part")
            until(lambda: part.exists() and part.stat().st_size > 20_000, what="the first bytes")
            run.send_signal(number)
            _, told = run.communicate(timeout=60)
        assert run.returncode == (130 if number == signal.SIGINT else -number)
        assert "Traceback" not in told
        assert ("the same command goes on from there" in told) == (number == signal.SIGINT)
        assert names() == ["out.part", "out.part.json"]
        assert fetch(url, "-o", "out") == 0
        assert stand.ranges_asked()[-1] not in {None, "bytes=0-"}
    assert Path("out").read_bytes() == BODY
    assert names() == ["out"]


def test_a_file_that_another_fetch_has_finished_is_not_touched(monkeypatch: pytest.MonkeyPatch):
    """The other one ends between this one's opening of the part and its lock."""
    other = Part(Path("file")).resume("a", '"b"')
    other.add(BODY)
    lock = fcntl.flock

    def late(file: BinaryIO, how: int) -> None:
        monkeypatch.undo()
        other.finish()
        other.close()
        lock(file, how)

    path = Path("file").resolve()
    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(FetchError, match="another fetch"):
        Part(path).resume("a", '"c"')
    assert path.read_bytes() == BODY
