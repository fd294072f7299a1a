"""`manage.py chaos`: its programs, its checker, and one short run with a fixed seed."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from agents.webhooks.models import Message
from executions.models import Branch, EventWait, Execution, Transition
from executions.schedules.models import Occurrence, Schedule
from executions.wait_tokens import task_token
from julep_project.chaos.checker import Promises, Seen, check
from julep_project.chaos.client import answer_to, event_for
from julep_project.chaos.scenarios import Scenario, called_program, make_programs
from julep_project.chaos.shared import MODEL, make_shared, task_body
from julep_project.chaos.world import TOLD, World
from julep_project.core.clock import DatabaseNow
from julep_project.core.ids import uuid7
from julep_project.env import PROJECT_ROOT
from tests.backend import MASTER_KEY
from tests.connections.conftest import HERE, Person
from tests.flow_runner import FlowRunner
from tests.webhooks.sending import send_due

# How the lines begin that tell of each kind of harm.
ACTS = (
    *("kill (api|engine|io|beat)", "kill redis", "freeze", "flush Redis", "stop Postgres"),
    *("repeat [1-9]", "hold back [1-9]", "ring without cause for [1-9]"),
)
# Its programs together have every kind of piece.
SEED = 1771
PROGRAMS = 7
# Agents answer in threads of their own, which see what is committed.
committing = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_short_run_finds_nothing() -> None:
    command = ["chaos", "--seed=5", "--programs=8", "--minutes=0.25", "--freeze=4"]

    answer = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=390,
        check=False,
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "seed 5: 8 programs" in answer.stdout
    missing = [act for act in ACTS if not re.search(rf"^{act}", answer.stdout, re.MULTILINE)]
    assert not missing, answer.stdout


def test_a_seed_gives_the_same_programs() -> None:
    assert make_programs(3, 20) == make_programs(3, 20)
    assert make_programs(3, 20) != make_programs(4, 20)


@dataclass
class Finished:
    """Programs run without any harm, by task id, and what came of them."""

    programs: dict[str, Scenario]
    seen: Seen
    promises: Promises

    def findings(self) -> list[str]:
        connection.ensure_connection()
        return check(connection.connection, self.programs, self.seen, self.promises)


@pytest.fixture
def finished(
    flow: FlowRunner, settings: Any, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> Iterator[Finished]:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.SECRETS_MASTER_KEY = MASTER_KEY
    settings.PUBLIC_URL = HERE
    settings.ALLOWED_HOSTS = ["*"]
    settings.LINK_REQUESTS_PER_MINUTE = 0

    def send(method: str, path: str, body: Any) -> Any:
        answer = flow.api.send(method, path, body)
        assert answer.status_code in (200, 201), answer.json()
        return answer.json()

    with World(Random(1), longest_s=0, busy=0) as world:
        monkeypatch.setenv("OPENAI_API_BASE", world.api_base)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-chaos")
        promises = Promises()
        send("POST", "/webhooks", {"url": world.url + TOLD, "events": ["execution.*"]})
        called = called_program()
        shared = make_shared(send, world, called)
        programs = {shared.task_id: called}
        for program in (replace(each, fires=0) for each in make_programs(SEED, PROGRAMS)):
            created = flow.create(task_body(program, world, shared), agent={"model": MODEL})
            assert created.status_code == 201, created.json()
            task_id = created.json()["id"]
            programs[task_id] = program
            user = send("POST", "/users", {"name": program.name})["id"]
            person = Person(world, django_capture_on_commit_callbacks)
            promises.accepted.add(_run_to_its_end(flow, task_id, user, person))
        send_due()
        yield Finished(programs, Seen(world.keys_by_call(), world.asked(), world.told()), promises)


def _run_to_its_end(flow: FlowRunner, task_id: str, user: str, person: Person) -> str:
    run = flow.start(task_id, {}, {"user_id": user})
    # Those that it waits for wait for somebody, too.
    while (branch := Branch.objects.filter(status="awaiting_input").first()) is not None:
        wait = Transition.objects.get(pk=branch.wait_id)
        if (event := event_for(wait.output)) is not None:
            flow.dispatcher.hand_out(UUID(flow.api.post("/events", event).json()["id"]))
        elif wait.output.get("type") == "connection":
            assert person.sign_in(wait.output["url"]).status_code == 200
        else:
            body = {"status": "running", "input": answer_to(wait.output), "task_token": task_token(wait.pk)}
            assert flow.api.put(f"/executions/{branch.execution_id}", body).status_code == 200
            flow.dispatcher.advance(branch.pk)
        run = flow.settle(run["id"])
    return str(run["id"])


@committing
def test_the_checker(finished: Finished) -> None:
    """One world is enough for all that it has to see: whatever is changed is undone."""
    assert_all_is_as_foretold(finished)
    with undone():
        assert_times_of_schedules_are_held_to_their_runs(finished)
    assert_each_harm_is_seen(finished)
    assert finished.findings() == []


@contextmanager
def undone() -> Iterator[None]:
    """What happens to rows in here is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_all_is_as_foretold(finished: Finished) -> None:
    assert finished.findings() == []
    calls = {call for program in finished.programs.values() for call in program.calls | program.single_calls}
    assert calls == set(finished.seen.calls)
    assert sum(finished.seen.asked.values()) > 0


