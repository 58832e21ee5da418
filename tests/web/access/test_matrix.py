"""Who gets what, by every door: what is not allowed is as if it were not there, in status, headers and body."""

import hashlib
import json
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import Key, RSAKey

from gateway.demo.store import Store
from gateway.web.access import static_tokens
from gateway.web.messages import addresses
from tests.harness import Answer, Gateway, until
from tests.web.access.conftest import Guarded
from tests.web.access.issuers import BROKER, STUDY, KeyServer, hmac_token, plain_token, sign, visa
from tests.web.conftest import PACED, Quick, path_of

ALL = "datasetIds={name}&allData=true"
Keys = Mapping[str, Key]

# What a request may show, and what becomes of it where a dataset is granted to that: "in" is answered, "out" is told
# that there is no such dataset, a number is the status of any request.
CREDENTIALS: dict[str, tuple[Callable[[Guarded], str | None], str | int]] = {
    "none": (lambda _: None, "out"),
    "of another scheme": (lambda _: "Basic YWxpY2U6c2VjcmV0", "out"),
    "a static token": (lambda g: f"Bearer {g.tokens['alice']}", "in"),
    "a static token, another case": (lambda g: f"bearer   {g.tokens['alice']} ", "in"),
    "a static token for others": (lambda g: f"Bearer {g.tokens['bob']}", "out"),
    "a static token that has ended": (lambda g: f"Bearer {g.tokens['late']}", 401),
    "an unknown static token": (lambda g: f"Bearer {g.tokens['alice'][:-1]}", 401),
    "the hash of a static token": (lambda g: _bearer(hashlib.sha256(g.tokens["alice"].encode()).hexdigest()), 401),
    "no token": (lambda _: "Bearer", 400),
    "two tokens": (lambda g: f"Bearer {g.tokens['alice']} {g.tokens['alice']}", 400),
    "no letters": (lambda _: 'Bearer "{}"', 400),
    "no token at all": (lambda _: "Bearer a.b.c", 401),
    "a signed token": (lambda g: _bearer(sign(g.keys["k1"])), "in"),
    "a signed token, RSA": (lambda g: _bearer(sign(g.keys["rsa"], alg="RS256")), "in"),
    "a signed token without a key's name": (lambda g: _bearer(sign(g.keys["k1"], kid=None)), "in"),
    "a signed token for several audiences": (
        lambda g: _bearer(sign(g.keys["k1"], aud=["x", "https://beacon.example"])),
        "in",
    ),
    "the claim is another": (lambda g: _bearer(sign(g.keys["k1"], groups=["trials", "TRIAL"])), "out"),
    "the claim is missing": (lambda g: _bearer(sign(g.keys["k1"], groups=None)), "out"),
    "the claim is odd": (lambda g: _bearer(sign(g.keys["k1"], groups={"trial": True})), "out"),
    "wrong audience": (lambda g: _bearer(sign(g.keys["k1"], aud="https://other.example")), 401),
    "no audience": (lambda g: _bearer(sign(g.keys["k1"], aud=None)), 401),
    "expired": (lambda g: _bearer(sign(g.keys["k1"], exp=1_700_000_000)), 401),
    "without an end": (lambda g: _bearer(sign(g.keys["k1"], exp=None)), 401),
    "an odd end": (lambda g: _bearer(sign(g.keys["k1"], exp="tomorrow")), 401),
    "not valid yet": (lambda g: _bearer(sign(g.keys["k1"], nbf=4_000_000_000)), 401),
    "issued in the future": (lambda g: _bearer(sign(g.keys["k1"], iat=4_000_000_000)), 401),
    "another issuer": (lambda g: _bearer(sign(g.keys["k1"], iss="https://broker.example")), 401),
    "without an issuer": (lambda g: _bearer(sign(g.keys["k1"], iss=None)), 401),
    "an issuer of visas": (lambda g: _bearer(visa(g.keys["visas"])), 401),
    "another key of that name": (lambda g: _bearer(sign(g.keys["other"], kid="k1")), 401),
    "a key that was revoked": (lambda g: _bearer(sign(g.keys["gone"])), 401),
    "wrong algorithm": (lambda g: _bearer(sign(g.keys["rsa"], alg="PS256")), 401),
    "an algorithm of another key": (lambda g: _bearer(sign(g.keys["rsa"], alg="RS256", kid="k1")), 401),
    "alg none": (lambda _: _bearer(plain_token()), 401),
    "alg None": (lambda _: _bearer(plain_token("None")), 401),
    "no signature": (lambda _: _bearer(plain_token("ES256")), 401),
    "HMAC with the public key": (lambda g: _bearer(hmac_token(_public(g.keys), "rsa")), 401),
    "a changed claim": (lambda g: _bearer(_changed(sign(g.keys["k1"], groups=["x"]))), 401),
    "a visa": (lambda g: _passport(g, visa(g.keys["visas"])), "in"),
    "a visa among others": (lambda g: _passport(g, "x.y.z", visa(g.keys["other"]), visa(g.keys["visas"])), "in"),
    "a visa by another key": (lambda g: _passport(g, visa(g.keys["k1"], kid="visas")), "out"),
    "a visa of the broker": (lambda g: _passport(g, visa(g.keys["k1"], iss=BROKER)), "out"),
    "a visa of another study": (
        lambda g: _passport(g, visa(g.keys["visas"], value=STUDY[:-1])),
        "out",
    ),
    "a visa of another source": (lambda g: _passport(g, visa(g.keys["visas"], source="https://dac.example")), "out"),
    "a visa of another type": (lambda g: _passport(g, visa(g.keys["visas"], kind="AcceptedTermsAndPolicies")), "out"),
    "a visa that has ended": (lambda g: _passport(g, visa(g.keys["visas"], exp=1_700_000_000)), "out"),
    "a visa of tomorrow": (lambda g: _passport(g, visa(g.keys["visas"], asserted=4_000_000_000)), "out"),
    "a visa with conditions": (lambda g: _passport(g, visa(g.keys["visas"], conditions=[[{"type": "X"}]])), "out"),
    "a visa without a signature": (lambda g: _passport(g, visa(g.keys["visas"]).rpartition(".")[0] + "."), "out"),
}

