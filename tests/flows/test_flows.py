"""Every `*.yaml` beside this file is one group of programs; each entry is one test.

An entry has `task` (or `main` for short), and may have `agent`, `input`, `replies` (of the scripted model) and
`resume` (answers to waits, in order). `expect` names what must hold: `status`, `output`, `error`, `types` (of the
transitions), `outputs` (of the transitions), `workflows` (display names), `log` (texts of log steps), or for a
task that must be refused `refused` (HTTP status), `issue` (type, location, part of the message) and `detail` (loc).
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.llm.scripted import scripted_model
from tests.flow_runner import FlowRunner

_FOLDER = Path(__file__).parent


def _programs() -> list[Any]:
    found = []
    for file in sorted(_FOLDER.glob("*.yaml")):
        for name, program in yaml.safe_load(file.read_text()).items():
            found.append(pytest.param(program, id=f"{file.stem}: {name}"))
    return found


@pytest.mark.parametrize("program", _programs())
def test_program(program: dict[str, Any], flow: FlowRunner) -> None:
    expect = program["expect"]
    task = program.get("task") or {"main": program["main"]}
    answer = flow.create(task, program.get("agent"))
    if "refused" in expect:
        _check_refusal(answer, expect)
        return
    assert answer.status_code == 201, answer.json()
    with scripted_model(program.get("replies", [])) as model:
        execution = flow.start(answer.json()["id"], program.get("input", {}))
        for value in program.get("resume", []):
            assert execution["status"] == "awaiting_input", execution
            execution = flow.resume(execution["id"], value)
    assert model.unused == 0, "the program asked the model less often than scripted"
    _check_run(flow, execution, expect)


def _check_refusal(answer: Any, expect: dict[str, Any]) -> None:
    body = answer.json()
    assert answer.status_code == expect["refused"], body
    for issue in expect.get("issues", []):
        assert any(_is_like(issue, found) for found in body["error"]["issues"]), body["error"]["issues"]
    for loc in expect.get("details", []):
        assert loc in [detail["loc"] for detail in body["error"]["details"]], body["error"]["details"]


def _is_like(issue: dict[str, str], found: dict[str, Any]) -> bool:
    return (
        issue.get("type", found["details"].get("issue_type", found["type"]))
        == found["details"].get("issue_type", found["type"])
        and issue.get("location", found["location"]) == found["location"]
        and issue.get("message", "") in found["message"]
    )


def _check_run(flow: FlowRunner, execution: dict[str, Any], expect: dict[str, Any]) -> None:
    log = flow.log(execution["id"])
    assert execution["status"] == expect.get("status", "succeeded"), execution
    for field in ("output", "error"):
        if field in expect:
            assert execution[field] == expect[field]
    if "types" in expect:
        assert [row["type"] for row in log] == expect["types"]
    if "outputs" in expect:
        assert [row["output"] for row in log] == expect["outputs"]
    if "workflows" in expect:
        assert [row["current"]["workflow"] for row in log] == expect["workflows"]
    if "log" in expect:
        assert [row["metadata"]["log"] for row in log if "log" in row["metadata"]] == expect["log"]
