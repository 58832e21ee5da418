"""The command line as a user types it: every command in a process of its own."""

import gzip
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway import __version__
from gateway.demo.store import Store
from tests.harness import Gateway, free_port

Client = MongoClient[dict[str, Any]]


def run(*arguments: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def test_version_names_the_engine():
    done = run("--version")
    assert done.stdout.startswith(f"pgx-gateway {__version__} (")
    assert done.stdout.strip().endswith(" engine)")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["serve", "--port", "x"], "--port 'x'"),
        (["serve", "--datasets", "admin"], "--datasets 'admin'"),
        (["serve", "--mongo-uri", "http://user:secret@host"], "--mongo-uri"),
        (["export", "/beacon/variants?filters=x", "-o", "f", "--retry-window", "-1"], "--retry-window"),
        (["export", "/beacon/variants?filters=x", "-o", "f", "--workers", "2"], "unrecognized arguments: --workers"),
    ],
)
def test_wrong_settings_are_named(arguments: Sequence[str], named: str):
    done = run(*arguments)
    assert done.returncode == 2
    assert named in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "path",
    [
        "/beacon/biosamples/?filters=NCIT:C3058&method=callsetsvariants",
        "/beacon/variants?filters=NCIT:C3058&output=jsonl",
        "/services/pgxsegvariants?allData=true&datasetIds=flat",
    ],
)
def test_export_writes_what_the_server_sends(gateway: Gateway, store: Store, tmp_path: Path, path: str):
    target = tmp_path / "out"
    done = run("export", path, "-o", target, "--mongo-uri", store.uri, "--datasets", "demo,flat")
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == gateway.ask(path).body
    assert list(tmp_path.iterdir()) == [target]


def test_export_that_fails_leaves_no_file(store: Store, tmp_path: Path):
    for query, uri in (
        ("/beacon/variants?output=pgxseg", store.uri),
        ("/beacon/variants?filters=x&output=nonsense", store.uri),
        (
            "/beacon/variants?filters=x&output=pgxseg",
            f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=200",
        ),
    ):
        done = run("export", query, "-o", tmp_path / "out", "--mongo-uri", uri, "--datasets", "demo")
        assert done.returncode == 1
        assert done.stderr.strip().splitlines()[-1].startswith("pgx-gateway: ")
        assert "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []


SEGMENTS = """#meta=>id=example
# sample=>biosample_id=s-1;histological_diagnosis_id=NCIT:C3058;histological_diagnosis_label="Glioblastoma"
biosample_id\treference_name\tstart\tend\tlog2\tvariant_type\treference_bases\talternate_bases
s-1\t9\t21500001\t21967753\t-1.25\tDEL\t.\t.
s-1\tchr17\t7577120\t7577121\t.\tSNV\tG\tA
s-2\t7\t55000000\t55200000\t0.58\tDUP\t.\t.
"""


def test_import_serves_what_went_in(store: Store, mongo: Client, tmp_path: Path):
    file = tmp_path / "segments.pgxseg.gz"
    file.write_bytes(gzip.compress(SEGMENTS.encode()))
    arguments = ("import", file, "--mongo-uri", store.uri, "--dataset", "imported")
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "3 variants of 2 biosamples" in done.stdout
    version = mongo["imported"].dataversion.find_one()
    assert run(*arguments).returncode == 0
    assert mongo["imported"].dataversion.find_one() == version
    with Gateway(store.uri, ["imported"], log=tmp_path / "log") as gateway:
        answer = gateway.ask("/services/pgxsegvariants?allData=true")
        assert [line.split("\t")[:8] for line in answer.rows] == [
            ["s-1", "9", "21500001", "21967753", "-1.25", "DEL", ".", "."],
            ["s-1", "17", "7577120", "7577121", ".", "SNV", "G", "A"],
            ["s-2", "7", "55000000", "55200000", "0.58", "DUP", ".", "."],
        ]
        assert answer.samples[0]["histological_diagnosis_label"] == "Glioblastoma"
        assert gateway.ask("/services/pgxsegvariants?filters=NCIT:C3058").samples == answer.samples[:1]


def test_import_names_file_and_line_of_what_is_malformed(store: Store, mongo: Client, tmp_path: Path):
    file = tmp_path / "bad.pgxseg"
    file.write_text(SEGMENTS + "s-3\t9\tnowhere\t5\t.\tDEL\t.\t.\n")
    arguments = ("import", file, "--mongo-uri", store.uri, "--dataset", "malformed")
    done = run(*arguments)
    assert done.returncode == 1
    assert "bad.pgxseg" in done.stderr
    assert "7" in done.stderr
    assert "nowhere" in done.stderr
    assert mongo["malformed"].variants.count_documents({}) == 0
    skipped = run(*arguments, "--skip-bad")
    assert skipped.returncode == 0
    assert "1 malformed line" in skipped.stdout
    assert mongo["malformed"].variants.count_documents({}) == 3


