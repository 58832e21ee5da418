"""The page where genes are known: those of its URL, what a picture is of, and what it offers instead of nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.demo.store import Store
from tests.harness import Gateway
from tests.page.visits import Visit, chromium, opened

GLIOBLASTOMA = "?filters=NCIT:C3058"
GENES = {"CDKN2A": ("9", 21967751, 21995301), "EGFR": ("7", 55019017, 55211628)}
PHONE = {"width": 390, "height": 780}
# The middle of a chromosome in the first row of the picture, in the window.
MIDDLE = """name => {
  const svg = document.querySelector("#plot svg");
  const [box, view] = [svg.getBoundingClientRect(), svg.viewBox.baseVal];
  const at = svg.querySelector(`.plot-chromosome[data-chromosome="${name}"]`).dataset;
  const row = svg.querySelector(".plot-group, .plot-sample").dataset;
  const x = Number(at.x) + at.width / 2, y = Number(row.y) + row.height / 2;
  return [box.left + (x / view.width) * box.width, box.top + (y / view.height) * box.height];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def knowing(
    store: Store, mongo: MongoClient[dict[str, Any]], demo: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    mongo.drop_database("genes_shown")
    mongo["genes_shown"].genes.insert_many(
        [{"symbol": name, "reference_name": at, "start": s, "end": e} for name, (at, s, e) in GENES.items()]
    )
    folder = tmp_path_factory.mktemp("genes")
    settings: dict[str, Any] = {"genes": "genes_shown.genes", "spool": folder / "spool"}
    with Gateway(store.uri, [demo], log=folder / "log", **settings) as running:
        yield running


@pytest.fixture
def visit(browser: Any, knowing: Gateway) -> Iterator[Visit]:
    with opened(browser, f"{knowing.url}/") as visiting:
        yield visiting


def test_genes_of_the_url_are_shown_kept_and_sent_on(visit: Visit, knowing: Gateway):
    asked = "?geneId=EGFR,CDKN2A"
    samples = knowing.ask(f"/beacon/biosamples{asked}").json["responseSummary"]["numTotalResults"]
    page = visit.go(asked).page
    assert samples > 0
    assert visit.counted().startswith(f"{samples} sample")
    chips = page.locator("#placed .chip")
    chips.filter(has_text="9:21,967,751-21,995,301").filter(has_text="CDKN2A").wait_for()
    chips.filter(has_text="7:55,019,017-55,211,628").filter(has_text="EGFR").wait_for()
    page.check("input[name=scope][value=variants]")
    visit.counted()
    assert visit.query == {"geneId": "EGFR,CDKN2A", "scope": "variants"}
    _, body = visit.downloaded()
    assert body == knowing.ask(f"/beacon/g_variants{asked}&output=pgxseg").body

    page.get_by_role("button", name="remove the region EGFR").click()
    visit.until("!location.search.includes('EGFR')")
    one = knowing.ask("/beacon/biosamples?geneId=CDKN2A").json["responseSummary"]["numTotalResults"]
    assert visit.counted().startswith(f"{one} sample")
    visit.choose("#place", "EGFR", "EGFR")  # a place instead
    assert visit.query["place"] == "EGFR"
    assert "geneId" not in visit.query


def test_a_gene_that_is_not_known_is_told(browser: Any, knowing: Gateway):
    with opened(browser, f"{knowing.url}/", allowed="400") as visit:
        visit.page.goto(f"{visit.url}?geneId=NOSUCHGENE")
        visit.page.locator("#notes").filter(has_text="'NOSUCHGENE' is no gene that is known here").wait_for()
        visit.page.get_by_role("button", name="remove the region NOSUCHGENE").click()
        visit.counted()


def test_the_picture_of_a_region_names_it(visit: Visit):
    page = visit.go(f"{GLIOBLASTOMA}&geneId=CDKN2A&variantType=DEL").page
    assert page.inner_text("#subject") == "Samples selected by CDKN2A: deletion (any loss), and by their codes"
    assert "CDKN2A: deletion (any loss)" in visit.pictured().inner_html()
    visit.go(f"{GLIOBLASTOMA}&referenceName=9&start=21500000&end=22500000&place=9p21&view=samples")
    assert page.inner_text("#subject").startswith("Samples selected by 9p21 (9:21,500,000-22,500,000): any variant")
    visit.go(GLIOBLASTOMA)
    assert page.inner_text("#subject") == ""
    visit.pictured()
    page.mouse.click(*page.evaluate(MIDDLE, "7"))
    visit.until("location.search.includes('plotChros=7')")


def test_any_of_the_codes_is_offered_where_none_has_all(visit: Visit):
    page = visit.go(f"{GLIOBLASTOMA},NCIT:C2955").page
    assert visit.counted().startswith("0 samples")
    page.locator("#notes").filter(has_text="No sample meets all of this.").wait_for()
    assert visit.violations() == []
    page.click("#any")
    visit.until("location.search.includes('filterLogic=OR')")
    assert not visit.counted().startswith("0 samples")
    assert page.evaluate("document.activeElement.value") == "OR"
    assert page.locator("#any").count() == 0


def test_formats_that_are_not_of_all_segments_say_why(visit: Visit):
    page = visit.go(f"{GLIOBLASTOMA}&referenceName=9&start=21500000&end=22500000").page
    assert "Table of variants" in page.inner_text("#unoffered")
    page.check("input[name=scope][value=variants]")
    visit.until("document.querySelector('#unoffered').textContent === ''")
    page.locator("input[name=output][value=table]").wait_for(state="attached")


def test_a_tap_tells_values_and_a_button_enlarges(browser: Any, knowing: Gateway):
    with opened(browser, f"{knowing.url}/", has_touch=True, viewport=PHONE) as visit:
        page = visit.go(GLIOBLASTOMA).page
        visit.pictured()
        assert page.locator("#enlarge").is_hidden()
        page.locator("#plot").scroll_into_view_if_needed()
        page.touchscreen.tap(*page.evaluate(MIDDLE, "7"))
        visit.until("document.querySelector('#readout').textContent.startsWith('chr 7:')")
        assert "plotChros" not in visit.query
        assert not visit.overflows
        page.get_by_role("button", name="Enlarge chromosome 7").tap()
        visit.until("document.querySelectorAll('#plot .plot-chromosome').length === 1")
        assert visit.query["plotChros"] == "7"
        page.get_by_role("button", name="Show all chromosomes").tap()
        visit.until("document.querySelectorAll('#plot .plot-chromosome').length === 24")
        assert "plotChros" not in visit.query


@pytest.mark.parametrize(("field", "text", "of"), [("#term", "NCIT:C3058", "filters"), ("#place", "EGFR", "place")])
def test_a_text_that_was_not_chosen_is_no_download_of_everything(visit: Visit, field: str, text: str, of: str):
    page = visit.go().page
    visit.counted()
    page.fill(field, text)
    began: list[str] = []
    page.on("request", lambda request: began.append(request.url) if "output=" in request.url else None)
    page.locator("#download").click()
    visit.until(f"document.activeElement === document.querySelector('{field}')")  # told what to do
    shown = "[...document.querySelectorAll('.combo')].map(each => getComputedStyle(each, '::after').content).join()"
    assert "Press Enter" in page.evaluate(f"document.querySelector('{field}').validationMessage")
    assert "Not chosen" in page.evaluate(shown)
    assert not [url for url in began if "ticket" in url]
    page.press(field, "Enter")
    visit.until(f"location.search.includes('{of}')")
    assert "Not chosen" not in page.evaluate(shown)
    _, body = visit.downloaded()
    assert body
