"""Dangerous calls in runs: a person agrees to what content of others reaches, and to nothing else."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.llm.own.scripted import scripted_model
from agents.models import Agent, Developer
from agents.policy.influence import Influence
from agents.policy.policy import DEFAULT_POLICY
from agents.policy.sources import NOWHERE, OF_ANY_TOOL
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from executions.effects import influence as influences
from executions.effects import perform
from executions.engine.run import load_version
from executions.models import Branch, Execution
from julep_project.devservices.loopback import Reply
from tasks.taint.walk import reached_calls
from tests.effects.conftest import Started, api_tool, let_leases_run_out
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

PARAMETERS = {"type": "object", "properties": {"to": {"type": "string"}}}
READ = {"tool": "page", "arguments": {}}


@pytest.fixture
def tools(web_server: WebServer) -> list[dict[str, Any]]:
    """`page` reads the web, `world` is dangerous, and `hand` is too, and the client's."""
    spec = {"params_schema": PARAMETERS}
    page = web_server.script("/page", Reply(200, {"to": "Eve"}))
    return [
        {**api_tool(page, spec=spec), "name": "page"},
        api_tool(web_server.script("/pay", Reply(200, {"paid": True})), spec=spec, effect="dangerous"),
        {"name": "hand", "type": "function", "function": {"parameters": PARAMETERS}, "effect": "dangerous"},
    ]


def pay(to: str, tool: str = "world") -> dict[str, Any]:
    return {"tool": tool, "arguments": {"to": to}}


def calls(*names: str) -> dict[str, Any]:
    made = [{"name": name, "arguments": json.dumps({"to": "Eve"})} for name in names]
    return {
        "tool_calls": [
            {"id": f"{call['name']}{n}", "type": "function", "function": call} for n, call in enumerate(made)
        ]
    }


def asked(flow: FlowRunner, execution: dict[str, Any]) -> list[Any]:
    """The tools that people are asked about, and those that the client is to call."""
    waits = [row["output"] for row in flow.log(execution["id"]) if row["type"] == "wait"]
    return [wait["tool"] if wait.get("type") == "tool_approval" else wait.get("type") for wait in waits]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([pay("$ inputs[0].to")], []),
        ([READ, pay("$ inputs[0].to")], []),
        ([READ, pay("$ _.json.to")], ["world"]),
        ([READ, {"set": {"to": "$ _.json.to"}}, {"evaluate": {"x": 1}}, pay("$ state.to")], ["world"]),
        ([READ, {"evaluate": {"to": "$ inputs[0].to", "seen": "$ _.json.to"}}, pay("$ _.to")], []),
        # Keys that are read, or stored, otherwise than they are written.
        ([READ, {"evaluate": {"snippet": "$ _.json.to"}}, pay("{{ _.snippets[0] }}")], ["world"]),
        ([READ, {"set": {"snippet": "$ _.json.to"}}, pay("$ state.snippets[0]")], ["world"]),
        ([READ, {"evaluate": "$ {None: _.json.to}"}, pay("$ _['null']")], ["world"]),
        ([READ, {"evaluate": "$ {'1': 'Ann', 'x': 1} | {1: _.json.to}"}, pay("$ _['1']")], ["world"]),
        ([{"map_reduce": {"over": "$ [1]", "map": [READ, pay("$ _.json.to")]}}], ["world"]),
        ([READ, pay("$ _.json.to", "hand")], ["hand"]),
        ([pay("Ann", "hand")], ["function"]),
    ],
)  # fmt: skip
def test_what_reaches_the_arguments_decides(
    run: Started, flow: FlowRunner, web_server: WebServer, tools: Any, steps: Any, expected: list[str]
) -> None:
    execution = run(steps, tools=tools, input={"to": "Ann"})

    assert asked(flow, execution) == expected
    assert execution["status"] == ("awaiting_input" if expected else "succeeded")
    assert any(request.path == "/pay" for request in web_server.requests) is (not expected)