def assert_times_of_schedules_are_held_to_their_runs(finished: Finished) -> None:
    run = succeeded(callers=None)
    program = finished.programs[str(run.task_id)]
    program.fires = 1
    assert finished.findings()[-2:] == [
        f"{program.name}: 0 times came of 1: []",
        f"{program.name}: 1 runs came of 0 times",
    ]
    owner = {"developer_id": run.developer_id}
    schedule = Schedule.objects.create(**owner, name="s", task_id=run.task_id, target="task", timing={})
    nominal = run.created_at - timedelta(seconds=1)
    begun = {"nominal": nominal, "started_at": run.created_at, "target": "task", "execution_id": run.pk}
    time = Occurrence.objects.create(**owner, schedule=schedule, state="done", is_settled=True, **begun)
    assert finished.findings() == []
    Occurrence.objects.filter(pk=time.pk).update(state="started", nominal=run.created_at + timedelta(seconds=1))
    told = finished.findings()
    assert ["is started" in told[0], "began before its time" in told[1], len(told)] == [True, True, 2]
    program.fires = 0


def succeeded(**which: Any) -> Execution:
    found = Execution.objects.filter(status="succeeded", **which).first()
    assert found is not None
    return found


def a_wrong_output(_: Finished) -> tuple[str, ...]:
    Execution.objects.filter(pk=succeeded().pk).update(output=-1)
    return ("gave -1, not",)


def a_run_that_never_ends(_: Finished) -> tuple[str, ...]:
    Execution.objects.filter(pk=succeeded().pk).update(status="running")
    return ("is running, not succeeded",)


def a_branch_left_behind(_: Finished) -> tuple[str, ...]:
    Branch.objects.filter(execution=succeeded(), parent=None).update(status="calling")
    return ("has ended with open branches [('calling', 1)]",)


def an_event_taken_twice(_: Finished) -> tuple[str, ...]:
    taken = Transition.objects.filter(type="resume", metadata__has_key="event").first()
    assert taken is not None
    taken.pk, taken.seq = uuid7(), 10_000
    taken.save(force_insert=True)
    return ("it took event", "the log has a gap")


def a_wait_that_is_left(_: Finished) -> tuple[str, ...]:
    run, moment = succeeded(), DatabaseNow()
    owner = {"developer_id": run.developer_id, "execution": run, "branch": run.branches.first()}
    EventWait.objects.create(id=uuid7(), name="passed", since=moment, **owner)
    return ("its wait for passed is left",)


def a_gap_in_the_log(_: Finished) -> tuple[str, ...]:
    Transition.objects.filter(execution=succeeded(), seq=2).delete()
    return ("the log has a gap or a double",)


