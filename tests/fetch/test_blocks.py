"""Several connections for one file: the same bytes, whatever breaks in whichever part."""

import random
import sys
from itertools import cycle, islice
from pathlib import Path
from subprocess import Popen

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from gateway.fetch import blocks, transfer
from tests.cutter import Cutter, Fate
from tests.examples import examples
from tests.fetch.stand import Stand
from tests.fetch.test_transfer import BODY, OTHER, fetch, leave_part, names
from tests.harness import until


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(blocks, "_BLOCK", 10_000)
    for name in ("_FIRST_PAUSE", "_JITTER", "_AFTER_PROGRESS", "_FIRST_POLL"):
        monkeypatch.setattr(transfer, name, 0.02)


def asked(stand: Stand) -> list[tuple[int, int]]:
    """First byte, and the one behind the last, of each part that was asked for, in order."""
    pairs = [str(each).removeprefix("bytes=").split("-") for each in stand.ranges_asked()]
    return sorted((int(first), int(last) + 1) for first, last in pairs)


@pytest.mark.parametrize("tickets", [True, False])
def test_every_byte_is_asked_for_once(*, tickets: bool):
    with Stand(BODY, tickets=tickets) as stand:
        assert fetch(stand.url, "--connections=4") == 0
        parts = asked(stand)
    assert Path("cohort.pgxseg").read_bytes() == BODY
    assert parts == [(at, at + 10_000) for at in range(0, len(BODY), 10_000)]


@examples(10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 12_000), max_size=60),
    held=st.integers(0, len(BODY)),
    connections=st.integers(2, 16),
)
def test_cuts_anywhere_are_resumed(cuts: list[int], held: int, connections: int):
    with Stand(BODY, cuts=cuts) as stand:
        leave_part(stand, BODY[:held])
        assert fetch(stand.url, f"--connections={connections}", "--overwrite") == 0
        assert all(first >= held for first, _ in asked(stand))
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_resets_of_the_network_are_survived():
    """Connections that are kept open for many parts end in the middle of one, without a word."""
    ways = random.Random(7)
    fates = (Fate("reset" if ways.random() < 0.5 else "close", ways.randrange(40_000)) for _ in range(60))
    with Stand(BODY) as stand, Cutter(("127.0.0.1", stand.port), islice(fates, 60)) as cutter:
        assert fetch(stand.url.replace(f":{stand.port}", f":{cutter.port}"), "--connections=5") == 0
        assert cutter.cut > 5
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_a_killed_run_is_gone_on_with_by_one_connection(tmp_path: Path):
    with Stand(BODY) as stand, Cutter(("127.0.0.1", stand.port), cycle([Fate("pass", rate=60_000)])) as slow:
        url = stand.url.replace(f":{stand.port}", f":{slow.port}")
        program = "from gateway.fetch import blocks; blocks._BLOCK = 10_000\nfrom gateway.cli import main; main()"
        run = Popen([sys.executable, "-c", program, "fetch", "--quiet", "--connections=3", url], cwd=tmp_path)
        part = tmp_path / "cohort.pgxseg.part"
        until(lambda: part.exists() and part.stat().st_size >= 30_000)
        run.kill()
        run.wait()
    held = part.read_bytes()
    assert held == BODY[: len(held)]
    with Stand(BODY) as stand:
        leave_part(stand, held)
        assert fetch(stand.url) == 0
        assert stand.ranges_asked() == [f"bytes={len(held)}-"]
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_a_server_that_gives_no_parts_is_asked_once_for_all():
    with Stand(BODY, ranges=False) as stand:
        assert fetch(stand.url, "--connections=3") == 0
        assert stand.ranges_asked()[-1] is None
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_what_is_being_made_is_followed_by_one_connection():
    def polled(stand: Stand) -> None:
        if stand.ranges_asked():
            stand.made = None

    with Stand(BODY, made=50_000, polled=polled, cuts=[100_000]) as stand:
        assert fetch(stand.url, "--connections=4") == 0
        first, *rest = stand.ranges_asked()
        assert first is None
        assert len(rest) > 4
    assert Path("cohort.pgxseg").read_bytes() == BODY


def test_parts_of_other_bytes_never_get_the_name():
    with Stand(OTHER, checksum="0" * 64) as stand:
        assert fetch(stand.url, "--connections=4") == 5
    assert names() == []


def test_data_that_changes_between_two_parts_is_fetched_anew(capsys: pytest.CaptureFixture[str]):
    with Stand(BODY) as stand:

        class Changing(list[int]):
            def pop(self, at: int = 0) -> int:  # type: ignore[override]
                stand.gone.add("d1")
                stand.digest, stand.body = "d2", OTHER
                return list.pop(self, at)

        stand.cuts = Changing([5_000])
        assert fetch(stand.url, "--connections=4") == 0
    assert "starting anew" in capsys.readouterr().err
    assert Path("cohort.pgxseg").read_bytes() == OTHER


def test_refusals_of_one_part_pass():
    busy = [(503, {"Retry-After": "0"}), (429, {"Retry-After": "0"}), (502, {})]
    with Stand(BODY, answers=busy * 3) as stand:
        assert fetch(stand.url, "--connections=8") == 0
    assert Path("cohort.pgxseg").read_bytes() == BODY


@pytest.mark.parametrize("number", ["0", "17", "x", "-1"])
def test_numbers_that_make_no_sense_are_refused(number: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        fetch("http://127.0.0.1:9/x", f"--connections={number}")
    assert "--connections" in capsys.readouterr().err
