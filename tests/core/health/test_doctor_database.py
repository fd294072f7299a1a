"""What `manage.py doctor` says of a database that does not age well."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now

from agents.access.developers import SINGLE_TENANT_ID
from agents.calls.models import Call
from agents.retention.models import RetentionPeriod
from executions.models import Execution
from julep_project import doctor_database
from julep_project.core.database import execute
from julep_project.core.health.health import Report
from julep_project.doctor_database import Level
from tests.api_client import ApiClient
from tests.durability.programs import create_task, start_run
from tests.outages import administrator

pytestmark = pytest.mark.django_db
TABLE = "doctor_aging"


def said(name: str) -> Report:
    """What one check says now."""
    execute("SELECT pg_stat_clear_snapshot()")
    return next(report for report in doctor_database.examine() if report.component == name)


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """Somebody else at the same database."""
    with administrator(connection.settings_dict["NAME"]) as found:
        yield found


@pytest.fixture
def change(other: psycopg.Connection[Any]) -> Iterator[Callable[..., None]]:
    """Does something to a table of its own, which the collectors know of at once."""

    def run(*statements: str) -> None:
        for statement in statements:
            other.execute(statement.format(table=TABLE))
        other.execute("SELECT pg_stat_force_next_flush()")

    run("CREATE TABLE {table} (n int) WITH (autovacuum_enabled = false)")
    yield run
    run("DROP TABLE {table}")


def test_dead_rows_and_tables_nobody_looks_at(change: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    left_out = said("dead rows")
    assert (left_out.level, left_out.detail) == (
        "problem",
        f"autovacuum leaves {TABLE} out: ALTER TABLE {TABLE} RESET (autovacuum_enabled)",
    )
    fill = "INSERT INTO {table} SELECT n FROM generate_series(1, 60000) AS n"
    monkeypatch.setattr(doctor_database, "_AUTOVACUUM", "SELECT true, ARRAY[]::text[]")

    change(fill, "DELETE FROM {table} WHERE n <= 25000")
    dead, unseen = said("dead rows"), said("statistics")
    assert dead.level == unseen.level == "warning"
    assert f"{TABLE} has 25,000 beside 35,000 live ones: run VACUUM (ANALYZE) {TABLE}, and" in dead.detail
    assert f"85,000 rows of {TABLE} have changed and it was analysed never: run ANALYZE {TABLE}" in unseen.detail
    assert f"60,000 rows have come to {TABLE} and it was vacuumed never: run VACUUM (ANALYZE)" in unseen.detail

    monkeypatch.setitem(doctor_database._DEAD, Level.RED, (20_000, 1.0))
    change("DELETE FROM {table}")
    assert said("dead rows").level == "problem"

    change("VACUUM (ANALYZE) {table}")
    assert TABLE not in said("dead rows").detail + said("statistics").detail

    change(fill)
    assert TABLE not in said("statistics").detail  # autovacuum will come in time
    monkeypatch.setattr(doctor_database, "_UNSEEN_S", {Level.AMBER: 0, Level.RED: 0})
    behind = said("statistics")
    assert behind.level == "problem" and f"{TABLE} have changed and it was analysed 0 s ago" in behind.detail


def test_nothing_collects_dead_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_database, "_AUTOVACUUM", "SELECT false, ARRAY[]::text[]")

    assert said("dead rows").detail.startswith("autovacuum or track_counts is off")


def test_an_old_transaction_is_named_with_who_holds_it(
    other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other.execute("SET application_name = 'report of the month'")
    other.execute("BEGIN")
    pid = other.info.backend_pid
    assert said("transactions").level == "ok"

    def named(level: Level) -> Report:
        monkeypatch.setattr(doctor_database, "_OPEN_S", {level: 0})
        # A process of the installation may have an older one for a moment.
        return next(found for _ in range(100) if f"process {pid} " in (found := said("transactions")).detail)

    report = named(Level.AMBER)
    assert report.ok and report.warns
    assert "report of the month" in report.detail and "idle in transaction" in report.detail
    assert report.detail.endswith(f"if nobody needs it, end it with SELECT pg_terminate_backend({pid})")
    assert not named(Level.RED).ok
    other.execute("ROLLBACK")
    assert f"process {pid} " not in said("transactions").detail


@pytest.mark.parametrize(
    ("age", "days", "level"),
    [(14.5, 14, "ok"), (16, 14, "warning"), (18, 14, "problem"), (18, 20, "ok"), (18, None, "ok")],
)
def test_retention_that_is_behind(flow: Any, age: float, days: int | None, level: str, settings: Any) -> None:
    settings.RETENTION_DAYS = {"records": 14}
    old = Now() - timedelta(days=age)
    Call.objects.create(
        developer_id=SINGLE_TENANT_ID, kind="tool", name="t", status="ok", started_at=old, ended_at=old, request="{}"
    )
    task = create_task(ApiClient(), "http://127.0.0.1/", "old", [{"evaluate": {"n": "$ 1"}}])
    run = Execution.objects.filter(pk=start_run(flow.api, task))
    run.update(status="succeeded", created_at=old, updated_at=old)
    if days != 14:
        RetentionPeriod.objects.create(developer_id=SINGLE_TENANT_ID, kind="records", days=days)

    assert said("retention").level == level
    Call.objects.all().delete()
    assert said("retention").level == "ok"  # runs are kept for ever

    RetentionPeriod.objects.create(developer_id=SINGLE_TENANT_ID, kind="runs", days=days)
    report = said("retention")
    assert report.level == level
    if level != "ok":
        late = "a day" if level == "warning" else "3 days"
        told = f"runs of developer {SINGLE_TENANT_ID} are to be kept for 14 days and are older by more than {late}: "
        assert report.detail.startswith(told + "run manage.py retain")
    run.update(status="running")
    assert said("retention").level == "ok"  # such a run has not ended
