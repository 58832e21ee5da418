"""Visits of the page in Debian's Chromium, and what must never happen in one: an error on the console, a CSP report."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

__all__ = ["Visit", "chromium", "opened"]

PATIENCE = 60_000  # milliseconds; a busy machine takes its time
# What a policy blocks is told to the document.
_REPORTS = "document.addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective))"


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium; skips the test where it is not installed."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as running:
        # Without a sandbox: containers have no user namespaces, and what is visited is ours.
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """The page at an address; `troubles` is what went wrong in it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.url = url
        self.troubles: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.add_init_script(_REPORTS)
        page.on("console", lambda line: self.troubles.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))

    def go(self, search: str = "") -> "Visit":
        """Open the page, and wait for the counts."""
        self.page.goto(self.url + search)
        self.counted()
        return self

    def counted(self) -> str:
        """The line of counts, once it is that of what is chosen now."""
        self.until(
            "!document.documentElement.classList.contains('asking') && document.querySelector('#samples') !== null"
        )
        return str(self.page.inner_text("#line"))

    def until(self, condition: str) -> None:
        """Wait until an expression is true; Playwright's own way is eval, which the policy forbids."""
        end = time.monotonic() + PATIENCE / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < end, condition
            self.page.wait_for_timeout(50)

    def pictured(self) -> Any:
        """The picture, once it is that of what is chosen now."""
        self.page.wait_for_selector("#figure:not([aria-busy]) #plot svg")
        return self.page.locator("#plot svg")

    def choose(self, field: str, text: str, option: str) -> None:
        """Type into a combobox, and click on the suggestion with that text."""
        self.page.fill(field, text)
        self.page.get_by_role("option").filter(has_text=option).first.click()
        self.counted()

    @property
    def query(self) -> dict[str, str]:
        """The parameters in the page's URL."""
        return dict(parse_qsl(urlsplit(self.page.url).query))

    @property
    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def violations(self) -> list[str]:
        """What axe-core has against the page as it is."""
        found = axe.Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]

    def downloaded(self, button: str = "#download") -> tuple[str, bytes]:
        """Name and bytes of what a button downloads."""
        with self.page.expect_download() as coming:
            self.page.click(button)
        return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


@contextmanager
def opened(browser: Any, url: str, *, allowed: str = "", **context: Any) -> Iterator[Visit]:
    """A visit in a profile of its own, which must end without troubles but those that hold the `allowed` text."""
    profile = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
    visit = Visit(profile.new_page(), url)
    yield visit
    troubles = [each for each in visit.troubles if not (allowed and allowed in each)]
    profile.close()
    assert troubles == [], troubles
