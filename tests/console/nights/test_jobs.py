"""Thirteen jobs of a night, each in a real browser, with the clicks counted that it takes to know what is wrong. What
is to be done about it is on the page where that is known."""

import signal

import pytest
from playwright.sync_api import expect

from agents.audit.models import AuditRecord
from docs_store.models import DocEmbedding
from executions.bulk.models import BulkAction
from executions.models import Branch, Execution, Transition
from julep_project.core.pauses.models import Pause
from tests.backend import wait_for_end
from tests.console.nights.conftest import Night
from tests.console.nights.installation import Installation
from tests.console.nights.told import JOBS

pytestmark = pytest.mark.slow


def test_the_documentation_lists_these() -> None:
    names = (name for name in globals() if name.startswith("test_") and name.split("_")[1].isdecimal())
    assert sorted(int(name.split("_")[1]) for name in names) == sorted(JOBS) == list(range(1, 14))


def test_01_an_id_leads_to_why_a_run_does_not_move(night: Night, installation: Installation) -> None:
    (run,) = installation.runs["Nightly import"]
    night.search(f"{run[:8]}…{run[-6:]}")
    night.knows("Nightly import", "sleeping until", "Sleeps in wait for morning until")
    expect(night.page.locator(".acts button", has_text="Cancel…")).to_be_visible()


def test_02_what_failed_in_the_last_hour_has_a_common_cause(night: Night, installation: Installation) -> None:
    night.go("Errors")
    night.click(night.page.get_by_role("link", name="1h"))
    night.knows("failed runs")
    row = night.row("Charge card")
    expect(row).to_contain_text("charge")
    expect(row).to_contain_text("division")
    expect(row.get_by_role("link", name="Try again…")).to_be_visible()


def test_03_all_that_failed_by_one_cause_are_tried_again(night: Night, installation: Installation) -> None:
    night.go("Errors")
    night.click(night.row("Charge card").get_by_role("link", name="Try again…"))
    night.knows("are tried again", "Charge card", "division")
    night.page.get_by_label("Reason").fill("the fee is mended")
    night.page.get_by_role("button", name="again").click()
    expect(night.page.locator("#progress")).to_contain_text("succeeded", timeout=30_000)
    runs = installation.runs["Charge card"]
    assert Execution.objects.filter(retried_from__in=runs).count() == len(runs)
    assert BulkAction.objects.get(action="retry").why == "the fee is mended"


def test_04_a_customers_run_opens_where_it_failed(night: Night, installation: Installation) -> None:
    night.go("Runs")
    night.enter("Metadata", "customer=acme")
    night.click(night.page.locator("td.name a", has_text="Convert"))
    # The failed step is chosen: its error, what was written, and what it was given.
    night.knows("Failed in convert", "division", "274 // _.rate", "What it was given", '"rate": 0')
    night.page.click("[data-tab=output]")
    expect(night.page.locator("#detail")).to_contain_text("Output")
    expect(night.page.locator(".acts a", has_text="Try again…")).to_be_visible()


def test_05_a_question_is_answered_by_its_form(night: Night, installation: Installation) -> None:
    night.click(night.page.locator("#overview a", has_text="Refund 274 EUR?"))
    night.knows("Refund 274 EUR?", "Approved")
    night.page.get_by_role("group", name="Approved").get_by_label("yes").check()
    night.page.click("button.primary")
    (run,) = installation.runs["Refund"]
    assert wait_for_end(run, installation.backend).output == {"paid": True}
    assert AuditRecord.objects.get(verb="resume", object_id=run).actor_label == "oscar"


def test_06_what_the_model_was_told_and_said(night: Night, installation: Installation) -> None:
    night.search(installation.runs["Summarise"][0])
    night.click(night.page.locator(".tl", has_text="summarise"))
    night.click("[data-tab=calls]")
    night.click(night.page.locator("#detail").get_by_role("link", name="offline/echo"))
    night.knows("It is lost at sea.", "temperature")
    expect(night.page.locator("details.message pre").filter(has_text="Summarise the order A-7")).to_be_visible()
    expect(night.page.locator(".acts a", has_text="Try again…")).to_be_visible()


def test_07_a_runaway_task_is_stopped(night: Night, installation: Installation) -> None:
    night.go("Runs")
    night.enter("Task", "Runaway")
    night.click("details.menu.up summary")
    night.click(night.page.get_by_role("link", name="Cancel them…"))
    night.knows("4 runs end", "of the task Runaway", "The newest of them")
    night.page.get_by_label("Reason").fill("it buys the whole shop")
    night.page.get_by_role("button", name="Cancel 4 runs").click()
    expect(night.page.locator("#progress")).to_contain_text("succeeded", timeout=30_000)
    assert set(Execution.objects.filter(pk__in=installation.runs["Runaway"]).values_list("status", flat=True)) == {
        "cancelled"
    }
    assert Execution.objects.get(pk=installation.runs["Nightly import"][0]).status != "cancelled"


