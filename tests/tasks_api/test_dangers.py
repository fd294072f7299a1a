"""What the author of a task is told of its dangerous calls, and what a policy does not let in."""

from typing import Any

import pytest

from agents.models import Agent
from tasks.models import TaskVersion
from tests.api_client import ApiClient

TOOLS = [
    {"name": "page", "type": "api_call", "api_call": {"method": "GET", "url": "https://pages.example.com"}},
    {"name": "pay", "type": "function", "function": {}, "effect": "dangerous"},
    {"name": "note", "type": "function", "function": {}},
]
READ = {"tool": "page", "arguments": {}}
EVERY_RESULT = ["web", "tools"]


def pay(**arguments: str) -> dict[str, Any]:
    return {"tool": "pay", "arguments": arguments}


def told(api: ApiClient, tasks: str, *main: Any, **task: Any) -> list[dict[str, Any]]:
    """What the author is told of dangerous calls."""
    response = api.post(tasks, {"name": "T", "main": list(main), "tools": TOOLS, **task})
    assert response.status_code == 201, response.json()
    return [warning for warning in response.json()["warnings"] if warning["type"] == "dangerous_call"]


@pytest.mark.parametrize(
    ("main", "sources"),
    [
        ([pay(to="$ _.to", sum="$ 5")], {"to": ["user"]}),
        ([READ, pay(to="$ _.json.to", by="$ steps[0].input.who")], {"to": EVERY_RESULT, "by": ["user"]}),
        ([{"search": {"text": "x"}}, pay(to="{_.docs}", by="$ inputs['who']")], {"to": ["docs"], "by": ["user"]}),
        ([{"search": {"text": "x"}, "label": "found"}, READ, pay(to="$ steps['found'].output", by="$ outputs[1]")],
         {"to": ["docs"], "by": EVERY_RESULT}),
        # Through the store, in the next turn of a loop.
        ([{"while": "$ _", "do": [pay(to="$ get('seen')"), READ, {"set": {"seen": "$ _"}}]}], {"to": EVERY_RESULT}),
        # By which of two constants it is.
        ([READ, {"if": "$ _.json.x", "then": [{"evaluate": {"a": "$ 1"}}], "else": [{"evaluate": {"a": "$ 2"}}]},
          pay(to="$ _.a")], {"to": EVERY_RESULT}),
        # By the names that documents of the first generation have for inputs, and by those of variables.
        ([READ, {"evaluate": {"a": "$ 1"}}, pay(to="{{ _1.json.to }}", by="{{ _0.who }}")],
         {"to": EVERY_RESULT, "by": ["user"]}),
        ([READ, {"evaluate": {"a": "$ 1"}}, pay(to="$ f'{_1.json.to}'", by="$ [x for x in inputs[0].l]",
          n="{% for x in inputs[0].l %}{{ x }}{{ loop.index }}{{ agent.name }}{% endfor %}")],
         {"to": EVERY_RESULT, "by": ["user"], "n": ["user"]}),
        ([READ, pay(to="$ _.json.to", by="$ execution.id", n="$ execution.metadata.n")],
         {"to": EVERY_RESULT, "n": ["user", "docs", "web", "tools"]}),
        # Through the error of a step.
        ([{"try": [READ, {"error": "$ _.json.text"}], "catch": [pay(to="$ error.message")]}], {"to": EVERY_RESULT}),
        # Through a model.
        ([READ, {"prompt": "$ _.json.text", "unwrap": True}, pay(to="$ _")], {"to": EVERY_RESULT}),
        ([{"wait_for_event": {"name": "n"}}, pay(to="$ _.data")], {"to": ["user", "docs", "web", "tools"]}),
        # A method is no key, and what is not known stands for all.
        ([READ, {"evaluate": {"a": "$ _", "b": "$ 1"}}, pay(to="$ _.get('b')", all="$ _.items()", n="$ _['b']")],
         {"to": EVERY_RESULT, "all": EVERY_RESULT}),
    ],
)  # fmt: skip
def test_it_tells_what_reaches_which_argument(api: ApiClient, tasks: str, main: Any, sources: Any) -> None:
    (warning,) = told(api, tasks, *main)
    assert (warning["details"]["tool"], warning["details"]["sources"]) == ("pay", sources)
    held = any(set(each) & {"docs", "web", "tools"} for each in sources.values())
    assert ("a person is asked" if held else "may run without a person") in warning["message"]


