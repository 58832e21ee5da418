"""Handovers of datasets that are not for everybody: without the right to records there are none."""

import re
from typing import Any

from pymongo import MongoClient

from tests.harness import Answer
from tests.web.access.conftest import Guarded

NAMES = ("demo", "secret", "flat")


def test_who_may_not_see_records_knows_no_handover_of_them(guarded: Guarded, mongo: MongoClient[dict[str, Any]]):
    buffer = mongo["_byconHousekeepingDB"].querybuffer
    for name in NAMES:
        ids = [document["id"] for document in mongo[name].biosamples.find().limit(2)]
        buffer.insert_one({"id": f"of-{name}", "ds_id": name, "collection": "biosamples", "target_values": ids})

    def asked(name: str, bearer: str = "", path: str = "/services/sampletable?") -> Answer:
        headers = {"Authorization": f"Bearer {guarded.tokens[bearer]}"} if bearer else {}
        return guarded.gateway.ask(f"{path}accessid=of-{name}", **headers)

    for name in NAMES:
        answer = asked(name, "alice")
        assert answer.status == 200, answer.text
        assert len(answer.text.splitlines()) == 3
    assert asked("demo").status == 200
    for path in ("/services/sampletable?", "/beacon/biosamples?requestedGranularity=boolean&", "/beacon/biosamples?"):
        told = {
            (answer.status, re.sub(r'"requestId":"\w+"', "", answer.text))
            for answer in (asked(name, path=path) for name in ("secret", "flat", "nobody"))
        }
        assert len(told) == 1
        assert {status for status, _ in told} == {404}
    assert asked("secret", "bob").status == 404
