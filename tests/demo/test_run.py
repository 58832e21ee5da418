"""The demo's database: loaded once, kept, and loaded anew where it is not whole or not the one that was asked for."""

from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
from pymongo import MongoClient

from gateway.demo import maps, run, store
from gateway.demo.cohort import documents
from tests.harness import Gateway

SAMPLES = 3

try:
    store._program()
except store.StoreError as missing:
    pytest.skip(str(missing), allow_module_level=True)


def test_a_cohort_is_loaded_once_and_again_where_it_is_not_whole(tmp_path, monkeypatch):
    told = Counter()

    def progress(collection: str, count: int) -> None:
        told[collection] += count

    wanted = Counter(collection for collection, _ in documents(SAMPLES))
    with (
        run.demo_store(SAMPLES, tmp_path, progress=progress) as (database, dataset),
        MongoClient(database.uri) as client,
    ):
        assert {name: client[dataset][name].count_documents({}) for name in wanted} == wanted
        assert client[dataset]["dataversion"].find_one({"_id": dataset})
    assert told["variants"] == wanted["variants"]

    told.clear()
    with (
        run.demo_store(SAMPLES, tmp_path, progress=progress) as (database, dataset),
        MongoClient(database.uri) as client,
    ):
        assert not told
        client[dataset]["dataversion"].delete_one({"_id": dataset})  # as a crash in mid-load leaves it
        client[dataset]["variants"].delete_many({})
        client["other"]["things"].insert_one({"_id": 1})
    with (
        run.demo_store(SAMPLES, tmp_path, progress=progress) as (database, dataset),
        MongoClient(database.uri) as client,
    ):
        assert client[dataset]["variants"].count_documents({}) == wanted["variants"]
        assert client["other"]["things"].count_documents({}) == 1

    told.clear()
    monkeypatch.setattr(run, "VERSION", "another")
    with run.demo_store(SAMPLES, tmp_path, progress=progress):
        assert told["variants"] == wanted["variants"]


def test_the_tag_is_of_what_is_loaded_and_of_the_indexes(monkeypatch):
    tag = run._described(SAMPLES)
    assert tag == run._described(SAMPLES) != run._described(SAMPLES + 1)

    with monkeypatch.context() as changed:
        changed.setattr(run, "_INDEXES", {**run._INDEXES, "variants": (*run._INDEXES["variants"], "location.end")})
        assert run._described(SAMPLES) != tag
    with monkeypatch.context() as changed:
        changed.setattr(run, "documents", lambda samples: documents(samples, seed=1))
        assert run._described(SAMPLES) != tag
    with monkeypatch.context() as changed:
        changed.setattr("gateway.demo.maps.LEAST", 9)
        assert run._described(SAMPLES) != tag


def test_frequencies_are_the_same_stored_and_counted(tmp_path):
    with run.demo_store(30, tmp_path / "demo") as (database, dataset):
        with MongoClient(database.uri) as client:
            assert client[dataset][maps.COLLECTION].find_one({"id": "NCIT:C3262"})["cnv_analyses"] > 20
        with Gateway(database.uri, [dataset], log=tmp_path / "log", no_spool=True) as gateway:
            path = "/services/intervalFrequencies?output=pgxfreq&filters="
            stored = gateway.ask(f"{path}NCIT:C3262,EFO:0030035")
            counted = gateway.ask(f"{path}NCIT:C3262,EFO:0030035,!EFO:0009654")
    assert stored.status == counted.status == 200
    assert stored.body == counted.body
    assert stored.body.count(b"\n") == 2 * 3106 + 4


def test_a_failed_load_stops_the_store(tmp_path, monkeypatch):
    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(run, "load", fail)
    with pytest.raises(RuntimeError, match="no"):
        run.prepare(tmp_path, SAMPLES)
    with store.Store(tmp_path):  # the folder is free
        pass


def test_the_default_folder_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert run.default_folder(7) == tmp_path / "pgx-gateway" / "demo-7"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run.default_folder() == tmp_path / ".local" / "share" / "pgx-gateway" / "demo-200"


def test_urls_to_try(monkeypatch):
    tries = run.demo_urls("http://127.0.0.1:8080/")
    assert len(tries) == 5
    assert tries[0][1] == "http://127.0.0.1:8080/"
    assert parse_qs(urlsplit(tries[4][1]).query) == {"filters": ["NCIT:C3058"], "output": ["parquet"]}
    monkeypatch.setattr("gateway.formats.base.installed", lambda _: "")
    assert run.demo_urls("http://127.0.0.1:8080/") == tries[:4]  # those that work without pyarrow
    assert all(sentence and url.startswith("http://127.0.0.1:8080/beacon/") for sentence, url in tries[1:])
    assert parse_qs(urlsplit(tries[1][1]).query) == {"filters": ["NCIT:C3058"], "method": ["callsetsvariants"]}
