"""Executions whose tools start executions."""

from typing import Any

from agents.tools.runners import MAX_DEPTH
from executions.models import Execution
from tests.flow_runner import FlowRunner


def _start_tool(task_id: str) -> dict[str, Any]:
    spec = {"resource": "execution", "operation": "create", "resource_id": None, "arguments": {"task_id": task_id}}
    return {"name": "again", "type": "system", "system": spec}


def test_a_chain_without_end_is_cut(flow: FlowRunner) -> None:
    main = [{"tool": "again", "arguments": {"input": {"n": "$ _.n + 1"}}}]
    created = flow.create({"main": main, "tools": [_start_tool("00000000-0000-0000-0000-000000000000")]}).json()
    changed = flow.api.patch(
        f"/agents/{created['agent_id']}/tasks/{created['id']}", {"main": main, "tools": [_start_tool(created["id"])]}
    )
    assert changed.status_code == 200, changed.json()

    flow.start(created["id"], {"n": 0})
    for _ in range(MAX_DEPTH + 3):
        newest = Execution.objects.latest("depth")
        flow.dispatcher.advance(newest.branches.get().pk)
        flow.settle(str(newest.pk))

    runs = list(Execution.objects.order_by("depth").values_list("depth", "input__n", "status"))
    assert [(depth, n) for depth, n, _ in runs] == [(depth, depth) for depth in range(MAX_DEPTH + 1)]
    assert [status for *_, status in runs] == ["succeeded"] * MAX_DEPTH + ["failed"]
    assert f"{MAX_DEPTH} deep" in (Execution.objects.latest("depth").error or "")