# Doors to a dataset's data: method, path, and the headers and the body that go with it.
Door = tuple[str, str, dict[str, str], Any]
DOORS: dict[str, Door] = {
    "page": ("GET", "/beacon/g_variants?datasetIds={name}&limit=2", {}, None),
    "head of a page": ("HEAD", "/beacon/g_variants?datasetIds={name}&limit=2", {}, None),
    "post": ("POST", "/beacon/biosamples", {}, {"query": {"requestParameters": {"datasetIds": ["{name}"]}}}),
    "count": ("GET", "/beacon/individuals?datasetIds={name}&requestedGranularity=count", {}, None),
    "boolean": ("GET", "/beacon/analyses?datasetIds={name}&requestedGranularity=boolean", {}, None),
    "test mode": ("GET", "/beacon/runs?datasetIds={name}&testMode=true", {}, None),
    "cohorts": ("GET", "/beacon/cohorts?datasetIds={name}", {}, None),
    "dataset": ("GET", "/beacon/datasets/{name}", {}, None),
    "among others": ("GET", "/beacon/biosamples?datasetIds=demo,{name}&limit=1", {}, None),
    "download": ("GET", f"/beacon/g_variants?{ALL}&output=pgxseg", {}, None),
    "head of a download": ("HEAD", f"/beacon/g_variants?{ALL}&output=pgxseg", {}, None),
    "range": ("GET", f"/beacon/g_variants?{ALL}&output=pgxseg", {"Range": "bytes=0-9"}, None),
    "if none match": ("GET", f"/beacon/g_variants?{ALL}&output=pgxseg", {"If_None_Match": "{etag}"}, None),
    "if none match any": ("GET", f"/beacon/g_variants?{ALL}&output=pgxseg", {"If_None_Match": "*"}, None),
    "if match": ("GET", f"/beacon/g_variants?{ALL}&output=pgxseg", {"If_Match": "{etag}"}, None),
    "compressed": ("GET", f"/beacon/g_variants?{ALL}&output=jsonl", {"Accept_Encoding": "gzip"}, None),
    "ticket": ("GET", f"/beacon/g_variants?{ALL}&output=pgxseg&ticket=true", {}, None),
    "table": ("GET", f"/services/sampletable?{ALL}", {}, None),
    "frequencies": ("GET", f"/services/intervalFrequencies?{ALL}&output=pgxfreq", {}, None),
    "matrix": ("GET", f"/services/samplematrix?{ALL}", {}, None),
    "statistics": ("GET", "/services/cnvstats?datasetIds={name}&limit=1", {}, None),
    "collations": ("GET", "/services/collations/NCIT?datasetIds={name}", {}, None),
    "filtering terms": ("GET", "/beacon/filtering_terms?datasetIds={name}", {}, None),
    "immutable address": ("GET", "{address}", {}, None),
    "head of an immutable address": ("HEAD", "{address}", {}, None),
    "range of an immutable address": ("GET", "{address}", {"Range": "bytes=-5"}, None),
    "etag of an immutable address": ("GET", "{address}", {"If_None_Match": "{etag}"}, None),
    "hash": ("GET", "{address}.sha256", {}, None),
    "state": ("GET", "{state}", {}, None),
    "address without its question": ("GET", "{bare_address}", {}, None),
    "state without its question": ("GET", "{bare_state}", {}, None),
}

