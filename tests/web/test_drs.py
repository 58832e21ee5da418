"""DRS: complete exports as objects, by their ids and as tickets name them; what there is none of, and what is made."""

import hashlib
import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.demo.store import Store
from tests.harness import Answer, Gateway, until
from tests.web import protocols
from tests.web.conftest import PACED, Quick, complete

PATH = "/ga4gh/drs/v1"
OBJECTS = f"{PATH}/objects"
QUERIES = [
    "/beacon/g_variants?filters=NCIT:C3058&output=pgxseg",
    "/beacon/g_variants?filters=NCIT:C3058&output=vcf.gz",
    "/services/sampletable?filters=NCIT:C3058&datasetIds=flat",
]


def error(answer: Answer, status: int) -> str:
    """The message of an error, in DRS's own form."""
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    protocols.published("error").validate(answer.json)
    told = protocols.drs("error", answer)
    assert told["status_code"] == status
    return str(told["msg"])


@pytest.fixture(scope="module")
def tickets(gateway: Gateway) -> list[dict[str, Any]]:
    return [complete(gateway, query).json for query in QUERIES]


def test_it_says_what_it_is(gateway: Gateway):
    answer = gateway.ask(f"{PATH}/service-info")
    protocols.service_info().validate(answer.json)
    assert protocols.drs("service", answer)["type"]["version"] == "1.4.0"


def test_a_complete_export_is_an_object(gateway: Gateway, tickets: list[dict[str, Any]]):
    for ticket in tickets:
        path = f"{OBJECTS}/{ticket['digest']}"
        answer = gateway.ask(path)
        found = protocols.drs_object(answer)
        assert answer.headers["Cache-Control"] == "no-store"
        assert (found["id"], found["name"], found["size"]) == (ticket["digest"], ticket["name"], ticket["size"])
        assert found["checksums"] == [{"type": "sha-256", "checksum": ticket["sha256"]}]
        assert found["self_uri"] == ticket["drs"] == f"drs://127.0.0.1/{ticket['digest']}"
        assert ticket["mediaType"].startswith(found["mime_type"])
        (method,) = found["access_methods"]
        assert method == {"type": "https", "access_url": {"url": ticket["address"]}}
        data = gateway.ask(method["access_url"]["url"].removeprefix(gateway.url))
        assert hashlib.sha256(data.body).hexdigest() == ticket["sha256"]
        assert datetime.fromisoformat(found["created_time"]) == parsedate_to_datetime(data.headers["Last-Modified"])
        # The same object by another id, which says what it is of; by POST, as who shows passports asks.
        assert [gateway.ask(f"{OBJECTS}/{alias}").json for alias in found["aliases"]] == [found]
        assert gateway.ask(path, "POST", {"expand": True, "passports": ["a.b.c"]}).json == found
        assert gateway.ask(path, "HEAD").status == 200
        rights = protocols.drs("authorizations", gateway.ask(path, "OPTIONS"))
        assert rights == {"drs_object_id": ticket["digest"], "supported_types": ["None"]}


def test_browsers_that_ask_what_they_may_send_are_told_that(gateway: Gateway, tickets: list[dict[str, Any]]):
    preflight = {"Origin": "https://page.example", "Access_Control_Request_Method": "GET"}
    for path in (f"{OBJECTS}/{tickets[0]['digest']}", "/htsget/variants/demo"):
        answer = gateway.ask(path, "OPTIONS", **preflight)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "GET" in answer.headers["Access-Control-Allow-Methods"]
        assert gateway.ask(path, Origin="https://page.example").headers["Access-Control-Allow-Origin"] == "*"


