"""The start of a server: what is wrong with the database or with names of datasets is told before a client asks."""

import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from gateway.demo.store import Store
from tests.harness import Gateway, free_port, until

Client = MongoClient[dict[str, Any]]


def test_a_name_without_data_is_told_at_the_start(store: Store, demo: str, mongo: Client, tmp_path: Path):
    with Gateway(store.uri, ["nosuch", demo], log=tmp_path / "log") as gateway:
        until(lambda: "WARNING gateway.web a dataset holds no data dataset=nosuch" in gateway.log, what="the warning")
        assert "kind=standalone" in gateway.log
        ready = gateway.ask("/ready")
        assert (ready.status, ready.json["empty"]) == (200, ["nosuch"])
        mongo["nosuch"].variants.insert_one({"biosample_id": "s"})
        try:
            assert gateway.ask("/ready").json["empty"] == []
        finally:
            mongo.drop_database("nosuch")


def test_where_no_dataset_holds_data_nothing_can_be_served(store: Store, tmp_path: Path):
    with Gateway(store.uri, ["nosuch", "neither"], log=tmp_path / "log") as gateway:
        until(lambda: gateway.ask("/ready").status == 503, what="the first look")
        until(lambda: gateway.ask("/ready").json["empty"] == ["nosuch", "neither"], what="the first look")
        assert gateway.ask("/ready").json["reason"] == "no dataset holds data"


def test_a_database_that_is_down_is_told_in_one_line_until_it_answers(tmp_path: Path):
    port = free_port()
    uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=100"
    with Gateway(uri, ["nosuch", "neither"], log=tmp_path / "log") as gateway:
        until(lambda: "the database cannot be reached" in gateway.log, what="the warning")
        down = gateway.ask("/ready")
        assert (down.status, down.json["database"]["passes"]) == (503, None)
        time.sleep(4)  # while it is asked twice again
        assert gateway.log.count("ServerSelectionTimeoutError") == 2  # of the first look and of `/ready`
        with Store(tmp_path / "late", port):
            until(lambda: "a dataset holds no data dataset=neither" in gateway.log, what="the answer")
        assert gateway.log.count("the database cannot be reached") == 1
        assert gateway.log.count("the database answers") == 1
    assert "Traceback" not in gateway.log
    assert "never retrieved" not in gateway.log
    assert "destroyed" not in gateway.log


def test_one_that_never_answers_does_not_keep_the_server_from_stopping(tmp_path: Path):
    for workers in (1, 2):
        uri = f"mongodb://127.0.0.1:{free_port()}/"
        with Gateway(uri, ["nosuch"], log=tmp_path / "log", workers=workers) as gateway:
            assert gateway.ask("/health").status == 200
            assert gateway.stop() == 0
        assert "Traceback" not in gateway.log
        assert "destroyed" not in gateway.log