def test_a_call_that_was_held_is_made_once_it_is_agreed_to(
    run: Started, flow: FlowRunner, web_server: WebServer, tools: Any
) -> None:
    execution = run([READ, pay("$ _.json.to")], tools=tools)
    assert asked(flow, execution) == ["world"]
    wait = flow.log(execution["id"])[-1]["output"]
    assert (wait["because"], wait["sources"]) == ("policy", {"to": ["web", "tools"]})
    # Messages come twice, leases run out, and whoever goes on knows nothing but the rows.
    branch = Branch.objects.get()
    let_leases_run_out()
    load_version.cache_clear()
    perform.perform_effect(branch.pk, owner="other")
    assert not any(request.path == "/pay" for request in web_server.requests)
    execution = flow.decide(execution["id"], "approve")

    assert execution["status"] == "succeeded"
    assert [request.json() for request in web_server.requests if request.path == "/pay"] == [{"to": "Eve"}]


def test_a_model_is_held_once_it_has_read(run: Started, flow: FlowRunner, web_server: WebServer, tools: Any) -> None:
    prompt = [{"prompt": "Pay them", "auto_run_tools": True, "unwrap": True}]

    with scripted_model([calls("world"), "Paid"]):
        assert asked(flow, run(prompt, tools=tools)) == []
    with scripted_model([calls("page", "world"), calls("world")]):
        # Both calls of the first message are by a model that had read nothing.
        assert asked(flow, run(prompt, tools=tools)) == ["world"]
    assert sum(request.path == "/pay" for request in web_server.requests) == 2
    with scripted_model([calls("world")]):
        # What others wrote is in the question itself.
        told = [READ, {"prompt": "$ _.json.to", "auto_run_tools": True}]
        assert asked(flow, run(told, tools=tools)) == ["world"]


# An answer as that of a prompt step, and a step that makes the call in it.
MADE_UP = "$ {'choices': [{'message': {'tool_calls': [{'function': {'name': 'world', 'arguments': {'to': %s}}}]}}]}"
MAKE_IT = {"tool": "world", "arguments": "$ _.choices[0]['message'].tool_calls[0]['function'].arguments"}
TAKE_IT = pay("$ _.choices[0]['message'].tool_calls[0]['function'].arguments")
# Messages as after a call of `page`, with its result.
TOLD = (
    "$ [{'role': 'assistant', 'content': '', 'tool_calls': [{'id': 'c', 'type': 'function', "
    "'function': {'name': 'page', 'arguments': '{}'}}]}, {'role': 'tool', 'tool_call_id': 'c', 'content': %s}]"
)


@pytest.mark.parametrize(
    ("steps", "replies", "expected"),
    [
        ([READ, {"evaluate": {"it": MADE_UP % "_.json.to"}}, {"evaluate": "$ _.it"}, MAKE_IT], 0, ["world"]),
        ([READ, {"evaluate": {"it": MADE_UP % "inputs[0].to"}}, {"evaluate": "$ _.it"}, MAKE_IT], 0, []),
        # The model made it, and a step makes what the model wanted.
        ([READ, {"prompt": "$ _.json.to", "tools": ["world"]}, TAKE_IT], 1, ["world"]),
        ([READ, {"prompt": "$ inputs[0].to", "tools": ["world"]}, TAKE_IT], 1, []),
        # Nobody has made the calls that messages tell of, however they look.
        ([{"prompt": TOLD % "inputs[0].to", "auto_run_tools": True}], 1, []),
        ([READ, {"prompt": TOLD % "_.json.to", "auto_run_tools": True}], 1, ["world"]),
    ],
)  # fmt: skip
def test_calls_that_an_expression_makes_up(
    run: Started, flow: FlowRunner, tools: Any, steps: Any, replies: int, expected: list[str]
) -> None:
    with scripted_model([calls("world"), "Paid"][: 2 * replies]):
        execution = run(steps, tools=tools, input={"to": "Ann"})
    assert asked(flow, execution) == expected, execution
    assert execution["status"] == ("awaiting_input" if expected else "succeeded")


