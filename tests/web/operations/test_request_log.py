"""A line for each request and each pass, with the id that the client hears, and nothing of what is secret."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.web.operations.request_log import _Flood
from tests.harness import Gateway, until
from tests.proxies import old_beacon
from tests.web.conftest import BIG, PACED, SMALL, Quick
from tests.web.operations.scrapes import Watched

ID = "X-Request-ID"


@pytest.fixture(scope="module")
def logging(quick: Quick, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    log = tmp_path_factory.mktemp("logging") / "log"
    with Gateway(*quick.arguments, log=log, log_format="json") as running:
        yield running


def lines(gateway: Gateway) -> list[dict[str, Any]]:
    """All lines that are complete."""
    return [json.loads(line) for line in gateway.log.splitlines(keepends=True) if line.endswith("\n")]


def line(gateway: Gateway, identity: str, message: str = "request") -> dict[str, Any]:
    """The one line of a request, or of its pass, once it is written."""
    found: list[dict[str, Any]] = []

    def written() -> bool:
        found[:] = [x for x in lines(gateway) if (x.get("request_id"), x["message"]) == (identity, message)]
        return bool(found)

    until(written, what=f"the line of {identity}")
    assert len(found) == 1
    return found[0]


def test_a_download(logging: Gateway):
    answer = logging.ask(BIG, X_Request_ID="download-1", User_Agent="a test", Authorization="Bearer geheim")
    assert answer.headers[ID] == "download-1"
    told = line(logging, "download-1")
    size, etag = len(answer.body), answer.headers["ETag"].strip('"')
    expected = {
        "level": "info",
        "logger": "gateway.web",
        "method": "GET",
        "path": "/beacon/variants",
        "query": "allData=true&output=pgxseg",
        "client": "127.0.0.1",
        "agent": "a test",
        "status": 200,
        "bytes": size,
        "rows": 100_000,
        "digest": etag,
        "file": "b400v250_variants.pgxseg",
        "outcome": "complete",
    }
    assert {name: told[name] for name in expected} == expected
    assert 0 < told["first_byte_seconds"] <= told["seconds"]
    assert told["client_seconds"] <= told["seconds"]
    made = line(logging, "download-1", "pass")
    expected = {"digest": etag, "rows": 100_000, "bytes": size, "datasets": "b400v250", "format": "pgxseg"}
    assert {name: made[name] for name in expected} == expected
    assert (made["outcome"], made["retries"]) == ("complete", 0)
    assert made["reads"] > 1
    assert made["database_seconds"] > 0
    assert made["encoding_seconds"] > 0


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/nowhere", {}, {"status": 404, "outcome": "refused", "reason": "no such path"}),
        (SMALL, {}, {"status": 200, "outcome": "complete", "rows": 250}),
        (SMALL, {"Range": "bytes=0-9"}, {"status": 206, "outcome": "complete", "bytes": 10}),
        (SMALL, {"If_None_Match": "*"}, {"status": 304, "outcome": "complete", "bytes": 0}),
        (SMALL + "&ticket=true", {}, {"status": 200, "outcome": "complete"}),
        (SMALL + "&skip=x", {}, {"status": 400, "outcome": "refused", "query": (SMALL + "&skip=x").partition("?")[2]}),
        ("/beacon/variants?allData=true&output=nosuch", {}, {"status": 406, "outcome": "refused"}),
        ("/nowhere?access_token=geheim&filters=NCIT:C1", {}, {"query": "access_token=***&filters=NCIT:C1"}),
        ("/nowhere?accessid=geheim", {}, {"query": "accessid=***"}),
        ("/a%0Ab%1b[31m?filters=%0A%1b", {}, {"path": "/a%0Ab%1b[31m", "query": "filters=%0A%1B"}),
    ],
)
def test_others(logging: Gateway, path: str, headers: dict[str, str], expected: dict[str, object]):
    answer = logging.ask(path, **headers)
    told = line(logging, answer.headers[ID])
    assert {name: told.get(name) for name in expected} == expected
    assert "geheim" not in logging.log


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ü", '"><script>'])
def test_an_id_that_is_not_harmless_is_not_taken(logging: Gateway, given: str):
    answer = logging.ask("/nowhere", X_Request_ID=given.encode("latin-1"))
    assert answer.headers[ID] != given
    assert answer.headers[ID].isalnum()
    assert answer.headers[ID] in answer.text


def test_what_is_no_request_has_a_line_too(logging: Gateway):
    with logging.open("/x y\x01") as client:
        head = client.recv(4096).decode()
    identity = head.partition(f"{ID}: ")[2].split("\r\n")[0]
    told = line(logging, identity)
    assert (told["status"], told["outcome"]) == (400, "refused")


def test_who_asks_whether_it_lives_is_no_news(logging: Gateway):
    answer = logging.ask("/health")
    assert logging.ask("/nowhere").headers[ID] != answer.headers[ID]
    line(logging, logging.ask("/nowhere").headers[ID])
    assert answer.headers[ID] not in logging.log


def test_who_is_behind_a_trusted_proxy(logging: Gateway):
    """The client that limits count, not the proxy; what others claim in the header is not believed."""
    logging.ask("/beacon/g_variants?limit=x", X_Request_ID="forwarded-2", X_Forwarded_For="9.9.9.9, 192.0.2.7")
    assert line(logging, "forwarded-2")["client"] == "192.0.2.7"


def test_a_client_that_leaves(logging: Gateway):
    with logging.open(PACED) as client:
        assert client.recv(100)
    until(lambda: any(x.get("outcome") == "client left" for x in lines(logging)), what="its line")


def test_a_flood_of_refusals_does_not_fill_the_disk(logging: Gateway):
    """Some are told, and how many were not; nothing else waits for them."""
    flood = _Flood(50)
    told = [flood.passes() for _ in range(1000)]
    assert 50 <= sum(one is not None for one in told) < 200
    until(lambda: (flood.passes() or 0) > 0, what="the number of those that were not told")


def test_what_the_beacon_behind_answers(quick: Quick, tmp_path: Path):
    """Its own line says so; the Beacon hears the id."""
    with old_beacon() as port:
        url = f"http://127.0.0.1:{port}"
        with Watched(*quick.arguments, log=tmp_path / "log", log_format="json", beacon_url=url) as front:
            answer = front.ask("/cgi/plot?x=geheim", X_Request_ID="f-1")
            told = line(front, "f-1")
            assert (answer.status, answer.headers[ID]) == (200, "f-1")
            expected = {"source": "beacon", "outcome": "complete", "path": "/cgi/plot", "bytes": len(answer.body)}
            assert {name: told[name] for name in expected} == expected
            assert "rows" not in told
            until(lambda: front.number("forwarded_total", outcome="complete") == 1, what="counting")
            until(lambda: front.number("requests_total", endpoint="beacon", status="200") == 1, what="counting")
            assert (front.number("beacon_seconds_count"), front.number("downloads_total")) == (1, 0)
            assert front.number("sent_bytes_total", source="beacon") == len(answer.body)
