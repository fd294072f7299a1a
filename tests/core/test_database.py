"""What a process may take of the database: time for statements, locks and idle transactions, and connections."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django import db
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.access.developers import SINGLE_TENANT_ID
from agents.models import Developer
from executions.models import Execution
from julep_project.core import database
from julep_project.core.database import Threads, Use, has_more_than, run_query, use_of_queues, without_limits
from julep_project.core.health.checks import check_pool_size
from julep_project.core.postgres.base import DatabaseWrapper
from julep_project.core.storage_errors import is_outage
from julep_project.core.tenancy import system_scope
from julep_project.env import InvalidSetting, env_ints
from tests.api_client import ApiClient

_NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_BUSY = {"error": {"message": "The resource is busy; try again.", "code": "http_429", "type": "http_error"}}


def _limits(on: Any = connection) -> list[str]:
    with on.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting(name) FROM unnest(%s::text[]) WITH ORDINALITY AS n (name, i)", [list(_NAMES)]
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def limited(unpooled: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes this process an API process with these limits: for statements, locks and idle transactions.

    It sees the rows of all.
    """

    def limit(*seconds: float) -> None:
        settings.DATABASE_TIMEOUTS = {"api": seconds}
        monkeypatch.setattr(database, "_use", Use.API)
        connection.close()

    with system_scope():
        yield limit
    monkeypatch.setattr(database, "_use", Use.COMMAND)
    connection.close()


