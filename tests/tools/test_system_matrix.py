"""Every request of the API is a system operation, or the page about tools says why it is none."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver

from agents.tools.system import all_operations
from tests.api_client import ApiClient

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
METHODS = {"get", "post", "put", "patch", "delete"}
_PARAMETER = re.compile(r"\(\?P<\w+>(?:[^()]|\([^)]*\))*\)|<[^>]+>|\{\w+\}")
# Of processes of the installation.
_INTERNAL = {"GET /witness/{}"}


def crud(path: str, name: str, *, collection: bool = True) -> dict[str, set[str]]:
    verbs = {"GET": "get", "POST": "create_or_update", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    listed = {f"GET {path}": {f"{name}.list"}, f"POST {path}": {f"{name}.create"}} if collection else {}
    return {**listed, **{f"{method} {path}/{{}}": {f"{name}.{verb}"} for method, verb in verbs.items()}}


def docs(owner: str) -> dict[str, set[str]]:
    at, name = f"/{owner}s/{{}}", f"{owner}.doc"
    return {
        f"GET {at}/docs": {f"{name}.list"},
        f"POST {at}/docs": {f"{name}.create"},
        f"DELETE {at}/docs": {f"{name}.delete"},
        f"DELETE {at}/docs/{{}}": {f"{name}.delete"},
        f"GET {at}/search": {f"{name}.search"},
        f"POST {at}/search": {f"{name}.search"},
    }


def both(verb: str) -> set[str]:
    return {f"execution.{verb}", f"task.execution.{verb}"}


TOOLS, TASKS = crud("/agents/{}/tools", "agent.tool"), crud("/agents/{}/tasks", "task")
MATRIX: dict[str, set[str]] = {
    **crud("/agents", "agent"),
    **crud("/users", "user"),
    **crud("/sessions", "session"),
    **crud("/schedules", "schedule"),
    **docs("agent"),
    **docs("user"),
    **{request: name for request, name in TOOLS.items() if name != {"agent.tool.create_or_update"}},
    **{request: name for request, name in TASKS.items() if name != {"task.get"}},
    "PUT /agents/{}/tasks": {"task.create"},
    "GET /tasks/{}": {"task.get"},
    "GET /tasks/{}/executions": {"task.execution.list"},
    "POST /tasks/{}/executions": both("create"),
    "PATCH /tasks/{}/executions/{}": both("change_status"),
    "GET /executions": {"execution.list"},
    "POST /executions": both("change_status"),
    "POST /executions/resume": both("change_status"),
    "GET /executions/{}": both("get"),
    "PUT /executions/{}": both("change_status"),
    "GET /executions/{}/transitions": {"execution.transition.list"},
    "GET /executions/{}/transitions/{}": {"execution.transition.get"},
    "GET /docs/{}": {"doc.get"},
    "POST /embed": {"doc.embed"},
    "GET /sessions/{}/history": {"session.history"},
    "DELETE /sessions/{}/history": {"session.history.delete"},
    "GET /sessions/{}/messages": {"session.message.list"},
    "POST /sessions/{}/messages": {"session.message.create"},
    "GET /sessions/{}/tools": {"session.tool.list"},
    "POST /sessions/{}/chat": {"session.chat"},
    "GET /jobs/{}": {"job.get"},
    "GET /events": {"event.list"},
    "POST /events": {"event.create"},
    "GET /events/{}": {"event.get"},
    "GET /tasks/{}/schedules": {"schedule.list"},
    "POST /tasks/{}/schedules": {"schedule.create"},
    "POST /schedules/{}/pause": {"schedule.pause"},
    "POST /schedules/{}/resume": {"schedule.resume"},
    "GET /schedules/{}/occurrences": {"schedule.occurrence.list"},
}


def requests(resolver: Any, before: str = "") -> Iterator[str]:
    """Every request that the routes know, as `GET /agents/{}`."""
    for route in resolver.url_patterns:
        path = before + str(route.pattern)
        if isinstance(route, URLResolver):
            if route.app_name != "admin":
                yield from requests(route, path)
            continue
        methods = getattr(route.callback, "actions", None) or dir(getattr(route.callback, "cls", None))
        plain = _PARAMETER.sub("{}", path.replace("(?:v1/)?", "").strip("^$"))
        yield from (f"{method.upper()} /{plain}" for method in METHODS & set(methods))


def reasons() -> list[str]:
    """What the table of the page names: requests, and paths that stand for all below them."""
    table = PAGE.partition("| request | why not |")[2].partition("\n\n")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines()[2:]]
    return [_PARAMETER.sub("{}", name) for row in rows for name in re.findall("`([^`]+)`", row)]


def is_meant(entry: str, request: str) -> bool:
    path = request.partition(" ")[2]
    return request == entry or path == entry or path.startswith(f"{entry}/")


def test_every_request() -> None:
    known = set(requests(get_resolver())) - _INTERNAL
    without = [
        request
        for request in sorted(known)
        if (request in MATRIX) == any(is_meant(entry, request) for entry in reasons())
    ]
    assert len(known) > 100
    assert without == [], "make it an operation, or say on the page why it is none; not both"
    assert [request for request in MATRIX if request not in known] == []
    assert [entry for entry in reasons() if not any(is_meant(entry, request) for request in known)] == []


def test_every_operation() -> None:
    named = {name for names in MATRIX.values() for name in names}

    assert named == {operation.name for operation in all_operations()}


@pytest.mark.parametrize(
    "spec",
    [
        {"resource": "job", "operation": "create"},
        {"resource": "doc", "operation": "search"},
        {"resource": "user", "subresource": "tool", "operation": "list"},
    ],
)
def test_an_operation_that_is_not_there_is_refused(api: ApiClient, spec: dict[str, str]) -> None:
    agent = api.post("/agents", {"name": "Ada"}).json()["id"]
    tool = {"name": "t", "type": "system", "system": spec}

    answers = [
        api.post(f"/agents/{agent}/tools", tool),
        api.post(f"/agents/{agent}/tasks", {"name": "t", "main": [{"evaluate": {"a": 1}}], "tools": [tool]}),
    ]

    for answer in answers:
        there_are = [each.name for each in all_operations() if each.name.startswith(f"{spec['resource']}.")]
        assert answer.status_code in (400, 422) and ", ".join(there_are) in str(answer.json())
