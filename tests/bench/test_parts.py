"""The measurements run on real workers and give numbers; how large they are is nobody's business here."""

import os
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest
from django.db.models import Count
from django.db.models.functions import Now

from executions.models import Execution
from julep_project.bench import ages, programs, tenants
from julep_project.bench.chat_streams import offline_chat
from julep_project.bench.load import ClosedLoop
from julep_project.bench.machine import commit_seconds
from julep_project.bench.parts import Workload, first_transition
from julep_project.bench.postgres import statements_per_second
from julep_project.bench.processes import processor_s, proportional_mib
from tests.api_client import API_KEY
from tests.backend import Backend
from tests.devservices.conftest import wait_for

# Only a failing test waits this long.
LONG_S = 30


@pytest.mark.django_db(transaction=True)
def test_the_first_transition_is_measured(backend: Backend) -> None:
    rows = first_transition(Workload(starts=3))
    assert [row.what for row in rows] == ["start to first transition, p50", "start to first transition, p99"]
    assert 0 < rows[0].here <= rows[1].here


@pytest.mark.django_db(transaction=True)
def test_a_closed_loop_ends_when_all_its_runs_have(backend: Backend) -> None:
    task = programs.light_steps(3)
    assert ClosedLoop(lambda: programs.start(task), lambda: programs.unfinished(task)).rate(0.5) > 0
    assert programs.unfinished(task) == 0


@pytest.mark.django_db(transaction=True)
def test_idle_statements_are_counted() -> None:
    assert statements_per_second(0.1) >= 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells so of processes")
def test_what_processes_take_is_counted_with_those_below_them() -> None:
    busy = "import subprocess, sys; sum(range(10**7)); sys.stdin.read()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        alone = proportional_mib(os.getpid())
        assert wait_for(lambda: processor_s(process.pid) >= 0.1, LONG_S)
        assert 0 < proportional_mib(process.pid) < alone
        assert processor_s(process.pid) < processor_s(os.getpid())


@pytest.mark.django_db(transaction=True)
def test_commits_are_timed() -> None:
    assert all(taken > 0 for taken in commit_seconds())


@pytest.mark.django_db(transaction=True)
def test_single_runs_and_chats_are_measured_beside_another_developers(backend: Backend) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=backend.url, headers=headers, trust_env=False) as client:
        rows = tenants.measure(queued=50, items=20, chunks=40, times=2, chat=offline_chat(client))
    assert len(rows) == 12
    assert all(row.here > 0 for row in rows)
    assert not Execution.objects.exclude(status="succeeded").exists()


@pytest.mark.django_db(transaction=True)
def test_days_pass_and_what_is_too_old_goes(backend: Backend) -> None:
    rows = ages.measure(days=3, runs=5, real=4, times=1)

    assert len(rows) == 5
    assert all(row.here > 0 for row in rows[:4])
    assert rows[4].here >= 0  # autovacuum may have been here just now
    assert not Execution.objects.exclude(status="succeeded").exists()
    assert Execution.objects.filter(created_at__lt=Now() - timedelta(hours=1)).count() == 5
    logs = Execution.objects.annotate(rows=Count("transitions"))
    assert set(logs.values_list("rows", flat=True)) == {10}