# What is verified before it is known what is asked for needs not be asked for everything.
AT_EACH_DOOR = (
    *("none", "a static token", "a static token for others", "a signed token", "the claim is another"),
    *("a visa", "a visa of another study", "expired"),
)
TOLD = ("ticket", "state", "state without its question")
SOME_DOORS = ("page", "head of a download", "ticket", "range of an immutable address", *TOLD[1:])


def _bearer(token: str) -> str:
    return f"Bearer {token}"


def _passport(guarded: Guarded, *visas: str) -> str:
    return _bearer(sign(guarded.keys["k1"], groups=None, ga4gh_passport_v1=[5, *visas]))


def _public(keys: Keys) -> bytes:
    rsa = keys["rsa"]
    assert isinstance(rsa, RSAKey)
    return rsa.as_pem(private=False)


def _changed(token: str) -> str:
    header, claims, signature = token.split(".")
    return f"{header}.{claims[:-2] + ('A' if claims[-2] != 'A' else 'B') + claims[-1]}.{signature}"


def ask(gateway: Gateway, door: Door, shown: str | None, **places: str) -> Answer:
    filled = re.sub(r"\{(\w+)\}", lambda found: json.dumps(places[found[1]])[1:-1], json.dumps(door))
    method, path, headers, body = json.loads(filled)
    credentials = {"Authorization": shown} if shown is not None else {}
    return gateway.ask(path, method, body, **headers, **credentials)


