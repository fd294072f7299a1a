"""A misspelt key is refused where it would mean nothing, and is warned of where clients of older servers have keys of
their own."""

from typing import Any

import pytest

from tests.flow_runner import FlowRunner

MAIN = [{"evaluate": {"a": "$ 1"}}]
SPEC = {"openapi": "3.1.0", "info": {"title": "H", "version": "1"}, "paths": {}}
WHERE = {"url": "http://127.0.0.1:9/mcp"}


@pytest.fixture
def ids(flow: FlowRunner) -> dict[str, str]:
    agent = flow.api.post("/agents", {"name": "Ada"}).json()["id"]
    task = flow.api.post(f"/agents/{agent}/tasks", {"name": "t", "main": MAIN}).json()["id"]
    schedule = flow.api.post(f"/tasks/{task}/schedules", {"name": "s", "every": 600}).json()["id"]
    return {"agent": agent, "task": task, "schedule": schedule}


@pytest.mark.parametrize(
    ("method", "path", "body", "loc", "meant"),
    [
        ("patch", "/schedules/{schedule}", {"enabld": False}, "enabld", None),
        ("patch", "/schedules/{schedule}", {"state": "paused"}, "state", None),
        ("post", "/tasks/{task}/schedules", {"name": "x", "every": 60, "overlapp": "skip"}, "overlapp", "overlap"),
        ("post", "/tasks/{task}/schedules", {"name": "x", "every": 60, "session_id": "1"}, "session_id", None),
        ("post", "/schedules/{schedule}/pause", {"resaon": "x"}, "resaon", "reason"),
        ("post", "/events", {"name": "a.b", "dta": {"x": 1}}, "dta", "data"),
        ("post", "/hooks", {"name": "h", "target": {"type": "event", "name": "a.b", "dat": 1}}, "target.dat", "data"),
        ("post", "/webhooks", {"url": "https://a.example", "event": ["*"], "events": ["*"]}, "event", "events"),
        ("post", "/connections", {"provider": "p", "user": "x"}, "user", "user_id"),
        ("post", "/agents/{agent}/tools/import", {"document": SPEC, "dryrun": True}, "dryrun", "dry_run"),
        ("post", "/agents/{agent}/tools/import", {"document": SPEC, "operation": ["m"]}, "operation", "operations"),
        (
            "post",
            "/agents/{agent}/tools",
            {"name": "t", "type": "mcp", "mcp": {"server": WHERE, "tool": ["ping"]}},
            "mcp.tool",
            "tools",
        ),
        (
            "post",
            "/agents/{agent}/tools",
            {"name": "t", "type": "mcp", "mcp": {"server": {**WHERE, "transprt": "sse"}}},
            "mcp.server.transprt",
            "transport",
        ),
        (
            "post",
            "/agents/{agent}/tools",
            {"name": "t", "type": "task", "task": {"task_id": "{task}", "pinn": 1}},
            "task.pinn",
            "pin",
        ),
        ("post", "/agents", {"name": "x", "policy": {"taint": ["web"]}}, "policy.taint", "tainted"),
        ("post", "/bulk", {"action": "cancel", "filter": {"task": "{task}"}}, "filter.task", "task_id"),
    ],
)
def test_it_is_refused_with_the_key_that_is_meant(
    flow: FlowRunner, ids: dict[str, str], method: str, path: str, body: Any, loc: str, meant: str | None
) -> None:
    answer = getattr(flow.api, method)(path.format(**ids), _filled(body, ids))
    assert answer.status_code == 422, answer.json()
    told = {each["loc"]: each for each in answer.json()["error"]["details"]}
    assert told[loc]["type"] == "extra_forbidden"
    fix = told[loc]["fix"]
    assert fix == f"Did you mean {meant!r}?" if meant else fix.startswith("Remove the field; known here: "), fix


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(part, ids) for key, part in value.items()}
    return ids["task"] if value == "{task}" else value


def test_a_guard_of_a_tool_is_not_lost_silently(flow: FlowRunner, ids: dict[str, str]) -> None:
    call = {"method": "GET", "url": "https://a.example/", "conection": {"provider": "p"}, "x_of_ours": 1}
    tool = {
        "name": "t",
        "type": "api_call",
        "api_call": call,
        "aproval": "always",
        "efect": "dangerous",
        "color": "red",
    }
    expected = {
        "aproval": "'aproval' is not known, and means nothing; did you mean 'approval'?",
        "efect": "'efect' is not known, and means nothing; did you mean 'effect'?",
        "api_call.conection": "'api_call.conection' is not known, and means nothing; did you mean 'connection'?",
    }
    made = flow.api.post(f"/agents/{ids['agent']}/tools", tool)
    assert made.status_code == 201, made.json()
    assert _warned(made.json()) == expected
    changed = flow.api.patch(f"/agents/{ids['agent']}/tools/{made.json()['id']}", {"time_out": 5})
    assert list(_warned(changed.json())) == ["time_out"]

    prompt = {"prompt": "x", "tools": [tool]}
    task = flow.api.post(
        f"/agents/{ids['agent']}/tasks", {"name": "u", "main": [prompt], "tools": [{**tool, "name": "v"}]}
    )
    assert task.status_code == 201, task.json()
    places = {f"{where}.{place}" for where in ("tools[0]", "main[0].tools[0]") for place in expected}
    assert set(_warned(task.json())) == places


def _warned(body: Any) -> dict[str, str]:
    return {each["location"]: each["message"] for each in body["warnings"] if each["type"] == "unknown_key"}
