"""The code behind `/healthz` and `manage.py check_services`."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import OperationalError

from julep_project.core.health import health
from julep_project.core.health.health import Kept


@pytest.fixture(autouse=True)
def ended_looks() -> Iterator[None]:
    """Who asks gets the answer of a look under way, and must not get that of the test before."""
    yield
    wait(health._running.values())


@pytest.fixture
def kept() -> Kept:
    return Kept(health.COMPONENTS)


def replaced(**checks: Any) -> Any:
    return patch.dict(health._CHECKS, checks)


def fine() -> str:
    return ""


ALL_FINE = dict.fromkeys(health.COMPONENTS, fine)


def test_every_component_is_reported(kept: Kept) -> None:
    with replaced(**ALL_FINE):
        assert kept.ask().result() == {"database": "ok", "migrations": "ok", "redis": "ok", "workers": "ok"}


def test_a_slow_component_is_an_error_and_delays_nobody() -> None:
    release = threading.Event()

    def slow() -> str:
        release.wait(60)
        return ""

    with replaced(**{**ALL_FINE, "redis": slow}):
        reports = health.report(timeout_s=0.1)
        assert not release.is_set()
        release.set()
    assert {report.component: report.ok for report in reports}["redis"] is False
    assert sum(report.ok for report in reports) == 3


def test_a_bug_in_a_check_is_an_error_of_its_component(kept: Kept) -> None:
    def broken() -> str:
        raise LookupError

    with replaced(**{**ALL_FINE, "workers": broken}):
        assert kept.ask().result()["workers"] == "error"


def test_the_answer_is_kept_for_a_moment(kept: Kept) -> None:
    with replaced(**ALL_FINE):
        first = kept.ask().result()
    with replaced(database=lambda: "is away"):
        assert kept.ask().result() == first
        kept.forget()
        assert kept.ask().result()["database"] == "error"


def test_a_component_that_hangs_is_looked_at_once_however_many_ask(kept: Kept) -> None:
    release, looks = threading.Event(), []

    def slow() -> str:
        looks.append(1)
        release.wait(60)
        return ""

    with replaced(**{**ALL_FINE, "redis": slow}):
        answers = [kept.ask() for _ in range(100)]
        health.report(["redis"], timeout_s=0.01)
        assert {answer.result()["redis"] for answer in answers} == {"error"}
        assert len(looks) == 1
        release.set()


@pytest.mark.django_db(transaction=True)
def test_database_migrations_and_redis_of_this_test_run_answer() -> None:
    reports = health.report(["database", "migrations", "redis"], timeout_s=5)
    assert [(report.component, report.ok) for report in reports] == [
        ("database", True),
        ("migrations", True),
        ("redis", True),
    ]


def test_a_queue_without_a_worker_is_named() -> None:
    answers = {"engine@one": [{"name": "engine"}], "io@one": [{"name": "io"}]}
    with patch("julep_project.core.health.health.current_app") as app:
        app.control.inspect.return_value.active_queues.return_value = answers
        report = health.report(["workers"], timeout_s=5)[0]
    assert (report.ok, report.detail) == (False, "no worker answers for: maintenance")


def test_a_connection_that_went_stale_is_tried_again() -> None:
    answers = {"all@one": [{"name": name} for name in health.QUEUES]}
    with patch("julep_project.core.health.health.current_app") as app:
        app.control.inspect.return_value.active_queues.side_effect = [ConnectionError, answers]
        assert health.report(["workers"], timeout_s=5)[0].ok


def test_a_database_error_names_the_place_and_the_setting() -> None:
    with patch("julep_project.core.health.health.execute", side_effect=OperationalError("refused\nmore")):
        trouble = health._check_database()
    assert "cannot be reached: refused (set DATABASE_URL)" in trouble


def test_the_command_prints_one_line_each_and_fails_on_an_error() -> None:
    out = StringIO()
    wrong = "is away (set REDIS_URL)"
    with replaced(**{**ALL_FINE, "redis": lambda: wrong}), pytest.raises(SystemExit) as stopped:
        call_command("check_services", stdout=out)
    assert stopped.value.code == 1
    assert out.getvalue() == "database: ok\nmigrations: ok\nredis: error: is away (set REDIS_URL)\nworkers: ok\n"


def test_the_command_waits_for_what_is_still_starting() -> None:
    states = iter(["is away", ""])
    out = StringIO()
    with replaced(redis=lambda: next(states)):
        call_command("check_services", "--only", "redis", "--wait=5", stdout=out)
    assert out.getvalue() == "redis: ok\n"
