"""Waits that several people answer, and links to them."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from agents.audit.models import AuditRecord
from agents.tools import registry
from agents.tools.actions import Action, ActionNeeded
from agents.tools.registry import ToolCall
from executions.links.models import WaitLink
from tests.console.conftest import once
from tests.flow_runner import FlowRunner

FORM = {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]}


@pytest.fixture
def asked(flow: FlowRunner) -> dict[str, Any]:
    """A run that two people have to approve, with the address of its wait."""
    ask = {"wait_for_input": {"info": {"question": "Refund 274 EUR?"}, "quorum": {"approve": 2}}, "label": "ask"}
    task = flow.create({"name": "Refund order", "main": [ask, {"evaluate": "$ _.approved"}]}).json()
    run = flow.start(task["id"], {})
    (wait,) = (row["id"] for row in flow.log(run["id"]) if row["type"] == "wait")
    return {**run, "page": f"/admin/inbox/{wait}/"}


def test_two_operators_have_to_approve(
    staff: Callable[[str], Client], asked: dict[str, Any], flow: FlowRunner, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = staff("operator"), staff("administrator")

    def answer(client: Client, **fields: str) -> str:
        form = {"digest": client.get(asked["page"]).context["digest"], "form": "fields", **fields}
        with django_capture_on_commit_callbacks(execute=True):
            return str(client.post(f"{asked['page']}answer/", form, follow=True).content.decode())

    assert "0 of 2 approved" in first.get("/admin/inbox/").content.decode()
    assert "choose yes or no" in answer(first)
    assert "Answered; 1 of 2 approved so far" in answer(first, **{"field-approve": "yes"})
    for page in ("/admin/inbox/", asked["page"], f"/admin/runs/{asked['id']}/"):
        assert "1 of 2 approved" in second.get(page).content.decode(), page
    assert second.get("/admin/inbox/?format=json").json()["items"][0]["progress"] == "1 of 2 approved"
    assert "has answered already" in answer(first, **{"field-approve": "yes"})
    assert "Answered; the run goes on" in answer(second, **{"field-approve": "yes"})
    assert flow.settle(asked["id"])["output"] is True


def test_a_link_is_made_shown_once_and_taken_back(operator: Client, viewer: Client, asked: dict[str, Any]) -> None:
    made = operator.post(f"{asked['page']}links/", once(answers_as="Ann", days="1"))
    assert "no-store" in made.headers["Cache-Control"]
    (url,) = re.findall(r'value="(http[^"]+)"', made.content.decode())
    page = Client().get(urlsplit(url).path).content.decode()
    assert "Refund 274 EUR?" in page and "You answer as <bdi>Ann</bdi>" in page
    link = WaitLink.objects.get()
    assert link.made_by["name"] == "operator"
    shown = operator.get(asked["page"]).content.decode()
    assert "Ann" in shown and url not in shown and url.rpartition("/")[2] not in shown
    assert "Ann" not in viewer.get(asked["page"]).content.decode()

    taken = operator.post(f"{asked['page']}links/{link.pk}/", follow=True).content.decode()
    assert "opens nothing any more" in taken and "taken back" in taken
    assert Client().get(urlsplit(url).path).status_code == 410
    acts = AuditRecord.objects.filter(object_id=str(link.pk)).order_by("pk")
    assert sorted(acts.values_list("verb", "actor_label")) == [("create", "operator"), ("revoke", "operator")]
    for form in ({"days": "400"}, {"days": "1", "answers_as": "x" * 201}):
        assert operator.post(f"{asked['page']}links/", form).status_code == 400


def test_waits_for_events_are_apart(
    operator: Client, flow: FlowRunner, django_capture_on_commit_callbacks: Any
) -> None:
    wait = {"wait_for_event": {"name": "order.paid", "match": {"order": "4711"}}}
    task = flow.create({"name": "Ship order", "main": [wait, {"evaluate": "$ _.by"}]}).json()
    run = flow.start(task["id"], {})
    assert "Ship order" not in operator.get("/admin/inbox/").content.decode()
    (listed,) = operator.get("/admin/inbox/?kind=event&format=json").json()["items"]
    assert (listed["run_id"], listed["kind"], listed["asks"]["name"]) == (run["id"], "event", "order.paid")
    page = f"/admin/inbox/{listed['wait_id']}/"
    shown = operator.get(page)
    assert "An event ends this wait" in shown.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        operator.post(f"{page}answer/", {"digest": shown.context["digest"], "value": '{"by": "hand"}'})
    assert flow.settle(run["id"])["output"] == "hand"


@pytest.mark.parametrize(
    ("kind", "told"),
    [("connection", {"url": "https://login.example/x"}), ("elicitation", {"schema": FORM}), ("another", {})],
)
def test_calls_that_wait_for_somebody(
    operator: Client,
    flow: FlowRunner,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    kind: str,
    told: dict[str, Any],
) -> None:
    def call(given: ToolCall) -> Any:
        if given.given is None:
            raise ActionNeeded("Which port?", Action(kind, told, expires_s=3600))
        return given.given.answer

    monkeypatch.setitem(registry._runners, "api_call", call)
    tool = {"name": "sail", "type": "api_call", "api_call": {"method": "GET", "url": "http://127.0.0.1/"}}
    task = flow.create({"name": "Sail", "tools": [tool], "main": [{"tool": "sail", "arguments": {}}]}).json()
    run = flow.start(task["id"], {})
    assert "Which port?" in operator.get("/admin/inbox/").content.decode()
    listed = operator.get("/admin/inbox/?format=json").json()["items"]
    assert [each["gives_up_at"] is not None for each in listed] == [True]
    assert [(row["run_id"], row["kind"]) for row in listed] == [(run["id"], kind)]
    if kind != "another":
        assert operator.get(f"/admin/inbox/?kind={kind}&format=json").json()["items"] == listed
    assert operator.get("/admin/").status_code == 200
    page = f"/admin/inbox/{listed[0]['wait_id']}/"
    shown = operator.get(page)
    assert ("somebody has signed in" in shown.content.decode()) == (kind == "connection")
    with django_capture_on_commit_callbacks(execute=True):
        given = {"form": "fields", "field-port": "Brest"} if "schema" in told else {"value": '{"port": "Brest"}'}
        operator.post(f"{page}answer/", {"digest": shown.context["digest"], **given})
    assert flow.settle(run["id"])["output"] == {"port": "Brest"}
