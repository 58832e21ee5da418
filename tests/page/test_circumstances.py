"""The page where something is not as usual: no database, no spool, a prefix, markup in texts; and what it weighs."""

import gzip
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.cohort import documents
from gateway.demo.store import Store
from gateway.loading.writer import load
from gateway.page import assets
from gateway.web.access import static_tokens
from tests import datasets
from tests.cutter import Cutter
from tests.harness import Gateway, free_port
from tests.page.visits import chromium, opened
from tests.proxies import Nginx

GLIOBLASTOMA = "?filters=NCIT:C3058"
MARKUP = "<img src=x onerror=alert(1)> & <b>bold</b>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def test_the_database_goes_and_comes_back(browser: Any, tmp_path: Path):
    with Store(tmp_path / "store") as store:
        load(store.uri, "demo", datasets.thinned(documents(8), most=20))
        store.stop()
        with (
            Gateway(store.uri, ["demo"], log=tmp_path / "log", version_ttl=0) as gateway,
            opened(browser, f"{gateway.url}/", allowed="503") as visit,
        ):
            page = visit.page
            page.goto(visit.url)
            page.wait_for_selector("h1")  # which does not wait for the database
            page.wait_for_selector("#away:not([hidden])")
            assert "goes on by itself" in page.inner_text("#away")
            assert visit.violations() == []
            store.start()
            assert "sample" in visit.counted()
            page.wait_for_selector("#away", state="hidden")

            visit.go(f"{GLIOBLASTOMA}&output=seg")
            store.stop()
            page.wait_for_selector("#away:not([hidden])")  # though nobody asked for anything
            page.select_option("#type", "DEL")
            visit.until("document.querySelector('#line').innerText.startsWith('Waiting')")
            assert page.evaluate("document.querySelector('#get').inert")  # not the file of what was chosen before
            store.start()
            page.wait_for_selector("#away", state="hidden")
            assert ", of which " in visit.counted()
            assert visit.query == {"filters": "NCIT:C3058", "variantType": "DEL", "output": "seg"}
            path = f"/beacon/biosamples{GLIOBLASTOMA}&variantType=DEL&output=seg"
            assert visit.downloaded()[1] == gateway.ask(path).body


def test_rows_are_told_while_a_file_is_made(
    browser: Any, store: Store, mongo: MongoClient[dict[str, Any]], demo: str, tmp_path: Path
):
    count = mongo[demo].variants.count_documents({})
    held, go_on, passed = threading.Event(), threading.Event(), 0

    def answered(_: int, data: bytes) -> None:
        nonlocal passed
        passed += len(data) * held.is_set()
        if passed > 80_000:
            go_on.wait(60)

    with (
        Cutter(("127.0.0.1", store.port), answered=answered) as network,
        Gateway(
            f"mongodb://127.0.0.1:{network.port}/?directConnection=true",
            [demo],
            log=tmp_path / "log",
            slice_rows=20,
            flights=1,
        ) as gateway,
        opened(browser, f"{gateway.url}/") as visit,
    ):
        page = visit.go().page
        held.set()
        page.click("#download")
        page.locator("#progress").filter(has_text=re.compile("Being made: [1-9][0-9]* rows of about ")).wait_for()
        go_on.set()
        page.locator("#downloaded.done").filter(has_text=f"{count} rows").wait_for()


def test_behind_a_path_prefix(browser: Any, gateway: Gateway, tmp_path: Path):
    port = free_port()
    inner = f"location /some/where/ {{ proxy_pass http://127.0.0.1:{gateway.port}/; }}"
    block = f"server {{ listen 127.0.0.1:{port}; {inner} }}"
    with (
        Nginx(tmp_path / "nginx", port, block) as proxy,
        opened(browser, f"{proxy.url}/some/where/") as visit,
    ):
        page = visit.go(GLIOBLASTOMA).page
        visit.pictured()
        assert visit.downloaded()[1] == gateway.ask(f"/beacon/biosamples{GLIOBLASTOMA}&output=pgxseg").body
        page.click("#commands summary")
        address = page.input_value("#address")
        assert address.startswith(f"{proxy.url}/some/where/exports/")
        assert f"{address}.sha256" in _command(page, "curl")
        links = [page.evaluate("each => each.href", each) for each in page.query_selector_all("a[href]")]
        assert len(links) > 30
        assert all(link.startswith(f"{proxy.url}/some/where/") for link in links)
        page.goto(f"{proxy.url}/some/where/gateway/{GLIOBLASTOMA}")
        visit.counted()


def _command(page: Any, tool: str) -> str:
    page.check(f"input[name=tool][value={tool}]")
    page.locator(f"#command[data-tool={tool}]").wait_for()
    return str(page.inner_text("#command"))


def test_behind_a_public_url(browser: Any, store: Store, demo: str, tmp_path: Path):
    with (
        Gateway(store.uri, [demo], log=tmp_path / "log", public_url="https://data.example.org/x") as gateway,
        opened(browser, f"{gateway.url}/gateway/") as visit,
    ):
        page = visit.go(GLIOBLASTOMA).page
        page.click("#commands summary")
        assert page.input_value("#address").startswith("https://data.example.org/x/exports/")
        assert "https://data.example.org/x/exports/" in _command(page, "aria2c")
        assert visit.downloaded()[1].startswith(b"#meta=>")


