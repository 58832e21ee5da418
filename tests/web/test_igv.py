"""igv.js in Chromium, on a page of another origin: the session of a query, its tracks, and what of them is drawn."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pymongo import MongoClient

from gateway.genome import CHROMOSOMES
from tests.harness import Gateway

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
IGV = find_spec("igv_notebook")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
    pytest.mark.skipif(IGV is None, reason="igv.js, which igv-notebook carries, is not installed"),
]

COHORT = "filters=NCIT:C3058"
START, END = 20_000_000, 24_000_000  # of chromosome 9, about CDKN2A
PATIENCE = 120_000  # milliseconds
# As igv.js is used in pages.  A genome of the name hg38, but of this server: there is no other network.
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="igv.js"></script>
<div id="here"></div>"""
GENOME = {"id": "hg38", "name": "GRCh38", "format": "chromsizes", "fastaURL": "hg38.chrom.sizes"}
OPEN = """async ([session, locus]) => {
    const genomes = {loadDefaultGenomes: false, genomeList: "genomes.json", genome: "hg38"};
    window.browser = await igv.createBrowser(document.getElementById("here"), genomes);
    await browser.loadSession({url: session});
    await browser.search(locus);
}"""
FEATURES = """async ([start, end]) => {
    const found = {};
    for (const {track} of browser.trackViews) {
        if (!track.url) continue;
        const features = await track.getFeatures("chr9", start, end, 1000);
        found[track.type] = features.map(one => [one.start, one.end, one.sample || one.name || "", one.color || ""]);
    }
    return found;
}"""
# Pixels with a colour, of each track: text and frames are grey.
COLOURED = """() => browser.trackViews.filter(view => view.track.url).map(view => {
    const canvas = view.viewports[0].canvas;
    if (!canvas || !canvas.width || !canvas.height) return 0;
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let coloured = 0;
    for (let n = 0; n < data.length; n += 4)
        coloured += data[n + 3] > 0 && Math.max(data[n], data[n + 1], data[n + 2]) -
            Math.min(data[n], data[n + 1], data[n + 2]) > 60;
    return coloured;
})"""
# A script that reads a file in parts, with conditions that browsers ask about first.
PARTS = """async (url) => {
    const bytes = async (answer) => String(new Uint8Array(await answer.arrayBuffer()).slice(0, 5));
    const whole = await fetch(url), etag = whole.headers.get("ETag");
    const first = new Uint8Array(await whole.arrayBuffer());
    const read = async (headers) => {
        const part = await fetch(url, {headers, cache: "no-store"});
        return [part.status, (await bytes(part)) === String(first.slice(5, 10)), part.headers.get("Content-Range")];
    };
    const names = ["ETag", "Content-Length", "Accept-Ranges", "Repr-Digest", "Last-Modified", "Content-Disposition"];
    return {
        size: first.length,
        headers: names.filter(name => whole.headers.get(name)),
        range: await read({"Range": "bytes=5-9", "If-Range": etag}),
        other: (await read({"Range": "bytes=5-9", "If-Range": '"other"'}))[0],
        same: (await fetch(url, {headers: {"If-None-Match": etag}, cache: "no-store"})).status,
        refused: (await (await fetch(url + "x")).json()).error.errorCode,
    };
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with a page that shows igv.js."""
    folder = tmp_path_factory.mktemp("site")
    assert IGV is not None
    assert IGV.origin is not None
    library = Path(IGV.origin).parent / "js" / "igv.iife.js"
    (folder / "igv.js").write_bytes(library.read_bytes())
    (folder / "index.html").write_text(PAGE)
    (folder / "genomes.json").write_text(json.dumps([GENOME]))
    sizes = (f"chr{name.replace('MT', 'M')}\t{one.size}\n" for name, one in CHROMOSOMES.items())
    (folder / "hg38.chrom.sizes").write_text("".join(sizes))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
        server.shutdown()


@pytest.fixture(scope="module")
def page(site: str) -> Iterator[Any]:
    with sync_api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(site)
        yield page
        browser.close()


def stored(mongo: MongoClient[dict[str, Any]], demo: str) -> list[tuple[int, int, str]]:
    """What the region has, as the database says."""
    ids = mongo[demo]["biosamples"].distinct("id", {"histological_diagnosis.id": "NCIT:C3058"})
    place = {"location.chromosome": "9", "location.start": {"$lt": END}, "location.end": {"$gt": START}}
    found = mongo[demo]["variants"].find({"biosample_id": {"$in": ids}, **place})
    return sorted((v["location"]["start"], v["location"]["end"], v["biosample_id"]) for v in found)


