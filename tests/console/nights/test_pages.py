"""Every page in a real browser: in light and dark, narrow, read aloud, by keys, and with what goes wrong around it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from executions.models import Branch, Execution, Transition
from executions.schedules.models import Occurrence, Schedule
from julep_project.bench.copies import lengthen
from julep_project.core.clock import now
from sessions.models import Entry
from tests.console.browser import Console
from tests.console.conftest import served, signed_in, triggered
from tests.console.nights.installation import Installation
from tests.outages import database_away

pytestmark = pytest.mark.slow

_SIDEBAR = ("", "runs/", "errors/", "inbox/", "chats/", "queues/", "bulk/", "usage/", "documents/", "health/")
_SIDEBAR += ("schedules/", "controls/", "audit/", "webhooks/", "hooks/", "events/", "mcp-servers/", "connections/")
# What a reader of pages cannot do without.
_GRAVE = ("serious", "critical")
_DEEPEST = 50
_VERY_LONG = 100_000


def a_schedule(task: str) -> Schedule:
    """One that has skipped a time and does not fire."""
    owner = {"developer_id": UUID(int=0)}
    times = {"timing": {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}, "paused_reason": "3 failures in a row"}
    row, is_new = Schedule.objects.get_or_create(
        **owner, name="Nightly", task_id=task, target="task", state="paused", **times
    )
    if is_new:
        fired = {"nominal": now(), "target": "task", "state": "skipped", "reason": "overlap", "is_settled": True}
        Occurrence.objects.create(**owner, schedule=row, **fired)
    return row


@cache
def some_rows(agent: str) -> dict[str, str]:
    """Ids of what was told, called and found."""
    return {**triggered(), "server_id": served(agent), "connection_id": signed_in()}


_OF_TRIGGERS = (
    "webhooks/{endpoint_id}/",
    "deliveries/{delivery_id}/",
    "hooks/{hook_id}/",
    "hook-calls/{hook_call_id}/",
)
_OF_TRIGGERS += ("events/{event_id}/", "mcp-servers/{server_id}/", "connections/{connection_id}/")


def paths(installation: Installation) -> list[str]:
    """Every page, with something on it."""
    schedule = a_schedule(installation.tasks["Convert"])
    rows = some_rows(installation.agent)
    failed, model = installation.runs["Convert"][0], installation.runs["Summarise"][0]
    wait = Branch.objects.filter(status="awaiting_input").values_list("wait_id", flat=True)[0]
    reply = Entry.objects.filter(session_id=installation.chat, role="assistant").exclude(model="")[0].pk
    more = [
        f"runs/{failed}/",
        f"runs/{failed}/retry/",
        f"runs/{failed}/fork/?from=start",
        f"compare/?run={failed}&run={model}",
        f"runs/{model}/?sel=2&tab=calls",
        f"runs/{installation.runs['Nightly import'][0]}/?view=log",
        f"inbox/{wait}/",
        f"runs/{failed}/?sel=2&tab=context",
        f"chats/{installation.chat}/",
        f"chats/{installation.chat}/replies/{reply}/",
        f"chats/{installation.chat}/now/?message=And",
        f"tasks/{installation.tasks['Convert']}/",
        f"tasks/{installation.tasks['Convert']}/start/",
        "errors/?state=all&since=7d",
        "usage/?by=task&of=" + installation.tasks["Summarise"],
        "bulk/new/?action=retry&status=failed",
        f"schedules/{schedule.pk}/",
        *(path.format(**rows) for path in _OF_TRIGGERS),
        "search/?q=x",
        "runs/?q=nothing-has-this",
        "nothing/",
    ]
    return [f"/admin/{path}" for path in (*_SIDEBAR, *more)]


def looking(browser: Browser, console: Console, **options: Any) -> Page:
    """A page of whoever is logged in already, seen otherwise."""
    state = console.page.context.storage_state()
    return browser.new_context(base_url=console.url, storage_state=state, **options).new_page()


@pytest.fixture
def asking(installation: Installation) -> Iterator[str]:
    """A run that waits for an answer, for one test."""
    run = installation.begin("Return")
    installation.until(lambda: Branch.objects.filter(execution_id=run, status="awaiting_input").exists())
    yield run


def answer(run: str) -> None:
    """Somebody else answers its wait."""
    wait = Branch.objects.get(execution_id=run, status="awaiting_input").wait_id
    other = Client()
    other.force_login(User.objects.get(username="nora"))
    digest = other.get(f"/admin/inbox/{wait}/").context["digest"]
    sent = other.post(f"/admin/inbox/{wait}/answer/", {"digest": digest, "value": '{"approved": true}'})
    assert sent.headers["Location"] == f"/admin/runs/{run}/"


# What may differ in the dark, and on a narrow screen.
_NARROWEST = 390
_DARK, _NARROW = ("color-contrast",), ("scrollable-region-focusable", "target-size")


@pytest.mark.parametrize("part", range(3))
def test_every_page_is_for_everybody(
    installation: Installation, browser: Browser, console: Console, asking: str, part: int
) -> None:
    """In light, in dark and on a narrow screen axe-core finds nothing grave, nothing sticks out at the side, and
    nothing moves for whoever wants no movement."""
    page = looking(browser, console, viewport={"width": 1360, "height": 860}, reduced_motion="reduce")
    found: list[str] = []
    for path in paths(installation)[part::3]:
        page.goto(path)
        expect(page.locator("[aria-busy=true], .htmx-request, #rows-told:empty")).to_have_count(0, timeout=15_000)
        assert page.evaluate(_MOVING) == [], path
        page.evaluate(AXE_SCRIPT)
        for dialog in page.locator("button[data-dialog]:enabled").all()[:2]:
            dialog.click()
            found += [f"{path}, {dialog.inner_text()}: {one}" for one in grave(page, within="dialog[open]")]
            page.keyboard.press("Escape")
        found += [f"{path}: {one}" for one in grave(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{path} in the dark: {one}" for one in grave(page, _DARK)]
        page.set_viewport_size({"width": _NARROWEST, "height": 800})
        # The page hears of its new size before it draws the next time.
        page.evaluate("new Promise(requestAnimationFrame)")
        found += [f"{path}, narrow: {one}" for one in grave(page, _NARROW)]
        if (width := page.evaluate("document.documentElement.scrollWidth")) > _NARROWEST:
            found.append(f"{path} is {width} wide")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1360, "height": 860})
    page.context.close()
    assert not found, "\n".join(found)


def grave(page: Page, rules: tuple[str, ...] = (), *, within: str = "html") -> list[str]:
    """What axe-core, which the page has been given, finds by these rules, or all, that keeps somebody out."""
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    told = page.evaluate(_FIND, [within, {"resultTypes": ["violations"], **only}])
    return [f"{rule}: {nodes[:3]} of {len(nodes)}" for rule, impact, nodes in told if impact in _GRAVE]


_FIND = """async ([within, options]) => (await axe.run(within, options)).violations.map(
  (one) => [one.id, one.impact, one.nodes.map((node) => node.html.slice(0, 200))])"""
_MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const style = getComputedStyle(one);
  return style.transitionDuration.split(", ").some((long) => long !== "0s") || style.animationName !== "none";
}).map((one) => one.outerHTML.slice(0, 100))"""


