"""The guides as pages: what stands in `docs/`, with links that lead somewhere, and nothing that runs."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from julep_project.core.api import guides as pages

_DOCS = Path(__file__).parents[2] / "docs"
_FILES = [path.relative_to(_DOCS) for pattern in ("*.md", "*/*.md") for path in _DOCS.glob(pattern)]
_NAMES = sorted("-".join(path.with_suffix("").parts) for path in _FILES)


class _Page(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        self.tags.add(tag)
        self.attributes |= given.keys()
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.places |= {given["id"]} if "id" in given else set()


@pytest.fixture(scope="module")
def shown() -> dict[str, _Page]:
    answers = {name: Client().get(f"/guides/{name}") for name in _NAMES}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert all("default-src 'none'" in answer.headers["Content-Security-Policy"] for answer in answers.values())
    return {name: _Page(answer.content.decode()) for name, answer in answers.items()}


def test_every_guide_is_a_page_and_leads_to_all_others(shown: dict[str, _Page]) -> None:
    for page in shown.values():
        assert page.links[: len(_NAMES) + 1][0] == "../docs"
        assert set(_NAMES) <= set(page.links)


def test_the_reference_leads_to_the_guides(db: None) -> None:
    page = _Page(Client().get("/api/docs").content.decode())
    assert {f"guides/{name}" for name in _NAMES} <= set(page.links)


def test_links_between_guides_lead_to_what_is_there(shown: dict[str, _Page]) -> None:
    lost = []
    for name, page in shown.items():
        for link in page.links:
            target, _, place = link.partition("#")
            if re.match(r"[a-z]+:|\.\.", target):
                continue
            found = shown.get(target or name)
            if found is None or (place and place not in found.places):
                lost.append(f"{name}: {link}")
    assert lost == []


def test_nothing_in_a_page_runs_or_is_fetched(shown: dict[str, _Page]) -> None:
    for page in shown.values():
        assert page.tags.isdisjoint({"script", "img", "iframe", "object", "style", "form", "svg"})
        assert not any(name.startswith("on") for name in page.attributes)


def test_html_in_a_guide_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# A `b`\n\n<script>alert(1)</script>\n\nHigh <img src=x onerror=alert(1)> [x](javascript:alert(1)) & <b\n"
    (tmp_path / "tides.md").write_text(text)
    monkeypatch.setattr(pages, "FOLDER", tmp_path)
    (guide,) = pages.guides.__wrapped__().values()
    html = pages.html_of.__wrapped__(guide)
    assert guide.title == "A b"
    assert "High" in html
    assert "&amp; &lt;b" in html
    assert not re.search(r"<(?:script|img)|href|alert\(1\)<", html)


@pytest.mark.django_db
def test_there_is_no_other_page() -> None:
    for name in ("tides", "..%2Fsettings", "settings.md"):
        assert Client().get(f"/guides/{name}").status_code == 404
