"""The page in a browser: choose, see, take, as users do, with the bytes that the API sends."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness import Gateway
from tests.page.visits import Visit, chromium, opened

GLIOBLASTOMA = "?filters=NCIT:C3058"
REGION = "&referenceName=9&start=21500000&end=22500000"
LOSSES = f"{REGION}&variantType=DEL"
PHONE = {"width": 360, "height": 740}
VIEWS = {
    "nothing chosen": "",
    "a region": f"{GLIOBLASTOMA}{LOSSES}&scope=variants&output=table",
    "several groups": "?filters=NCIT:C3058,NCIT:C2955&filterLogic=OR&view=groups",
    "samples": f"{GLIOBLASTOMA}&view=samples",
    "nothing found": "?filters=NCIT:C305",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Any, gateway: Gateway) -> Iterator[Visit]:
    with opened(browser, f"{gateway.url}/") as visiting:
        yield visiting


def rows(table: str) -> list[list[str]]:
    """The cells of a table's data lines."""
    return [line.split("\t") for line in table.splitlines() if not line.startswith("#")][1:]


def bars(visit: Visit) -> list[tuple[str, float, float]]:
    """Chromosome, gain and loss of each bin that the picture has values of."""
    found = []
    sizes = {
        str(each.get_attribute("data-chromosome")): len(str(each.get_attribute("data-ends")).split())
        for each in visit.pictured().locator(".plot-chromosome").all()
    }
    for each in visit.pictured().locator(".plot-bars").all():
        name = str(each.get_attribute("data-chromosome"))
        gain, loss = ((each.get_attribute(kind) or "0 " * sizes[name]).split() for kind in ("data-gain", "data-loss"))
        found += [(name, float(one), float(other)) for one, other in zip(gain, loss, strict=True)]
    return found


def test_from_a_diagnosis_to_the_bytes(visit: Visit, gateway: Gateway):
    page = visit.go().page
    visit.choose("#term", "gliobl", "Glioblastoma")
    assert visit.query["filters"] == "NCIT:C3058"
    count = len(rows(gateway.ask(f"/beacon/biosamples{GLIOBLASTOMA}&output=table").text))
    assert visit.counted().startswith(f"{count} sample")

    drawn = bars(visit)
    with page.expect_download() as coming:
        page.click("#plot-data")
    told = {(row[1], index): (float(row[4]), float(row[5])) for index, row in _by_chromosome(coming.value)}
    assert drawn
    at: dict[str, int] = {}
    for name, gain, loss in drawn:
        assert told[name, at.setdefault(name, 0)] == (gain, loss)
        at[name] += 1

    assert visit.downloaded("#plot-png")[1].startswith(b"\x89PNG")
    picture = gateway.ask("/" + page.get_attribute("#plot-svg", "href").removeprefix(f"{gateway.url}/"))
    assert picture.headers["Content-Type"].startswith("image/svg+xml")
    assert picture.text.startswith("<svg")

    visit.choose("#place", "9:21,500,000-22,500,000", "9:21,500,000-22,500,000")
    page.select_option("#type", "DEL")
    for scope, entity in (("variants", "g_variants"), ("samples", "biosamples")):
        page.check(f"input[name=scope][value={scope}]")
        visit.counted()
        name, body = visit.downloaded()
        assert body == gateway.ask(f"/beacon/{entity}{GLIOBLASTOMA}{LOSSES}&output=pgxseg").body
        assert name.endswith(".pgxseg")
        visit.until("document.querySelector('#downloaded.done') !== null")
        assert re.search(r"\d rows, .*SHA-256 compared", page.inner_text("#downloaded"))


def _by_chromosome(download: Any) -> Iterator[tuple[int, list[str]]]:
    at: dict[str, int] = {}
    for row in rows(Path(download.path()).read_text()):
        yield at.setdefault(row[1], 0), row
        at[row[1]] += 1


def test_everything_is_in_the_url(visit: Visit):
    page = visit.go(GLIOBLASTOMA).page
    page.get_by_role("button", name="exclude Glioblastoma").click()
    without = visit.counted()
    assert visit.query["filters"] == "!NCIT:C3058"
    page.select_option("#chromosome", "9")
    page.check("input[name=output][value=table]")
    visit.counted()
    assert visit.query == {"filters": "!NCIT:C3058", "output": "table", "plotChros": "9"}
    page.reload()
    assert visit.counted().split("·")[0] == without.split("·")[0]
    assert page.input_value("#chromosome") == "9"
    assert page.is_checked("input[name=output][value=table]")
    page.go_back()
    page.go_back()
    page.go_back()
    visit.until("location.search === '?filters=NCIT:C3058'")
    assert visit.counted() != without
    assert page.input_value("#chromosome") == ""


