"""When a browser paints a page for the first time; where none is installed, when the whole answer is there."""

import importlib.util
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from julep_project.bench.table import median

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PROGRAM = "chromium"
# When it was, or once it is.
_PAINTED = """() => new Promise((end) => {
  new PerformanceObserver((list) => {
    const painted = list.getEntriesByName("first-contentful-paint")[0];
    if (painted) end(painted.startTime);
  }).observe({ type: "paint", buffered: true });
})"""


@dataclass(frozen=True)
class Seen:
    """Milliseconds by the name of a page, the median of some loads, and of what they are."""

    what: str
    ms: Mapping[str, float]


def first_paints(url: str, cookies: Mapping[str, str], pages: Mapping[str, str], times: int) -> Seen:
    """Load each page so many times, after one load that is not counted. Pieces of pages paint nothing: of those the
    answer counts."""
    answers = {name: _answer_ms(url + path, cookies, times) for name, path in pages.items()}
    program = shutil.which(_PROGRAM)
    if program is None or importlib.util.find_spec("playwright") is None:
        return Seen("answer", answers)
    with _browser_page(program, url, cookies) as page:
        painted = {name: _painted_ms(page, url + path, times) for name, path in pages.items()}
    return Seen("first paint", {name: answers[name] if ms is None else ms for name, ms in painted.items()})


def _answer_ms(address: str, cookies: Mapping[str, str], times: int) -> float:
    taken = []
    with httpx.Client(cookies=dict(cookies), follow_redirects=True, trust_env=False, timeout=60) as client:
        for _ in range(times + 1):
            begun = time.perf_counter()
            client.get(address).raise_for_status()
            taken.append((time.perf_counter() - begun) * 1e3)
    return median(taken[1:])


@contextmanager
def _browser_page(program: str, url: str, cookies: Mapping[str, str]) -> Iterator["Page"]:
    from playwright.sync_api import sync_playwright  # of the tests, not a dependency

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1360, "height": 860})
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
        yield context.new_page()
        browser.close()


def _painted_ms(page: "Page", address: str, times: int) -> float | None:
    taken = []
    for _ in range(times + 1):
        page.goto(address)
        if not page.locator("body.console, body.dashboard").count():
            return None
        taken.append(float(page.evaluate(_PAINTED)))
    return median(taken[1:])