def test_many_at_once(gateway: Gateway, tickets: list[dict[str, Any]]):
    digests = [ticket["digest"] for ticket in tickets]
    body = {"bulk_object_ids": [*digests, digests[0], "0" * 40, "x", ""], "passports": []}
    told = protocols.drs("objects", gateway.ask(OBJECTS, "POST", body))
    assert told["summary"] == {"requested": 6, "resolved": 3, "unresolved": 3}
    assert told["resolved_drs_object"] == [gateway.ask(f"{OBJECTS}/{digest}").json for digest in digests]
    assert told["unresolved_drs_objects"] == [{"error_code": 404, "object_ids": ["0" * 40, "x", ""]}]
    rights = protocols.drs("authorizations of several", gateway.ask(OBJECTS, "OPTIONS", body))
    assert [one["drs_object_id"] for one in rights["resolved_drs_object"]] == digests
    assert rights["summary"] == told["summary"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"{OBJECTS}/{'0' * 40}", None, 404),
        ("OPTIONS", f"{OBJECTS}/{'0' * 40}", None, 404),
        ("GET", f"{OBJECTS}/..%2F..%2Fetc", None, 404),
        ("GET", f"{OBJECTS}/%00", None, 404),
        ("GET", f"{OBJECTS}/{'0' * 40}/access/x", None, 404),
        ("GET", f"{PATH}/else", None, 404),
        ("DELETE", OBJECTS, None, 405),
        ("GET", OBJECTS, None, 405),
        ("POST", f"{OBJECTS}/{'0' * 40}", b"{", 400),
        ("POST", OBJECTS, {}, 400),
        ("POST", OBJECTS, [], 400),
        ("POST", OBJECTS, b"{", 400),
        ("POST", OBJECTS, {"bulk_object_ids": "x"}, 400),
        ("POST", OBJECTS, {"bulk_object_ids": [{"$ne": 1}]}, 400),
        ("POST", OBJECTS, {"bulk_object_ids": ["x"] * 101}, 413),
        ("POST", OBJECTS, b" " * 1_100_000, 413),
        ("GET", f"{OBJECTS}/{'0' * 40}?access_token=x", None, 400),
    ],
)
def test_what_is_refused(gateway: Gateway, method: str, path: str, body: Any, status: int):
    assert error(gateway.ask(path, method, body), status)


def test_what_is_being_made_is_not_there_yet(quick: Quick, tmp_path: Path):
    """For a minute: each of ten thousand reads takes a while."""
    with Gateway(*quick.arguments, log=tmp_path / "log", slice_rows=10, grace=0) as gateway:
        ticket = gateway.ask(PACED + "&ticket=true").json
        assert ticket["state"] == "producing"
        path = f"{OBJECTS}/{ticket['digest']}"
        first = gateway.ask(path)
        assert (first.status, first.body) == (202, b"")
        assert int(first.headers["Retry-After"]) > 0
        several = gateway.ask(OBJECTS, "POST", {"bulk_object_ids": [ticket["digest"]]}).json
        assert several["unresolved_drs_objects"] == [{"error_code": 202, "object_ids": [ticket["digest"]]}]


def test_another_host_finds_it_by_its_question(store: Store, demo: str, tickets: list[dict[str, Any]], tmp_path: Path):
    names = tickets[0]["self"].rpartition("/")[2], tickets[0]["digest"]
    with Gateway(store.uri, [demo], log=tmp_path / "log", public_url="https://data.example:8443/gw") as other:
        assert error(other.ask(f"{OBJECTS}/{names[1]}"), 404)
        until(lambda: other.ask(f"{OBJECTS}/{names[0]}").status == 200)
        found = protocols.drs_object(other.ask(f"{OBJECTS}/{names[1]}"))
        assert found["self_uri"] == f"drs://data.example/{names[1]}"
        assert urlsplit(found["access_methods"][0]["access_url"]["url"]).netloc == "data.example:8443"


def test_a_host_that_nobody_knows_is_named_to_nobody_else(gateway: Gateway, tickets: list[dict[str, Any]]):
    digest = tickets[0]["digest"]
    strange = gateway.ask(QUERIES[0] + "&ticket=true", Host="evil.example")
    assert "drs" not in strange.json
    found = protocols.drs_object(gateway.ask(f"{OBJECTS}/{digest}", Host="evil.example"))
    assert found["self_uri"] == f"drs://evil.example/{digest}"  # of this request alone: it is not kept
    assert "evil" not in json.dumps(gateway.ask(f"{OBJECTS}/{digest}").json)
    assert error(gateway.ask(f"{OBJECTS}/{digest}", Host="a b"), 400)


def test_a_gateway_that_keeps_no_exports_has_no_objects(direct: Gateway):
    assert error(direct.ask(f"{OBJECTS}/{'0' * 40}"), 404)