NO_GENES = "has no genes: give a cytoband (9p21) or coordinates"


def test_each_way_to_choose(visit: Visit, gateway: Gateway):
    page = visit.go().page
    page.click("#browse summary")
    page.get_by_role("button", name="What is below Neoplasm", exact=True).click()
    page.locator("#tree").get_by_role("button", name="Neoplasm by Site", exact=True).click()
    visit.choose("#term", "colorectal", "Colorectal Carcinoma")
    visit.choose("#term", "gliobl", "Glioblastoma")
    page.check("input[name=logic][value=OR]")
    page.get_by_role("button", name="exclude Colorectal Carcinoma").click()
    codes = visit.query["filters"]
    assert codes.endswith(",!NCIT:C2955,NCIT:C3058")

    for text, told in (("CDKN2A", NO_GENES), ("9:5-2", "The end has to be larger")):
        page.fill("#place", text)
        page.get_by_role("option", disabled=True).filter(has_text=told).wait_for()
    visit.choose("#place", "9p21", "9p21.3")
    assert visit.counted().startswith(_samples(gateway, page))
    assert "9p21.3" in page.inner_text("#placed")
    page.fill("#place", "chr9:21,500,000-22,500,000")
    page.keyboard.press("Tab")  # what is plain needs no choice of a suggestion
    visit.until("location.search.includes('start=21500000&end=22500000')")
    regional = visit.counted()
    assert regional.startswith(_samples(gateway, page))
    chosen = {"filters": codes, "filterLogic": "OR", "referenceName": "9", "start": "21500000", "end": "22500000"}
    assert visit.query == chosen

    page.reload()
    assert visit.counted() == regional
    assert page.locator("#terms .chip.out").inner_text().startswith("not Colorectal Carcinoma")

    visit.go(GLIOBLASTOMA)
    ids = [row[0] for row in rows(gateway.ask(f"/beacon/biosamples{GLIOBLASTOMA}&output=table").text)]
    page.click("#clear")
    page.click("#pasted summary")
    page.fill("#ids", "\n".join([*ids[:2], "nothing-1"]))
    page.locator("#notes").filter(has_text="unknown to dataset demo: nothing-1").wait_for()
    assert visit.counted().startswith("2 samples")
    page.go_back()  # with the cursor in the field
    visit.until("location.search === '' && document.querySelector('#ids').value === ''")


def _samples(gateway: Gateway, page: Any) -> str:
    """The begin of the line of counts, by what the API sends for the query in the page's URL."""
    path = f"/beacon/biosamples?{urlsplit(page.url).query}&output=table"
    return f"{len(rows(gateway.ask(path).text))} sample"


def test_what_is_refused_leaves_nothing_behind(browser: Any, gateway: Gateway):
    with opened(browser, f"{gateway.url}/", allowed="400") as visit:
        page = visit.go(GLIOBLASTOMA).page
        visit.pictured()
        page.evaluate("history.replaceState(null, '', `${location.search}&referenceName=9&start=9&end=5`)")
        page.evaluate("dispatchEvent(new Event('popstate'))")
        page.locator("#notes").filter(has_text="end: it lies before the start").wait_for()
        assert page.locator("#download, #plot svg").count() == 0
        page.get_by_role("button", name="remove the region").click()
        visit.pictured()
        page.locator("#download").wait_for()


