"""The console in a real browser, on running processes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Browser, expect

from executions.models import Execution, Transition
from tests.api_client import API_KEY
from tests.backend import Backend, wait_for_end, wait_until
from tests.console.browser import PASSWORD, Console, running
from tests.console.conftest import HOSTILE

pytestmark = pytest.mark.slow

MAP = {"over": "$ list(range(_.n))", "map": {"evaluate": {"n": "$ _"}, "label": "shape"}, "label": "describe all"}

# With this set, the picture of the documentation is made anew.
PICTURE = os.environ.get("CONSOLE_PICTURE")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as browser:
        yield browser


class Runs:
    """Begins runs over HTTP."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._agent = self._made("/agents", {"name": "Ada"})

    def begin(self, name: str, main: list[Any], input_: Any) -> str:
        task = self._made(f"/agents/{self._agent}/tasks", {"name": name, "main": main})
        return self._made(f"/tasks/{task}/executions", {"input": input_})

    def _made(self, path: str, body: Any) -> str:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        answer = httpx.post(self._backend.url + path, json=body, headers=headers, trust_env=False)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@pytest.fixture
def runs(backend: Backend) -> Runs:
    return Runs(backend)


@pytest.fixture
def console(backend: Backend, browser: Browser) -> Iterator[Console]:
    user = User.objects.create_user("oscar", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="Console operator"))
    opened = Console(browser, backend.url, "oscar", viewport={"width": 1360, "height": 860})
    yield opened
    opened.page.context.close()
    assert opened.complaints == []


def numbers(console: Console) -> list[int]:
    """Of the rows of the log that are in the list, as the view of the log has them."""
    names = console.page.locator(".tl:visible .tl-name").all_inner_texts()
    return sorted(int(name.split()[0].removeprefix("#")) for name in names if name.startswith("#"))