@pytest.mark.timeout(90)
def test_demo_serves_keeps_its_data_and_stops_cleanly(tmp_path: Path):
    command = [
        sys.executable,
        "-m",
        "gateway",
        "demo",
        "--samples",
        "8",
        "--path",
        str(tmp_path / "demo"),
        "--port",
        "0",
    ]
    bodies = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
            assert demo.stdout is not None
            lines = [demo.stdout.readline() for _ in range(9)]
            page, *urls = [line.strip() for line in lines if line.strip().startswith("http")]
            assert len(urls) == 3, lines
            with urllib.request.urlopen(page) as answer:
                assert answer.headers.get_content_type() == "text/html"
            for url in urls:
                with urllib.request.urlopen(url) as answer:
                    bodies.append(answer.read().replace(url.encode(), b""))
            demo.send_signal(signal.SIGINT)
            assert demo.wait(60) == 0
            assert "Traceback" not in demo.stderr.read()
    assert bodies[0] == bodies[3]
    assert bodies[2] == bodies[5]


def test_export_to_standard_output_and_to_what_is_no_file(store: Store, gateway: Gateway, tmp_path: Path):
    path = "/services/pgxsegvariants?filters=NCIT:C3058,nonsense&filterLogic=OR"
    expected = gateway.ask(path).body
    command = [sys.executable, "-m", "gateway", "export", path, "--mongo-uri", store.uri, "--datasets", "demo", "-o"]
    piped = subprocess.run([*command, "-"], capture_output=True, timeout=60, check=True)
    assert piped.stdout == expected
    assert b"warning: " in piped.stderr
    link, behind = tmp_path / "link", tmp_path / "behind"
    behind.write_bytes(b"old")
    link.symlink_to(behind)
    subprocess.run([*command, str(link)], capture_output=True, timeout=60, check=True)
    assert link.is_symlink()
    assert behind.read_bytes() == expected
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([*command, str(pipe)], stderr=subprocess.DEVNULL) as export:
        assert pipe.read_bytes() == expected
        assert export.wait(60) == 0


def test_an_address_that_is_taken_is_said_in_words(gateway: Gateway, store: Store):
    for command in (["serve", "--mongo-uri", store.uri], ["demo"]):
        done = run(*command, "--port", gateway.port)
        assert done.returncode == 1
        assert f"cannot listen on 127.0.0.1:{gateway.port}" in done.stderr
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr


def test_skipping_pages_of_no_length_is_refused(gateway: Gateway):
    for query in ("output=pgxseg&skip=1", "limit=0&skip=1", "output=jsonl&limit=0&skip=2"):
        answer = gateway.ask(f"/beacon/variants?filters=NCIT:C3058&{query}")
        assert answer.status == 400
        assert "skip" in answer.json["error"]["errorMessage"]


@pytest.mark.parametrize("command", ["import", "export", "fetch"])
def test_a_reader_that_leaves_is_no_error_worth_a_line(
    command: str, gateway: Gateway, store: Store, mongo: Client, tmp_path: Path
):
    file, path = tmp_path / "some.pgxseg", "/beacon/variants?filters=NCIT:C3058&output=pgxseg"
    file.write_text(SEGMENTS)
    arguments = {
        "import": [file, "--mongo-uri", store.uri, "--dataset", "unread"],
        "export": [path, "-o", "-", "--mongo-uri", store.uri, "--datasets", "demo"],
        "fetch": [gateway.url + path, "-o", "-", "--quiet"],
    }[command]
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "gateway", command, *map(str, arguments)]
    done = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert done.returncode == 141
    assert not re.search("pipe|pgx-gateway:|Traceback", done.stderr), done.stderr
    assert command != "import" or mongo["unread"].variants.count_documents({}) == 3


INTERRUPTED = """
import runpy, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == "gateway.cli.command_line":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize(
    "start", ["runpy.run_module('gateway', run_name='__main__')", "from gateway.cli import main; sys.exit(main())"]
)
def test_ctrl_c_during_the_start_is_no_traceback(start: str):
    command = [sys.executable, "-c", INTERRUPTED + start, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (130, "")