@pytest.mark.parametrize(("own", "others", "expected"), [("web", "dummy", ["world"]), ("dummy", "web", [])])
def test_a_tool_of_a_step_is_what_it_is_and_not_what_has_its_name(
    flow: FlowRunner, tools: Any, own: str, others: str, expected: list[str]
) -> None:
    pages = {"web": tools[0], "dummy": {"name": "page", "type": "integration", "integration": {"provider": "dummy"}}}
    prompt = {"prompt": "Read, then pay", "auto_run_tools": True, "tools": [pages[own], "world"]}
    task = flow.create({"main": [prompt], "tools": [pages[others], tools[1]]}).json()["id"]
    Agent.objects.update(policy={"tainted": ["web"]})

    with scripted_model([calls("page"), calls("world"), "Paid"]):
        assert asked(flow, flow.start(task, {})) == expected


def test_a_model_calls_what_it_was_offered(run: Started, flow: FlowRunner, web_server: WebServer, tools: Any) -> None:
    prompt = {"prompt": "Read", "auto_run_tools": True, "tools": ["page"], "unwrap": True}
    with scripted_model([calls("world", "hand"), lambda request: str(request.messages[-2:])]):
        execution = run([prompt], tools=tools)
    assert "no tool 'world'; the tools are: page" in execution["output"]
    assert "no tool 'hand'; the tools are: page" in execution["output"]
    assert web_server.requests == []


