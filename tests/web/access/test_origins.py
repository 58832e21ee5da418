"""Scripts on pages of other origins: what they may read, send and see, of what everybody gets and of what not."""

import pytest

from tests.harness import Answer, Gateway
from tests.web.access.conftest import Guarded

PORTAL = "https://portal.example"
OTHER = "https://other.example"
ORIGIN = "Access-Control-Allow-Origin"
DEMO = "/beacon/g_variants?filters=NCIT:C3058&output=pgxseg&datasetIds="
# What a preflight of a script asks that reads a file in parts, with a token.
ASKED = "authorization,if-none-match,if-range,range"


def words(answer: Answer, name: str) -> set[str]:
    return {word.strip() for word in answer.headers.get(name, "").split(",")} - {""}


def options(gateway: Gateway, path: str, origin: str) -> Answer:
    sent = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": ASKED}
    return gateway.ask(path, "OPTIONS", Origin=origin, **sent)


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        (DEMO + "demo", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/beacon/biosamples/pgxbs-kftv0066", {"GET", "HEAD", "OPTIONS"}),
        ("/services/pgxsegvariants/?filters=x", {"GET", "HEAD", "OPTIONS"}),
        ("/beacon/info", {"GET", "HEAD", "OPTIONS"}),
        ("/exports/" + "0" * 40 + "/x.vcf.gz", {"GET", "HEAD", "OPTIONS"}),
        ("/exports/" + "0" * 40, {"GET", "HEAD", "OPTIONS"}),
        ("/ready", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_preflight_tells_what_may_be_sent(guarded: Guarded, path: str, allow: set[str]):
    bare = guarded.gateway.ask(path, "OPTIONS")
    assert (bare.status, bare.body, words(bare, "Allow")) == (204, b"", allow)
    for origin, granted in ((OTHER, "*"), (PORTAL, PORTAL), ("null", "*")):
        told = options(guarded.gateway, path, origin)
        assert (told.status, told.body, told.headers[ORIGIN]) == (204, b"", granted)
        assert words(told, "Access-Control-Allow-Methods") == words(told, "Allow") == allow
        sent = {word.lower() for word in words(told, "Access-Control-Allow-Headers")}
        assert {"range", "if-range", "if-none-match", "if-modified-since"} < sent
        assert ("authorization" in sent) == (origin == PORTAL)
        assert "Origin" in words(told, "Vary")
        assert "Access-Control-Allow-Credentials" not in told.headers


def test_no_such_path_has_no_options(guarded: Guarded):
    for path in ("/nothing", "/beacon/nothing", "/services/x/y/z"):
        assert options(guarded.gateway, path, OTHER).status == 404
    assert guarded.gateway.ask(DEMO + "demo", "DELETE").headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_what_everybody_gets_any_page_may_read(guarded: Guarded):
    paths = (DEMO + "demo", DEMO + "demo&ticket=true", DEMO + "nothing", "/beacon/g_variants?limit=x", "/nothing")
    for path in (*paths, "/beacon/g_variants?limit=1", "/beacon/info", "/openapi.json", "/health"):
        for headers in ({}, {"Origin": OTHER}, {"Origin": PORTAL}):
            told = guarded.gateway.ask(path, **headers)
            assert told.headers[ORIGIN] == "*", path
            assert "Origin" not in words(told, "Vary")
            exposed = {name.lower() for name in words(told, "Access-Control-Expose-Headers")}
            hidden = {name.lower() for name in told.headers if not name.startswith("Access-Control-")} - exposed
            simple = {"cache-control", "content-type", "x-content-type-options", "x-accel-buffering", "server", "date"}
            assert hidden <= simple | {"transfer-encoding", "connection"} or path == "/openapi.json"


def test_what_needs_a_token_just_pages_of_origins_that_are_named(guarded: Guarded):
    token = {"Authorization": f"Bearer {guarded.tokens['alice']}"}
    for path in (DEMO + "secret", DEMO + "secret&ticket=true", DEMO + "nothing", DEMO + "secret&limit=x"):
        told = guarded.gateway.ask(path, Origin=PORTAL, **token)
        assert told.headers[ORIGIN] == PORTAL, path
        for headers in ({"Origin": OTHER}, {"Origin": PORTAL + ".example"}, {"Origin": "null"}, {}):
            told = guarded.gateway.ask(path, **headers, **token)
            assert ORIGIN not in told.headers, path
            assert "Origin" in words(told, "Vary")
    public = guarded.gateway.ask(DEMO + "demo", Origin=OTHER, **token)  # and caches may keep it for others
    assert (public.status, public.headers[ORIGIN]) == (200, "*")
    refused = guarded.gateway.ask(DEMO + "demo", Origin=PORTAL, Authorization="Bearer wrong")
    assert (refused.status, refused.headers[ORIGIN]) == (401, PORTAL)


def test_others_than_those_that_are_named(store, demo, tmp_path):
    with Gateway(store.uri, [demo], log=tmp_path / "log", no_spool=True, allowed_origins=PORTAL) as named:
        told = options(named, DEMO + "demo", OTHER)
        assert (told.status, told.headers["Vary"]) == (204, "Origin")
        assert not {name for name in told.headers if name.startswith("Access-Control-")}


def test_none_at_all(guarded: Guarded, store, demo, tmp_path):
    with Gateway(store.uri, [demo], log=tmp_path / "log", no_spool=True, allowed_origins="") as closed:
        for told in (closed.ask(DEMO + "demo", Origin=PORTAL), options(closed, DEMO + "demo", PORTAL)):
            assert told.status in {200, 204}
            assert not {name for name in told.headers if name.startswith("Access-Control-")}
            assert "Origin" not in words(told, "Vary")