def test_by_keyboard_alone(visit: Visit, gateway: Gateway):
    page, press = visit.go().page, visit.page.keyboard.press
    page.focus("#term")
    page.keyboard.insert_text("glioblastoma")  # at once, so that it is asked about once
    # Of the whole text: the list of no text, which the focus asks for, begins with another, and may still be there.
    page.get_by_role("listbox", name="Codes").get_by_role("option").first.filter(has_text="Glioblastoma").wait_for()
    press("ArrowDown")
    active = page.get_attribute("#term", "aria-activedescendant")
    assert page.get_attribute(f"#{active}", "aria-selected") == "true"
    press("Enter")
    visit.counted()
    assert visit.query["filters"] == "NCIT:C3058"
    assert page.evaluate("document.activeElement.id") == "term"

    visit.pictured()
    _tab_to(page, "plot")
    press("PageDown")
    press("ArrowRight")
    frequencies = rows(gateway.ask(f"/beacon/biosamples{GLIOBLASTOMA}&output=pgxfreq").text)
    row = [each for each in frequencies if each[1] == "2"][1]
    read = page.inner_text("#readout")
    assert read.startswith(f"chr 2: {int(row[2]) / 1e6:.1f}\N{EN DASH}{int(row[3]) / 1e6:.1f} Mb: ")
    assert f"gain {float(row[4]):.1f} %" in read
    assert f"loss {float(row[5]):.1f} %" in read
    press("Enter")
    visit.until("document.querySelectorAll('#plot .plot-chromosome').length === 1")
    assert visit.query["plotChros"] == "2"

    _tab_to(page, "download")
    with page.expect_download() as coming:
        press("Enter")
    assert Path(coming.value.path()).read_bytes() == gateway.ask(f"/beacon/biosamples{GLIOBLASTOMA}&output=pgxseg").body


def _tab_to(page: Any, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == name:
            return
    pytest.fail(f"{name} is not reached by the Tab key")


# What reads a file with the lines of the page, and says how many rows it has.
_COUNTED = {"R": "\ncat(nrow(segments))", "pandas": "\nprint(len(segments))", "polars": "\nprint(len(segments))"}


def test_the_lines_of_the_page_do_what_they_say(visit: Visit, gateway: Gateway, tmp_path: Path):
    """Each is run as it stands there."""
    page = visit.go(GLIOBLASTOMA).page
    page.click("#commands summary")
    address = page.input_value("#address")
    assert address.startswith(f"{gateway.url}/exports/")
    whole = gateway.ask(f"/beacon/g_variants{GLIOBLASTOMA}&output=pgxseg")
    for tool in [each.get_attribute("value") for each in page.locator("input[name=tool]").all()]:
        page.check(f"input[name=tool][value='{tool}']")
        page.locator(f"#command[data-tool='{tool}']").wait_for()
        text = page.inner_text("#command")
        assert (address in text) == (tool != "Beacon POST"), tool
        if tool in _COUNTED:
            run = ["Rscript", "--vanilla", "-e"] if tool == "R" else [sys.executable, "-c"]
            if shutil.which(run[0]):
                counted = _run([*run, text + _COUNTED[tool]], tmp_path / tool)
                assert counted.split()[-1] == str(len(rows(whole.text))), tool
        elif shutil.which(tool.replace("fetch", "pgx-gateway").replace("Beacon POST", "curl")):
            _run(["sh", "-c", text], tmp_path / tool)
            (file,) = (tmp_path / tool).iterdir()
            assert rows(file.read_text()) == rows(whole.text), tool
            assert tool == "Beacon POST" or file.read_bytes() == whole.body, tool


def _run(command: list[str], folder: Path) -> str:
    folder.mkdir()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_unknown_codes_get_suggestions(visit: Visit):
    page = visit.go("?filters=NCIT:C305").page
    page.get_by_role("button", name="Glioblastoma (NCIT:C3058)").click()
    visit.until("location.search === '?filters=NCIT:C3058'")
    assert not visit.counted().startswith("0")


def test_the_first_lines_of_each_format(visit: Visit, gateway: Gateway):
    page = visit.go(GLIOBLASTOMA).page
    page.click("#inside summary")
    shown = page.inner_text("#inside pre").splitlines()
    whole = gateway.ask(f"/beacon/g_variants{GLIOBLASTOMA}&output=pgxseg").text.splitlines()
    assert {line for line in shown if not line.startswith("…")} <= set(whole)
    page.click("#formats summary")
    page.locator("tr[data-output=bed] button").click()
    assert "\nchr" in page.inner_text(".example pre")


@pytest.mark.parametrize(("name", "dark"), [(name, index % 2) for index, name in enumerate(VIEWS)])
def test_each_state_is_accessible(visit: Visit, name: str, dark: int):
    """By axe-core, light on a screen or dark on a phone; nothing is wider than a phone's window."""
    page = visit.go(VIEWS[name]).page
    if name not in {"nothing chosen", "nothing found"}:
        visit.pictured()
        page.click("#commands summary")
        page.wait_for_selector("#command")
    if dark:
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(PHONE)
    page.fill("#term", "car")
    page.locator("[role=option]").first.wait_for()
    assert visit.violations() == []
    page.set_viewport_size(PHONE)
    assert not visit.overflows