def numbers(page: Page) -> list[int]:
    """Of the rows of the log that are in the list."""
    names = page.locator(".tl:visible .tl-name").all_inner_texts()
    return sorted(int(name.split()[0].removeprefix("#")) for name in names if name.startswith("#"))


def test_a_page_that_was_frozen_has_each_row_once(console: Console, installation: Installation, asking: str) -> None:
    page = console.page
    page.goto(f"/admin/runs/{asking}/?view=log")
    expect(page.locator("#rows-told")).to_have_text("2 rows")
    tools = page.context.new_cdp_session(page)
    tools.send("Page.setWebLifecycleState", {"state": "frozen"})
    answer(asking)
    installation.until(lambda: Execution.objects.get(pk=asking).status == "succeeded")
    tools.send("Page.setWebLifecycleState", {"state": "active"})
    expect(page.locator("#rows-told")).to_have_text("4 rows", timeout=15_000)
    expect(page.locator("#run-head")).to_contain_text("succeeded", timeout=15_000)
    assert numbers(page) == [1, 2, 3, 4]
    tools.detach()


def test_postgres_goes_and_comes_back_under_a_page(
    console: Console, installation: Installation, browser: Browser, asking: str
) -> None:
    """Pages say so and when to come again; a timeline that is looked at goes on by itself, and misses nothing."""
    page = looking(browser, console)
    page.goto(f"/admin/runs/{asking}/?view=log")
    expect(page.locator("#rows-told")).to_have_text("2 rows")
    with database_away():
        other = page.context.new_page()
        told = other.goto("/admin/runs/")
        assert told is not None
        assert (told.status, told.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert int(told.headers["retry-after"]) > 0
        expect(other.locator("h1")).to_have_text("Service Unavailable")
        expect(page.locator("#rows-told")).to_contain_text("cannot be read now", timeout=15_000)
    connections.close_all()
    answer(asking)
    expect(page.locator("#run-head")).to_contain_text("succeeded", timeout=30_000)
    expect(page.locator("#rows-told")).to_have_text("4 rows")
    assert numbers(page) == [1, 2, 3, 4]
    page.context.close()


def test_a_very_long_run_opens(console: Console, installation: Installation, asking: str) -> None:
    """The newest rows are there at once, and while others come one can look at them."""
    lengthen(UUID(asking), _VERY_LONG - 2)
    page = console.page
    page.goto(f"/admin/runs/{asking}/?view=log")
    expect(page.locator("#rows-told")).to_contain_text(re.compile(r"\d+ of 100000 rows"))
    expect(page.locator(".tl").first).to_be_visible()
    page.locator("#grid").press("G")
    expect(page.locator(".tl.selected")).to_contain_text("#100000")
    page.goto("about:blank")
    Transition.objects.filter(execution_id=asking, seq__gt=2).delete()


def test_a_very_deep_run_opens(console: Console, installation: Installation) -> None:
    step: Any = {"evaluate": {"n": "$ 1"}, "label": "deepest"}
    for level in range(_DEEPEST):
        step = {"foreach": {"in": "$ [1]", "do": step}, "label": f"level {level}"}
    task = installation.made(f"/agents/{installation.agent}/tasks", {"name": "Deep", "main": [step]})
    run = installation.made(f"/tasks/{task}/executions", {"input": {}})
    installation.until(lambda: Execution.objects.get(pk=run).status == "succeeded")
    page = console.page
    page.goto(f"/admin/runs/{run}/")
    expect(page.locator(".tl").first).to_be_visible()
    page.locator("#row-filter").fill("label:deepest")
    page.locator("#grid").press("G")
    row = page.locator(".tl.selected")
    expect(row).to_contain_text("deepest")
    assert int(row.get_attribute("aria-level") or 0) > _DEEPEST
    assert page.evaluate("document.documentElement.scrollWidth") <= 1360


def test_a_timeline_is_used_by_keys_alone(console: Console, installation: Installation) -> None:
    page = console.page
    page.goto(f"/admin/runs/{installation.runs['Convert'][0]}/")
    expect(page.locator("#detail h2")).to_contain_text("convert")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "grid":
            break
    else:
        pytest.fail("no key leads to the timeline")
    selected, detail = page.locator(".tl.selected"), page.locator("#detail h2")
    for key, label in (("g", "add up"), ("ArrowDown", "convert"), ("ArrowUp", "add up"), ("f", "convert")):
        page.keyboard.press(key)
        expect(selected).to_contain_text(label)
        expect(detail).to_contain_text(label)
        chosen = page.locator("#grid").get_attribute("aria-activedescendant")
        assert page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"
    page.keyboard.press("/")
    page.keyboard.type("label:add")
    expect(page.locator(".tl:visible", has_text="convert")).to_have_count(0)
