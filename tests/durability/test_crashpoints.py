"""A process that dies at any point of its work costs time and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from executions import crashpoints
from executions.events.models import Event
from executions.models import Branch, EventWait, Execution, Transition
from executions.states import TERMINAL_EXECUTION, TransitionType
from tasks.steps import registry
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend, assert_recorded_once, flush_redis, wait_for_end, wait_until
from tests.durability.programs import (
    answer_waits,
    assert_calls_have_one_key,
    create_step_tasks,
    create_task,
    start_run,
)
from tests.durability.step_kinds import ADD, ITEMS, KINDS, PROGRAMS, Program
from tests.loopback.web_server import WebServer

pytestmark = pytest.mark.slow

Crashing = Callable[..., Any]
Crash = tuple[str, str]
"""Crash point, name of the program it came in."""

ALONE = {kind.name for kind in KINDS}
CALLING = {kind.name for kind in KINDS if kind.calls}
FORKING = {kind.name for kind in KINDS if kind.forks}

# Which programs pass each point. `.call`: on the way of a call to the outside; else in a slice.
PASSED = {
    "before_claim": ALONE,
    "before_claim.call": CALLING,
    "after_claim": ALONE,
    "after_claim.call": CALLING,
    "before_effect.call": CALLING,
    "after_effect.call": CALLING,
    "in_commit": ALONE,
    "after_commit": ALONE,
    # Together with `before_effect` (below), whose crash has turned the call into a wait.
    "after_commit.call": CALLING - {"at_most_once"},
    "in_lane": FORKING,
    "before_join": FORKING,
}

# Each row is one start of the workers, in which every branch of every program dies at its first passage of each of
# these points. The points of a row do not keep a branch from coming to the others, as `after_commit` would: a chord
# that was never sent is made up for by lanes without a chord, so that its body does not run.
PLANS = [
    ["before_claim", "in_commit", "in_lane", "before_join"],
    ["after_claim"],
    ["before_effect", "after_commit"],
    ["after_effect"],
]
# Nobody can know whether the call was made when its worker dies between these.
UNCLEAR = {"after_claim", "before_effect", "after_effect"}
# Long, for machines with much else to do; nothing waits this long by itself.
_SETTLE_S = 240


@pytest.fixture(scope="module")
def beat(backend_processes: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Beat for all tests of this module; nobody else's workers take part."""
    backend_processes.stop()
    started = Backend(tmp_path_factory.mktemp("beat"))
    started.start("maintenance", "beat")
    yield
    started.stop()


