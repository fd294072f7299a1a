"""Starting runs: what is answered, what is refused, and what a running execution is pinned to."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from executions.models import Branch, Execution
from tests.api_client import ApiClient
from tests.executions_api.conftest import ASK, DOUBLE, MISSING
from tests.flow_runner import FlowRunner

MakeTask = Callable[[dict[str, Any]], str]


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_create_answers_the_queued_run(api: ApiClient, double: str, prefix: str) -> None:
    response = api.post(f"{prefix}/tasks/{double}/executions", {"input": {"n": 4}, "metadata": {"a": 1}})
    body = response.json()
    assert response.status_code == 201, body
    assert uuid.UUID(body.pop("id")).version == 7
    created_at = body.pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created_at) and body.pop("updated_at") == created_at
    assert body == {
        "task_id": double,
        "status": "queued",
        "input": {"n": 4},
        "output": None,
        "error": None,
        "transition_count": 0,
        "called_by": None,
        "retried_from": None,
        "fork": None,
        "overrides": [],
        "metadata": {"a": 1},
        "jobs": [],
    }


def test_a_run_to_its_end(flow: FlowRunner, double: str) -> None:
    execution = flow.start(double, {"n": 4})
    assert (execution["status"], execution["output"], execution["error"]) == ("succeeded", {"n": 9}, None)
    assert execution["transition_count"] == 3


def test_fields_that_clients_echo_are_ignored(api: ApiClient, double: str) -> None:
    echoed = {"output": {"n": 1}, "error": "no", "transition_count": 7, "status": "succeeded", "metadata": None}
    body = api.post(f"/tasks/{double}/executions", {"input": {"n": 4}, **echoed}).json()
    assert (body["status"], body["output"], body["error"], body["transition_count"]) == ("queued", None, None, 0)
    assert body["metadata"] == {}


def _refused(api: ApiClient, task_id: str, status: int, body: Any = None, **options: Any) -> dict[str, Any]:
    response = api.post(f"/tasks/{task_id}/executions", body, **options)
    assert response.status_code == status, response.content
    assert Execution.objects.count() == Branch.objects.count() == 0
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.mark.parametrize("body", [{}, {"input": None}, {"input": [1]}, {"input": "text"}, {"input": 5}, []])
def test_input_must_be_an_object(api: ApiClient, double: str, body: Any) -> None:
    error = _refused(api, double, 422, body)
    assert error["details"][0]["loc"] == ("" if body == [] else "input")


def test_metadata_must_be_an_object(api: ApiClient, double: str) -> None:
    assert _refused(api, double, 422, {"input": {"n": 1}, "metadata": [1]})["details"][0]["loc"] == "metadata"


def test_input_that_does_not_fit_the_schema(api: ApiClient, double: str) -> None:
    error = _refused(api, double, 400, {"input": {"n": "four"}})
    assert error == {
        "message": "Invalid request arguments schema",
        "code": "http_400",
        "type": "http_error",
        "fix": "'four' is not of type 'integer'",
        "path": "$.n",
    }
    assert _refused(api, double, 400, {"input": {}})["fix"] == "'n' is a required property"


def test_defaults_of_the_schema_are_filled_in(flow: FlowRunner, make_task: MakeTask) -> None:
    inner = {"type": "object", "properties": {"unit": {"default": "m"}, "of": {"default": None}}}
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "default": 3},
            "depth": inner,
            "height": {**inner, "default": {"unit": "ft"}},
        },
        "required": ["n"],
    }
    task = make_task({"main": [{"return": "$ inputs[0]"}], "input_schema": schema})
    run = flow.start(task, {"depth": {"of": "sea"}, "other": 1})
    whole = {"n": 3, "depth": {"unit": "m", "of": "sea"}, "height": {"unit": "ft"}, "other": 1}
    assert (run["input"], run["output"]) == (whole, whole)


def test_a_default_has_to_fit(flow: FlowRunner, make_task: MakeTask) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": "many"}}}
    answer = flow.api.post(
        f"/tasks/{make_task({'main': [{'log': 'a'}], 'input_schema': schema})}/executions", {"input": {}}
    )
    assert answer.status_code == 400
    assert (answer.json()["error"]["fix"], answer.json()["error"]["path"]) == ("'many' is not of type 'integer'", "$.n")


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": "#/definitions/nothing"},
        {"properties": {"n": {"pattern": "(a|aa)+$"}}},
    ],
)
def test_schemas_that_cannot_be_applied(api: ApiClient, make_task: MakeTask, schema: dict[str, Any]) -> None:
    task_id = make_task({"main": DOUBLE["main"], "input_schema": schema})
    error = _refused(api, task_id, 400, {"input": {"n": "a" * 60 + "b"}})
    assert error["message"] == "Invalid request arguments schema"
    assert error["fix"].startswith("Change the task's input_schema: ")


def test_malformed_json(api: ApiClient, double: str) -> None:
    assert _refused(api, double, 422, raw=b'{"input": ')["details"][0]["type"] == "json_invalid"


def test_yaml_is_for_task_bodies_only(api: ApiClient, double: str) -> None:
    error = _refused(api, double, 422, raw=b"input: {n: 1}", content_type="application/yaml")
    assert error["details"][0]["type"] == "json_invalid"


def test_a_body_over_the_limit(api: ApiClient, double: str, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1000
    assert _refused(api, double, 413, {"input": {"n": "x" * 1000}})["code"] == "http_413"


def test_input_over_the_limit(api: ApiClient, double: str, settings: Any) -> None:
    settings.MAX_EXECUTION_INPUT_BYTES = 1000
    assert "MAX_EXECUTION_INPUT_BYTES" in _refused(api, double, 400, {"input": {"n": "x" * 1000}})["message"]


def test_unknown_tasks(api: ApiClient) -> None:
    assert _refused(api, MISSING, 404, {"input": {}})["message"] == "Task not found"
    assert _refused(api, "no-uuid", 422, {"input": {}})["details"][0]["type"] == "uuid_parsing"


def test_a_foreign_task_is_missing(api: ApiClient, foreign_execution: Execution) -> None:
    path = f"/tasks/{foreign_execution.task_id}/executions"
    assert api.post(path, {"input": {}}).status_code == 404
    assert api.get(path).status_code == 404
    assert Execution.objects.count() == 1


def test_a_running_execution_keeps_its_version(flow: FlowRunner, make_task: MakeTask) -> None:  # D33
    task_id = make_task(ASK)
    old = flow.start(task_id, {"q": "who?"})
    agent_id = flow.api.get(f"/tasks/{task_id}").json()["agent_id"]
    changed = {"main": [ASK["main"][0], {"evaluate": {"new": "$ _"}}]}
    assert flow.api.patch(f"/agents/{agent_id}/tasks/{task_id}", changed).json()["version"] == 2
    new = flow.start(task_id, {"q": "who?"})

    assert flow.resume(old["id"], "Ada")["output"] == {"answer": "Ada"}
    assert flow.resume(new["id"], "Ada")["output"] == {"new": "Ada"}


def test_runs_go_with_their_task(flow: FlowRunner, waiting: dict[str, Any]) -> None:
    agent_id = flow.api.get(f"/tasks/{waiting['task_id']}").json()["agent_id"]
    assert flow.api.delete(f"/agents/{agent_id}/tasks/{waiting['task_id']}").status_code == 202
    assert flow.api.get(f"/executions/{waiting['id']}").status_code == 404
    assert Branch.objects.count() == 0