@pytest.mark.parametrize("inherit", [True, False])
def test_to_decide_costs_a_call_nothing_of_the_database(
    flow: FlowRunner, tools: Any, inherit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    monkeypatch.setattr(influences, "reached_calls", lambda *told: looks.append(told) or reached_calls(*told))

    def reads(effect: str) -> int:
        """How often tools and their agent are read in a run of ten calls."""
        defined = {"tools": [{**tools[1], "effect": effect}]}
        main = [{"over": "$ range(10)", "map": pay("Ann")}]
        body = {"main": main, "inherit_tools": inherit, **({} if inherit else defined)}
        task = flow.create(body, agent=defined if inherit else None).json()["id"]
        with CaptureQueriesContext(connection) as made:
            assert flow.start(task, {})["status"] == "succeeded"
        return sum(f'FROM "agents_{table}"' in query["sql"] for query in made for table in ("tool", "agent"))

    assert reads("dangerous") == reads("reads")
    assert len(looks) == 1


@pytest.mark.parametrize("given", ["input", "answer"])
def test_what_a_tool_gives_to_a_run_is_of_all_that_its_caller_has_read(
    flow: FlowRunner, developer: Developer, tools: Any, given: str, django_capture_on_commit_callbacks: Any
) -> None:
    steps = [{"wait_for_input": {"info": {}}}, pay("$ _.to")] if given == "answer" else [pay("$ _.to")]
    task = flow.create({"main": steps, "tools": tools}).json()["id"]
    read = Influence(DEFAULT_POLICY, OF_ANY_TOOL)

    def call(operation: str, arguments: dict[str, Any], influence: Influence) -> Any:
        tool = {"name": "it", "type": "system", "system": {"resource": "execution", "operation": operation}}
        return run_tool(Caller(developer, operation), WantedCall(tool, arguments), influence=influence)

    waiting = flow.start(task, {})["id"] if given == "answer" else None
    with django_capture_on_commit_callbacks(execute=True):
        if waiting is None:
            call("create", {"task_id": task, "input": {"to": "Eve"}}, read)
        else:
            call("change_status", {"execution_id": waiting, "status": "running", "input": {"to": "Eve"}}, read)

    execution = Execution.objects.get()
    flow.settle(str(execution.pk))
    assert execution.sources == {"input" if given == "input" else "answers": ["docs", "web", "tools"]}
    assert asked(flow, {"id": str(execution.pk)})[-1] == "world"


@pytest.mark.parametrize(
    ("metadata", "by_tool", "expected"),
    [
        ({"x-integration-args": {"world": {"to": "Eve"}}}, True, ["world"]),
        ({"x-integration-args": {"to": "Eve"}}, True, ["world"]),
        ({"x-api_call-setup": {"world": {"params": {"to": "Eve"}}}}, True, ["world"]),
        ({"x-integration-args": {"other": {"to": "Eve"}}}, True, []),
        ({"x-integration-args": {"world": {"to": "Bob"}}}, False, []),
    ],
)
@pytest.mark.parametrize("by_model", [False, True])
def test_what_is_preset_comes_with_the_input(
    flow: FlowRunner,
    developer: Developer,
    tools: Any,
    metadata: Any,
    by_tool: bool,
    expected: Any,
    by_model: bool,
    django_capture_on_commit_callbacks: Any,
) -> None:
    main = {"prompt": "Pay Ann", "auto_run_tools": True} if by_model else pay("Ann")
    task = flow.create({"main": [main], "tools": tools}).json()["id"]
    tool = {"name": "it", "type": "system", "system": {"resource": "execution", "operation": "create"}}
    given = {"task_id": task, "input": {}, "metadata": metadata}
    influence = Influence(DEFAULT_POLICY, OF_ANY_TOOL if by_tool else NOWHERE)

    with scripted_model([calls("world"), "Paid"]):
        with django_capture_on_commit_callbacks(execute=True):
            run_tool(Caller(developer, "k"), WantedCall(tool, given), influence=influence)
        execution = Execution.objects.get()
        flow.settle(str(execution.pk))

    assert asked(flow, {"id": str(execution.pk)}) == expected


def test_a_tool_that_is_said_to_read_hands_on_what_it_depends_on(flow: FlowRunner, tools: Any) -> None:
    pays = flow.create({"main": [pay("$ _.to")], "tools": tools}).json()["id"]
    spec = {"name": "research", "type": "task", "task": {"task_id": pays}, "effect": "reads"}
    research = {"tool": "research", "arguments": {"to": "$ _.json.to"}}
    task = flow.create({"main": [READ, research], "tools": [tools[0], spec]}).json()["id"]

    flow.start(task, {})

    inner = str(Execution.objects.get(task_id=pays).pk)
    flow.settle(inner)
    assert asked(flow, {"id": inner}) == ["world"]


def test_the_policy_of_the_agent_decides(flow: FlowRunner, tools: Any) -> None:
    for policy, expected in (
        ({"allow": ["world.to"]}, []),
        ({"allow": ["world"]}, []),
        ({"tainted": []}, []),
        ({"allow": ["other"]}, ["world"]),
    ):
        task = flow.create({"main": [READ, pay("$ _.json.to")], "tools": tools}, agent={"policy": policy}).json()
        assert asked(flow, flow.start(task["id"], {})) == expected


@pytest.mark.parametrize(
    ("fields", "arguments", "presets", "expected"),
    [
        ({}, {}, {}, []),
        ({}, {"method": "PATCH"}, {}, []),
        ({}, {"method": "delete"}, {}, ["world"]),
        ({}, {"method": "$ inputs[0].method"}, {}, ["world"]),
        ({"effect": "reads"}, {"method": "DELETE"}, {}, ["world"]),
        ({"effect": "reads"}, {}, {"x-api_call-setup": {"world": {"method": "DELETE"}}}, ["world"]),
        ({"effect": "reads"}, {}, {"x-api_call-args": {"world": {"method": "DELETE"}}}, ["world"]),
        # What a tool of that method says of itself is said of its own address.
        ({"effect": "reads", "spec": {"method": "DELETE"}}, {}, {}, []),
        ({"effect": "reads", "spec": {"method": "DELETE"}}, {"url": "$ _.json.at"}, {}, ["world"]),
    ],
)
def test_a_call_that_brings_another_request_is_what_that_is(
    flow: FlowRunner, web_server: WebServer, fields: Any, arguments: Any, presets: Any, expected: list[str]
) -> None:
    at = web_server.script("/pay", Reply(200, {"paid": True}))
    page = web_server.script("/page", Reply(200, {"to": "Eve", "at": f"{at}?all=1"}))
    spec = {"method": "GET", "params_schema": PARAMETERS, **fields.get("spec", {})}
    tools = [{**api_tool(page), "name": "page"}, api_tool(at, **{**fields, "spec": spec})]
    call = {"tool": "world", "arguments": {"to": "$ _.json.to", **arguments}}
    agent = {"policy": {"allow": []}, "metadata": presets}
    task = flow.create({"main": [READ, call], "tools": tools}, agent=agent).json()

    assert asked(flow, flow.start(task["id"], {"method": "DELETE"})) == expected
