"""`manage.py chaos`: its programs, its checker, and one short run with a fixed seed."""

import subprocess
import sys
from collections import Counter, defaultdict
from typing import Any

import pytest
from django.db import connection

from executions.models import Execution, Transition
from julep_project.chaos.checker import check
from julep_project.chaos.programs import ANSWER, WORLD_ADDS, Program, make_programs
from julep_project.core.ids import uuid7
from julep_project.devservices.loopback import RecordedRequest, Reply
from julep_project.env import PROJECT_ROOT
from tests.durability.programs import create_task
from tests.flow_runner import FlowRunner
from tests.loopback.web_server import WebServer

Finished = tuple[dict[str, Program], dict[str, Counter[str]]]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_short_run_finds_nothing() -> None:
    command = ["chaos", "--seed=5", "--programs=8", "--minutes=0.1", "--freeze=4"]

    answer = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "seed 5: 8 programs" in answer.stdout


def test_a_seed_gives_the_same_programs() -> None:
    assert make_programs(3, 20) == make_programs(3, 20)
    assert make_programs(3, 20) != make_programs(4, 20)


def one_more(asked: RecordedRequest) -> Reply:
    return Reply(200, {"n": int(asked.query["n"]) + WORLD_ADDS})


@pytest.fixture
def finished(flow: FlowRunner, web_server: WebServer, settings: Any) -> Finished:
    """Programs run without any harm, by task id, with what the world saw."""
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    url = web_server.script("/world", one_more)
    programs = {create_task(flow.api, url, made.name, made.main): made for made in make_programs(11, 5)}
    for task_id in programs:
        run = flow.start(task_id, {})
        while run["status"] == "awaiting_input":
            run = flow.resume(run["id"], {"n": ANSWER})
    calls: dict[str, Counter[str]] = defaultdict(Counter)
    for asked in web_server.requests:
        calls[f"{asked.query['call']}:{asked.query['n']}"][asked.headers["idempotency-key"]] += 1
    return programs, calls


def findings(finished: Finished) -> list[str]:
    connection.ensure_connection()
    return check(connection.connection, *finished)


def test_runs_without_harm_give_what_the_generator_foretells(finished: Finished) -> None:
    assert findings(finished) == []
    programs, calls = finished
    assert {call for program in programs.values() for call in program.calls if not program.fails} <= set(calls)


def succeeded() -> Execution:
    found = Execution.objects.filter(status="succeeded").first()
    assert found is not None
    return found


def test_the_checker_sees_a_wrong_output(finished: Finished) -> None:
    Execution.objects.filter(pk=succeeded().pk).update(output=-1)

    (found,) = findings(finished)

    assert "gave -1, not" in found


def test_the_checker_sees_a_run_that_never_ends(finished: Finished) -> None:
    Execution.objects.filter(pk=succeeded().pk).update(status="running")

    (found,) = findings(finished)

    assert "is running, not succeeded" in found


def test_the_checker_sees_a_gap_in_the_log(finished: Finished) -> None:
    Transition.objects.filter(execution=succeeded(), seq=2).delete()

    (found,) = findings(finished)

    assert "the log has a gap or a double" in found


def test_the_checker_sees_a_step_recorded_twice(finished: Finished) -> None:
    run = succeeded()
    row = Transition.objects.get(execution=run, seq=2)
    row.pk, row.position, row.seq = uuid7(), None, run.transition_count + 1
    row.save(force_insert=True)
    Execution.objects.filter(pk=run.pk).update(transition_count=row.seq)

    found = findings(finished)

    assert any("recorded 2 times" in line for line in found), found
    assert any("ends of the log" in line for line in found), found


def test_the_checker_sees_a_call_under_two_keys(finished: Finished) -> None:
    call, keys = next(iter(finished[1].items()))
    keys["another"] += 1

    (found,) = findings(finished)

    assert f"call {call} came under 2 keys in 1 runs" in found


def test_the_checker_sees_that_an_acknowledged_run_is_gone(finished: Finished) -> None:
    run = succeeded()
    Transition.objects.filter(execution=run).delete()
    run.delete()

    assert any("an acknowledged run is gone" in line for line in findings(finished))