def test_workflows_and_templates(api: ApiClient, tasks: str) -> None:
    sub = [{"if": "_.n", "then": [{"return": {"to": "_.page"}}]}, {"evaluate": {"to": "_.who"}}]
    main = [
        {"tool": "page", "arguments": {}},
        {"workflow": "sub", "arguments": {"page": "outputs[0]", "who": "inputs[0].who", "n": "1"}},
        {"tool": "pay", "arguments": {"to": "{{ _.to }}", "by": "{{ inputs[0].who }}"}},
    ]
    (warning,) = told(api, tasks, *main, sub=sub)
    assert warning["details"]["sources"] == {"to": ["user", *EVERY_RESULT], "by": ["user"]}
    assert warning["location"] == "workflows.main.steps[2]"


def test_what_a_person_decides_is_not_told_of(api: ApiClient, tasks: str) -> None:
    wait = {"wait_for_input": {"info": "Pay?"}}
    assert told(api, tasks, wait, pay(to="$ inputs[0].to")) == []
    assert told(api, tasks, {"if": "$ _.x", "then": [wait]}, pay(to="$ inputs[0].to")) != []
    assert told(api, tasks, {"parallel": [[wait], [READ]]}, pay(to="$ inputs[0].to")) == []
    late = {"wait_for_input": {"info": "Pay?", "timeout": 60, "on_timeout": None}}
    assert told(api, tasks, late, pay(to="$ inputs[0].to")) != []
    always = [{**tool, "approval": "always"} for tool in TOOLS if tool["name"] == "pay"]
    assert told(api, tasks, READ, {"tool": "pay", "arguments": "$ _"}, tools=[TOOLS[0], *always]) == []
    # Workflows that nobody calls do not run.
    assert told(api, tasks, {"evaluate": {"x": 1}}, other=[READ, pay(to="$ _")]) == []


def test_a_policy_keeps_a_task_out(api: ApiClient, tasks: str, agent: dict[str, Any]) -> None:
    def made(policy: Any, *main: Any) -> Any:
        Agent.objects.filter(pk=agent["id"]).update(policy=policy)
        return api.post(tasks, {"name": "T", "main": list(main), "tools": TOOLS})

    step = {"foreach": {"in": "$ [1]", "do": [READ, pay(to="$ _.json.to", by="$ inputs[0].me")]}}
    refused = made({"tainted": ["web"]}, {"evaluate": {"x": 1}}, step)

    (detail,) = refused.json()["error"]["details"]
    assert refused.status_code == 422
    assert detail["loc"] == "workflows.main.steps[1].foreach.do[1]"
    assert detail["received"] == "pay.to: web"
    assert "'pay.to'" in detail["fix"]
    assert TaskVersion.objects.count() == 0
    for policy in ({"tainted": ["docs"]}, {"tainted": ["web"], "allow": ["pay.to"]}, {"allow": []}, None):
        assert made(policy, step).status_code == 201, policy
    asked = {"prompt": "Hello", "auto_run_tools": True, "tools": ["page", "pay"]}
    assert made({"tainted": ["web"], "allow": ["pay.to"]}, asked).status_code == 422
    assert made({"tainted": ["web"]}, {**asked, "tools": ["page", "note"]}).status_code == 201


OWN = {"name": "page", "type": "integration", "integration": {"provider": "dummy"}}
ASKS = {"prompt": "Read, then pay", "auto_run_tools": True}
MADE_UP = "$ {'choices': [{'message': {'tool_calls': [{'function': {'arguments': {'to': %s}}}]}}]}"
MAKE_IT = {"tool": "pay", "arguments": "$ _.it.choices[0]['message'].tool_calls[0]['function'].arguments"}


