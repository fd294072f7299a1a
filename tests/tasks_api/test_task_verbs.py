"""Every verb of tasks: status codes, defaults, what is kept and what is replaced."""

import re
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from agents.models import Agent
from tasks.models import Task, TaskVersion
from tests.api_client import ApiClient
from tests.tasks_api.conftest import MAIN, MISSING

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
TOOL = {"name": "ask", "type": "function", "function": {"parameters": {"type": "object"}}}


def test_create_answers_the_whole_object(api: ApiClient, tasks: str, agent: dict[str, Any]) -> None:
    response = api.post(
        tasks,
        {
            "name": "Count",
            "canonical_name": "count",
            "description": "Counts.",
            "main": MAIN,
            "input_schema": SCHEMA,
            "tools": [TOOL],
            "inherit_tools": False,
            "metadata": {"team": "docs"},
        },
    )
    body = response.json()
    assert response.status_code == 201, body
    assert uuid.UUID(body.pop("id")).version == 7
    created_at = body.pop("created_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created_at) and body.pop("updated_at") == created_at
    (tool,) = body.pop("tools")
    assert (tool["name"], tool["type"], tool["function"]) == ("ask", "function", TOOL["function"])
    assert body == {
        "agent_id": agent["id"],
        "name": "Count",
        "canonical_name": "count",
        "description": "Counts.",
        "main": [{"kind_": "evaluate", "label": None, "evaluate": {"n": "$ _.n + 1"}}],
        "input_schema": SCHEMA,
        "inherit_tools": False,
        "metadata": {"team": "docs"},
        "version": 1,
        "dialect": "dollar",
        "warnings": [],
        "jobs": [],
    }


def test_defaults(api: ApiClient, tasks: str) -> None:
    created = api.post(tasks, {"name": "Big Count", "main": MAIN}).json()
    assert re.fullmatch(r"big_count_[0-9a-f]{8}", created["canonical_name"])
    assert (created["description"], created["metadata"], created["tools"]) == ("", {}, [])
    assert created["input_schema"] is None
    assert created["inherit_tools"] is True


def test_nulls_and_json_text_as_the_published_clients_send_them(api: ApiClient, tasks: str) -> None:
    nulls = dict.fromkeys(("canonical_name", "description", "input_schema", "tools", "inherit_tools", "helper"))
    response = api.post(tasks, {"name": "n", "main": MAIN, **nulls, "metadata": '{"a": 1}'})
    assert response.status_code == 201, response.json()
    created = response.json()
    assert (created["metadata"], created["inherit_tools"]) == ({"a": 1}, True)
    assert "helper" not in created


def test_read_only_fields_are_ignored(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    again = api.post(tasks, {**task, "canonical_name": "other", "metadata": {}})
    assert again.status_code == 201, again.json()
    assert again.json()["id"] != task["id"]
    assert again.json()["main"] == task["main"]


def test_get(api: ApiClient, task: dict[str, Any]) -> None:
    response = api.get(f"/tasks/{task['id']}")
    assert response.status_code == 200
    assert {**response.json(), "jobs": []} == task


def test_post_with_an_id_creates_then_replaces(api: ApiClient, tasks: str) -> None:
    first = api.post(f"{tasks}/{MISSING}", {"name": "Count", "main": MAIN, "metadata": {"a": 1}, "description": "d"})
    assert (first.status_code, first.json()["id"], first.json()["version"]) == (201, MISSING, 1)

    second = api.post(f"{tasks}/{MISSING}", {"name": "Again", "main": [{"log": "hi"}]})

    assert second.status_code == 201
    body = second.json()
    assert (body["name"], body["version"], body["metadata"], body["description"]) == ("Again", 2, {}, "")
    assert body["canonical_name"] == first.json()["canonical_name"]
    assert Task.objects.count() == 1


def test_put_replaces_everything_but_the_canonical_name(api: ApiClient, tasks: str) -> None:  # D46
    path = f"{tasks}/{MISSING}"
    body = {"name": "Count", "canonical_name": "count", "main": MAIN, "helper": [{"log": "hi"}], "tools": [TOOL]}
    api.post(path, {**body, "metadata": {"a": 1}, "input_schema": SCHEMA, "inherit_tools": False})

    response = api.put(path, {"name": "Other", "main": MAIN})

    assert response.status_code == 200
    replaced = response.json()
    assert (replaced["name"], replaced["canonical_name"], replaced["version"]) == ("Other", "count", 2)
    assert (replaced["metadata"], replaced["tools"], replaced["input_schema"]) == ({}, [], None)
    assert replaced["inherit_tools"] is True
    assert "helper" not in replaced


def test_patch_changes_only_what_is_given(api: ApiClient, tasks: str) -> None:  # D46
    path = f"{tasks}/{MISSING}"
    body = {"name": "Count", "main": MAIN, "helper": [{"log": "hi"}], "tools": [TOOL], "input_schema": SCHEMA}
    before = api.post(path, {**body, "metadata": {"a": 1, "b": 1}, "description": "d", "inherit_tools": False}).json()

    response = api.patch(path, {"metadata": {"b": 2, "c": 3}, "description": None})

    after = response.json()
    assert response.status_code == 200
    assert after["metadata"] == {"a": 1, "b": 2, "c": 3}
    same = before.keys() - {"metadata", "updated_at", "jobs"}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_patch_of_a_part_of_the_program_keeps_the_rest(api: ApiClient, tasks: str) -> None:
    path = f"{tasks}/{MISSING}"
    body = {"name": "Count", "main": MAIN, "one": [{"log": "1"}], "two": [{"log": "2"}], "tools": [TOOL]}
    before = api.post(path, body).json()

    after = api.patch(path, {"two": [{"log": "new"}], "input_schema": SCHEMA}).json()

    assert (after["version"], after["input_schema"]) == (2, SCHEMA)
    assert after["two"][0]["log"] == "new"
    assert {key: after[key] for key in ("main", "one", "tools")} == {
        key: before[key] for key in ("main", "one", "tools")
    }


def test_patch_with_main_replaces_all_workflows(api: ApiClient, tasks: str) -> None:
    path = f"{tasks}/{MISSING}"
    api.post(path, {"name": "Count", "main": MAIN, "helper": [{"log": "1"}]})

    after = api.patch(path, {"main": [{"log": "only"}]}).json()

    assert after["main"][0]["log"] == "only"
    assert "helper" not in after


def test_patch_that_echoes_read_only_fields_makes_no_version(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    echoed = {key: task[key] for key in ("id", "agent_id", "created_at", "version", "dialect", "warnings", "jobs")}
    after = api.patch(f"{tasks}/{task['id']}", {**echoed, "name": "Renamed"}).json()
    assert (after["name"], after["version"]) == ("Renamed", 1)


def test_delete(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:  # D46
    response = api.delete(f"{tasks}/{task['id']}")
    assert response.status_code == 202
    assert (response.json()["id"], response.json()["jobs"]) == (task["id"], [])
    assert api.delete(f"{tasks}/{task['id']}").status_code == 404
    assert TaskVersion.objects.count() == 0


def test_put_without_an_id_finds_the_task_by_its_canonical_name(
    api: ApiClient, tasks: str, task: dict[str, Any]
) -> None:
    response = api.put(tasks, {"name": "Other", "canonical_name": "COUNT", "main": MAIN})
    assert response.status_code == 201
    assert (response.json()["id"], response.json()["name"], response.json()["version"]) == (task["id"], "Other", 2)


def test_put_without_an_id_finds_the_task_by_its_name(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    assert api.put(tasks, {"name": "Count", "main": MAIN}).json()["id"] == task["id"]


def test_put_with_an_id_in_the_body(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    body = {"id": MISSING, "name": "Count", "main": MAIN}
    assert api.put(tasks, body).json()["id"] == MISSING
    again = api.put(tasks, {**body, "id": task["id"], "name": "Renamed"}).json()
    assert (again["id"], again["name"]) == (task["id"], "Renamed")


def test_put_of_something_new_creates_it(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    created = api.put(tasks, {"name": "New", "canonical_name": "new", "main": MAIN})
    assert (created.status_code, created.json()["version"]) == (201, 1)
    assert Task.objects.count() == 2


@pytest.mark.parametrize("given", [5, "no-uuid", [], {}, True])
def test_put_with_an_id_that_is_none(api: ApiClient, tasks: str, given: Any) -> None:
    response = api.put(tasks, {"id": given, "name": "n", "main": MAIN})
    assert response.status_code == 422, response.json()
    assert response.json()["error"]["details"][0]["loc"] == "id"
    assert not Task.objects.exists()


def test_a_canonical_name_is_unique_without_regard_to_case(api: ApiClient, tasks: str, task: dict[str, Any]) -> None:
    response = api.post(tasks, {"name": "n", "canonical_name": "Count", "main": MAIN})
    assert response.status_code == 409
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"]["message"] == "A task with this canonical name already exists during create"
    other = api.post(tasks, {"name": "n", "main": MAIN}).json()
    changed = api.patch(f"{tasks}/{other['id']}", {"canonical_name": "count"})
    assert changed.status_code == 409
    assert TaskVersion.objects.count() == 2


def test_a_version_never_changes(task: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        TaskVersion.objects.update(program={})

    Task.objects.all().delete()
    assert not TaskVersion.objects.exists()


ROUTES = [
    ("GET", "/agents/{agent}/tasks"),
    ("POST", "/agents/{agent}/tasks"),
    ("PUT", "/agents/{agent}/tasks"),
    ("POST", "/agents/{agent}/tasks/{task}"),
    ("PUT", "/agents/{agent}/tasks/{task}"),
    ("PATCH", "/agents/{agent}/tasks/{task}"),
    ("DELETE", "/agents/{agent}/tasks/{task}"),
    ("GET", "/tasks/{task}"),
]


def _send(api: ApiClient, method: str, path: str) -> Any:
    return api.send(method, path, {"name": "n", "main": MAIN} if method in ("POST", "PUT", "PATCH") else None)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_both_prefixes(api: ApiClient, task: dict[str, Any], method: str, path: str) -> None:
    response = _send(api, method, "/api" + path.format(agent=task["agent_id"], task=task["id"]))
    expected = {"DELETE": 202, "POST": 201}.get(method, 200)
    assert response.status_code == (201 if (method, path) == ROUTES[2] else expected)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_wrong_key_is_refused_before_anything_else(
    api: ApiClient, task: dict[str, Any], method: str, path: str
) -> None:
    stranger = ApiClient("wrong")
    response = stranger.send(method, path.format(agent="no-uuid", task="no-uuid"), raw=b"{")
    assert response.status_code == 403
    assert response.json()["error"] == {
        "message": "Could not validate API KEY",
        "code": "http_403",
        "type": "http_error",
    }


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_unknown_agents_and_tasks(api: ApiClient, tasks: str, method: str, path: str) -> None:
    response = _send(api, method, path.format(agent=MISSING, task=MISSING))
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "http_404"
    assert not Task.objects.exists()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_ids_that_are_none(api: ApiClient, method: str, path: str) -> None:
    response = _send(api, method, path.format(agent="5", task="no-uuid"))
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["type"] == "uuid_parsing"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_what_is_foreign_is_missing(
    api: ApiClient, agent: dict[str, Any], foreign_agent: Agent, method: str, path: str
) -> None:
    own_task = Task.objects.create(
        developer=foreign_agent.developer, agent=foreign_agent, name="secret", canonical_name="secret"
    )
    for agent_id in (foreign_agent.pk, agent["id"]):
        if agent_id == agent["id"] and "{task}" not in path:
            continue
        response = _send(api, method, path.format(agent=agent_id, task=own_task.pk))
        assert response.status_code == 404, response.content
    own_task.refresh_from_db()
    assert (own_task.name, own_task.version_number) == ("secret", 1)


def test_a_task_of_another_agent_is_missing_under_this_one(api: ApiClient, task: dict[str, Any]) -> None:
    other = api.post("/agents", {"name": "Bea"}).json()
    path = f"/agents/{other['id']}/tasks/{task['id']}"
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert _send(api, method, path).status_code == 404
    assert Task.objects.get().version_number == 1


def test_names_are_free_for_every_tenant(api: ApiClient, tasks: str, foreign_agent: Agent) -> None:
    Task.objects.create(developer=foreign_agent.developer, agent=foreign_agent, name="n", canonical_name="count")
    response = api.put(tasks, {"name": "n", "canonical_name": "count", "main": MAIN})
    assert response.status_code == 201
    assert response.json()["version"] == 1


def test_tasks_go_with_their_agent(api: ApiClient, agent: dict[str, Any], task: dict[str, Any]) -> None:
    assert api.delete(f"/agents/{agent['id']}").status_code == 202
    assert api.get(f"/tasks/{task['id']}").status_code == 404