def test_a_session_opens_and_is_drawn(
    gateway: Gateway, page: Any, mongo: MongoClient[dict[str, Any]], demo: str, tmp_path: Path
):
    answers: dict[str, list[int]] = {}
    page.on("response", lambda told: answers.setdefault(told.url.rpartition("/")[2], []).append(told.status))
    session = f"{gateway.url}/beacon/variants/session.xml?{COHORT}"
    page.evaluate(OPEN, [session, f"chr9:{START + 1}-{END}"])
    features = page.evaluate(FEATURES, [START, END])
    here = stored(mongo, demo)
    assert len(here) > 3
    assert sorted(tuple(one[:3]) for one in features["seg"]) == here
    assert sorted(tuple(one[:3]) for one in features["annotation"]) == here
    assert all(one[3].startswith("rgb") for one in features["annotation"])
    # Of the VCF they are sites: several samples may have one.  Those begin with the base before.
    assert {(one[0], one[1]) for one in features["variant"]} == {(start - 1, end) for start, end, _ in here}
    page.wait_for_function(f"Math.min(...({COLOURED})()) > 500")
    page.screenshot(path=tmp_path / "igv.png")
    names = {name.partition("?")[0]: statuses for name, statuses in answers.items()}
    for extension in ("vcf.gz", "bed.gz"):
        [(name, statuses)] = [each for each in names.items() if each[0].endswith(extension)]
        assert {*statuses} == {206}, name  # in parts, by the index
        assert {*names[f"{name}.tbi"]} == {200}


def test_a_script_reads_parts_with_conditions(gateway: Gateway, page: Any):
    address = gateway.ask(f"/beacon/variants?{COHORT}&output=igv.gz&ticket=true").json["address"]
    gateway.ask(address.removeprefix(gateway.url) + ".sha256")  # when it is complete
    told = page.evaluate(PARTS, address)
    assert told["headers"] == [
        *("ETag", "Content-Length", "Accept-Ranges", "Repr-Digest", "Last-Modified", "Content-Disposition")
    ]
    assert told["range"] == [206, True, f"bytes 5-9/{told['size']}"]
    assert (told["other"], told["same"], told["refused"]) == (200, 304, 404)


def test_a_session_and_tracks_say_where_the_files_are(gateway: Gateway):
    region = "&referenceName=MT&start=99&end=200&variantType=DEL"
    for query, place in ((COHORT, "All"), (COHORT + region, "chrM:100-200"), (COHORT + "&referenceName=9", "chr9")):
        session = gateway.ask(f"/beacon/g_variants?{query}&output=igvsession")
        root = ET.fromstring(session.text)
        assert (root.tag, root.get("genome"), root.get("locus")) == ("Session", "hg38", place)
        resources = [dict(each.attrib) for each in root.iter("Resource")]
        tracks = gateway.ask(f"/beacon/g_variants?{query}&output=ucsctracks").text.splitlines()
        assert (tracks[0] == f"browser position {place}") == (place != "All")
        said = dict(pair.partition("=")[::2] for pair in tracks[-2].split())
        assert (said["type"], said["db"], said["bigDataIndex"]) == ("vcfTabix", "hg38", said["bigDataUrl"] + ".tbi")
        assert [each["type"] for each in resources] == ["seg", "vcf", "bed"]
        for url in (*(each["path"] for each in resources), resources[1]["index"], said["bigDataUrl"], tracks[-1]):
            assert url.startswith(f"{gateway.url}/exports/")
            assert gateway.ask(url.removeprefix(gateway.url)).status == 200, url
    assert 'track name=DEL description="' in gateway.ask(tracks[-1].removeprefix(gateway.url)).text


def test_sessions_that_cannot_be(gateway: Gateway):
    path = f"/beacon/g_variants?{COHORT}&output=igvsession"
    elsewhere = gateway.ask(path, Host="beacon.example:81")  # as tickets have it, which are for who asks alone
    assert "http://beacon.example:81/exports/" in elsewhere.text
    assert elsewhere.headers["ETag"] != gateway.ask(path).headers["ETag"]
    many = {"query": {"filters": [{"id": "NCIT:C3058", "includeDescendantTerms": False}, {"id": "NCIT:C2955"}]}}
    refused = [
        gateway.ask(path, Host="a b"),
        gateway.ask(f"{path}&limit=5"),
        gateway.ask(f"{path}&ticket=true"),
        gateway.ask("/beacon/g_variants?output=igvsession"),
        gateway.ask("/beacon/g_variants?output=igvsession", "POST", many),
    ]
    assert [told.status for told in refused] == [400] * 5