def a_step_recorded_twice(_: Finished) -> tuple[str, ...]:
    run = succeeded()
    row = Transition.objects.get(execution=run, seq=2)
    row.pk, row.position, row.seq = uuid7(), None, run.transition_count + 1
    row.save(force_insert=True)
    Execution.objects.filter(pk=run.pk).update(transition_count=row.seq)
    return ("recorded 2 times", "ends of the log")


def a_cancelling_that_was_undone(finished: Finished) -> tuple[str, ...]:
    finished.promises.cancelled.add(str(succeeded().pk))
    return ("is succeeded, not cancelled",)


def a_call_under_two_keys(finished: Finished) -> tuple[str, ...]:
    call = min(call for program in finished.programs.values() for call in program.calls)
    finished.seen.calls[call]["another"] += 1
    return (f"call {call} came under 2 keys in 1 runs",)


def a_call_repeated_that_must_not_be(finished: Finished) -> tuple[str, ...]:
    call = min(call for program in finished.programs.values() for call in program.single_calls)
    (key,) = finished.seen.calls[call]
    finished.seen.calls[call][key] += 1
    return (f"call {call} must not be repeated and came 2 times",)


def a_model_that_was_never_asked(finished: Finished) -> tuple[str, ...]:
    text = min(text for program in finished.programs.values() for text in program.asked)
    del finished.seen.asked[text]
    return (f"the model was asked {text} 0 times",)


def an_acknowledged_run_that_is_gone(_: Finished) -> tuple[str, ...]:
    run = succeeded(callers=None)
    run_id = run.pk
    Transition.objects.filter(execution=run).delete()
    run.delete()
    return (f"run {run_id}: it was accepted and is gone",)


def _end_of_one() -> str:
    return Message.objects.filter(type="execution.succeeded").values_list("id", flat=True)[0].hex


def a_call_that_began_two_runs(finished: Finished) -> tuple[str, ...]:
    first, second = Execution.objects.filter(callers__len=1)[:2]
    Execution.objects.filter(pk=second.pk).update(callers=first.callers, input=first.input)
    return ("began 2 runs",)


def a_called_run_that_was_cancelled(_: Finished) -> tuple[str, ...]:
    Execution.objects.filter(pk=succeeded(callers__len=1).pk).update(status="cancelled")
    return ("is cancelled, not succeeded",)


def an_end_that_nobody_heard_of(finished: Finished) -> tuple[str, ...]:
    finished.seen.told.remove(_end_of_one())
    return ("the webhook was never told ['execution.succeeded']",)


def an_end_that_came_first(finished: Finished) -> tuple[str, ...]:
    finished.seen.told.insert(0, _end_of_one())
    return ("the webhook was told in another order",)


def an_end_that_was_never_written(_: Finished) -> tuple[str, ...]:
    Message.objects.filter(type="execution.succeeded", subject_id=succeeded().pk).delete()
    return ("is succeeded, and the webhook has messages",)


# Of some harms the checker sees more than one sign.
HARMS: dict[Callable[[Finished], tuple[str, ...]], int | None] = {
    a_wrong_output: 1,
    a_run_that_never_ends: 1,
    a_branch_left_behind: 1,
    an_event_taken_twice: None,
    a_wait_that_is_left: 1,
    a_gap_in_the_log: 1,
    a_step_recorded_twice: None,
    a_cancelling_that_was_undone: 1,
    a_call_under_two_keys: 1,
    a_call_repeated_that_must_not_be: 1,
    a_model_that_was_never_asked: 1,
    an_acknowledged_run_that_is_gone: None,
    a_call_that_began_two_runs: None,
    a_called_run_that_was_cancelled: None,
    an_end_that_nobody_heard_of: 1,
    an_end_that_came_first: 1,
    an_end_that_was_never_written: 1,
}


def assert_each_harm_is_seen(finished: Finished) -> None:
    missed = {}
    for harm, signs in HARMS.items():
        harmed = replace(finished, seen=deepcopy(finished.seen), promises=deepcopy(finished.promises))
        with undone():
            expected = harm(harmed)
            found = harmed.findings()
        if not all(any(part in line for line in found) for part in expected) or signs not in (None, len(found)):
            missed[harm.__name__] = (expected, found)
    assert missed == {}
