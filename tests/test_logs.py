"""Log lines: whatever is logged, a record is one line, bounded, without control characters and secrets."""

import io
import json
import logging
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.logs import _Json, _Text, fields, request_id, safe_id

TEXT, JSON = _Text(), _Json()
ANYTHING = st.text() | st.text(st.characters(max_codepoint=0x9F))


def record(message: str, *arguments: object, error: BaseException | None = None, **said: object) -> logging.LogRecord:
    made = logging.LogRecord(
        "gateway.web", logging.INFO, "f", 1, message, arguments, error and (type(error), error, None)
    )
    made.__dict__ |= fields(**said)
    return made


@given(ANYTHING, ANYTHING, st.integers() | st.floats() | st.booleans() | st.none())
def test_a_record_is_a_line(message: str, value: str, number: object):
    one = record("%s", message, value=value, number=number, error=ValueError(value))
    line, *traceback = TEXT.format(one).split("\n")
    assert line.isprintable()
    assert all(rest.startswith("    ") and rest.isprintable() for rest in traceback)
    text = JSON.format(one)
    assert text.isascii()
    assert text.isprintable()
    told = json.loads(text)
    assert {"time", "level", "logger", "process", "message", "value", "traceback"} <= told.keys()
    if not isinstance(number, float):
        assert told.get("number") == number
    elif math.isfinite(number):
        assert told["number"] == pytest.approx(number, abs=1e-6)
    else:
        assert told["number"] == str(number)  # JSON has no such number


def test_text_reads_as_keys_and_values():
    token = request_id.set("r-1")
    try:
        line = TEXT.format(record("removed", file="a.vcf.gz", bytes=12, seconds=0.25, why='no "room"', nothing=None))
        told = json.loads(JSON.format(record("removed", file="a.vcf.gz", bytes=12, seconds=0.25)))
    finally:
        request_id.reset(token)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO gateway.web removed .*", line)
    assert line.endswith(r'removed request_id=r-1 file=a.vcf.gz bytes=12 seconds=0.25 why="no \"room\""')
    assert [told[name] for name in ("level", "request_id", "file", "bytes", "seconds")] == [
        *("info", "r-1", "a.vcf.gz", 12, 0.25)
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "cannot reach mongodb://reader:geheim@db:27017/x",
        "mongodb+srv://reader:ge@heim/geheim@db/?tls=true",
        "Authorization: Bearer geheim.geheim",
        "authorization='bearer geheim'",
        "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnZWhlaW0ifQ.c2lnbmF0dXJl was refused",
    ],
)
def test_secrets_are_struck_out(secret: str):
    for form in (TEXT, JSON):
        line = form.format(record(secret, value=secret, error=ValueError(secret)))
        assert not re.search("geheim|heim|eyJ", line)
        assert line.count("***") == 3


def test_lines_are_bounded():
    long = "\x1b" * 1_000_000
    for form in (TEXT, JSON):
        assert len(form.format(record(long, value=long, error=ValueError(long)))) < 200_000
    assert len(JSON.format(record("x" * 1_000_000, value="y" * 1_000_000))) < 4_000


@pytest.mark.parametrize("good", ["a", "0f3b", "A-1_b.2", "123e4567-e89b-12d3-a456-426614174000", "x" * 64])
def test_ids_that_are_taken(good: str):
    assert safe_id(good)


@pytest.mark.parametrize("bad", ["", "-a", "a b", "a\n", "é", "x" * 65, '"', "a=b", "\x00", "../x"])
def test_ids_that_are_not(bad: str):
    assert not safe_id(bad)


def test_a_file_of_settings_may_state_the_form(tmp_path: Path):
    (tmp_path / "gateway.toml").write_text('log_format = "json"\nmongo_uri = "mongodb://127.0.0.1:9"\n')
    command = ["export", "/beacon/variants?filters=x", "-o", "-", "--config", str(tmp_path / "gateway.toml")]
    done = subprocess.run([sys.executable, "-m", "gateway", *command], capture_output=True, text=True, check=False)
    *lines, failed = done.stderr.splitlines()
    assert failed.startswith("pgx-gateway: ")
    assert json.loads(lines[-1])["logger"] == "gateway.db"


def test_nothing_is_lost_of_what_others_log():
    """Records of other libraries have no fields, and arguments of their own."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TEXT)
    log = logging.getLogger("asyncio.test")
    log.addHandler(handler)
    log.error("Task exception was never retrieved\nfuture: %r", "x\ty", exc_info=ZeroDivisionError("division by zero"))
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith(r"ERROR asyncio.test Task exception was never retrieved future: 'x\ty'")
    assert rest == ["    ZeroDivisionError: division by zero"]
