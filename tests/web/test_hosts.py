"""Several hosts without anything shared: an address that one of them told is answered by all, with the same bytes.

The hosts are gateways with spools of their own, by turns behind a real nginx.
"""

import hashlib
import http.client
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from gateway.fetch.errors import Refused
from gateway.formats import FORMATS, delivered
from gateway.web.messages import addresses
from tests.cutter import Cutter, Fate
from tests.harness import Answer, Gateway, free_port, until
from tests.proxies import Apache, Nginx, old_beacon
from tests.resuming import curl, fetch_here, wget
from tests.web.conftest import BIG, SMALL, Quick, path_of

NAME = {"Host": "data.example"}
WORDS = [form.words[0] for form in FORMATS if delivered(form, "variants") and not form.links]
PATH = "/beacon/g_variants?filters=NCIT:C3058&output=pgxseg"
# Nothing that a URL can say.
POSTED = {"filters": [{"id": "NCIT:C3058", "includeDescendantTerms": False}, {"id": "NCIT:C2955"}], "filterLogic": "OR"}
# For nginx: what is asked of one export has one name, so that one host makes it and the others need not.
BY_EXPORT = """
map $request_uri $export {
    default $request_uri;
    "~^/exports/(?<digest>[0-9a-f]{40})" $digest;
}
"""


def behind(folder: Path, *gateways: Gateway, first: int = 1, by_export: bool = False) -> Nginx:
    """Nginx before gateways, by turns, of which the `first` has so many, or `by_export`; another where one is gone."""
    port = free_port()
    weights = [first, *repeat(1, len(gateways) - 1)]
    weighted = zip(gateways, weights, strict=True)
    servers = "".join(f"server 127.0.0.1:{gateway.port} weight={weight};" for gateway, weight in weighted)
    block = f"""
        {BY_EXPORT}        upstream gateways {{ {"hash $export consistent;" if by_export else ""} {servers} }}
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://gateways;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Host $http_host;
                proxy_buffering off;
                proxy_next_upstream error timeout http_404;
            }}
        }}"""
    return Nginx(folder, port, block)


@pytest.fixture(scope="module")
def moving(mongo: MongoClient[dict[str, Any]], demo: str) -> str:
    """A dataset that changes: a few samples."""
    mongo.drop_database("moving")  # where the module comes in two parts
    store = mongo["moving"]
    samples = list(mongo[demo].biosamples.find({"histological_diagnosis.id": "NCIT:C3058"}).limit(2))
    store.biosamples.insert_many(samples)
    store.variants.insert_many(mongo[demo].variants.find({"biosample_id": {"$in": [each["id"] for each in samples]}}))
    store.biosamples.create_index("id")
    store.variants.create_index("biosample_id")
    return "moving"


@pytest.fixture(scope="module")
def hosts(
    store: Store, demo: str, moving: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Gateway]]:
    """Two on the embedded database; the second hears late of new data, and has another order of sets."""
    folder = tmp_path_factory.mktemp("hosts")
    datasets = [demo, moving]
    with (
        Gateway(store.uri, datasets, log=folder / "one", version_ttl=1) as one,
        Gateway(store.uri, datasets, log=folder / "two", version_ttl=600, fork=False) as two,
    ):
        yield one, two
        assert not re.search(r"request \w+ failed", one.log + two.log)