@pytest.mark.parametrize(
    ("main", "is_let_in"),
    [
        # Calls in what looks like an answer of a model.
        ([READ, {"evaluate": {"it": MADE_UP % "_.json.to"}}, MAKE_IT], False),
        ([READ, {"evaluate": {"it": MADE_UP % "inputs[0].to"}}, MAKE_IT], True),
        # Keys that are read, or stored, otherwise than they are written.
        ([READ, {"evaluate": {"snippet": "$ _.json.to"}}, pay(to="$ _.snippets[0]")], False),
        ([READ, {"evaluate": {"snippet": "$ _.json.to"}}, pay(to="{{ _.snippets[0] }}")], False),
        ([READ, {"set": {"snippet": "$ _.json.to"}}, pay(to="$ state.snippets")], False),
        ([READ, {"if": "$ inputs[0].x", "then": [{"evaluate": {"snippet": "$ _.json.to"}}],
          "else": [{"evaluate": {"snippets": "$ 1"}}]}, pay(to="$ _.snippets")], False),
        ([READ, {"evaluate": "$ {None: _.json.to}"}, pay(to="$ _['null']")], False),
        ([READ, {"evaluate": "$ {True: _.json.to}"}, pay(to="$ _['true']")], False),
        ([READ, {"evaluate": "$ {1: 5, True: _.json.to}"}, pay(to="$ _['1']")], False),
        ([READ, {"evaluate": "$ {'null': 1, None: _.json.to, 'null': 2}"}, pay(to="$ _['null']")], False),
        ([READ, {"evaluate": "$ {'a': 1, 'b': _.json.to}"}, pay(to="$ _['a']")], True),
        ([READ, {"evaluate": {"a": "$ 1", "b": "$ _.json.to"}}, pay(to="$ _.else_that_is_not_there")], False),
        ([READ, {"set": {"seen": "$ _.json.to"}}, pay(to="$ list(map(get, ['seen']))")], False),
        # Tools of a step that have the name of one of the task.
        ([{**ASKS, "tools": ["page", "pay"]}], False),
        ([{**ASKS, "tools": [OWN, "pay"]}], True),
        ([{**ASKS, "tools": [OWN, "page", "pay"]}], False),
        ([{**ASKS, "tools": [{**TOOLS[0], "name": "note"}, "pay"]}], False),
    ],
)  # fmt: skip
def test_no_way_around_it(api: ApiClient, tasks: str, agent: dict[str, Any], main: Any, is_let_in: bool) -> None:
    Agent.objects.filter(pk=agent["id"]).update(policy={"tainted": ["web"]})
    response = api.post(tasks, {"name": "T", "main": main, "tools": TOOLS})
    assert response.status_code == (201 if is_let_in else 422), response.json()


@pytest.mark.parametrize(
    ("arguments", "is_let_in"),
    [
        ({"to": "$ _.json.to"}, True),
        ({"to": "$ _.json.to", "method": "PUT"}, True),
        ({"to": "$ _.json.to", "method": "DELETE"}, False),
        ({"to": "$ _.json.to", "method": "$ inputs[0].method"}, False),
        ("$ _.json", False),
    ],
)
def test_a_step_that_may_bring_another_method(
    api: ApiClient, tasks: str, agent: dict[str, Any], arguments: Any, is_let_in: bool
) -> None:
    Agent.objects.filter(pk=agent["id"]).update(policy={"tainted": ["web"]})
    main = [READ, {"tool": "page", "arguments": arguments}]
    response = api.post(tasks, {"name": "T", "main": main, "tools": TOOLS})
    assert response.status_code == (201 if is_let_in else 422), response.json()


def test_a_program_made_to_be_slow_is_looked_at_a_few_times(api: ApiClient, tasks: str) -> None:
    steps = 200
    chain: list[Any] = [{"set": {f"k{n}": f"$ state.k{n + 1}"}} for n in range(steps)]
    (warning,) = told(api, tasks, *chain, {"set": {f"k{steps}": "$ inputs[0].who"}}, pay(to="$ state.k0"))
    # It would take as many looks as there are steps: everything is said to reach it instead.
    assert set(warning["details"]["sources"]["*"]) == {"user", "docs", "web", "tools"}


def test_workflows_that_call_each_other_in_a_long_row(api: ApiClient, tasks: str) -> None:
    depth = 8
    calls = {f"w{n}": [{"workflow": f"w{n + 1}", "arguments": {"who": "$ _.who"}}] for n in range(depth)}
    last = [READ, {"return": {"to": "$ inputs[0].who", "page": "$ _"}}]
    main = [{"workflow": "w0", "arguments": {"who": "$ _.who"}}, pay(to="$ _.to", by="$ _.page")]
    for workflows in (calls, dict(reversed(calls.items()))):
        (warning,) = told(api, tasks, *main, **workflows, **{f"w{depth}": last})
        assert warning["details"]["sources"] == {"to": ["user"], "by": EVERY_RESULT}


def test_a_program_that_takes_too_long_is_of_anywhere(
    api: ApiClient, tasks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.taint.places.MOST_SECONDS", 0)
    (warning,) = told(api, tasks, pay(to="Ann"), {"tool": "note", "arguments": {}})
    assert set(warning["details"]["sources"]["*"]) == {"user", "docs", "web", "tools"}
