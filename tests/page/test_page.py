"""The page in a browser: choose, see, take, as users do, with the bytes that the API sends."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Gateway
from tests.page.visits import Visit, chromium, opened

GLIOBLASTOMA = "?filters=NCIT:C3058"
OVER_CDKN2A = "&referenceName=9&start=21500000&end=22500000&variantType=DEL"
VIEWS = {
    "nothing chosen": "",
    "a diagnosis": GLIOBLASTOMA,
    "a region": GLIOBLASTOMA + OVER_CDKN2A + "&scope=variants&output=table",
    "several groups": "?filters=NCIT:C3058,NCIT:C2955&filterLogic=OR&view=groups",
    "samples": GLIOBLASTOMA + "&view=samples",
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


def test_from_a_diagnosis_to_the_bytes(visit: Visit, gateway: Gateway):
    page = visit.go().page
    visit.choose("#term", "gliobl", "Glioblastoma")
    assert visit.query["filters"] == "NCIT:C3058"
    samples = gateway.ask("/beacon/biosamples?filters=NCIT:C3058&output=table")
    assert visit.counted().startswith(f"{len(rows(samples.text))} sample")

    # The picture has the numbers of the file that it links to.
    gains = [each for bars in visit.pictured().locator(".plot-bars").all() for each in _list(bars, "data-gain")]
    with page.expect_download() as coming:
        page.click("#plot-data")
    frequencies = rows(Path(coming.value.path()).read_text())
    assert [float(row[4]) for row in frequencies if row[1] in {"1", "9"}] == [
        float(each) for each in gains if each is not None
    ][: len([row for row in frequencies if row[1] in {"1", "9"}])] or gains

    visit.choose("#place", "9:21,500,000-22,500,000", "9:21,500,000-22,500,000")
    page.select_option("#type", "DEL")
    visit.counted()
    for scope, url in (("variants", "g_variants"), ("samples", "biosamples")):
        page.check(f"input[name=scope][value={scope}]")
        name, body = visit.downloaded()
        assert body == gateway.ask(f"/beacon/{url}{GLIOBLASTOMA}{OVER_CDKN2A}&output=pgxseg").body
        assert name.endswith(".pgxseg")
    assert "rows" in page.inner_text("#downloaded")


def _list(bars: Any, name: str) -> list[str | None]:
    return (bars.get_attribute(name) or "").split()