def same(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """An answer without what no two have in common."""
    own = ("Date", "X-Request-ID")
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status, headers, re.sub(rb'"requestId":"\w+"', b"", answer.body)


def addressed(segment: str, name: str, etag: str) -> dict[str, str]:
    """The places of an export, by the digest and the question in its address, and by the digest alone."""
    bare = segment.partition("-")[0]
    found = {"address": f"/exports/{segment}/{name}", "state": f"/exports/{segment}"}
    return {**found, "bare_address": f"/exports/{bare}/{name}", "bare_state": f"/exports/{bare}", "etag": etag}


@pytest.fixture(scope="module")
def places(guarded: Guarded) -> dict[str, str]:
    """Where an export of the guarded dataset is."""
    ticket = ask(guarded.gateway, DOORS["ticket"], f"Bearer {guarded.tokens['alice']}", name="secret")
    assert ticket.status == 200, ticket.text
    _, _, segment, name = path_of(ticket).split("/")
    return addressed(segment, name, ticket.json["etag"])


@pytest.fixture(scope="module")
def nowhere(places: dict[str, str]) -> dict[str, str]:
    """Where it would be if the dataset had another name, which none has."""
    _, question = addresses.read(places["state"].removeprefix("/exports/"))
    assert "secret" in question
    segment = addresses.written("0" * 40, question.replace("secret", "nowhere"))
    return addressed(segment, places["address"].rpartition("/")[2], places["etag"])  # known from elsewhere


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_the_matrix(guarded: Guarded, places: dict[str, str], nowhere: dict[str, str], credentials: str):
    make, expected = CREDENTIALS[credentials]
    gateway, shown = guarded.gateway, make(guarded)
    for name in DOORS if credentials in AT_EACH_DOOR else SOME_DOORS:
        at = f"{credentials}, {name}"
        answer = ask(gateway, DOORS[name], shown, name="secret", **places)
        other = ask(gateway, DOORS[name], shown, name="nowhere", **nowhere)
        if expected == "in":
            assert answer.status in {200, 206, 304}, f"{at}: {answer.text}"
            assert answer.headers["Cache-Control"] in {"private, no-store", "no-store"}, at
            assert "private" in answer.headers["Cache-Control"] or name in TOLD, at
            assert name in {*TOLD, "hash"} or "Authorization" in answer.headers["Vary"], at
            assert other.status == 404, at
            continue
        assert answer.status == (404 if expected == "out" else expected), f"{at}: {answer.text}"
        assert same(answer) == same(other), at
        assert "secret" not in answer.text, at
        assert ("WWW-Authenticate" in answer.headers) == (expected != "out"), at
    if isinstance(expected, int):  # whatever is asked for
        for path in ("/", "/ready", "/beacon/nothing", "/beacon/g_variants?datasetIds=demo&limit=1", "/x"):
            answer = gateway.ask(path, Authorization=shown or "")
            assert answer.status == expected, path
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="pgx-gateway", error="invalid_')


@pytest.mark.parametrize("credentials", ["none", "a static token", "a signed token"])
def test_what_is_public_is_as_ever(guarded: Guarded, credentials: str):
    gateway, shown = guarded.gateway, CREDENTIALS[credentials][0](guarded)
    for path in ("/beacon/g_variants?limit=1", "/beacon/g_variants?filters=NCIT:C3058&output=pgxseg"):
        answer = gateway.ask(path, **({"Authorization": shown} if shown else {}))
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
        assert answer.headers["Content-Disposition"].startswith(("inline", "attachment"))
        assert "demo" in answer.headers["Content-Disposition"], "the dataset that is meant does not hang on the token"
    ticket = gateway.ask("/beacon/g_variants?filters=NCIT:C3058&output=pgxseg&ticket=true")
    assert gateway.ask(path_of(ticket)).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "aria2c" in ticket.json["commands"]


@pytest.mark.parametrize(
    ("credentials", "seen"),
    [
        ("none", ["demo", "flat", "odd"]),
        ("a static token for others", ["demo", "flat", "odd"]),
        ("a static token", ["demo", "secret", "flat", "odd"]),
        ("a visa", ["demo", "secret", "flat", "odd"]),
    ],
)
def test_lists_are_of_what_a_caller_may_see(guarded: Guarded, credentials: str, seen: list[str]):
    gateway, shown = guarded.gateway, CREDENTIALS[credentials][0](guarded)
    headers = {"Authorization": shown} if shown else {}
    listed = gateway.ask("/beacon/datasets", **headers)
    assert [one["id"] for one in listed.json["response"]["collections"]] == seen
    ready, page = gateway.ask("/ready", **headers), gateway.ask("/", **headers)
    assert ready.json["datasets"] == seen
    assert re.findall('<option value="(.*?)">', page.text.partition("</select>")[0]) == seen
    for answer in (listed, ready, page):
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "Authorization" in answer.headers["Vary"]
    missing = gateway.ask("/beacon/g_variants?datasetIds=x&limit=1", **headers).json["error"]["errorMessage"]
    assert missing == f"datasetIds: no such dataset here; there are: {', '.join(seen)}; who has a token may see more"
    assert gateway.ask("/health", Authorization="Bearer x").status == 200


@pytest.mark.parametrize("name", ["access_token", "accessToken", "ACCESS%5FTOKEN"])
def test_a_token_in_a_url_is_refused(guarded: Guarded, gateway: Gateway, name: str):
    path = f"/beacon/g_variants?limit=1&{name}={guarded.tokens['alice']}"
    for each in (guarded.gateway, gateway):
        answer = each.ask(path)
        assert answer.status == 400
        assert "access_token" in answer.json["error"]["errorMessage"]


def test_two_headers_are_none(guarded: Guarded):
    token = guarded.tokens["alice"].encode()
    with socket.create_connection(("127.0.0.1", guarded.gateway.port), 60) as client:
        lines = (b"GET /beacon/datasets HTTP/1.1", b"Host: x", *[b"Authorization: Bearer " + token] * 2, b"", b"")
        client.sendall(b"\r\n".join(lines))
        assert client.recv(100).startswith(b"HTTP/1.1 400")


def test_what_is_not_there_is_asked_of_the_beacon_behind(
    guarded: Guarded, places: dict[str, str], store: Store, tmp_path: Path
):
    """As ever, and whether others may see it here or not: the Beacon says what it says to everybody."""
    with KeyServer(guarded.keys["k1"]) as beacon:
        rules = guarded.folder / "access.toml"
        settings = {"access": rules, "beacon_url": beacon.url.removesuffix("/jwks"), "public_url": "http://x"}
        with Gateway(store.uri, ["demo", "secret", "flat", "odd"], log=tmp_path / "log", **settings) as gateway:
            page = "/beacon/g_variants?limit=1&datasetIds="
            hidden, unknown = gateway.ask(page + "secret"), gateway.ask(page + "nowhere")
            assert beacon.asked == 2
            assert same(hidden) == same(unknown)
            assert hidden.json.keys() == {"keys"}
            shown = gateway.ask(page + "secret", Authorization=_bearer(guarded.tokens["alice"]))
            assert shown.json["responseSummary"]["exists"] is True
            for name, refused in (("secret", 401), ("nowhere", 401), ("demo", 401)):
                assert gateway.ask(page + name, Authorization="Bearer x").status == refused
            assert gateway.ask(f"{page}flat&output=pgxseg&variantType=DEL".replace("limit=1&", "")).status == 403
            for query, shown_so in (("?access_token=x", {}), ("", {"Authorization": "Bearer\tx"})):
                for method, body in (("GET", None), ("POST", b"{}")):  # what is shown wrongly is no matter of a body
                    assert gateway.ask(f"/beacon/g_variants{query}", method, body, **shown_so).status == 400
            assert gateway.ask("/gateway/ready").json["datasets"] == ["demo", "flat", "odd"]
            assert beacon.asked == 2
            owner, address = _bearer(guarded.tokens["alice"]), places["address"]  # of an export that it never made
            assert [gateway.ask(address, Authorization=owner).status, gateway.ask(address).status] == [200, 404]
            for shown in (_bearer(guarded.tokens["alice"]), f"Bearer\t{guarded.tokens['alice']}", "Bearer others"):
                gateway.ask("/beacon/nothing", Authorization=shown)
            assert beacon.shown == [None, None, None, None, "Bearer others"], "ours is for us alone"


def test_tokens_come_and_go_while_it_serves(guarded: Guarded):
    file, token = guarded.folder / "tokens", static_tokens.make()
    before, path = file.read_text(), "/beacon/datasets"
    assert guarded.gateway.ask(path, Authorization=_bearer(token)).status == 401
    for text, status in ((f"{before}new {static_tokens.line_of('new', token)[4:]}\n", 200), (before, 401)):
        fresh = file.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o600)
        fresh.replace(file)
        until(lambda status=status: guarded.gateway.ask(path, Authorization=_bearer(token)).status == status)
    assert guarded.gateway.ask(path, Authorization=_bearer(guarded.tokens["alice"])).status == 200


