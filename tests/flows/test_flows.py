"""Every `programs/*.yaml` is one group of programs; each entry is one test.

An entry has `task` (or `main` for short), and may have `agent`, `input`, `metadata` (of the execution), `replies` (of
the scripted model; `{unavailable: text}` is a failure that may pass), `web` (answers by path, one or a list; `{web}`
in the program is the server's address), `resume` (answers to the only open wait, in order), `answers` (pairs of what
a wait shows and its answer, given by token) and `cancel: true`. With `clock: stands` no timer fires.

`expect` names what must hold: `status` (succeeded), `output`, `error`; of the transitions `types`, `outputs`,
`workflows` (display names), `branches` (which there are), `labels`, `log` (texts of log steps), `caught` (messages),
`calls` (functions the client is asked to call), `attempts` (of steps that were repeated); of the task `dialect`,
`warnings` (some), `warned` (all of them) and `main` (as it comes back); of the outside `asked` (of the model) and
`sent` (to the web). A task that must be refused has `refused` (HTTP status), `issues` (type, location, part of the
message) and `details` (loc).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.llm.own.scripted import Reply, scripted_model
from julep_project.core.errors import ModelUnavailable
from julep_project.devservices import loopback
from tests.flow_runner import FlowRunner
from tests.flows.expectations import check_asked, check_refusal, check_run, check_sent, check_task
from tests.loopback.web_server import WebServer

_FOLDER = Path(__file__).parent / "programs"


def _programs() -> list[Any]:
    found = []
    for file in sorted(_FOLDER.glob("*.yaml")):
        for name, program in yaml.safe_load(file.read_text()).items():
            found.append(pytest.param(program, id=f"{file.stem}: {name}"))
    return found


@pytest.mark.parametrize("program", _programs())
def test_program(program: dict[str, Any], flow: FlowRunner, request: pytest.FixtureRequest) -> None:
    if "web" not in program:
        _run(program, flow)
        return
    server: WebServer = request.getfixturevalue("web_server")
    request.getfixturevalue("settings").JULEP_HTTP_ALLOW = ["127.0.0.1"]
    for path, replies in program["web"].items():
        server.script(
            path, *(loopback.Reply(**reply) for reply in ([replies] if isinstance(replies, dict) else replies))
        )
    _run(json.loads(json.dumps(program).replace("{web}", server.url)), flow)
    check_sent(server.requests, program["expect"])


@pytest.mark.parametrize("program", _programs())
def test_a_program_says_what_comes_of_it(program: dict[str, Any]) -> None:
    assert {"output", "outputs", "error", "refused"} & program["expect"].keys()


def _run(program: Mapping[str, Any], flow: FlowRunner) -> None:
    expect = program["expect"]
    task = program.get("task") or {"main": program["main"]}
    answer = flow.create(task, program.get("agent"))
    if "refused" in expect:
        check_refusal(answer, expect)
        return
    assert answer.status_code == 201, answer.json()
    check_task(answer.json(), expect)
    flow.time_passes = program.get("clock") != "stands"
    with scripted_model(map(_reply, program.get("replies", []))) as model:
        execution = _answer_waits(program, flow, answer.json()["id"])
    assert model.unused == 0, "the program asked the model less often than scripted"
    check_asked(model.requests, expect)
    check_run(execution, flow.log(execution["id"]), expect)


def _answer_waits(program: Mapping[str, Any], flow: FlowRunner, task_id: str) -> dict[str, Any]:
    """The run after all answers that the program has for it."""
    execution = flow.start(task_id, program.get("input", {}), program.get("metadata"))
    for value in program.get("resume", []):
        assert execution["status"] == "awaiting_input", execution
        execution = flow.resume(execution["id"], value)
    for shown, value in program.get("answers", []):
        assert execution["status"] == "awaiting_input", execution
        execution = flow.resume_wait(execution["id"], shown, value)
    if program.get("cancel"):
        execution = flow.cancel(execution["id"])
    return execution


def _reply(scripted: Any) -> Reply:
    if isinstance(scripted, dict) and "unavailable" in scripted:
        return ModelUnavailable(scripted["unavailable"])
    reply: Reply = scripted
    return reply
