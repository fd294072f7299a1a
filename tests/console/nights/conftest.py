"""One installation, one browser and one login for all jobs of a night."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Locator, expect

from tests.backend import Backend, flush_redis
from tests.console.browser import Console, running
from tests.console.nights.installation import Installation
from tests.console.nights.told import JOBS, MOST_CLICKS
from tests.database.emptied import empty_tables


@pytest.fixture(scope="package")
def browser(backend_processes: Backend) -> Iterator[Browser]:
    with running() as browser:
        yield browser


@pytest.fixture(scope="package")
def installation(django_db_setup: None, backend_processes: Backend, django_db_blocker: Any) -> Iterator[Installation]:
    """On committed rows that the tests share: each looks at its own."""
    with django_db_blocker.unblock():
        flush_redis()
        backend_processes.ensure_running()
        made = Installation(backend_processes)
        yield made
        made.close()
        # A test may have taken the database away.
        connections.close_all()
        empty_tables()


@pytest.fixture(autouse=True)
def transactional_db(installation: Installation) -> None:
    """In place of the one that empties all tables after each test: what is committed here stays for the next one. By
    this name pytest-django knows that the tests need a database."""


@pytest.fixture(scope="package")
def console(installation: Installation, browser: Browser) -> Iterator[Console]:
    opened = Console(browser, installation.backend.url, "oscar", viewport={"width": 1360, "height": 860})
    yield opened
    opened.page.context.close()


class Night:
    """An operator who looks for something. A choice by mouse, and a text that is typed and sent, are one click each."""

    def __init__(self, console: Console, job: int) -> None:
        self.page = console.page
        self.clicks = 0
        self._job = job
        self.is_known = False
        self.page.goto("/admin/")

    def search(self, text: str) -> None:
        """Put it into the box that is on every page."""
        self.page.fill("#search input", text)
        self.page.press("#search input", "Enter")
        self.clicks += 1

    def click(self, place: str | Locator) -> None:
        (self.page.locator(place) if isinstance(place, str) else place).click()
        self.clicks += 1

    def go(self, page: str) -> None:
        """To a page of the sidebar."""
        self.click(self.page.locator("#console-nav").get_by_role("link", name=page, exact=True))

    def enter(self, label: str, text: str) -> None:
        """Type it into a field of the page, and send that."""
        field = self.page.locator("#content").get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
        self.clicks += 1

    def row(self, text: str) -> Locator:
        return self.page.locator("#content tr", has_text=text)

    def knows(self, *texts: str) -> None:
        """All of it is on the page, after as many clicks as the documentation says."""
        for text in texts:
            expect(self.page.locator("#content")).to_contain_text(text)
        assert self.clicks == JOBS[self._job].clicks <= MOST_CLICKS
        self.is_known = True


@pytest.fixture
def night(console: Console, request: pytest.FixtureRequest) -> Iterator[Night]:
    """For the job whose number the name of the test begins with."""
    console.complaints.clear()
    at_work = Night(console, int(request.node.name.split("_")[1]))
    yield at_work
    assert at_work.is_known
    assert console.complaints == []