def test_a_gateway_without_rules_reads_no_tokens(gateway: Gateway):
    plain, shown = (
        gateway.ask("/beacon/g_variants?limit=1", **headers) for headers in ({}, {"Authorization": "Bearer x"})
    )
    assert shown.status == plain.status == 200
    assert shown.body == plain.body


def test_who_follows_a_pass_needs_the_right_as_well(quick: Quick, tmp_path: Path):
    """While an export is made for somebody, it is not there for others, whatever they know of it."""
    (tmp_path / "tokens").write_text(static_tokens.line_of("alice", token := static_tokens.make()))
    guarded = '[datasets.b400v250p30]\ngrants = [{ tokens = "alice" }]\n'
    (tmp_path / "access.toml").write_text(f'tokens = "tokens"\n[datasets.b400v250]\npublic = "record"\n{guarded}')
    settings = {"access": tmp_path / "access.toml", "slice_rows": 200}
    with Gateway(*quick.arguments, log=tmp_path / "log", **settings) as gateway:
        issued = gateway.ask(PACED + "&ticket=true", Authorization=_bearer(token))
        places = (PACED, PACED + "&ticket=true", path_of(issued), path_of(issued, "self"))
        assert [gateway.ask(path).status for path in places] == [404] * 4
        assert issued.json["state"] == "producing"
        assert gateway.ask(path_of(issued), Authorization=_bearer(token)).status == 200
        assert [gateway.ask(path).status for path in places] == [404] * 4
        assert re.search(r"guarded data request_id=\w+ caller=alice datasets=b400v250p30 digest=\w+", gateway.log)


def test_tokens_are_nowhere(guarded: Guarded, places: dict[str, str]):
    """Neither logged nor kept, whole or in part: after all of the above, or as much of it as was run."""
    gateway = guarded.gateway
    shown = [make(guarded) for make, _ in CREDENTIALS.values()]
    for credentials in filter(None, shown):
        gateway.ask(f"/beacon/g_variants?{ALL.format(name='secret')}&output=bed", Authorization=credentials)
    files = [path for path in Path(guarded.folder / "spool").rglob("*") if path.is_file()]
    assert any(path.suffix == ".data" for path in files)
    kept = gateway.log.encode() + b"".join(path.name.encode() + path.read_bytes() for path in files)
    words = [word for text in filter(None, shown) for word in re.split(r"[ .]", text) if len(word) > 20]
    assert len(words) > 50
    for word in words:
        assert word[:20].encode() not in kept
