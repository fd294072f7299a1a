"""Every `programs/*.yaml` is one group of programs; each entry is one test.

An entry has `task` (or `main` for short), and may have `agent`, `input`, `metadata` (of the execution), `replies` (of
the scripted model; `{unavailable: text}` is a failure that may pass), `web` (answers by path, one or a list; `{web}`
in the program is the server's address), `resume` (answers to the only open wait, in order), `answers` (pairs of what
a wait shows and its answer, given by token), `decide` (`approve` or `deny`, or more of a decision, about the call that
is asked about first) and `cancel: true`. With `clock: stands` no timer fires.

`expect` names what must hold: `status` (succeeded), `output`, `error`; of the transitions `types`, `outputs`,
`workflows` (display names), `branches` (which there are), `labels`, `log` (texts of log steps), `caught` (messages),
`calls` (functions the client is asked to call), `waits` (what they show), `attempts` (of steps that were repeated); of
the task `dialect`, `warnings` (some), `warned` (all of them) and `main` (as it comes back); of its agent `docs` (those
there are in the end, by title); of the outside `asked` (of the model) and `sent` (to the web). A task that must
be refused has `refused` (HTTP status), `issues` (type, location, part of the message) and `details` (loc).
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flow_runner import FlowRunner
from tests.flows.expectations import check_sent
from tests.flows.playing import play, script_web
from tests.loopback.web_server import WebServer

_FOLDER = Path(__file__).parent / "programs"


def _programs() -> dict[str, Any]:
    found = {}
    for file in sorted(_FOLDER.glob("*.yaml")):
        for name, program in yaml.load(file.read_text(), yaml.CSafeLoader).items():
            found[f"{file.stem}: {name}"] = program
    return found


PROGRAMS = _programs()


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_program(program: dict[str, Any], flow: FlowRunner, request: pytest.FixtureRequest) -> None:
    if "web" not in program:
        play(program, flow)
        return
    server: WebServer = request.getfixturevalue("web_server")
    request.getfixturevalue("settings").JULEP_HTTP_ALLOW = ["127.0.0.1"]
    script_web(server, program["web"])
    play(json.loads(json.dumps(program).replace("{web}", server.url)), flow)
    check_sent(server.requests, program["expect"])


def test_each_program_says_what_comes_of_it() -> None:
    told = {"output", "outputs", "error", "refused"}

    assert [name for name, program in PROGRAMS.items() if told.isdisjoint(program["expect"])] == []
