"""The spool behind the gateway: one pass for many, immutable addresses, and what outlives a process."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.harness import Answer, Gateway, free_port, until
from tests.web.conftest import BIG, PACED, SMALL, Quick, complete, path_of

Client = MongoClient[dict[str, Any]]
PATH = "/beacon/variants?filters=NCIT:C3058&output=pgxseg"


def remove(spool: Path, ticket: Answer) -> None:
    """Remove the data of an export, as a full spool would."""
    data = spool / f"{ticket.json['digest']}.data"
    until(data.exists, what="data")  # followers do not wait for the disk
    data.unlink()


def test_fifty_clients_over_two_workers_are_one_pass(quick: Quick, paced: bytes, tmp_path: Path):
    spool = tmp_path / "spool"
    settings: dict[str, Any] = {"slice_rows": 1000, "version_ttl": 3600, "workers": 2, "spool": spool}
    with Gateway(*quick.arguments, log=tmp_path / "log", **settings) as several:
        before = quick.finds
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(several.ask, [PACED] * 50))
        assert {(answer.body, answer.whole) for answer in answers} == {(paced, True)}
        together = quick.finds - before
        until(lambda: list(spool.glob("*.data")), what="a complete export")
        assert several.log.count("gateway.flow pass ") == 1
        assert several.log.count("outcome=complete") == 51
        for data in spool.glob("*.data"):
            data.unlink()
        before = quick.finds
        assert several.ask(PACED).body == paced
        alone = quick.finds - before
        assert alone > 50
        assert together < alone * 1.5  # two workers look at the dataset, one reads it


# --- data versions ---------------------------------------------------------------------------------------------------


@pytest.fixture
def changing(mongo: Client, demo: str) -> Iterator[str]:
    few = mongo[demo].biosamples.distinct("id", {"histological_diagnosis.id": "NCIT:C3058"})[:3]
    for name in ("biosamples", "variants"):
        field = "id" if name == "biosamples" else "biosample_id"
        mongo["changing"][name].insert_many(mongo[demo][name].find({field: {"$in": few}}))
    yield "changing"
    mongo.drop_database("changing")


def test_no_download_mixes_two_data_versions(store: Store, mongo: Client, changing: str, tmp_path: Path):
    spool = tmp_path / "spool"
    with Gateway(store.uri, [changing], log=tmp_path / "log", version_ttl=0, spool=spool) as gateway:
        before = gateway.ask(PATH)
        old = complete(gateway, PATH)
        added = mongo[changing].variants.find_one({"biosample_id": before.rows[0].split("\t")[0]})
        assert added is not None
        del added["_id"]
        mongo[changing].variants.insert_one(added)
        after = gateway.ask(PATH)
        assert len(after.rows) == len(before.rows) + 1
        assert after.headers["ETag"] != before.headers["ETag"]
        # The old address keeps its bytes, and a resumed live download gets the new whole.
        assert gateway.ask(path_of(old)).body == before.body
        resumed = gateway.ask(PATH, Range="bytes=100-", If_Range=before.headers["ETag"])
        assert (resumed.status, resumed.body) == (200, after.body)
        remove(spool, old)
        for suffix in ("", ".sha256"):
            gone = gateway.ask(path_of(old) + suffix)
            assert gone.status == 410 == gone.json["error"]["errorCode"]
            live = gateway.url + PATH
            assert live in gone.json["error"]["errorMessage"]
            assert gone.headers["Link"] == f'<{live}>; rel="latest-version"'
        other = gateway.ask(path_of(old), Host="other.example")  # each client hears of the host that it named itself
        assert other.headers["Link"] == f'<http://other.example{PATH}>; rel="latest-version"'
        failed = gateway.ask(path_of(old, "self")).json
        assert (failed["state"], failed["error"]["status"]) == ("failed", 410)


def test_what_was_removed_is_made_anew_while_the_data_is_the_same(quick: Quick, tmp_path: Path):
    spool = tmp_path / "spool"
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=spool) as gateway:
        done = complete(gateway, SMALL)
        until(lambda: gateway.log.count("gateway.flow pass ") == 1, what="the end of the first pass")
        expected = gateway.ask(SMALL).body
        remove(spool, done)
        assert gateway.ask(path_of(done)).body == expected
        until(lambda: gateway.log.count("gateway.flow pass ") == 2, what="a second pass")


# --- restarts --------------------------------------------------------------------------------------------------------


def test_a_restart_finds_exports_even_without_a_database(quick: Quick, kept: Gateway, tmp_path: Path):
    spool, (uri, datasets) = tmp_path / "spool", quick.arguments
    with Gateway(uri, datasets, log=tmp_path / "log", spool=spool) as first:
        done = complete(first, SMALL)
        until(lambda: list(spool.glob("*.data")), what="data")
    (spool / ("0" * 40 + ".part")).write_bytes(b"a fragment")
    with Gateway(
        f"mongodb://127.0.0.1:{free_port()}/", datasets, log=tmp_path / "log", spool=spool, fork=False
    ) as again:
        assert not list(spool.glob("*.part"))
        assert again.ask(path_of(done)).body == kept.ask(SMALL).body
        assert again.ask(path_of(done, "self")).json["state"] == "complete"
        assert again.ask(SMALL).status == 503
    with Gateway(uri, datasets[1:], log=tmp_path / "log", spool=spool) as other:
        assert other.ask(path_of(done)).status == 404  # the dataset is no longer served


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_gateway_never_leaves_a_part_that_looks_complete(quick: Quick, tmp_path: Path, number: int):
    """The pass takes ten seconds in slices of 500, and one in those of 10,000."""
    spool, slow = tmp_path / "spool", (quick.arguments[0], ["b400v250p200"])
    with Gateway(*slow, log=tmp_path / "log", slice_rows=500, grace=0, spool=spool) as first:
        client = first.open(BIG)
        got = client.recv(100_000)
        first.stop(number)
        while piece := _received(client):
            got += piece
        client.close()
        assert not got.endswith(b"\r\n0\r\n\r\n")
        assert not list(spool.glob("*.data"))
    with Gateway(*slow, log=tmp_path / "log", spool=spool, fork=False) as again:
        assert not list(spool.glob("*.part"))
        part = again.ask(BIG, Range="bytes=100000-")
        assert (part.status, part.body) == (206, again.ask(BIG).body[100_000:])


def _received(client: Any) -> bytes:
    try:
        return bytes(client.recv(65536))
    except ConnectionError:
        return b""


# --- no room, no spool -----------------------------------------------------------------------------------------------


def read_slowly(gateway: Gateway, path: str) -> bytes:
    """The body of an HTTP/1.0 answer: raw bytes to the end."""
    with gateway.open(path, version="1.0", buffer=65536) as client:
        got = b""
        while piece := client.recv(30_000):
            got += piece
            time.sleep(0.002)
    return got.split(b"\r\n\r\n", 1)[1]


def test_a_quota_reached_in_mid_pass_is_no_wrong_byte(quick: Quick, big: bytes, tmp_path: Path):
    spool = tmp_path / "spool"
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=spool, spool_quota="2500K") as tight:
        with ThreadPoolExecutor(4) as pool:
            slow = pool.submit(read_slowly, tight, BIG)
            found = list(pool.map(tight.ask, [BIG] * 3))
        assert slow.result() == big
        assert [(answer.body, answer.whole) for answer in found] == [(big, True)] * 3
        assert "delivered directly from here" in tight.log
        assert not list(spool.glob("*.part")) + list(spool.glob("*.data"))
        part = tight.ask(BIG, Range="bytes=1234567-")
        assert (part.status, part.body) == (206, big[1_234_567:])
        assert tight.ask(BIG + "&ticket=true").json["error"]["status"] == 507
        assert tight.ask(SMALL, Range="bytes=0-9").status == 206
        until(lambda: list(spool.glob("*.data")), what="a small export")


def test_a_full_disk_is_no_wrong_byte(quick: Quick, big: bytes, tmp_path: Path, small_disk: Path):
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=small_disk, spool_quota="1G") as full:
        assert full.ask(SMALL).status == 200
        until(lambda: list(small_disk.glob("*.data")), what="a small export")
        assert full.ask(BIG).body == big
        assert "No space left" in full.log
        assert len(list(small_disk.glob("*.data"))) == 1  # what the other has would not have been enough
        disk = os.statvfs(small_disk)
        (small_disk / "rest").write_bytes(bytes(disk.f_bavail * disk.f_frsize))
        for path, size in ((SMALL, 10_000), (BIG + ".gz", 100_000)):
            answer = full.ask(path)
            assert (answer.status, answer.whole) == (200, True)
            assert len(answer.body) > size


def test_without_a_spool(quick: Quick, big: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where none is wanted, and where there is no place for one."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    for settings in ({"no_spool": True}, {"spool": ""}):
        with Gateway(*quick.arguments, log=tmp_path / "log", **settings) as direct:
            assert direct.ask(BIG).body == big
            assert direct.ask(BIG + "&ticket=true").status == 404
            assert "without a spool" in direct.ask("/exports/" + "0" * 40).text
            assert ("cannot be used" in direct.log) is ("spool" in settings)


def test_the_users_cache_is_the_default(quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Gateway(*quick.arguments, log=tmp_path / "log", spool="") as kept:
        complete(kept, SMALL)
    assert list((tmp_path / "cache" / "pgx-gateway" / "exports").glob("*.data"))


# --- clients ---------------------------------------------------------------------------------------------------------


def test_more_clients_than_allowed_are_told_to_come_again(quick: Quick, big: bytes, tmp_path: Path):
    with Gateway(*quick.arguments, log=tmp_path / "log", max_clients=1) as gateway:
        with gateway.open(BIG) as client:
            client.recv(100)
            refused = gateway.ask(BIG)
            assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
            assert gateway.ask("/health").status == 200
        until(lambda: gateway.ask(BIG).body == big, what="a free place")


def test_a_client_that_takes_nothing_is_dropped(quick: Quick, big: bytes, tmp_path: Path):
    """From a growing export, and from a complete one."""
    with Gateway(*quick.arguments, log=tmp_path / "log", client_timeout=1) as gateway:
        for number in (1, 2):
            with gateway.open(BIG) as client:
                client.recv(100)
                until(lambda: gateway.log.count("took none of it") == number, what="losing patience")  # noqa: B023
        assert gateway.ask(BIG).body == big


def test_curl_resumes_what_was_cut(quick: Quick, tmp_path: Path):
    """A slow curl, a gateway that is killed and comes back on the same port, and the same file at the end.

    The file is larger than what the sockets of both sides may hold (10 MB): curl cannot have had it all.
    """
    target, large = tmp_path / "file", "b1600v250"
    settings: dict[str, Any] = {"spool": tmp_path / "spool", "port": free_port()}
    with Gateway(quick.arguments[0], [large], log=tmp_path / "log", **settings) as first:
        done = complete(first, BIG).json
        address, size = done["address"], done["size"]
        command = ["curl", "-sSf", "--limit-rate", "3M", "-o", str(target), address]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as curl:
            until(lambda: target.exists() and target.stat().st_size > 100_000, what="first bytes")
            first.stop(signal.SIGKILL)
            assert curl.wait(60) != 0
    assert 0 < target.stat().st_size < size
    with Gateway(quick.arguments[0], [large], log=tmp_path / "log", fork=False, **settings) as again:
        subprocess.run(["curl", "-sSf", "-C", "-", "-o", str(target), address], check=True, timeout=60)
        assert target.read_bytes() == again.ask(BIG).body


def test_of_requests_that_are_refused_nothing_is_kept(quick: Quick, tmp_path: Path):
    spool, slow = tmp_path / "spool", ["b400v250p3000"]
    with Gateway(quick.arguments[0], slow, log=tmp_path / "log", spool=spool, max_passes=1, grace=0) as gateway:
        with gateway.open(BIG):  # what nobody follows would give way
            until(lambda: len(list(spool.glob("*.part"))) == 1, what="a pass")
            for number in range(20):
                body = {"query": {"filters": [f"PMID:{number}"], "notes": "x" * 1_000_000}}
                refused = gateway.ask("/beacon/g_variants?output=pgxseg", "POST", body)
                assert (refused.status, refused.headers.get("Retry-After")) == (503, "10"), refused.text
        assert len(list(spool.glob("*.json"))) == 1


def test_what_is_no_part_of_a_question_is_not_kept(quick: Quick, tmp_path: Path):
    spool = tmp_path / "spool"
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=spool) as kept:
        body = {"meta": {"x": "x" * 200_000}, "query": {"filters": ["NCIT:C3058"], "notes": "x" * 200_000}}
        issued = kept.ask("/beacon/g_variants?output=pgxseg&ticket=true", "POST", body)
        assert issued.status == 200
        until(lambda: kept.ask(path_of(issued, "self")).json["state"] == "complete", what="a complete export")
        assert (spool / f"{issued.json['digest']}.json").stat().st_size < 5_000
        expected = kept.ask(path_of(issued)).body
        remove(spool, issued)
        assert kept.ask(path_of(issued)).body == expected  # the same question still


# --- what is wrong in the folder -------------------------------------------------------------------------------------


def test_what_cannot_be_read_in_the_spool_is_no_internal_error(quick: Quick, tmp_path: Path):
    spool = tmp_path / "spool"
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=spool) as gateway:
        issued = complete(gateway, SMALL)
        expected, digest = gateway.ask(SMALL).body, issued.json["digest"]
        remove(spool, issued)
        (spool / f"{digest}.data").mkdir()  # what opens with an error, for root as well
        assert gateway.ask(SMALL, "HEAD").status == 200
        assert gateway.ask(SMALL).body == expected
        assert gateway.ask(SMALL + "&ticket=true").json["state"] == "failed"
        assert gateway.ask(path_of(issued)).body == expected
        (spool / f"{digest}.json").rename(spool / "aside")
        (spool / f"{digest}.json").mkdir()
        assert gateway.ask(path_of(issued)).body == expected  # by its question
        assert gateway.ask(f"/exports/{digest}/{issued.json['name']}").status == 503


def test_records_of_another_version_are_none(quick: Quick, tmp_path: Path):
    spool = tmp_path / "spool"
    with Gateway(*quick.arguments, log=tmp_path / "log", spool=spool) as gateway:
        issued = complete(gateway, SMALL)
        own = f"/exports/{issued.json['digest']}"  # without the question
        for text in ("{}", '{"path": "/", "live": "/"}', "", "[]"):
            (spool / f"{issued.json['digest']}.json").write_text(text)
            for address in (f"{own}/{issued.json['name']}", own):
                assert gateway.ask(address).status == 404
            # A ticket mends it, as soon as the export of before is closed.
            until(lambda: gateway.ask(SMALL + "&ticket=true") and gateway.ask(own).status == 200, what="a record")
            assert gateway.ask(own).json["sha256"] == issued.json["sha256"]
