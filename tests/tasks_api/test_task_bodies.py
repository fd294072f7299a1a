"""How task bodies may be written, and how they come back."""

import json
from typing import Any

import pytest

from tests.api_client import ApiClient
from tests.tasks_api.conftest import MAIN, MISSING

YAML_TYPES = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"]
YAML = b"""
name: Count
input_schema:
  type: object
main:
  - evaluate: {n: $ _.n + 1}
  - if: $ _.n > 5
    then: {log: big}
    else:
      - log: small
helper:
  - return: {day: 2024-01-02}
"""


@pytest.mark.parametrize("content_type", [*YAML_TYPES, "application/yaml; charset=utf-8"])
def test_yaml_bodies(api: ApiClient, tasks: str, content_type: str) -> None:
    created = api.send("POST", tasks, raw=YAML, content_type=content_type)
    assert created.status_code == 201, created.json()
    replaced = api.send("POST", f"{tasks}/{created.json()['id']}", raw=YAML, content_type=content_type)
    assert (replaced.status_code, replaced.json()["version"]) == (201, 2)
    body = replaced.json()
    assert body["main"][1] == {
        "kind_": "if_else",
        "label": None,
        "if": "$ _.n > 5",
        "then": {"kind_": "log", "label": None, "log": "big"},
        "else": [{"kind_": "log", "label": None, "log": "small"}],
    }
    assert body["helper"][0]["return"] == {"day": "2024-01-02"}
    assert body["input_schema"] == {"type": "object"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_the_other_verbs_read_yaml_too(api: ApiClient, tasks: str, task: dict[str, Any], method: str) -> None:
    response = api.send(method, f"{tasks}/{task['id']}", raw=YAML, content_type="application/yaml")
    assert (response.status_code, response.json()["version"]) == (200, 2)


def test_a_json_body_may_be_called_yaml(api: ApiClient, tasks: str) -> None:
    raw = json.dumps({"name": "n", "main": MAIN}).encode()
    assert api.send("POST", tasks, raw=raw, content_type="application/yaml").status_code == 201


def test_sub_workflows_are_top_level_keys_both_ways(api: ApiClient, tasks: str) -> None:
    body = {"name": "n", "main": MAIN, "search": [{"log": "a", "label": "first"}], "Other name": [{"log": "b"}]}
    created = api.post(tasks, body).json()
    assert created["search"] == [{"kind_": "log", "label": "first", "log": "a"}]
    assert created["Other name"] == [{"kind_": "log", "label": None, "log": "b"}]


STEPS: list[tuple[str, dict[str, Any]]] = [
    ("evaluate", {"evaluate": {"a": 1}}),
    ("prompt", {"prompt": "hi"}),
    ("tool_call", {"tool": "ask", "arguments": {"q": "$ _"}}),
    ("if_else", {"if": "$ True", "then": {"log": "x"}}),
    ("switch", {"switch": [{"case": "$ _ == 1", "then": {"log": "x"}}, {"case": "_", "then": {"log": "y"}}]}),
    ("foreach", {"foreach": {"in": "$ [1]", "do": {"log": "x"}}}),
    ("map_reduce", {"over": "$ [1]", "map": {"evaluate": "$ _"}, "parallelism": 2}),
    ("sleep", {"sleep": {"seconds": 1}}),
    ("wait_for_input", {"wait_for_input": {"info": {"q": 1}}}),
    ("wait_for_event", {"wait_for_event": {"name": "a.b", "match": {"q": 1}, "timeout": 5}}),
    ("emit", {"emit": {"name": "a.b", "data": {"q": 1}}}),
    ("log", {"log": "x"}),
    ("get", {"get": "a"}),
    ("set", {"set": {"a": 1}}),
    ("return", {"return": {"a": 1}}),
    ("error", {"error": "no"}),
]


@pytest.mark.parametrize(("kind", "step"), STEPS, ids=[kind for kind, _ in STEPS])
def test_steps_carry_kind_and_label_and_can_be_sent_back(
    api: ApiClient, tasks: str, kind: str, step: dict[str, Any]
) -> None:
    tool = {"name": "ask", "type": "function", "function": {"parameters": {"type": "object"}}}
    created = api.post(tasks, {"name": "n", "main": [{**step, "label": "one"}], "tools": [tool]})
    assert created.status_code == 201, created.json()
    (shown,) = created.json()["main"]
    assert (shown["kind_"], shown["label"]) == (kind, "one")

    again = api.post(f"{tasks}/{created.json()['id']}", created.json())

    assert again.status_code == 201, again.json()
    assert again.json()["main"] == [shown]


def test_the_names_of_the_python_models_are_accepted(api: ApiClient, tasks: str) -> None:
    dump: list[dict[str, Any]] = [
        {
            "kind": "if_else",
            "if_": "$ True",
            "then": {"kind": "return", "return_": {"a": 1}, "label": None},
            "else_": [{"kind_": "foreach", "foreach": {"in_": "$ [1]", "do": {"log": "x", "kind": "log"}}}],
            "label": None,
        },
    ]
    created = api.post(tasks, {"name": "n", "main": dump})
    assert created.status_code == 201, created.json()
    (step,) = created.json()["main"]
    assert step["if"] == "$ True"
    assert step["then"] == {"kind_": "return", "label": None, "return": {"a": 1}}
    assert step["else"][0]["foreach"]["in"] == "$ [1]"


def test_nul_characters_are_removed(api: ApiClient, tasks: str) -> None:
    created = api.post(tasks, {"name": "a\x00b", "main": [{"log": "x\x00y"}]}).json()
    assert (created["name"], created["main"][0]["log"]) == ("ab", "xy")


def test_warnings_come_with_the_task(api: ApiClient, tasks: str) -> None:
    created = api.post(tasks, {"name": "n", "main": [{"return": {"a": 1}}, {"evaluate": {"x": "$ 1 / 0"}}]}).json()
    assert [(warning["severity"], warning["location"]) for warning in created["warnings"]] == [
        ("warning", "workflows.main.steps[0]"),
        ("warning", "workflows.main.steps[1].evaluate.x"),
    ]


def test_numbers_keep_their_digits(api: ApiClient, tasks: str) -> None:
    created = api.post(f"{tasks}/{MISSING}", {"name": "n", "main": MAIN, "metadata": {"big": 2**70}})
    assert created.json()["metadata"] == {"big": 2**70}