@pytest.fixture
def api(transactional_db: None, settings: Any) -> ApiClient:
    """A client in this process, without the workers every other test shares."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture
def crashing(transactional_db: None, beat: None, tmp_path: Path) -> Crashing:
    """Starts workers that die as planned and are started again."""

    @contextmanager
    def start(plan: str, *, forks: bool = False, **environment: str) -> Iterator[Backend]:
        flush_redis()
        crash = {"JULEP_TEST_BUILD": "1", "JULEP_CRASH_AT": plan, "JULEP_CRASH_DIR": str(tmp_path)}
        started = {"LEASE_SECONDS": "2", **crash, **environment}
        backend = Backend(tmp_path / "backend", started, restarts=True, forks=forks)
        try:
            backend.start("engine", "io")
            yield backend
        finally:
            backend.stop()

    return start


def test_every_point_and_every_kind_has_a_plan() -> None:
    assert {point for plan in PLANS for point in plan} == set(crashpoints.POINTS)
    # These are further ways of kinds that are planned, too.
    planned = {kind.name for kind in KINDS} - {"at_most_once", "approval", "increment"}
    assert planned == {kind.kind for kind in registry.all_kinds()} - ({"embed", "search"} - planned)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("points", PLANS, ids=" ".join)
def test_a_crash_at_any_point_of_any_step_costs_only_time(
    api: ApiClient, crashing: Crashing, web_server: WebServer, tmp_path: Path, points: list[str]
) -> None:
    tasks = create_step_tasks(api, web_server, ALONE)
    planned = {(point, name) for point, names in PASSED.items() if point.split(".")[0] in points for name in names}

    with crashing(" ".join(f"{point}:1:each" for point in points), forks=True) as backend:
        runs = {start_run(api, task, ITEMS[0]): PROGRAMS[name] for name, task in tasks.items()}

        def all_is_over() -> bool:
            answer_waits(api)
            return not Execution.objects.exclude(status__in=TERMINAL_EXECUTION).exists() and planned <= _crashes(
                tmp_path, runs
            )

        wait_until(all_is_over, _SETTLE_S, backend, pause_s=0.5)

    assert _crashes(tmp_path, runs) == planned
    for run, program in runs.items():
        _assert_as_expected(run, program)
    assert_calls_have_one_key(web_server)
    asked = Transition.objects.filter(type="wait", output__type="needs_attention")
    assert asked.exists() is not UNCLEAR.isdisjoint(points)


def _crashes(folder: Path, runs: dict[str, Program]) -> set[Crash]:
    """At which point of which program processes have died, by the files that count passages."""
    owners = {str(pk): str(run) for pk, run in Branch.objects.values_list("pk", "execution_id")}
    found = set()
    for counter in folder.glob("*.*"):
        point, branch, *call = counter.name.split(".")
        found.add((".".join([point, *call]), runs[owners[branch]].name))
    return found


def _assert_as_expected(run: str, program: Program) -> None:
    execution = Execution.objects.get(pk=run)
    assert (execution.status, execution.output, execution.error) == program.expected, program.name
    assert_recorded_once(execution, end=TransitionType.ERROR if program.kind.error else TransitionType.FINISH)


def test_a_crash_between_an_event_and_those_who_wait_costs_only_time(
    api: ApiClient, crashing: Crashing, web_server: WebServer
) -> None:
    """One run emits what the others wait for, once in all; each of them ends once."""
    wait = {"wait_for_event": {"name": "passed", "match": {"n": 1}}}
    waiting = create_task(api, web_server.url, "waiting", [wait, {"evaluate": "$ _.data.n"}])
    emitting = create_task(api, web_server.url, "emitting", [{"emit": {"name": "passed", "data": {"n": "$ _.n"}}}])

    with crashing("in_record:1 before_wake:1,3 after_wake:1", forks=True) as backend:
        runs = [start_run(api, waiting) for _ in range(6)]
        wait_until(lambda: EventWait.objects.count() >= 3, _SETTLE_S, backend)
        emitted = wait_for_end(start_run(api, emitting, {"n": 1}), backend)
        ended = [wait_for_end(run, backend) for run in runs]

    assert [run.output for run in ended] == [1] * 6
    assert [str(event.pk) for event in Event.objects.all()] == [emitted.output["id"]]
    for run in ended:
        assert_recorded_once(run)
        assert Transition.objects.filter(execution=run, type="resume").count() == 1
    assert not EventWait.objects.exists()


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        ("after_claim:always", "the step ended its worker 2 times; giving up"),
        ("before_effect:always", "the worker was lost in each of 2 attempts"),
    ],
)
def test_a_program_that_kills_its_worker_each_time_fails(
    api: ApiClient, crashing: Crashing, web_server: WebServer, plan: str, error: str
) -> None:
    main = [{"tool": "world", "arguments": {}}] if plan.startswith("before_effect") else [ADD]
    task = create_task(api, web_server.url, "poison", main)

    with crashing(plan, MAX_ATTEMPTS="2") as backend:
        execution = wait_for_end(start_run(api, task), backend)

    assert (execution.status, execution.error) == ("failed", error)
    assert Branch.objects.get(execution=execution).status == "failed"
    assert web_server.requests == []


_NAPPING_POISON = [{"sleep": 0.1}, ADD]
_CATCH = {"catch": [{"evaluate": {"why": "$ error.message"}}], "finally": {"log": "tidied"}}


@pytest.mark.parametrize(
    ("passages", "mains"),
    [
        # In its own branch, and in the parent branch.
        ("2,3", [[{"try": _NAPPING_POISON, **_CATCH}], [{"try": [{"parallel": [_NAPPING_POISON]}], **_CATCH}]]),
        # In a child branch: the main branch has no fifth passage.
        (
            "5,6",
            [[{"parallel": [[*[{"sleep": 0.1}] * 3, {"try": _NAPPING_POISON, **_CATCH}]]}, {"evaluate": "$ _[0]"}]],
        ),
    ],
    ids=["in the branch or its parent", "in a child branch"],
)
def test_a_step_that_kills_its_worker_each_time_is_caught(
    api: ApiClient, crashing: Crashing, web_server: WebServer, passages: str, mains: list[list[Any]]
) -> None:
    tasks = [create_task(api, web_server.url, "guarded poison", main) for main in mains]

    with crashing(f"after_claim:{passages}:each", MAX_ATTEMPTS="2") as backend:
        runs = [start_run(api, task) for task in tasks]
        executions = [wait_for_end(run, backend) for run in runs]

    for execution in executions:
        assert (execution.status, execution.error) == ("succeeded", None)
        assert execution.output == {"why": "the step ended its worker 2 times; giving up"}
        assert_recorded_once(execution)
