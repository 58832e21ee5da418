"""Tickets: what they say, what their commands do, and who has none."""

import hashlib
import subprocess
import time
from pathlib import Path

import pytest

from tests.harness import Gateway
from tests.web.conftest import BIG, PACED, SMALL, Quick, complete, path_of

PATH = "/beacon/variants?filters=NCIT:C3058&output=pgxseg"


def test_a_ticket_leads_to_the_bytes(kept: Gateway, big: bytes):
    done = complete(kept, BIG)
    said, sha = done.json, hashlib.sha256(big).hexdigest()
    assert done.headers["Cache-Control"] == "no-store"
    assert (said["size"], said["bytes"], said["sha256"]) == (len(big), len(big), sha)
    assert said["rows"] == 100_000
    assert said["expected"] == {"samples": 400, "variants": 100_000}
    assert said["query"] == kept.url + BIG
    assert (said["etag"], said["mediaType"]) == (f'"{said["digest"]}"', "text/plain; charset=utf-8")
    assert set(said["commands"]) == {"wget", "curl", "aria2c", "R", "python", "fetch"}
    assert all(said["address"] in command for command in said["commands"].values())
    data, live = kept.ask(path_of(done)), kept.ask(BIG)
    assert data.body == live.body == big
    assert data.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert data.headers["ETag"] == live.headers["ETag"] == said["etag"]
    assert data.headers["Content-Disposition"] == f'attachment; filename="{said["name"]}"'
    assert kept.ask(path_of(done), Range="bytes=-3").body == big[-3:]
    assert kept.ask(path_of(done, "sha256Address")).text == f"{sha}  {said['name']}\n"
    assert kept.ask(BIG + "&ticket=TRUE").json["state"] == "complete"
    assert kept.ask(BIG + "&ticket=false").body == big


def test_the_commands_of_a_ticket_work(kept: Gateway, tmp_path: Path):
    done = complete(kept, SMALL)
    for name in ("wget", "curl", "python"):
        command = done.json["commands"][name]
        folder = tmp_path / name
        folder.mkdir()
        arguments = ["python3", "-c", command] if name == "python" else ["sh", "-c", command]
        subprocess.run(arguments, cwd=folder, check=True, capture_output=True, timeout=60)
        assert hashlib.sha256((folder / done.json["name"]).read_bytes()).hexdigest() == done.json["sha256"]


@pytest.mark.parametrize("name", ["wget", "curl"])
@pytest.mark.parametrize("held", [1000, None], ids=["a part", "all"])
def test_the_commands_of_a_ticket_may_be_given_again(kept: Gateway, tmp_path: Path, name: str, held: int | None):
    """Also where nothing is left to do, which a server has to answer with 416."""
    done = complete(kept, SMALL)
    file = tmp_path / done.json["name"]
    file.write_bytes(kept.ask(path_of(done)).body[:held])
    command = ["sh", "-c", done.json["commands"][name]]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == done.json["sha256"]


@pytest.mark.parametrize("name", ["wget", "curl", "aria2c"])
def test_what_is_joined_to_another_file_of_the_name_is_told(kept: Gateway, tmp_path: Path, name: str):
    done = complete(kept, SMALL)
    (tmp_path / done.json["name"]).write_bytes(b"#meta=>id=another\n" * 10)
    command = ["sh", "-c", done.json["commands"][name]]
    ended = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, timeout=60)
    found = hashlib.sha256((tmp_path / done.json["name"]).read_bytes()).hexdigest()
    assert ended.returncode != 0 or (name == "aria2c" and found == done.json["sha256"])  # which begins anew


def test_the_curl_command_fails_where_the_export_is_gone(kept: Gateway, tmp_path: Path):
    command = complete(kept, SMALL).json["commands"]["curl"].replace("/exports/", "/exports/00")
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False, capture_output=True, timeout=60)
    assert done.returncode != 0
    assert not list(tmp_path.iterdir())


def test_a_ticket_drives_a_progress_display(quick: Quick, paced: bytes, tmp_path: Path):
    """Two workers: the one that answers is often not the one that works."""
    with Gateway(*quick.arguments, log=tmp_path / "log", slice_rows=500, workers=2) as gateway:
        issued = gateway.ask(PACED + "&ticket=true")
        assert issued.json["state"] == "producing"
        seen = []
        while not seen or seen[-1]["state"] == "producing":
            seen.append(gateway.ask(path_of(issued, "self")).json)
            time.sleep(0.05)
        assert seen[-1]["sha256"] == hashlib.sha256(paced).hexdigest()
        sizes = [state["bytes"] for state in seen]
        assert sizes == sorted(sizes)
        assert len(set(sizes)) > 3
        assert gateway.ask(path_of(issued)).body == paced


def test_a_posted_query_has_a_ticket(gateway: Gateway):
    body = {"query": {"filters": [{"id": "NCIT:C3058"}], "pagination": {"limit": 0}}}
    issued = gateway.ask("/beacon/g_variants?output=pgxseg&ticket=true", "POST", body)
    assert issued.status == 200
    assert issued.json["query"] is None
    assert gateway.ask(path_of(issued)).body == gateway.ask("/beacon/g_variants?output=pgxseg", "POST", body).body


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        (PATH + "&ticket=banana", 400, "ticket"),
        (PATH + "&limit=5&ticket=true", 400, "ticket"),
        ("/beacon/g_variants?filters=NCIT:C3058&ticket=true", 400, "ticket"),
        ("/beacon/g_variants?filters=NCIT:C3058&output=docx&ticket=true", 406, "output"),
        ("/exports/" + "0" * 40, 404, "no such export"),
        ("/exports/" + "0" * 40 + "/name", 404, "no such export"),
        ("/exports/..%2f..%2fetc%2fpasswd", 404, ""),
        ("/exports/x/y", 404, ""),
    ],
)
def test_what_has_no_ticket(gateway: Gateway, path: str, status: int, word: str):
    answer = gateway.ask(path)
    assert answer.status == status == answer.json["error"]["errorCode"]
    assert word in answer.json["error"]["errorMessage"]


def test_an_export_has_one_name(kept: Gateway):
    address = path_of(complete(kept, SMALL))
    for wrong in (address + "x", address.rpartition("/")[0] + "/other.pgxseg", address + ".sha256.sha256"):
        assert kept.ask(wrong).status == 404
