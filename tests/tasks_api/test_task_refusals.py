"""Bad task bodies: the contract's error body, and nothing half-written."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.models import Task, TaskVersion
from tests.api_client import ApiClient
from tests.tasks_api.conftest import MAIN


@pytest.fixture(autouse=True)
def nothing_written(task: dict[str, Any]) -> Iterator[None]:
    """The one task that was there stays as it was."""
    yield
    assert Task.objects.values_list("name", "version_number").get() == ("Count", 1)
    assert TaskVersion.objects.count() == 1


@pytest.fixture(params=["POST tasks", "PUT tasks", "POST task", "PUT task", "PATCH task"])
def refused(request: pytest.FixtureRequest, api: ApiClient, tasks: str, task: dict[str, Any]) -> Any:
    """Sends a body that must be refused, through every verb that reads one; the error."""
    method, place = request.param.split()
    path = tasks if place == "tasks" else f"{tasks}/{task['id']}"

    def send(status: int, body: Any = None, **options: Any) -> dict[str, Any]:
        response = api.send(method, path, body, **options)
        assert response.status_code == status, response.content
        error: dict[str, Any] = response.json()["error"]
        assert isinstance(error["message"], str)
        return error

    return send


def _steps(*steps: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "n", "main": list(steps), **fields}


@pytest.mark.parametrize("raw", [b"{", b'{"name": ', b"\xff", b'{"name": NaN}', b"[" * 5000])
def test_malformed_json(refused: Any, raw: bytes) -> None:
    error = refused(422, raw=raw)
    assert (error["code"], error["type"]) == ("validation_error", "validation_error")
    assert error["details"][0]["type"] == "json_invalid"
    assert error["details"][0]["fix"]


@pytest.mark.parametrize("raw", [b"a: [", b"a: !!python/object:os.system x", b"a: &a [*a]", b"- 1\n--- 2", b"\xff"])
def test_malformed_yaml(refused: Any, raw: bytes) -> None:
    error = refused(422, raw=raw, content_type="application/yaml")
    assert error["details"][0]["type"] == "yaml_invalid"
    assert error["details"][0]["fix"]


@pytest.mark.parametrize(
    ("raw", "content_type", "places"),
    [
        (
            b"name: n\nmain:\n- log: a\n  label: x\n  log: b\n",
            "application/yaml",
            "line 3, column 3 and line 5, column 3",
        ),
        (b"&k name: n\n*k : m\n", "text/yaml", "line 1, column 1 and line 2, column 1"),
        (b"{name: n, main: [], main: []}", "text/yaml", "line 1, column 11 and line 1, column 21"),
        (
            b'{"name": "n",\n "main": [{"log": "{", "l\\u006fg": 1}]}',
            "application/json",
            "line 2, column 12 and line 2, column 24",
        ),
    ],
)
def test_a_key_that_stands_twice_in_one_object(refused: Any, raw: bytes, content_type: str, places: str) -> None:
    (detail,) = refused(422, raw=raw, content_type=content_type)["details"]
    assert detail["msg"].endswith(f"stands twice in one object: {places}")
    assert detail["type"] in ("yaml_invalid", "json_invalid")


@pytest.mark.parametrize("body", [[], "text", 5, [{"name": "n", "main": MAIN}]])
def test_bodies_that_are_no_object(refused: Any, body: Any) -> None:
    assert refused(422, body)["details"][0]["loc"] == ""


def test_a_body_over_the_limit(refused: Any) -> None:
    error = refused(413, _steps({"log": "x" * (1024 * 1024)}))
    assert (error["code"], error["message"]) == (
        "http_413",
        "Request body is larger than the limit of 1048576 bytes",
    )


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": 5}, "name"),
        ({"canonical_name": "1a"}, "canonical_name"),
        ({"canonical_name": "a b"}, "canonical_name"),
        ({"description": []}, "description"),
        ({"metadata": []}, "metadata"),
        ({"metadata": "[1]"}, "metadata"),
        ({"inherit_tools": "yes"}, "inherit_tools"),
        ({"main": []}, "main"),
        ({"main": {"log": "x"}}, "main"),
        ({"helper": []}, "helper"),
        ({"helper": "text"}, "helper"),
        ({"main": ["text"]}, "main[0]"),
        ({"main": [{"log": "x", "label": "1"}]}, "main[0].label"),
        ({"main": [{"log": "x", "label": "l" * 121}]}, "main[0].label"),
        ({"main": [{"log": "x", "evaluate": {}}]}, "main[0]"),
        ({"main": [{"if": "$ True"}]}, "main[0].then"),
        ({"tools": {}}, "tools"),
        ({"tools": [{}]}, "tools[0]"),
        ({"tools": [{"name": "a", "type": "function", "function": {}}] * 2}, "tools[1].name"),
        ({"tools": [{"name": "a b", "type": "function", "function": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "a", "type": "nonsense", "nonsense": {}}]}, "tools[0].type"),
    ],
)
def test_wrong_fields(refused: Any, fields: dict[str, Any], loc: str) -> None:
    error = refused(422, {"name": "n", "main": MAIN, **fields})
    assert error["message"] == "Validation error"
    detail = error["details"][0]
    assert detail["loc"] == loc
    assert detail["msg"] and detail["type"] and detail["fix"] and isinstance(detail["received"], str)


def test_an_unknown_kind_of_step_names_the_nearest_key(refused: Any) -> None:
    error = refused(422, _steps({"log": "x"}, {"evalute": {"a": 1}}, helper=[{"if": "$ True", "then": {"promt": "x"}}]))
    found = {(detail["loc"], detail["fix"]) for detail in error["details"]}
    assert found == {("main[1]", "did you mean 'evaluate'?"), ("helper[0].then", "did you mean 'prompt'?")}


def test_an_undefined_name_is_reported_as_data(refused: Any) -> None:
    error = refused(400, _steps({"evaluate": {"x": "$ inputz.n"}}, {"if": "$ True", "then": {"log": "$ nope"}}))
    assert (error["code"], error["type"]) == ("http_400", "http_error")
    assert error["message"] == "Task specification contains validation errors"
    first, second = error["issues"]
    assert first == {
        "location": "workflows.main.steps[0].evaluate.x",
        "message": "'inputz' is not defined; did you mean 'inputs'?",
        "severity": "error",
        "type": "python_expression",
        "details": {"issue_type": "undefined_names", "expression": "inputz.n"},
    }
    assert second["location"].startswith("workflows.main.steps[1].if_else.then")


@pytest.mark.parametrize(
    ("expression", "issue_type"),
    [("$ 1 +", "syntax_errors"), ("$ lambda: 1", "unsupported_features"), ("$ (x := 1)", "unsupported_features")],
)
def test_expressions_that_do_not_compile(refused: Any, expression: str, issue_type: str) -> None:
    (issue,) = refused(400, _steps({"evaluate": {"x": expression}}))["issues"]
    assert issue["details"]["issue_type"] == issue_type


def test_an_unknown_tool(refused: Any) -> None:
    tool = {"name": "search", "type": "function", "function": {"parameters": {"type": "object"}}}
    (issue,) = refused(400, _steps({"tool": "serch", "arguments": {}}, tools=[tool]))["issues"]
    assert issue["location"] == "workflows.main.steps[0].tool"
    assert "'search'" in issue["message"]


def test_tools_of_the_agent_count_only_when_inherited(api: ApiClient, tasks: str, agent: dict[str, Any]) -> None:
    api.post(f"/agents/{agent['id']}/tools", {"name": "search", "type": "function", "function": {}})
    body = _steps({"tool": "search", "arguments": {}}, inherit_tools=False)
    assert api.post(tasks, body).status_code == 400


def test_too_many_steps(refused: Any) -> None:
    error = refused(422, _steps(*[{"log": "x"}] * 5_001))
    assert error["code"] == "validation_error"
    (problem,) = error["details"]
    assert (problem["loc"], problem["type"]) == ("main", "too_many")
    assert problem["msg"] == "a task may have at most 5,000 steps"


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"properties": []}, {"pattern": "("}, [], "text", 5])
def test_an_invalid_input_schema(refused: Any, schema: Any) -> None:
    error = refused(400, _steps(*MAIN, input_schema=schema))
    assert error["message"] == "Invalid input schema"
    assert (error["issues"][0]["type"], error["issues"][0]["location"]) == ("schema", "input_schema")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("missing", ["name", "main"])
def test_name_and_main_are_required(api: ApiClient, tasks: str, method: str, missing: str) -> None:
    body = {key: value for key, value in {"name": "n", "main": MAIN}.items() if key != missing}
    for sent in (body, {**body, missing: None}):
        response = api.send(method, tasks, sent)
        assert response.status_code == 422, response.content
        assert response.json()["error"]["details"][0]["loc"] == missing


def test_an_empty_body(api: ApiClient, tasks: str) -> None:
    response = api.post(tasks)
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["loc"] == "name"


def test_a_verb_that_does_not_exist(api: ApiClient, task: dict[str, Any]) -> None:
    response = api.delete(f"/tasks/{task['id']}")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "http_405")