def test_a_run_is_answered_while_somebody_looks(backend: Backend, runs: Runs, console: Console) -> None:
    """Four clicks from the login: the run, the answer, what to say, and say it. Rows come by themselves, each once,
    also those that were written while nobody looked."""
    ask = {
        "wait_for_input": {
            "info": {"question": "Refund?", "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}
        }
    }
    run = runs.begin("Refund", [ask, ask, {"evaluate": {"ok": "$ _.ok"}}], {})
    page = console.page
    wait_until(lambda: Transition.objects.filter(execution_id=run, type="wait").exists(), 30, backend)
    page.goto(f"/admin/runs/{run}/?view=log")
    expect(page.locator("#rows-told")).to_have_text("2 rows")
    second = page.context.new_page()
    second.goto(f"{console.url}/admin/runs/{run}/")
    second.click(".why .do")
    second.check("[name=field-ok]")
    second.click("button.primary")
    expect(page.locator("#rows-told")).to_have_text("5 rows")
    expect(page.locator("#run-head")).to_contain_text("waiting for an answer")
    page.context.set_offline(True)
    second.close()
    wait = Transition.objects.filter(execution_id=run, type="wait").order_by("-seq")[0]
    staff = Client()
    staff.force_login(User.objects.get(username="oscar"))
    digest = staff.get(f"/admin/inbox/{wait.pk}/").context["digest"]
    assert staff.post(f"/admin/inbox/{wait.pk}/answer/", {"digest": digest, "value": '{"ok": true}'}).status_code == 302
    wait_for_end(run, backend)
    page.context.set_offline(False)
    console.complaints.clear()
    expect(page.locator("#run-head")).to_contain_text("succeeded", timeout=15_000)
    expect(page.locator("#rows-told")).to_have_text("8 rows")
    assert numbers(console) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_long_run_is_scrolled_and_found_again(backend: Backend, runs: Runs, console: Console) -> None:
    run = runs.begin("Catalogue", [MAP], {"n": 1000})
    wait_for_end(run, backend)
    page = console.page
    page.goto(f"/admin/runs/{run}/")
    expect(page.locator("#rows-told")).to_have_text("2002 rows")
    expect(page.locator(".tl", has_text="describe all")).to_contain_text("1000 of 1000 items")
    page.click("[data-view=log]")
    made = page.evaluate(_SCROLL)
    assert made["frames"] > 60 and made["made"] == 0, made
    # What the machine does beside it is not ours: half of the frames take no longer than this to draw.
    assert made["work"] < 8, made
    page.evaluate("document.getElementById('grid').scrollTop = 26000")
    page.locator(".tl:visible", has_text="#1003").click()
    page.click("[data-tab=json]")
    page.wait_for_url("**sel=1003**")
    page.evaluate("document.getElementById('grid').scrollTop = 26000")
    page.wait_for_url("**top=26000**")
    page.reload()
    expect(page.locator("#detail [aria-current]")).to_have_text("Json")
    expect(page.locator(".tl.selected")).to_contain_text("#1003")
    assert page.evaluate("document.getElementById('grid').scrollTop") == 26000


def test_the_picture_of_the_readme(backend: Backend, runs: Runs, console: Console, tmp_path: Path) -> None:
    """A run that was asked about, slept, described a list in parallel and failed once on its way."""
    describe = {"over": "$ _", "map": {"prompt": "Describe item {{ _ }}", "label": "describe"}, "parallelism": 4}
    careful = {"try": [{"evaluate": {"price": "$ 1 // 0"}, "label": "look up price"}], "catch": [PRICE]}
    main = [
        {"evaluate": {"items": "$ list(range(_.n))"}, "label": "list items"},
        {"evaluate": {"n": "$ _['items']"}, "label": "sort"},
        {**describe, "over": "$ _.n", "label": "describe all"},
        {"sleep": {"seconds": 1}, "label": "let the shop catch up"},
        {**careful, "label": "price"},
        {"prompt": "Summarise the catalogue", "label": "summarise"},
    ]
    run = runs.begin("Catalogue", main, {"n": 8})
    wait_for_end(run, backend)
    page = console.page
    page.goto(f"/admin/runs/{run}/")
    page.locator(".tl", has_text="summarise").click()
    expect(page.locator("#detail .facts")).to_contain_text("PromptStep")
    expect(page.locator(".tl")).not_to_have_count(0)
    console.picture(Path(PICTURE) if PICTURE else tmp_path / "run.png")


PRICE = {"evaluate": {"price": "$ None"}, "label": "go without"}


# Three seconds from the top to the end: elements made meanwhile, and how long drawing takes in most frames.
_SCROLL = """() => new Promise((end) => {
  const grid = document.getElementById("grid"), most = grid.scrollHeight - grid.clientHeight;
  const raf = requestAnimationFrame.bind(window), work = [];
  let made = 0, frames = 0;
  const seen = (some) => { for (const one of some) if (one.target.id === "pool") made += 1; };
  new MutationObserver(seen).observe(grid, { childList: true, subtree: true });
  window.requestAnimationFrame = (draw) => raf((at) => {
    const begun = performance.now();
    draw(at);
    work.push(performance.now() - begun);
  });
  const begun = performance.now();
  const step = (at) => {
    frames += 1;
    grid.scrollTop = most * Math.min((at - begun) / 3000, 1);
    if (at - begun < 3000) raf(step);
    else end({ made, work: work.sort((a, b) => a - b)[Math.floor(work.length / 2)], frames });
  };
  raf(step);
})"""


def test_hostile_texts_change_nothing(backend: Backend, runs: Runs, console: Console) -> None:
    text = HOSTILE.replace("\u0007", "")
    run = runs.begin(text, [{"evaluate": {"x": "$ _.x"}, "label": text}, {"error": text}], {"x": text})
    wait_for_end(run, backend)
    page = console.page
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    for path in ("/admin/runs/", f"/admin/runs/{run}/?sel=2&tab=output", f"/admin/search/?q={run[:8]}"):
        page.goto(path)
        page.wait_for_load_state("networkidle") if "sel" not in path else expect(
            page.locator(".value-of")
        ).to_contain_text("script")
        assert page.locator("img, script:not([src])").count() == 0
        shown = page.inner_text("body")
        assert "⟪U+202E⟫" in shown and "\u202e" not in shown
    boxes = [box for row in page.locator("tbody tr").all() if (box := row.bounding_box())]
    assert len({box["height"] for box in boxes}) <= 2
    assert alerts == []


def test_a_run_is_forked_and_its_variants_compared(
    backend: Backend, runs: Runs, console: Console, tmp_path: Path
) -> None:
    ask = {"prompt": "$ f'Describe {_.place}'", "unwrap": True, "settings": {"model": "offline/echo"}, "label": "ask"}
    main = [{"evaluate": {"place": "$ _.place"}}, ask, {"sleep": {"seconds": 1}}, {"evaluate": {"told": "$ _"}}]
    run = runs.begin("Describe places", main, {"place": "the sea"})
    wait_for_end(run, backend)
    page = console.page
    page.goto(f"/admin/runs/{run}/")
    page.get_by_role("row", name="ask").first.click()
    page.get_by_role("link", name="Fork from here").click()
    page.get_by_label("Name").nth(1).fill("the land")
    page.get_by_label("Input of the step").nth(1).fill('{"place": "the land"}')
    page.get_by_role("button", name="One variant more").click()
    page.get_by_label("Name").nth(2).fill("a song")
    page.get_by_label("Prompt a text").nth(2).fill("Sing of\nthe sea")
    console.picture(tmp_path / "fork.png")
    page.get_by_role("button", name="Begin 3 runs").dblclick()
    # It goes on by itself until all have ended.
    expect(page.locator("#comparison")).to_contain_text("succeeded", timeout=20_000)
    expect(page.locator("#comparison[data-refresh]")).to_have_count(0, timeout=20_000)
    expect(page.get_by_role("row", name="Output").locator(".added")).to_have_count(2)
    page.get_by_role("link", name="what differs").first.click()
    expect(page.locator(".step-difference .removed").first).to_contain_text("Describe the sea")
    console.picture(tmp_path / "compare.png")
    page.get_by_role("columnheader", name="a song").first.get_by_role("link").click()
    expect(page.locator("#run-head")).to_contain_text("otherwise in ask")
    page.get_by_role("row", name="ask").first.click()
    page.get_by_role("link", name="Output", exact=True).click()
    expect(page.locator("#detail .diff .added")).to_have_text(["Sing of\n", "the sea\n"])
    console.picture(tmp_path / "output.png")
    assert Execution.objects.count() == 4
    assert console.complaints == []
