"""The page behind a link in a real browser, on running processes."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until
from tests.console.browser import running

pytestmark = pytest.mark.slow

# Where pictures of the page are put, to be looked at.
PICTURES = os.environ.get("LINK_PICTURES")
INFO = {
    "question": "Refund 274 EUR to <b>Acme</b>?",
    "order": "A-7",
    "reasons": ["late", "broken \u202eyltaerg"],
    "schema": {
        "type": "object",
        "properties": {
            "ok": {"type": "boolean", "title": "Refund it", "description": "The money is gone then."},
            "amount": {"type": "integer", "title": "Euros", "minimum": 1, "maximum": 274},
            "how": {"enum": ["to the card", "as a voucher"], "title": "How"},
            "why": {"type": "string", "format": "textarea", "title": "Why"},
        },
        "required": ["ok", "amount"],
    },
}


def _link(backend: Backend) -> tuple[str, str]:
    """A run that waits, and a link to its wait."""
    with httpx.Client(base_url=backend.url, headers={"Authorization": f"Bearer {API_KEY}"}, trust_env=False) as client:

        def made(path: str, body: Any) -> dict[str, Any]:
            answer = client.post(path, json=body)
            assert answer.status_code == 201, answer.text
            return dict(answer.json())

        agent = made("/agents", {"name": "Ada"})["id"]
        task = made(f"/agents/{agent}/tasks", {"name": "ask", "main": [{"wait_for_input": {"info": INFO}}]})["id"]
        run = made(f"/tasks/{task}/executions", {"input": {}})["id"]
        wait_until(lambda: client.get(f"/executions/{run}").json()["status"] == "awaiting_input", 30, backend)
        rows = client.get(f"/executions/{run}/transitions").json()["items"]
        (wait,) = (row["id"] for row in rows if row["type"] == "wait")
        return run, str(made(f"/executions/{run}/transitions/{wait}/links", {"answers_as": "Ann"})["url"])


def test_a_person_answers_by_a_link(backend: Backend) -> None:
    run, url = _link(backend)
    with pytest.MonkeyPatch.context() as patch, running() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        complaints: list[str] = []
        for scheme, width in (("dark", 390), ("light", 900)):
            context = browser.new_context(
                color_scheme=scheme,
                viewport={"width": width, "height": 900},
                java_script_enabled=False,
            )
            page = context.new_page()
            page.on("console", lambda said: complaints.append(said.text))
            page.on("request", lambda asked: asked.url.startswith(backend.url) or complaints.append(asked.url))
            page.goto(url)
            expect(page.get_by_role("heading")).to_have_text("Refund 274 EUR to <b>Acme</b>?")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            if PICTURES:
                page.screenshot(path=Path(PICTURES) / f"link-{scheme}.png", full_page=True)
        # Nothing is decided yet: the browser does not send it.
        page.get_by_role("button").click()
        expect(page).to_have_url(url)
        page.get_by_label("Yes").check()
        page.get_by_label("Euros").fill("400")
        page.get_by_label("Why").fill("broken")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("amount: 400 is greater than the maximum of 274")
        expect(page.get_by_label("Why")).to_have_value("broken")
        page.get_by_label("Euros").fill("40")
        page.get_by_label("How").select_option("as a voucher")
        page.get_by_role("button").click()
        expect(page.get_by_role("heading")).to_have_text("This was answered")
        assert [told for told in complaints if "422" not in told] == []
    answer = {"ok": True, "amount": 40, "how": "as a voucher", "why": "broken"}
    assert wait_for_end(run, backend).output == answer
