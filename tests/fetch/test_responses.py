"""What servers say is read with suspicion."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fetch import responses, urls

TICKET = {"state": "complete", "address": "/exports/d/x", "etag": '"d"', "size": 3, "sha256": "a" * 64, "name": "x"}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*TICKET, "expected", "rows", "self"]), inner),
    max_leaves=4,
)


@given(st.text() | st.just("../" * 100 + "x") | st.text(alphabet="./\\a\0\n", max_size=300))
def test_any_name_is_a_name_in_the_folder(name: str):
    safe = responses.safe_name(name)
    assert safe
    assert not set("/\\\0\n\r") & set(safe)
    assert not safe.startswith(".")
    assert len(safe.encode()) <= 200
    assert responses.safe_name(safe) == safe


@given(
    st.dictionaries(st.sampled_from([*TICKET, "expected", "rows", "self"]), JSON).map(lambda said: {**TICKET, **said})
)
def test_any_json_is_a_ticket_or_none(said: dict[str, Any]):
    responses.ticket(json.dumps(said).encode(), "http://here/beacon?x")


@given(st.binary())
def test_any_bytes_are_no_ticket(raw: bytes):
    assert responses.ticket(raw, "http://here/") is None


def test_addresses_of_tickets():
    assert urls.ticket_url("http://a/b?c=d#e") == "http://a/b?c=d&ticket=true"
    assert urls.ticket_url("http://a/b") == "http://a/b?ticket=true"
    assert urls.ticket_url("http://a/b?ticket=true&c=d") == "http://a/b?c=d&ticket=true"
    for export in ("/x.pgxseg", "", "/", "/x.pgxseg/", "/x.pgxseg?c#d"):
        assert urls.ticket_url(f"http://a/p/exports/0af{export}") == "http://a/p/exports/0af"
    assert urls.ticket_url("http://a/exports/0af/x.sha256") == "http://a/exports/0af/x.sha256?ticket=true"
    assert urls.is_fixed("http://a/exports/0af")
    assert urls.is_fixed("http://a/exports/0af/x.sha256?c")
    assert not urls.is_fixed("http://a/b?exports/0af/x=/exports/0af/x")
    assert [urls.is_understood(url) for url in ("https://a/b", "http:///b", "http://[", "file:///a", "a", "")] == [
        True,
        *[False] * 5,
    ]
    found = responses.ticket(json.dumps({**TICKET, "address": "http://a:80/exports/d/x"}).encode(), "https://a/b")
    assert found is not None
    assert found.address == "https://a/exports/d/x"  # never back to plain http


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes 5-9/10", (5, 10, 10)),
        ("bytes 5-8/10", (5, 9, 10)),
        ("bytes */10", (None, None, 10)),
        ("bytes 5-9/*", (5, 10, None)),
        ("bytes 5-4/10", (None, None, None)),
        ("bytes 5-10/10", (None, None, None)),
        ("lines 5-9/10", (None, None, None)),
        ("", (None, None, None)),
    ],
)
def test_content_range(header: str, found: tuple[int | None, int | None, int | None]):
    assert responses.content_range({"Content-Range": header}) == found


def test_digests():
    sha = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert responses.repr_digest({"Repr-Digest": sha}) == empty
    assert responses.repr_digest({"Repr-Digest": f"md5=:AAAA:, {sha}"}) == empty
    assert responses.repr_digest({"Repr-Digest": "sha-256=:x:"}) is None
    assert responses.retry_after({"Retry-After": "7"}) == 7
    assert responses.retry_after({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}) is None
    assert responses.etag({"ETag": 'W/"x"'}) is None
    assert responses.etag({"ETag": '"x"'}) == '"x"'
