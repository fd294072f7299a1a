"""A process that dies at any point of its work costs time and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from executions import crashpoints
from executions.crashpoints import CrashPlan
from executions.models import Branch
from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend, assert_recorded_once, flush_redis, wait_for_end
from tests.durability import programs
from tests.durability.programs import PROGRAMS
from tests.loopback.web_server import WebServer

pytestmark = pytest.mark.slow

Crashing = Callable[..., Any]

# Passages chosen to fall into different programs: all of them start together. Each row is one start of the workers.
PLANS: list[dict[str, tuple[int, ...]]] = [
    {"before_claim": (2, 7, 13), "after_claim": (3, 8, 12)},
    {"before_effect": (3,)},
    {"after_effect": (2,)},
    {"in_commit": (2, 8, 13), "after_commit": (1, 6, 11)},
    {"in_lane": (2, 4), "before_join": (1, 2)},
]


@pytest.fixture(scope="module")
def beat(backend_processes: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Beat for all tests of this module; nobody else's workers take part."""
    backend_processes.stop()
    started = Backend(tmp_path_factory.mktemp("beat"))
    started.start("beat")
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
    def start(plan: str, **environment: str) -> Iterator[Backend]:
        flush_redis()
        crash = {"JULEP_TEST_BUILD": "1", "JULEP_CRASH_AT": plan, "JULEP_CRASH_DIR": str(tmp_path)}
        backend = Backend(tmp_path / "backend", {"LEASE_SECONDS": "2", **crash, **environment}, restarts=True)
        try:
            backend.start("engine", "io")
            yield backend
        finally:
            backend.stop()

    return start


def test_every_point_has_a_plan() -> None:
    assert {point for plan in PLANS for point in plan} == set(crashpoints.POINTS)


@pytest.mark.parametrize("plan", PLANS, ids=" ".join)
def test_a_crash_costs_only_time(
    api: ApiClient, crashing: Crashing, web_server: WebServer, tmp_path: Path, plan: dict[str, tuple[int, ...]]
) -> None:
    url = web_server.script("/world", programs.echo)
    tasks = {name: programs.create_task(api, url, name, main) for name, (main, _) in PROGRAMS.items()}
    crashes = " ".join(f"{point}:{','.join(map(str, passages))}" for point, passages in plan.items())

    with crashing(crashes) as backend:
        runs = {name: programs.start_run(api, task) for name, task in tasks.items()}
        programs.resume_when_waiting(api, runs["wait"], {"n": 7}, backend)
        ended = {name: wait_for_end(run, backend) for name, run in runs.items()}

    for point, passages in plan.items():
        assert (tmp_path / point).stat().st_size >= passages[-1], f"the last planned crash never came: {point}"
    for name, execution in ended.items():
        assert (execution.status, execution.output) == ("succeeded", PROGRAMS[name][1]), (name, execution.error)
        assert_recorded_once(execution)
    programs.assert_calls_repeat_only_after_crashes(web_server, sum(map(len, plan.values())))


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
    main = [programs.CALL] if plan.startswith("before_effect") else [programs.COUNT]
    task = programs.create_task(api, web_server.script("/world", programs.echo), "poison", main)

    with crashing(plan, MAX_ATTEMPTS="2") as backend:
        execution = wait_for_end(programs.start_run(api, task), backend)

    assert (execution.status, execution.error) == ("failed", error)
    assert Branch.objects.get(execution=execution).status == "failed"
    assert web_server.requests == []


def test_a_passage_is_counted_over_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(crashpoints.os, "kill", lambda pid, number: killed.append(number))

    for passages in range(1, 5):
        CrashPlan.read("in_commit:2,4", tmp_path).pass_through()
        assert len(killed) == passages // 2


def test_nothing_crashes_outside_test_builds(settings: Any, tmp_path: Path) -> None:
    settings.JULEP_CRASH_AT, settings.JULEP_CRASH_DIR = "in_commit:always", str(tmp_path)

    assert crashpoints.read_plans() == {}
    settings.JULEP_TEST_BUILD = True
    assert crashpoints.read_plans() == {"in_commit": CrashPlan("in_commit", frozenset(), tmp_path / "in_commit")}


@pytest.mark.parametrize("text", ["nowhere:1", "in_commit", "in_commit:first"])
def test_a_plan_that_cannot_be_read_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        CrashPlan.read(text, tmp_path)
