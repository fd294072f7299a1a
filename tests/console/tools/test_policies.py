"""Policies of agents: what they say, what they decide about, and what people have decided."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.llm.own.scripted import scripted_model
from agents.models import Agent
from executions.models import Transition
from julep_project.devservices.loopback import Reply
from tests.console.conftest import HOSTILE
from tests.effects.conftest import api_tool
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

LIST = "/admin/policies/"
ODD = HOSTILE.replace("\u0007", "")


@pytest.fixture
def tools(web_server: WebServer, settings: Any) -> list[dict[str, Any]]:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    spec = {"params_schema": {"type": "object", "properties": {"to": {"type": "string"}}}}
    page = web_server.script("/page", Reply(200, {"to": "Eve"}))
    return [
        {**api_tool(page, spec={**spec, "method": "GET"}), "name": "page"},
        api_tool(web_server.script("/pay", Reply(200, {})), spec=spec, effect="dangerous"),
    ]


@pytest.fixture
def held(flow: FlowRunner, tools: Any) -> dict[str, Any]:
    """A run whose call of `world` waits for a person, because of what a page says."""
    main = [{"tool": "page", "arguments": {}}, {"tool": "world", "arguments": {"to": "$ _.json.to"}, "label": ODD}]
    agent = {"tools": tools, "policy": {"allow": ["note"]}, "name": ODD}
    task = flow.create({"name": ODD, "main": main}, agent=agent).json()
    return {**flow.start(task["id"], {}), "agent_id": task["agent_id"], "task": task["id"]}


def test_what_a_policy_says_and_holds(viewer: Client, admin_client: Client, held: dict[str, Any]) -> None:
    path = f"{LIST}{held['agent_id']}/"
    page = viewer.get(path).content.decode()
    assert "its own" in page and "content of <bdi>docs, web, tools</bdi>" in page and "note" in page
    assert "<code><bdi>to</bdi></code> is of <bdi>web, tools</bdi>" in page
    assert "may hold what comes from web, tools" in page and "are only warned of" in page
    assert "<script>alert" not in page and "⟪U+202E⟫" in page
    shown = viewer.get(f"{path}?format=json").json()["items"]
    assert [(tool["name"], tool["effect"], tool["is_dangerous"]) for tool in shown] == [
        ("world", "dangerous", True),
        ("page", "reads", False),
    ]
    assert "name,type,effect" in viewer.get(f"{path}?format=csv").content.decode()
    assert path in admin_client.get(f"/admin/agents/agent/{held['agent_id']}/change/").content.decode()


def test_who_decides_is_told_why(operator: Client, held: dict[str, Any]) -> None:
    wait = Transition.objects.get(execution=held["id"], type="wait")
    page = operator.get(f"/admin/inbox/{wait.pk}/").content.decode()
    assert "It waits because <code><bdi>to</bdi></code> is of <bdi>web, tools</bdi>." in page


def test_a_policy_of_now_that_refuses_is_told(viewer: Client, held: dict[str, Any]) -> None:
    path = f"{LIST}{held['agent_id']}/"
    for policy, is_refused in (({"tainted": ["web"]}, True), ({"tainted": ["docs"]}, False), (None, False)):
        Agent.objects.filter(pk=held["agent_id"]).update(policy=policy)
        page = viewer.get(path).content.decode()
        assert ("The policy of now refuses it" in page) is is_refused, policy
    assert "the usual one" in page


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_what_was_decided(viewer: Client, flow: FlowRunner, held: dict[str, Any], decision: str) -> None:
    path = f"{LIST}{held['agent_id']}/"
    assert "Nothing, as far as" in viewer.get(path).content.decode()
    flow.decide(held["id"], decision)
    page = viewer.get(path).content.decode()
    assert "None now." in page and {"approve": "approved", "deny": "denied"}[decision] in page
    other = str(flow.create({"main": [{"evaluate": {"n": 1}}]}).json()["agent_id"])
    assert "Nothing, as far as" in viewer.get(f"{LIST}{other}/").content.decode()


def test_calls_of_models_and_of_tools_that_ask(viewer: Client, flow: FlowRunner, tools: Any) -> None:
    call = {"name": "world", "arguments": json.dumps({"to": "Eve"})}
    calls = {"tool_calls": [{"id": "c", "type": "function", "function": call}]}
    prompt = {"prompt": "$ _.json.to", "auto_run_tools": True}
    asks = [{**tools[1], "approval": "always", "effect": "changes"}]
    for main, own, why in (
        ([{"tool": "page", "arguments": {}}, prompt], tools, "what the model had read is of"),
        ([{"tool": "world", "arguments": {"to": "Ann"}}], asks, "the tool always asks"),
    ):
        task = flow.create({"main": main}, agent={"tools": own}).json()
        with scripted_model([calls]):
            flow.start(task["id"], {})
        assert why in viewer.get(f"{LIST}{task['agent_id']}/").content.decode()


def test_the_list_is_narrowed_and_paged(viewer: Client, flow: FlowRunner) -> None:
    agents = [
        flow.api.post("/agents", {"name": f"Ada {number}", "policy": policy}).json()["id"]
        for number, policy in enumerate([None, {}, {"tainted": ["web"]}])
    ]

    def found(query: str) -> list[str]:
        return [item["id"] for item in viewer.get(f"{LIST}?format=json&{query}").json()["items"]]

    assert found("")[:3] == agents[::-1]
    assert found("kind=usual&name=ada%200") == agents[:1]
    assert found("kind=refusing") == agents[2:]
    assert found("kind=own")[:2] == agents[:0:-1]
    assert found(f"after={agents[2]}")[:2] == agents[1::-1]
    assert found("developer=x@example.com") == []
    assert "No agent is like that" in viewer.get(f"{LIST}?name=nobody").content.decode()
    for wrong, status in (("?kind=x", 400), ("?after=x", 400), (f"{uuid4()}/", 404)):
        assert viewer.get(f"{LIST}{wrong}").status_code == status


def test_it_asks_as_often_whatever_there_is(viewer: Client, flow: FlowRunner, held: dict[str, Any]) -> None:
    def asked(path: str) -> int:
        with CaptureQueriesContext(connection) as made:
            assert viewer.get(path).status_code == 200
        return len(made)

    path = f"{LIST}{held['agent_id']}/"
    viewer.get(path)
    before = asked(path), asked(LIST)
    for _ in range(3):
        flow.start(held["task"], {})
        flow.api.post("/agents", {"name": "Ada"})
    assert (asked(path), asked(LIST)) == before
