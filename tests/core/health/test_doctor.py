"""`manage.py doctor` on a healthy installation, and on each kind of trouble."""

from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
import redis
from django.core.management import call_command
from django.db import connection

from executions.engine.rows.claims import take_child
from executions.models import Branch, Execution
from julep_project import doctor, doctor_database, doctor_processes
from julep_project.core.health import health, heartbeats
from julep_project.core.health.health import Report
from julep_project.core.work.keeper import KEEPERS
from tests.api_client import ApiClient
from tests.backend import Backend, wait_until
from tests.durability.programs import create_task, start_run

# What is asked of the processes themselves.
ASKED = {*(f"queue {name}" for name in health.QUEUES), "settings"}
OFTEN = [name for name, keeper in KEEPERS.items() if keeper.every_s < doctor._OFTEN_S]
FINE = {name: (lambda: (True, "")) for name in doctor._CHECKS}


@pytest.fixture
def healthy_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "report", lambda **_: [Report("database", ok=True)])
    monkeypatch.setattr(doctor_database, "examine", list)
    monkeypatch.setattr(doctor_processes, "examine", lambda apis: [])


def run() -> tuple[int, dict[str, str]]:
    """Exit code, and the lines by the name of their check."""
    out = StringIO()
    try:
        call_command("doctor", stdout=out)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return code, dict(line.split(": ", 1) for line in out.getvalue().splitlines())


def test_a_healthy_installation(backend: Backend) -> None:
    # Another test may have done their work long ago.
    wait_until(lambda: all((heartbeats.age_s(name) or 60) < 10 for name in OFTEN), 20, backend)

    code, lines = run()

    assert code == 0, {name: said for name, said in lines.items() if not said.startswith("ok")}
    assert set(lines) == {*health.COMPONENTS, *doctor._CHECKS, *doctor_database.CHECKS, *ASKED}
    assert lines["keepers"].startswith("ok: all ran in the last ")
    assert lines["work"].startswith("ok: ") and "executions.sweep: 0 due, 0 at work on" in lines["work"]
    assert lines["oldest runnable"] == "ok: nothing waits for a worker"


def only(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What one check says, all others being fine; the exit code must fit."""
    with patch.dict(doctor._CHECKS, {**FINE, name: doctor._CHECKS[name]}):
        code, lines = run()
    assert code == (0 if lines[name].startswith("ok") else 1)
    return lines[name]


def test_a_warning_is_no_problem(healthy_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    warning = Report("dead rows", ok=True, detail="runs has many: run VACUUM", warns=True)
    monkeypatch.setattr(doctor_database, "examine", lambda: [warning])

    with patch.dict(doctor._CHECKS, FINE):
        assert run()[0] == 0
        assert run()[1]["dead rows"] == "warning: runs has many: run VACUUM"


@pytest.mark.parametrize(
    ("policy", "says"), [("noeviction", "ok"), ("allkeys-lru", "problem: maxmemory-policy is all")]
)
def test_redis_policy(policy: str, says: str, healthy_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis.Redis, "info", lambda *_: {"maxmemory_policy": policy})

    assert only("redis policy", monkeypatch).startswith(says)


def test_no_sweep(healthy_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "age_s", lambda name: None)
    assert "is beat running" in only("keepers", monkeypatch)

    monkeypatch.setattr(heartbeats, "age_s", lambda name: 3600.0 if name == "docs_store.sweep" else 1.0)
    assert only("keepers", monkeypatch).startswith("problem: late: docs_store.sweep 3600.0 s ago (due every 2 s)")


def test_redis_away(healthy_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(name: str) -> float:
        raise redis.ConnectionError

    monkeypatch.setattr(heartbeats, "age_s", away)

    assert only("keepers", monkeypatch) == "problem: unknown: ConnectionError"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([], "problem: no worker answers"),
        ([{"io@here": "0123456789ab"}], "problem: started with other code than this: io@here; restart them"),
    ],
)
def test_workers_of_another_release(
    answers: list[Any], says: str, healthy_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.current_app.control, "broadcast", lambda *_, **__: answers)

    assert only("release", monkeypatch) == says


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("columns", "is_late"),
    [
        ("status = 'ready', updated_at = now() - interval '1 hour'", True),
        ("status = 'ready', updated_at = now()", False),
        ("status = 'running', lease_until = now() - interval '1 hour'", True),
        ("status = 'running', lease_until = now() + interval '1 hour', updated_at = now() - interval '1 hour'", False),
        ("status = 'calling', updated_at = now() - interval '1 hour'", True),
        ("status = 'calling', lease_until = now() + interval '1 s', updated_at = now() - interval '1 hour'", False),
        ("status = 'sleeping', wake_at = now() - interval '1 hour'", True),
        ("status = 'awaiting_input', updated_at = now() - interval '1 hour'", False),
    ],
)
def test_a_row_nobody_looks_at(
    flow: Any, healthy_parts: None, monkeypatch: pytest.MonkeyPatch, columns: str, is_late: bool
) -> None:
    run_id = start_run(flow.api, create_task(ApiClient(), "http://127.0.0.1/", "late", [{"evaluate": {"n": "$ 1"}}]))
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE executions_branch SET {columns} WHERE execution_id = %s", [run_id])
    branch = Branch.objects.get(execution_id=run_id)

    said = only("oldest runnable", monkeypatch)

    assert said.startswith(f"problem: branch {branch.pk} has waited for a worker for 3600.") is is_late, said
    Execution.objects.filter(pk=run_id).update(status="cancelled")
    assert only("oldest runnable", monkeypatch) == "ok: nothing waits for a worker"


def test_children_without_a_lane(flow: Any, healthy_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    main = [{"over": "$ [1, 2, 3]", "map": {"evaluate": "$ _"}, "parallelism": 2}]
    flow.dispatcher.lanes = lambda parent, count: None
    flow.start(create_task(flow.api, "http://127.0.0.1/", "lost", main), {})
    parent = Branch.objects.get(parent=None)
    assert only("oldest runnable", monkeypatch).startswith("ok: ")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE executions_branch SET updated_at = now() - interval '1 hour'")

    said = only("oldest runnable", monkeypatch)

    assert said.startswith(f"problem: branch {parent.pk} has waited for a worker for 3600."), said
    assert [take_child(parent.pk, "worker") is not None for _ in range(3)] == [True, True, False]
    assert only("oldest runnable", monkeypatch) == "ok: nothing waits for a worker"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("due_at = now() - interval '1 hour'", "problem: doc {doc} has waited for vectors for 3600."),
        ("due_at = now() - interval '1 minute'", "ok: doc {doc} has waited for vectors for 60."),
        ("due_at = now() + interval '1 minute'", "ok: no doc waits for vectors"),
        ("due_at = now() - interval '1 hour', lease_until = now() + interval '1 s'", "ok: no doc waits for vectors"),
        ("state = 'failed'", "problem: no doc waits for vectors; 1 docs failed to get theirs, see Doc embeddings"),
        ("state = 'ready', due_at = now() - interval '1 hour'", "ok: no doc waits for vectors"),
    ],
)
def test_docs_without_vectors(
    api: ApiClient, agent: Any, healthy_parts: None, monkeypatch: pytest.MonkeyPatch, columns: str, says: str
) -> None:
    doc = api.post(f"/agents/{agent['id']}/docs", {"title": "t", "content": "c"}).json()["id"]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE docs_store_docembedding SET {columns}")

    said = only("docs", monkeypatch)

    assert said.startswith(says.format(doc=doc)), said
