"""Servers that ask a person something: the run waits for the answer, and the call is made again with it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitRequestURLParams, InputRequiredResult
from pydantic import BaseModel, Field

from agents.mcp.models import McpServer as ServerRow
from agents.mcp.offering import with_tools_of_servers
from agents.models import Developer, Tool
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from executions.waits.form import fields_of
from tests.flow_runner import FlowRunner
from tests.loopback.mcp_server import McpServer
from tests.mcp.test_tools import agent, made, own, run, served

STATELESS, STATEFUL = "2026-07-28", "2025-11-25"
SIGN = "https://harbour.example/sign?ship=7"
__all__ = ["agent", "own"]


class Berth(BaseModel):
    """A form with a field that a decision could be taken for, and with what is usual."""

    action: str
    nights: int = Field(default=2, ge=1)


@pytest.fixture
def begun() -> list[str]:
    """The calls that the server began to carry out."""
    return []


@pytest.fixture
def asking(own: McpServer, begun: list[str]) -> McpServer:
    """A server with tools that ask more."""

    def book(context: Context[Any, Any]) -> Any:
        begun.append("book")
        if not context.input_responses:
            form = ElicitRequestFormParams(message="For how long?", requested_schema=Berth.model_json_schema())
            url = ElicitRequestURLParams(message="Sign here.", url=SIGN, elicitation_id="1")
            unusable = ElicitRequestURLParams(message="Or here.", url="javascript:sign()", elicitation_id="2")
            asked = {name: ElicitRequest(params=each) for name, each in zip("cab", (form, url, unusable), strict=True)}
            return InputRequiredResult(input_requests=asked, request_state="booking 7")
        said = [context.input_responses[name] for name in "cab"]
        told = "; ".join(f"{each.action} {each.content or ''}".strip() for each in said)
        return f"{context.request_state}: {told}"

    async def moor(context: Context[Any, Any]) -> Any:
        begun.append("moor")
        said = [await context.elicit(question, Berth) for question in ("Which one?", "And then?")]
        return " and ".join(f"{each.data.action}, {each.data.nights}" for each in said if each.action == "accept")

    def leave(context: Context[Any, Any]) -> str:
        begun.append("leave")
        if len(begun) < 2:
            raise UrlElicitationRequiredError(
                [ElicitRequestURLParams(message="Sign first.", url=SIGN, elicitation_id="1")]
            )
        return "left"

    for tool in (book, moor, leave):
        own.replace(tool, structured_output=False)
    return own


@pytest.fixture
def begin(flow: FlowRunner, agent: str, asking: McpServer) -> Callable[..., dict[str, Any]]:
    """`begin(tool, protocol)` starts a run that calls a tool of the server."""

    def start(name: str, protocol: str, **tool: Any) -> dict[str, Any]:
        made(flow, agent, served(asking, **tool))
        ServerRow.objects.update(protocol=protocol)
        return run(flow, agent, {"tool": f"sea__{name}", "arguments": {}})

    return start


def asked(flow: FlowRunner, execution: dict[str, Any]) -> dict[str, Any]:
    assert execution["status"] == "awaiting_input", execution
    wait: dict[str, Any] = flow.log(execution["id"])[-1]["output"]
    return wait


@pytest.mark.parametrize("protocol", [STATELESS, STATEFUL])
def test_a_run_waits_for_the_answer(flow: FlowRunner, begin: Any, protocol: str) -> None:
    execution = begin("ask", protocol)
    wait = asked(flow, execution)
    assert (wait["type"], wait["tool"], wait["mode"], wait["message"]) == (
        "elicitation",
        "sea__ask",
        "form",
        "Which berth?",
    )
    assert {field.name: field.is_required for field in fields_of(wait["schema"])} == {"action": True, "berth": False}
    for wrong in (
        {"berth": 5},
        {"action": "accept", "berth": "5"},
        {"action": "maybe"},
        {"action": "accept", "pay": 1},
    ):
        refused = flow.api.put(f"/executions/{execution['id']}", {"status": "running", "input": wrong})
        assert refused.status_code == 422, wrong
    ended = flow.resume(execution["id"], {"action": "accept", "berth": 5})
    assert ended["output"] == "a person said accept 5", ended
    for action in ("decline", "cancel"):
        again = run(flow, str(ServerRow.objects.get().agent_id), {"tool": "sea__ask", "arguments": {}})
        assert flow.resume(again["id"], {"action": action})["output"] == f"a person said {action}"


def test_several_questions_are_asked_one_after_the_other(flow: FlowRunner, begin: Any, begun: list[str]) -> None:
    execution = begin("book", STATELESS)
    # The form has a field of the name that says whether it is given.
    assert set(asked(flow, execution)["schema"]["properties"]) == {"_action", "action", "nights"}
    execution = flow.resume(execution["id"], {"_action": "accept", "action": "moor"})
    wait = asked(flow, execution)
    assert (wait["mode"], wait["url"], wait["message"]) == ("url", SIGN, "Sign here.")
    assert begun == ["book"]
    ended = flow.resume(execution["id"], {"action": "accept"})
    told = "booking 7: accept {'action': 'moor', 'nights': 2}; accept; decline"
    assert (ended["output"]["text"], begun) == (told, ["book", "book"]), ended
    assert ended["output"]["declined"] == [{"message": "Or here.", "answer": "decline"}]


def test_a_call_of_the_generation_before_begins_anew_for_each_answer(
    flow: FlowRunner, begin: Any, begun: list[str]
) -> None:
    execution = begin("moor", STATEFUL)
    for question, action in (("Which one?", "long"), ("And then?", "short")):
        assert asked(flow, execution)["message"] == question
        execution = flow.resume(execution["id"], {"_action": "accept", "action": action})
    assert (execution["output"], begun) == ("long, 2 and short, 2", ["moor"] * 3), execution


@pytest.mark.parametrize(
    ("protocol", "tool"), [(STATEFUL, {"at_most_once": True}), (STATELESS, {"mcp": {"elicitation": "decline"}})]
)
def test_nobody_is_asked_where_that_cannot_be_or_shall_not(
    flow: FlowRunner, begin: Any, protocol: str, tool: dict[str, Any]
) -> None:
    ended = begin("ask", protocol, **tool)
    assert ended["output"]["text"] == "a person said decline", ended
    assert ended["output"]["declined"] == [{"message": "Which berth?", "answer": "decline"}]


@pytest.mark.parametrize("protocol", [STATELESS, STATEFUL])
def test_forms_that_need_nothing_else_are_accepted_as_they_are(flow: FlowRunner, begin: Any, protocol: str) -> None:
    ended = begin("ask", protocol, mcp={"elicitation": "defaults"})
    needed = {STATELESS: "a person said accept", STATEFUL: None}[protocol]
    # The one has a field that may be left out, the other a field that may not.
    assert ended["output"] == needed if needed else asked(flow, ended)["message"] == "Which berth?", ended


def test_what_cannot_wait_asks_nobody(flow: FlowRunner, agent: str, asking: McpServer, developer: Developer) -> None:
    made(flow, agent, served(asking))
    (tool,) = Tool.objects.all()
    body = {"id": str(tool.pk), "name": tool.name, "type": "mcp", "mcp": tool.spec}
    bodies = with_tools_of_servers(developer.pk, tool.agent_id, [body])
    offered = next(each for each in bodies if each["name"] == "sea__ask")
    result = run_tool(Caller(developer, "chat"), WantedCall(offered, {}))
    assert (result["text"], len(result["declined"])) == ("a person said decline", 1)


class TestLinks:
    """Forms on the page behind a link."""

    @pytest.fixture
    def page(
        self, flow: FlowRunner, begin: Any, settings: Any, django_capture_on_commit_callbacks: Any
    ) -> Callable[..., tuple[str, Any]]:
        """`page(tool)` is the run that waits, and what looks at the page, or sends its form."""
        settings.LINK_REQUESTS_PER_MINUTE = 0

        def opened(tool: str) -> tuple[str, Any]:
            run_id = begin(tool, STATELESS)["id"]
            wait = flow.log(run_id)[-1]["id"]
            made = flow.api.post(f"/executions/{run_id}/transitions/{wait}/links", {"answers_as": "Ann"})
            assert made.status_code == 201, made.json()
            path = urlsplit(made.json()["url"]).path

            def send(**form: str) -> Any:
                if not form:
                    return Client().get(path)
                body = urlencode({f"field-{name}": value for name, value in form.items()})
                with django_capture_on_commit_callbacks(execute=True):
                    return Client().generic("POST", path, body, content_type="application/x-www-form-urlencoded")

            return run_id, send

        return opened

    @pytest.mark.parametrize(
        ("form", "told"),
        [({"berth": "5", "action": "accept"}, "accept 5"), ({"berth": "", "action": "decline"}, "decline")],
    )
    def test_a_person_without_an_account_answers_once(
        self, flow: FlowRunner, page: Any, form: dict[str, str], told: str
    ) -> None:
        run_id, send = page("ask")
        shown = send().content.decode()
        assert "Which berth?" in shown and 'name="field-berth"' in shown and "<script" not in shown
        for decision in ("accept", "decline"):
            assert f'name="field-action" value="{decision}"' in shown
        wrong = send(berth="5.5", action="accept")
        assert wrong.status_code == 422 and "Nothing was sent yet" in wrong.content.decode()
        assert send(berth="5", action="maybe").status_code == 422
        assert send(**form).status_code == 302
        assert flow.settle(run_id)["output"] == f"a person said {told}"
        assert send(**form).status_code == 409

    def test_an_address_to_open_is_for_whom_it_is_shown_to(self, flow: FlowRunner, page: Any) -> None:
        run_id, send = page("book")
        assert send(_action="accept", action="moor").status_code == 302
        assert flow.settle(run_id)["status"] == "awaiting_input"
        wait = flow.log(run_id)[-1]
        assert wait["output"]["mode"] == "url"
        assert flow.api.post(f"/executions/{run_id}/transitions/{wait['id']}/links", {}).status_code == 400


class TestIntegration:
    """Servers that the integration calls."""

    @pytest.fixture
    def began(self, flow: FlowRunner, agent: str, asking: McpServer) -> Callable[..., dict[str, Any]]:
        def begin(name: str, **setup: str) -> dict[str, Any]:
            spec = {"provider": "mcp", "setup": {"transport": "http", "http_url": asking.http, **setup}}
            made(flow, agent, {"name": "sea", "type": "integration", "integration": spec})
            call = {"tool": "sea", "method": "call_tool", "arguments": {"tool_name": name, "arguments": {}}}
            return run(flow, agent, call)

        return begin

    def test_a_run_waits_for_the_answer(self, flow: FlowRunner, began: Any, begun: list[str]) -> None:
        execution = began("book")
        assert asked(flow, execution)["message"] == "For how long?"
        execution = flow.resume(execution["id"], {"_action": "accept", "action": "moor"})
        assert asked(flow, execution)["url"] == SIGN
        ended = flow.resume(execution["id"], {"action": "accept"})
        told = "booking 7: accept {'action': 'moor', 'nights': 2}; accept; decline"
        assert (ended["output"]["text"], begun) == (told, ["book", "book"]), ended

    def test_nobody_is_asked_where_the_setup_says_so(self, began: Any) -> None:
        ended = began("ask", elicitation="decline")
        assert ended["output"]["text"] == "a person said decline", ended


@pytest.mark.parametrize("action", ["accept", "decline"])
def test_an_address_that_has_to_be_opened_first(flow: FlowRunner, begin: Any, begun: list[str], action: str) -> None:
    execution = begin("leave", STATEFUL)
    assert asked(flow, execution)["url"] == SIGN
    ended = flow.resume(execution["id"], {"action": action})
    if action == "accept":
        assert (ended["output"], begun) == ("left", ["leave"] * 2), ended
    else:
        assert (ended["status"], begun) == ("failed", ["leave"]) and SIGN in ended["error"]