def test_without_a_spool(browser: Any, store: Store, demo: str, tmp_path: Path):
    with (
        Gateway(store.uri, [demo], log=tmp_path / "log", no_spool=True) as gateway,
        opened(browser, f"{gateway.url}/") as visit,
    ):
        page = visit.go(GLIOBLASTOMA).page
        assert "keeps no files" in page.inner_text("#get")
        live = gateway.ask(f"/beacon/biosamples{GLIOBLASTOMA}&output=pgxseg")
        assert visit.downloaded()[1] == live.body
        page.click("#commands summary")
        page.wait_for_selector("#command")
        assert "output=pgxseg" in page.inner_text("#command")


def test_what_a_token_is_needed_for(browser: Any, store: Store, demo: str, flat: str, tmp_path: Path):
    token = static_tokens.make()
    (tmp_path / "tokens").write_text(static_tokens.line_of("alice", token, "") + "\n")
    rules = 'tokens = "tokens"\n[datasets.demo]\npublic = "record"\n'
    rules += '[datasets.flat]\npublic = "count"\n[[datasets.flat.grants]]\ntokens = ["alice"]\n'
    (tmp_path / "access.toml").write_text(rules)
    with (
        Gateway(store.uri, [demo, flat], log=tmp_path / "log", access=tmp_path / "access.toml") as gateway,
        opened(browser, f"{gateway.url}/") as visit,
    ):
        page = visit.go(f"{GLIOBLASTOMA}&datasetIds=flat").page
        assert "Files need an access token" in page.inner_text("#outputs")
        assert "numbers can be seen" in page.inner_text("#plot")
        page.click("#token-open")
        page.fill("#token", token)
        page.keyboard.press("Tab")
        page.wait_for_selector("#download")
        path = f"/beacon/biosamples{GLIOBLASTOMA}&datasetIds=flat&output=pgxseg"
        assert visit.downloaded()[1] == gateway.ask(path, Authorization=f"Bearer {token}").body
        assert token not in page.url
        page.click("#commands summary")
        page.wait_for_selector("#command")
        assert "PGX_TOKEN" in page.inner_text("#command")
        assert token not in page.content()


def test_markup_in_labels_is_text(browser: Any, store: Store, mongo: MongoClient[dict[str, Any]], tmp_path: Path):
    load(store.uri, "marked", datasets.thinned(documents(8), most=10))
    mongo["marked"]["collations"].update_many({"id": "NCIT:C3058"}, {"$set": {"label": MARKUP}})
    with (
        Gateway(store.uri, ["marked"], log=tmp_path / "log", citation=MARKUP, beacon_name=MARKUP) as gateway,
        opened(browser, f"{gateway.url}/") as visit,
    ):
        page = visit.go().page
        page.fill("#term", "onerror")
        page.get_by_role("option").filter(has_text=MARKUP).click()
        visit.pictured()
        assert MARKUP in page.inner_text("#terms")
        assert MARKUP in page.inner_text("h1")
        page.locator("#about").filter(has_text=MARKUP).wait_for()
        assert page.locator("img, main b").count() == 0


def test_the_page_without_scripts(browser: Any, gateway: Gateway):
    with opened(browser, f"{gateway.url}/", java_script_enabled=False) as visit:
        page = visit.page
        page.goto(visit.url)
        assert "needs JavaScript" in page.inner_text("noscript >> nth=-1")
        assert page.is_hidden("#choose")
        page.click("#formats summary")
        assert page.is_visible("text=output=")


def test_weight_and_first_paint(browser: Any, gateway: Gateway, capsys: pytest.CaptureFixture[str]):
    """Prints them; the weight has a limit, the time has none, because machines differ."""
    own = {name: (len(asset.body), len(gzip.compress(asset.body))) for name, asset in assets().items()}
    document = gateway.ask("/")
    with opened(browser, f"{gateway.url}/") as visit:
        page = visit.page
        page.goto(visit.url)
        visit.until("performance.getEntriesByName('first-contentful-paint').length > 0")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        hosts = page.evaluate("performance.getEntriesByType('resource').map(each => new URL(each.name).host)")
        visit.counted()
    total, packed = (sum(sizes) for sizes in zip(*own.values(), strict=True))
    with capsys.disabled():
        print(f"\npage: assets {total:,} bytes ({packed:,} packed), document {len(document.body):,}; ", end="")  # noqa: T201
        print(f"first contentful paint after {paint:.0f} ms")  # noqa: T201
    assert total <= 100_000
    assert set(hosts) == {gateway.url.removeprefix("http://").rstrip("/")}


def test_assets_are_kept_by_their_content(gateway: Gateway):
    page = gateway.ask("/").text
    style = page.partition('rel="stylesheet" href=".')[2].partition('"')[0]
    answer = gateway.ask(style)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"].startswith("text/css")
    packed = gateway.ask(style, Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == answer.body
    other = style.replace(style.split("/")[3], "0" * 16)
    assert [gateway.ask(path).status for path in (other, style + "x", "/favicon.ico")] == [404, 404, 200]
    etag = gateway.ask("/").headers["ETag"]
    assert gateway.ask("/", If_None_Match=etag).status == 304
    policy = gateway.ask("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