def test_08_a_queue_grows_because_nobody_works_on_it(night: Night, installation: Installation) -> None:
    installation.backend.signal("engine", signal.SIGSTOP)
    try:
        runs = [installation.begin("Restock") for _ in range(3)]
        night.go("Queues & workers")
        night.knows("nobody answers")
        waiting = night.row("wait for a worker").first
        expect(waiting).to_contain_text("engine")
        expect(waiting.locator("td").nth(2)).to_have_text("3")
        expect(waiting.locator("td").nth(3)).to_contain_text("s")
        expect(waiting.locator("td").nth(4)).not_to_be_empty()
        expect(night.row("engine").filter(has_text="nobody answers")).to_be_visible()
        expect(night.page.get_by_role("button", name="Ring again…")).to_be_visible()
    finally:
        installation.backend.signal("engine", signal.SIGCONT)
    assert {wait_for_end(run, installation.backend).status for run in runs} == {"succeeded"}


def test_09_a_model_is_paused_and_let_go_on(night: Night, installation: Installation) -> None:
    page = night.page
    night.go("Controls")
    night.click(page.get_by_role("button", name="Pause…"))
    form = page.locator("dialog[open]")
    form.locator("[name=scope]").select_option("model")
    form.locator("[name=key]").fill("offline/echo")
    form.get_by_label("Reason").fill("the provider is down")
    night.click(page.get_by_role("button", name="Pause", exact=True))
    run = installation.begin("Summarise")
    installation.until(lambda: Branch.objects.filter(execution_id=run, held_up__pause__isnull=False).exists())
    page.reload()
    night.knows("offline/echo", "the provider is down")
    held = night.row("the provider is down")
    expect(held.get_by_title("The run that waits longest")).to_have_text("1")
    held.get_by_role("button", name="Lift…").click()
    page.get_by_role("button", name="Lift the pause").click()
    expect(page.locator("#content")).to_contain_text("Nothing is paused")
    assert Pause.objects.get().lifted_by == "oscar"
    assert wait_for_end(run, installation.backend).status == "succeeded"


def test_10_a_cost_leads_to_the_single_call(night: Night, installation: Installation) -> None:
    night.go("Usage")
    night.click(night.page.get_by_role("link", name="by task"))
    night.click(night.row("Summarise").first.get_by_role("link"))
    night.knows("The dearest calls of Summarise", "$7.25", "offline/echo")
    night.page.get_by_role("link", name="What was said").first.click()
    expect(night.page.locator("#call")).to_contain_text("It is lost at sea.")
    night.page.locator("#calls a", has_text="run").first.click()
    expect(night.page.locator("h1")).to_contain_text("Summarise")


def test_11_a_doc_that_got_no_vectors(night: Night, installation: Installation) -> None:
    night.go("Documents")
    night.knows("Got no vectors", "Tides", "input is too long", "High at noon")
    night.page.get_by_role("button", name="Retry all 1…").click()
    night.page.locator("dialog[open]").get_by_role("button", name="Retry all").click()
    installation.until(lambda: DocEmbedding.objects.filter(doc_id=installation.doc, state="ready").exists())


def test_12_a_users_chat_is_found_and_read(night: Night, installation: Installation) -> None:
    night.go("Chats")
    night.enter("User", "Mia")
    night.click(night.page.locator("td a", has_text="Ada"))
    night.knows("Where is my order?", "1 tool call", "offline/echo", "tokens")
    night.page.get_by_text("1 tool call").click()
    expect(night.page.locator(".entries pre")).to_contain_text("find_order")
    # The same by what was said.
    night.page.goto("/admin/chats/")
    night.enter("Text", 'WHERE is my "order"')
    expect(night.page.locator("#content")).to_contain_text("No session matches")
    night.page.goto("/admin/chats/")
    night.enter("Text", "where is MY order")
    expect(night.row("Ada")).to_have_count(1)


def test_13_who_cancelled_a_run(night: Night, installation: Installation) -> None:
    night.go("Audit")
    night.enter("Object", installation.cancelled)
    night.knows("nora", "cancel")
    expect(night.row("nora")).to_contain_text("execution")
    reason = Transition.objects.get(execution_id=installation.cancelled, type="cancelled").output
    night.search(installation.cancelled)
    expect(night.page.locator("#run-head")).to_contain_text(f"Cancelled by nora: {reason}")
