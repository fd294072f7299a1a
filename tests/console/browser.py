"""A real browser: the system's Chromium, headless, that reaches this machine only."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, sync_playwright

from tests.demanded import leave_out

PROGRAM = shutil.which("chromium") or "/usr/bin/chromium"
PASSWORD = "correct horse battery"


@contextmanager
def running() -> Iterator[Browser]:
    """The browser, for the length of the block. Without one the test is left out, or fails where it is demanded."""
    if not Path(PROGRAM).exists():
        leave_out("a browser is needed: chromium, a package of the system")
    # The driver runs an event loop of its own in this thread, in which Django would take each query for an async one.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = driver.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            # Those that were opened beside that loop are known beside it only.
            connections.close_all()
            browser.close()


class Console:
    """A page of the console, after the login, and what the browser complained of."""

    def __init__(self, browser: Browser, url: str, name: str, **options: Any) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.page: Page = browser.new_context(base_url=url, **options).new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("request", self._check)
        self.page.goto("/admin/login/")
        self.page.fill("#id_username", name)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("[type=submit]")

    def _check(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.complaints.append(f"asked for {request.url}")

    def picture(self, path: Path) -> None:
        """What is seen now."""
        self.page.screenshot(path=path)