@pytest.fixture(scope="module")
def another(quick: Quick, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Another host beside `kept`, on the quick database."""
    with Gateway(*quick.arguments, log=tmp_path_factory.mktemp("another") / "log") as running:
        yield running


def settled(gateway: Gateway, path: str) -> dict[str, Any]:
    """The ticket at an address, once its export is complete."""
    until(lambda: gateway.ask(path, **NAME).json["state"] != "producing", what="the end of a pass")
    return dict(gateway.ask(path, **NAME).json)


def lasting(answer: Answer) -> dict[str, str]:
    """The header fields that are of the export, not of the request, nor of the host that made it then."""
    own = {"Date", "Last-Modified", "X-Request-ID"}
    return {name: value for name, value in answer.headers.items() if name not in own}


@pytest.mark.parametrize("word", WORDS)
def test_any_host_makes_the_same_bytes(hosts: tuple[Gateway, Gateway], word: str):
    one, two = hosts
    live = f"/beacon/biosamples?filters=NCIT:C3058,NCIT:C2955&filterLogic=OR&output={word}&limit=0"
    told = one.ask(f"{live}&ticket=true", **NAME)
    assert told.status == 200, told.text
    own, address = path_of(told, "self"), path_of(told)
    # The one that never heard of it first: neither its ticket, nor its bytes.
    there, here = settled(two, own), settled(one, own)
    assert {**there, "query": ""} == {**here, "query": ""}  # which is as the first who asked spelled it
    assert (here["state"], here["anyHost"]) == ("complete", True)
    live_bytes, *answers = one.ask(live, **NAME), two.ask(address, **NAME), one.ask(address, **NAME)
    assert answers[0].body == answers[1].body == live_bytes.body
    assert lasting(answers[0]) == lasting(answers[1])
    assert answers[0].headers["ETag"] == live_bytes.headers["ETag"] == here["etag"]


def test_ranges_and_a_ticket_by_turns(kept: Gateway, another: Gateway, big: bytes, tmp_path: Path):
    """As aria2 fetches, in pieces at the same time, each from whichever host comes next."""
    with behind(tmp_path / "nginx", kept, another) as through:
        told = through.ask(BIG + "&ticket=true").json
        address, own = urlsplit(told["address"]).path, urlsplit(told["self"]).path
        for gateway in (kept, another):
            settled(gateway, own)
        step = len(big) // 16 + 1
        with ThreadPoolExecutor(4) as pool:
            asked = [f"bytes={at}-{at + step - 1}" for at in range(0, len(big), step)]
            pieces = list(pool.map(lambda span: through.ask(address, Range=span, If_Range=told["etag"]), asked))
        assert b"".join(piece.body for piece in pieces) == big
        heads = [through.ask(address, "HEAD") for _ in range(4)]
    assert {piece.status for piece in pieces} == {206}
    assert len({piece.headers["ETag"] for piece in pieces} | {told["etag"]}) == 1
    stable = [lasting(head) for head in heads]
    assert stable == stable[:1] * 4
    assert stable[0]["Content-Length"] == str(len(big))
    assert stable[0]["Repr-Digest"].startswith("sha-256=:")


def test_what_is_asked_of_one_export_may_go_to_one_host(kept: Gateway, another: Gateway, tmp_path: Path):
    """And to another when that one is gone, as above."""
    with behind(tmp_path / "nginx", kept, another, by_export=True) as through:
        for number in range(70, 74):  # which no other test asks `kept` for: lines of the log are counted
            told = through.ask(f"/beacon/variants?biosampleIds=pgxbs-{number:08}&output=bed&ticket=true")
            bodies = {through.ask(path_of(told)).body for _ in range(3)}
            assert len(bodies) == 1
            assert settled(through, path_of(told, "self"))["sha256"] == hashlib.sha256(bodies.pop()).hexdigest()
            line = f"file=\\S+ digest={told.json['digest']}"
            until(lambda line=line: sorted(len(re.findall(line, host.log)) for host in (kept, another)) == [0, 3])


def in_pieces(gateway: Gateway, path: str, size: int) -> bytes:
    """A download as aria2 does it: several ranges at a time, each tried again until it came whole."""
    step = size // 16 + 1

    def piece(at: int) -> bytes:
        got: list[bytes] = []

        def came() -> bool:
            with suppress(OSError, http.client.HTTPException):
                answer = gateway.ask(path, Range=f"bytes={at}-{at + step - 1}")
                if answer.whole and answer.status == 206:
                    got.append(answer.body)
            return bool(got)

        until(came, seconds=120, what=f"a range from {at}")
        return got[0]

    with ThreadPoolExecutor(4) as pool:
        return b"".join(pool.map(piece, range(0, size, step)))


def test_one_host_is_killed_on_the_way(quick: Quick, another: Gateway, big: bytes, tmp_path: Path):
    """Another goes on with what it was sending.  Its database hangs, so that all are in the midst of it for sure."""
    uri, datasets = quick.arguments
    upstream = urlsplit(uri)
    clients = {"wget": wget, "curl": curl, "fetch": fetch_here}
    with (
        Cutter((upstream.hostname or "", upstream.port or 0), repeat(Fate("stall", 1_000_000))) as hanging,
        Gateway(f"mongodb://127.0.0.1:{hanging.port}/", datasets, log=tmp_path / "log", slice_rows=2000) as doomed,
        behind(tmp_path / "nginx", doomed, another, first=1000) as through,
        ThreadPoolExecutor(len(clients) + 1) as pool,
    ):
        path = path_of(through.ask(BIG + "&ticket=true"))
        running = {name: pool.submit(client, through.url + path, tmp_path / name) for name, client in clients.items()}
        pieces = pool.submit(in_pieces, through, path, len(big))
        until(lambda: all(any(begun(tmp_path, name)) for name in clients), what="bytes for everybody")
        doomed.stop(signal.SIGKILL)
        assert pieces.result() == big
        for name, client in running.items():
            client.result()
            assert (tmp_path / name).read_bytes() == big, name


def begun(folder: Path, name: str) -> Iterator[bool]:
    """Whether there is something of a file, under its own name or that of a part."""
    yield from (path.stat().st_size > 0 for path in folder.glob(f"{name}*") if path.is_file())


@pytest.mark.parametrize("proxy", [Nginx, Apache], ids=lambda proxy: proxy.name)
def test_a_long_address_passes_and_names_the_file(
    kept: Gateway, another: Gateway, tmp_path: Path, proxy: type[Nginx] | type[Apache]
):
    """A question as long as they become, by the command of the ticket, at a host that never heard of it."""
    ids = ",".join(f"pgxbs-{n * n * 97:08}" for n in range(1 if proxy is Nginx else 2, 860))
    told = kept.ask(f"/beacon/variants?output=pgxseg&biosampleIds={ids}&ticket=true").json
    assert 4_500 < len(told["address"]) < 6_500
    with ExitStack() as opened:
        if proxy is Nginx:
            through = opened.enter_context(behind(tmp_path / "nginx", another))
        else:
            site = Apache.deployed(tmp_path / "apache", another.port, opened.enter_context(old_beacon()))
            through = opened.enter_context(site)
        command = told["commands"]["wget"].replace(kept.url, through.url)
        subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    (file,) = tmp_path.glob("*.pgxseg")
    assert file.name == told["name"]
    assert file.read_bytes() == kept.ask(urlsplit(told["address"]).path).body


# --- when it is not so simple ----------------------------------------------------------------------------------------


def test_data_that_moved_on(hosts: tuple[Gateway, Gateway], moving: str, mongo: MongoClient[dict[str, Any]]):
    """The host behind looks again before it says so; what one has kept it goes on delivering, the other says 410."""
    one, two = hosts
    path = f"{PATH}&datasetIds={moving}"
    old = settled(two, path_of(two.ask(path + "&ticket=true", **NAME), "self"))
    kept_there = two.ask(urlsplit(old["address"]).path)
    added = mongo[moving].variants.find_one({"biosample_id": kept_there.rows[0].split("\t")[0]}) or {}
    del added["_id"]
    mongo[moving].variants.insert_one(added)
    until(lambda: one.ask(path, "HEAD", **NAME).headers["ETag"] != old["etag"], what="a look at the data")
    new = settled(one, path_of(one.ask(path + "&ticket=true", **NAME), "self"))
    fresh = two.ask(urlsplit(new["address"]).path)
    assert (fresh.status, len(fresh.rows)) == (200, len(kept_there.rows) + 1)
    assert two.ask(urlsplit(old["address"]).path).body == kept_there.body
    for name in ("address", "sha256Address", "self"):
        gone = one.ask(urlsplit(old[name]).path, **NAME)
        assert gone.status == 410 == gone.json["error"]["errorCode"]
        live = gone.headers["Link"].removeprefix("<").removesuffix('>; rel="latest-version"')
        assert live in gone.json["error"]["errorMessage"]
        assert one.ask(live.removeprefix("http://data.example")).body == fresh.body
    with pytest.raises(Refused):
        fetch_here(one.url + urlsplit(old["address"]).path, Path("/dev/null/nothing"))


def test_envelopes_that_differ_have_two_names(hosts: tuple[Gateway, Gateway], demo: str):
    """JSON repeats whether a dataset was named: same name, same bytes."""
    whole = "/beacon/biosamples?filters=NCIT:C3058&limit=0"
    unnamed, named = (hosts[0].ask(path, **NAME) for path in (whole, f"{whole}&datasetIds={demo}"))
    assert unnamed.body != named.body
    assert unnamed.headers["ETag"] != named.headers["ETag"]


def test_a_long_question_stays_with_its_host(hosts: tuple[Gateway, Gateway], tmp_path: Path):
    """The ticket says so; a proxy that asks the next where one knows nothing finds it."""
    one, two = hosts
    noise = random.Random(1)
    ids = [f"x{noise.getrandbits(60):x}" for _ in range(500)]
    told = one.ask("/beacon/g_variants?output=pgxseg&ticket=true", "POST", {"biosampleIds": ids}).json
    assert (told["anyHost"], urlsplit(told["self"]).path) == (False, f"/exports/{told['digest']}")
    for path in (urlsplit(told[name]).path for name in ("address", "self", "sha256Address")):
        assert (one.ask(path).status, two.ask(path).status) == (200, 404)
    with behind(tmp_path / "nginx", two, one) as through:
        assert {through.ask(urlsplit(told["address"]).path).status for _ in range(4)} == {200}
        assert {through.ask(urlsplit(told["address"]).path + "x").status for _ in range(4)} == {404}


def test_a_short_body_needs_no_url(hosts: tuple[Gateway, Gateway]):
    one, two = hosts
    told = one.ask("/beacon/g_variants?output=pgxseg&ticket=true", "POST", POSTED)
    assert (told.json["anyHost"], told.json["query"]) == (True, None)
    posted = one.ask("/beacon/g_variants?output=pgxseg", "POST", POSTED)
    answer = two.ask(path_of(told))
    assert (answer.body, answer.headers["ETag"]) == (posted.body, posted.headers["ETag"])


def test_old_addresses_work_where_they_are_known(hosts: tuple[Gateway, Gateway]):
    one, two = hosts
    told = settled(one, path_of(one.ask(f"{PATH}&limit=0&ticket=true", **NAME), "self"))
    old = f"/exports/{told['digest']}"
    assert one.ask(f"{old}/{told['name']}").body == one.ask(urlsplit(told["address"]).path).body
    assert one.ask(old, **NAME).json == told  # and says where any host has it
    assert two.ask(old).status == two.ask(f"{old}/{told['name']}").status == 404


def test_without_a_spool(kept: Gateway, direct: Gateway):
    """Such a host delivers the bytes all the same; progress and hashes it does not know."""
    told = settled(kept, path_of(kept.ask(SMALL + "&ticket=true"), "self"))
    address, expected = urlsplit(told["address"]).path, kept.ask(SMALL).body
    assert direct.ask(address).body == expected
    assert direct.ask(address, Range="bytes=5-9").body == expected[5:10]
    assert direct.ask(urlsplit(told["self"]).path).status == direct.ask(address + ".sha256").status == 404


FALSE = "0" * 40
ASKED = "/beacon/g_variants?filters=NCIT:C3058&output=pgxseg"


@pytest.mark.parametrize(
    ("question", "status"),
    [
        (ASKED, 410),
        (ASKED + "&datasetIds=admin", 404),
        (ASKED + "&limit=5", 410),
        ("/beacon/g_variants?filters=NCIT:C3058", 410),
        ("/beacon/g_variants?output=pgxseg", 400),
        (ASKED + "&ticket=true", 410),
        (ASKED + "&biosampleIds=$where", 400),
        (ASKED + "&output=docx", 400),
        ("/beacon/g_variants?filters=a&output=docx", 406),
        ('/beacon/g_variants?output=pgxseg\n{"filters":[{"id":{"$gt":""}}]}', 400),
        ("/services/pgxsegvariants\n{}", 400),
        ("/exports/" + FALSE, 404),
        ("/health", 404),
    ],
)
def test_a_question_that_is_not_that_of_the_digest(hosts: tuple[Gateway, Gateway], question: str, status: int):
    """Whoever makes addresses up gets what the same question by parameters would get, or nothing."""
    segment = addresses.written(FALSE, question)
    for path in (f"/exports/{segment}", f"/exports/{segment}/x.pgxseg", f"/exports/{segment}/x.sha256"):
        answer = hosts[1].ask(path)
        assert answer.status == status == answer.json["error"]["errorCode"], answer.text
    cut = hosts[1].ask(f"/exports/{segment[:-1]}/x.pgxseg")
    assert (cut.status, "cut or changed" in cut.text) == (404, True)


def test_a_page_has_no_address(hosts: tuple[Gateway, Gateway]):
    """Also where its digest is the right one."""
    page = f"{PATH}&limit=5"
    digest = hosts[0].ask(page, **NAME).headers["ETag"].strip('"')
    answer = hosts[1].ask(f"/exports/{addresses.written(digest, page)}/x", **NAME)
    assert (answer.status, "pages" in answer.text) == (404, True)
