"""Data that is deleted under a running download and put back before its end: no short file, and none that is kept."""

import gzip
import http.client
import json
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.cutter import Cutter, Fate
from tests.harness import Gateway, until
from tests.topology import ReplicaSet

Client = MongoClient[dict[str, Any]]
SAMPLES, EACH = 60, 8
PATH = "/beacon/g_variants?allData=true&output=pgxseg"


@pytest.fixture(params=[False, True], ids=["unstated", "stated"])
def changing(mongo: Client, request: pytest.FixtureRequest) -> str:
    """A dataset without and with a version that it states itself."""
    database = mongo["changing"]
    for name in ("biosamples", "variants", "dataversion"):
        database[name].drop()
    database.biosamples.create_index("id")
    database.variants.create_index("biosample_id")
    database.biosamples.insert_many([{"_id": n, "id": f"s{n:02}"} for n in range(SAMPLES)])
    place = {"chromosome": "1", "start": 5, "end": 9}
    variants = [
        {"_id": n, "biosample_id": f"s{n // EACH:02}", "id": f"v{n}", "location": place} for n in range(SAMPLES * EACH)
    ]
    database.variants.insert_many(variants)
    if request.param:
        counts = {"biosamples": SAMPLES, "variants": len(variants)}
        database.dataversion.insert_one({"_id": "changing", "version": "1", "counts": counts})
    return "changing"


@pytest.fixture(params=[True, False], ids=["spool", "direct"])
def slowed(store: Store, changing: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway behind a network that is slow."""
    with Cutter(("127.0.0.1", store.port), repeat(Fate(rate=40_000))) as network:
        uri = f"mongodb://127.0.0.1:{network.port}/?directConnection=true"
        settings = {"spool": tmp_path / "spool"} if request.param else {"no_spool": True}
        log = tmp_path / "log"
        with Gateway(uri, [changing], log=log, slice_rows=20, flights=1, version_ttl=0, **settings) as running:
            yield running


def test_what_is_deleted_and_put_back_is_missed(slowed: Gateway, mongo: Client):
    variants = mongo["changing"].variants
    mine = {"biosample_id": "s30"}
    kept = list(variants.find(mine))
    connection = http.client.HTTPConnection("127.0.0.1", slowed.port, timeout=60)
    connection.request("GET", PATH)
    response = connection.getresponse()
    assert response.status == 200
    seen = b""

    def read() -> None:
        nonlocal seen
        gone = back = False
        while piece := response.read1(4096):
            seen += piece
            if b"\ns02\t" in seen and not gone:
                variants.delete_many(mine)
                gone = True
            if b"\ns31\t" in seen and not back:
                variants.insert_many(kept)
                back = True

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        read()
    connection.close()
    assert b"\ns31\t" in seen
    assert b"\ns30\t" not in seen
    again = slowed.ask(PATH)
    assert (again.status, again.whole, again.headers["ETag"]) == (200, True, response.headers["ETag"])
    assert [again.body.count(f"\ns{n:02}\t".encode()) for n in range(SAMPLES)] == [EACH] * SAMPLES


def test_what_cannot_be_checked_is_delivered_and_not_kept(store: Store, tmp_path: Path):
    """The log of the replica set begins behind the moment that was read: a whole file, for this client alone."""
    with ReplicaSet("4.4", members=1, store=store) as rs:
        database = rs.client(w="majority")["changing"]
        database.biosamples.create_index("id")
        database.variants.create_index("biosample_id")
        database.biosamples.insert_many([{"id": name} for name in ("a", "b")])
        place = {"chromosome": "1", "start": 5, "end": 9}
        database.variants.insert_many([{"biosample_id": name, "id": name, "location": place} for name in ("a", "b")])
        settings = {"spool": tmp_path / "spool", "version_ttl": 600}
        with Gateway(rs.uri, ["changing"], log=tmp_path / "log", **settings) as gateway:
            ready = json.loads(gateway.ask("/ready").body)["database"]
            assert ready == {"kind": "replica set", "wireVersion": 9, "passes": "watched"}
            assert gateway.ask("/beacon/biosamples?limit=1").status == 200
            database.other.insert_one({})
            rs.forget_log()
            packed = gateway.ask(PATH + ".gz")
            assert (packed.status, packed.whole) == (200, True)
            assert "is not kept" in gateway.log
            digest = packed.headers["ETag"].strip('"')
            # Who follows an export does not wait for the disk, where the ticket looks.
            until(lambda: bool([*(tmp_path / "spool").rglob(digest + ".note")]), what="a note")
            ticket = json.loads(gateway.ask("/exports/" + digest).body)
            assert (ticket["state"], ticket["error"]["status"]) == ("failed", 503)
            assert not [*(tmp_path / "spool").rglob(packed.headers["ETag"].strip('"') + ".data")]
            plain = gateway.ask(PATH)  # of a later moment, which the log still knows
            assert (plain.status, plain.body) == (200, gzip.decompress(packed.body))
            kept = plain.headers["ETag"].strip('"') + ".data"
            until(lambda: bool([*(tmp_path / "spool").rglob(kept)]), what="keeping it")
            # Who puts parts together by `If-Match` is not sent the whole for a part, as others are.
            etag = gateway.ask(f"{PATH}&sorted=position", "HEAD").headers["ETag"]
            database.other.insert_one({})
            rs.forget_log()
            part = gateway.ask(f"{PATH}&sorted=position", Range="bytes=0-9", If_Match=etag)
            assert (part.status, "one moment" in part.text) == (412, True)
        assert 'kind="replica set" wire_version=9 passes=watched' in gateway.log