@contextmanager
def _locked(statement: str) -> Iterator[None]:
    """Somebody else holds a lock for the length of the block."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(statement)
        yield
        other.rollback()


def test_a_process_is_as_patient_as_its_use_asks(limited: Callable[..., None]) -> None:
    limited(30, 10, 60)
    assert _limits() == ["30s", "10s", "1min"]
    limited(0, 0, 0)
    assert _limits() == ["0", "0", "0"]


def test_a_command_has_no_limits(limited: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    limited(30, 10, 60)
    monkeypatch.setattr(database, "_use", Use.COMMAND)
    assert _limits() == ["0", "0", "0"]


@pytest.mark.parametrize(
    ("queues", "use"),
    [
        ({"engine"}, Use.ENGINE),
        ({"io"}, Use.IO),
        ({"io", "maintenance"}, Use.MAINTENANCE),
        ({"engine", "io"}, Use.IO),
        ({"another"}, Use.MAINTENANCE),
    ],
)
def test_a_worker_is_as_patient_as_its_most_patient_queue(queues: set[str], use: Use) -> None:
    assert use_of_queues(queues) is use


@pytest.mark.parametrize("use", [Use.ENGINE, Use.IO, Use.MAINTENANCE])
def test_workers_go_by_indexes_even_where_a_table_was_small(
    limited: Callable[..., None], monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    limited(0, 0, 0)
    monkeypatch.setattr(database, "_use", use)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE executions_execution")
    plan = Execution.objects.filter(status="queued", developer=SINGLE_TENANT_ID).explain()
    assert "Index" in plan and "Seq Scan" not in plan, plan


def test_every_connection_of_a_pool_is_limited(limited: Callable[..., None]) -> None:
    limited(7, 5, 3)
    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 0, "max_size": 2}}
    pooled = DatabaseWrapper({**connection.settings_dict, "OPTIONS": options, "CONN_MAX_AGE": 0})
    try:
        for _ in range(2):
            assert _limits(pooled) == ["7s", "5s", "3s"]
            pooled.close()
    finally:
        pooled.close_pool()


@pytest.fixture
def pooled(unpooled: None) -> Iterator[DatabaseWrapper]:
    """A connection to the database of the tests that comes from a pool."""
    options = {**connection.settings_dict["OPTIONS"], "pool": {"min_size": 0, "max_size": 1}}
    made = DatabaseWrapper({**connection.settings_dict, "OPTIONS": options, "CONN_MAX_AGE": 0})
    yield made
    made.close()
    made.close_pool()


def _answer(on: DatabaseWrapper, statement: str) -> Any:
    with on.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_one_that_is_taken_from_a_pool_again_costs_no_statement(pooled: DatabaseWrapper) -> None:
    pid = _answer(pooled, "SELECT pg_backend_pid()")
    pooled.close()
    pooled.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid])
        assert cursor.fetchone() == ("SELECT pg_backend_pid()",)
    assert _answer(pooled, "SELECT pg_backend_pid()") == pid


@pytest.mark.django_db(transaction=True)
def test_one_that_has_ended_in_a_pool_is_not_given(pooled: DatabaseWrapper) -> None:
    pid = _answer(pooled, "SELECT pg_backend_pid()")
    pooled.close()
    with connection.cursor() as cursor:
        # Waits until it is gone.
        cursor.execute("SELECT pg_terminate_backend(%s, 30000)", [pid])
        assert cursor.fetchone() == (True,)
    assert _answer(pooled, "SELECT pg_backend_pid()") != pid


def test_an_index_may_take_its_time(limited: Callable[..., None]) -> None:
    limited(7, 5, 3)
    with without_limits():
        assert _limits() == ["0", "0", "0"]
    assert _limits() == ["7s", "5s", "3s"]
    with pytest.raises(db.DataError), transaction.atomic(), without_limits(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    assert _limits() == ["7s", "5s", "3s"]


def test_a_list_that_takes_too_long_is_given_up(api: ApiClient, limited: Callable[..., None]) -> None:
    limited(0.2, 0, 0)
    with _locked("LOCK TABLE agents_agent IN ACCESS EXCLUSIVE MODE"):
        response = api.get("/agents")
    assert (response.status_code, response.json(), response.headers["Retry-After"]) == (429, _BUSY, "1")
    assert api.get("/agents").status_code == 200


def test_a_lock_that_is_not_given_in_time_is_given_up(api: ApiClient, limited: Callable[..., None]) -> None:
    agent = api.post("/agents", {"name": "Ada"}).json()["id"]
    limited(0, 0.2, 0)
    with _locked("SELECT * FROM agents_agent FOR UPDATE"):
        response = api.patch(f"/agents/{agent}", {"about": "Late."})
    assert (response.status_code, response.json(), response.headers["Retry-After"]) == (429, _BUSY, "1")
    assert api.patch(f"/agents/{agent}", {"about": "In time."}).status_code == 200


def test_a_forgotten_transaction_is_ended_and_the_process_goes_on(api: ApiClient, limited: Callable[..., None]) -> None:
    limited(0, 0, 0.1)
    with pytest.raises(db.Error) as caught, transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            _wait_for_end(cursor.fetchone()[0])
        api.get("/agents")
        _limits()
    assert is_outage(caught.value)
    db.close_old_connections()  # as before every request and message
    assert api.get("/agents").status_code == 200


def _wait_for_end(pid: int) -> None:
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            time.sleep(0.01)


def test_queries_of_one_kind_have_threads_of_their_own() -> None:
    async def ask() -> list[str]:
        return [await run_query(_thread_name, threads) for threads in Threads]

    names = asyncio.run(ask())
    assert [name.rpartition("_")[0] for name in names] == [f"query-{threads.value}" for threads in Threads]


def _thread_name() -> str:
    return threading.current_thread().name


def test_a_pool_smaller_than_the_threads_is_refused(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.DATABASES["default"]["OPTIONS"], "pool", {"max_size": 1})
    settings.DB_POOL_SIZE = settings.DATABASE_THREADS
    assert check_pool_size(None) == []
    settings.DB_POOL_SIZE -= 1
    [found] = check_pool_size(None)
    assert found.id == "julep.E001"
    assert found.hint is not None and "API_SEARCH_THREADS" in found.hint


def test_limits_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_TIMEOUTS_API", " 5, 0,60")
    assert env_ints("DB_TIMEOUTS_API", (1, 2, 3)) == (5, 0, 60)
    for wrong in ("5", "5,6", "5,6,7,8", "5,-1,7", "5,a,7", "1.5,1,1"):
        monkeypatch.setenv("DB_TIMEOUTS_API", wrong)
        with pytest.raises(InvalidSetting, match="DB_TIMEOUTS_API must be 3 whole numbers"):
            env_ints("DB_TIMEOUTS_API", (1, 2, 3))


@pytest.mark.django_db
def test_rows_are_counted_up_to_a_number_and_not_sorted() -> None:
    Developer.objects.bulk_create(Developer(email=f"{name}@example.com") for name in range(3))
    rows = Developer.objects.order_by("-created_at", "email")
    number = rows.count()
    with CaptureQueriesContext(connection) as sent:
        assert [has_more_than(rows, most) for most in (0, 2, number)] == [True, True, False]
    assert not [each["sql"] for each in sent if "ORDER BY" in each["sql"]]
    assert sent[0]["sql"].count("LIMIT 1") == 1
