"""What a definition of a tool holds reaches nobody but its runner, and the owner of the API key over REST."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from agents.calls.models import Call, CallText
from agents.calls.recorder import RECORDER
from agents.calls.texts import unpacked
from agents.mcp.models import McpServer
from agents.models import Developer
from agents.tools.errors import ToolError
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from agents.tools.system import all_operations
from julep_project.core.telemetry.logs import FieldsFormatter, JsonFormatter
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer
from tests.trust.planted import MARK, SECRETS, inline_tool, presets, tools

EVERYTHING = "{{ [session, agent, current_agent, agents, user, users, settings, tools, docs, metadata] | tojson }}"
NAMES = "agent_tools,task,agent,metadata,execution"


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any, hook: WebServer) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.INTEGRATION_ADDRESSES = {"mailgun": hook.url}


@pytest.fixture
def hook(web_server: WebServer) -> WebServer:
    """Refuses every call, and repeats all it was sent."""

    def repeat(request: Any) -> Reply:
        return Reply(400, json.dumps([request.target, dict(request.headers), request.body.decode("utf-8", "replace")]))

    web_server.answer = repeat  # type: ignore[method-assign]
    return web_server


@pytest.fixture
def planted(flow: FlowRunner, hook: WebServer) -> dict[str, str]:
    """Ids of an agent, a user, a session, a task and a run that ended, with secrets wherever tools may have them."""
    agent = {"metadata": presets("agent"), "tools": tools(hook.url)}
    steps = [
        {"evaluate": {name: f"$ {name}" for name in NAMES.split(",")}},
        {"try": [{"tool": "hook", "arguments": {"q": "$ 1"}}], "catch": [{"evaluate": {"failed": "$ _"}}]},
        {"prompt": "hi", "tools": [inline_tool(hook.url), {"ref": {"name": "look"}}]},
    ]
    task = {"main": steps, "tools": tools(hook.url), "metadata": presets("task"), "inherit_tools": True}
    created = flow.create(task, agent=agent)
    assert created.status_code == 201, created.json()
    execution = flow.start(created.json()["id"], {}, metadata=presets("execution"))
    user = flow.api.post("/users", {"name": "Ann", "metadata": presets("user")}).json()
    participants = {"agent": created.json()["agent_id"], "user": user["id"]}
    session = flow.api.post("/sessions", {**participants, "metadata": presets("session")}).json()
    return {
        "agent_id": created.json()["agent_id"],
        "user_id": user["id"],
        "session_id": session["id"],
        "task_id": created.json()["id"],
        "execution_id": execution["id"],
        "tool_id": flow.api.get(f"/agents/{created.json()['agent_id']}/tools").json()["items"][0]["id"],
    }


def written(records: list[logging.LogRecord]) -> str:
    """What programs and people read of log records, with all that they are given."""
    return "\n".join(form.format(record) for record in records for form in (JsonFormatter(), FieldsFormatter()))


def leaks(text: str) -> list[str]:
    """Which secrets the text has."""
    return [place for place, secret in SECRETS.items() if secret in text] + [MARK] * (MARK in text)


def test_the_owner_reads_whole_definitions_over_rest(flow: FlowRunner, planted: dict[str, str]) -> None:
    told = flow.api.get(f"/agents/{planted['agent_id']}/tools", {"limit": 100}).content.decode()
    definitions = [place for place in SECRETS if not place.startswith(("preset", "inline"))]

    assert [place for place in definitions if SECRETS[place] not in told] == []


def test_what_is_known_of_servers(planted: dict[str, str]) -> None:
    known = list(McpServer.objects.values("place", "problem"))
    assert len(known) == 2, "that of the agent and that of the task"
    assert all("status 400" in row["problem"] for row in known)
    assert MARK not in str(known)


def test_a_task_sees_four_facts_of_its_tools(flow: FlowRunner, planted: dict[str, str]) -> None:
    first = next(row for row in flow.log(planted["execution_id"]) if row["type"] == "step")

    shown = {tool["name"]: tool for tool in first["output"]["agent_tools"]}
    assert set(shown) == {"look", "hook", "form", "mail", "gun", "sys", "sea", "screen", "edit", "shell"}
    assert {name: set(tool) for name, tool in shown.items() if name != "look"} == {
        name: {"name", "type", "description", "parameters"} for name in shown if name != "look"
    }
    assert (shown["hook"]["type"], shown["hook"]["description"]) == ("api_call", "Calls.")
    assert (
        "q" in shown["hook"]["parameters"]["properties"]
        and "q" in shown["look"]["function"]["parameters"]["properties"]
    )
    assert "from" not in shown["mail"]["parameters"]["properties"]
    assert first["output"]["metadata"]["plain"] == "execution"


def test_transitions_and_streams(flow: FlowRunner, planted: dict[str, str]) -> None:
    log = flow.log(planted["execution_id"])

    assert any("status 400" in json.dumps(row) for row in log)  # the hook was called, and said all it knew
    assert leaks(json.dumps(log)) == []


def test_records_of_calls(flow: FlowRunner, planted: dict[str, str]) -> None:
    RECORDER.flush()
    told = [str(row) for row in Call.objects.values()]
    told += [unpacked(row.content, is_packed=row.is_packed).decode() for row in CallText.objects.all()]

    assert any('"look"' in text for text in told) and any("hook" in text for text in told)
    assert leaks("".join(told)) == []


def test_operations(flow: FlowRunner, planted: dict[str, str], developer: Developer) -> None:
    rows = {
        **planted,
        "transition_id": flow.log(planted["execution_id"])[0]["id"],
        "name": "t",
        "main": [{"evaluate": {"a": "$ 1"}}],
    }
    asked = []
    for operation in all_operations():
        if operation.name.endswith("delete") or operation.name.startswith("session.chat"):
            continue
        *resource, verb = operation.name.split(".")
        spec = {"operation": verb, **dict(zip(("resource", "subresource"), resource, strict=False))}
        known = {name: value for name, value in rows.items() if name in operation.parameters["properties"]}
        try:
            answer = run_tool(
                Caller(developer, operation.name), WantedCall({"name": "t", "type": "system", "system": spec}, known)
            )
            asked.append(operation.name)
        except ToolError as error:
            answer = error.message
        assert leaks(json.dumps(answer)) == [], operation.name
    assert {"agent.tool.list", "agent.tool.get", "agent.tool.patch", "session.tool.list", "task.get"} <= set(asked)
    assert {"agent.get", "user.get", "session.get", "execution.get", "task.list", "execution.list"} <= set(asked)
    assert {"agent.list", "user.list", "session.list", "agent.patch", "task.patch", "session.history"} <= set(asked)


def _listings() -> Iterator[tuple[type[Model], str]]:
    """Models of ours that have staff pages, and the address of their list."""
    for model in apps.get_models():
        if model._meta.app_label not in ("auth", "contenttypes", "sessions", "admin"):
            with suppress(NoReverseMatch):
                yield model, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_staff_pages(admin_client: Client, planted: dict[str, str]) -> None:
    shown = {}
    for model, listing in _listings():
        shown[listing] = admin_client.get(listing)
        for row in model._default_manager.all()[:50]:
            page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
            shown[page] = admin_client.get(page)
    assert {page: answer.status_code for page, answer in shown.items() if answer.status_code != 200} == {}
    assert {page: found for page, answer in shown.items() if (found := leaks(answer.content.decode()))} == {}
    assert len(shown) > 60


@pytest.mark.parametrize(
    "lookup",
    ["agents/tool/?spec__icontains=a", "tasks/taskversion/?program__icontains=a", "agents/agent/?metadata__x=1"],
)
def test_staff_cannot_search_in_what_they_do_not_see(admin_client: Client, lookup: str) -> None:
    assert admin_client.get(f"/admin/{lookup}").status_code == 400


@pytest.mark.parametrize("name", ["hook", "form", "mail", "gun"])
def test_errors_and_logs(
    planted: dict[str, str], developer: Developer, hook: WebServer, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    tool = next(tool for tool in tools(hook.url) if tool["name"] == name)
    given = {"to": "a@b.example", "subject": "s", "body": "b", "from": "c@d.example"}

    with caplog.at_level(logging.DEBUG), pytest.raises(ToolError) as caught:
        run_tool(Caller(developer, "k"), WantedCall(tool, {} if name in ("hook", "form") else given))

    shown = [caught.value.message, str(caught.value), json.dumps(caught.value.details), written(caplog.records)]
    assert "call failed" in shown[-1]
    assert leaks(" ".join(shown)) == []


@pytest.mark.django_db(transaction=True)
def test_templates_of_a_chat(api: ApiClient, hook: WebServer) -> None:
    agent = api.post("/agents", {"name": "Writer", "metadata": presets("agent")}).json()
    for tool in tools(hook.url):
        assert api.post(f"/agents/{agent['id']}/tools", tool).status_code == 201
    user = api.post("/users", {"name": "Ann", "metadata": presets("user")}).json()
    body = {"agent": agent["id"], "user": user["id"], "metadata": presets("session")}
    session = api.post("/sessions", body).json()

    rendered = api.post(f"/sessions/{session['id']}/render", {"message": EVERYTHING, "tools": [inline_tool(hook.url)]})
    answered = api.post(f"/sessions/{session['id']}/chat", {"message": EVERYTHING, "model": "offline/echo"})
    history = api.get(f"/sessions/{session['id']}/history")

    assert "plain" in rendered.json()["messages"][-1]["content"]
    shown = {tool["name"] for tool in rendered.json()["tools"]}
    assert shown == {"look", "hook", "form", "mail", "gun", "sys", "sea", "screen", "edit", "shell", "inline"}
    for answer, status in ((rendered, 200), (answered, 201), (history, 200)):
        assert (answer.status_code, leaks(answer.content.decode())) == (status, [])
