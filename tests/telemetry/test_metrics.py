"""`/metrics`: for the operator only, of all processes together, bounded."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError
from prometheus_client.parser import text_string_to_metric_families

from julep_project import gauges
from julep_project.core.telemetry import metrics, registry, shared
from julep_project.core.telemetry.exposition import exposition
from julep_project.core.telemetry.metrics import OTHER
from julep_project.core.work.keeper import KEEPERS
from tests.api_client import ApiClient
from tests.backend import flush_redis
from tests.flow_runner import FlowRunner
from tests.telemetry.test_logs import CALLS_AND_FAILS

Samples = dict[tuple[str, ...], float]


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    """What other tests have counted is no part of these."""
    flush_redis()
    metrics.take_grown()
    metrics.forget_names()
    yield
    metrics.forget_names()
    flush_redis()


def read(api: ApiClient) -> Samples:
    """Every sample by its name and the values of its labels, in the order of their names."""
    answer = api.get("/metrics")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.django_db(transaction=True)
def test_only_the_operator_reads_them(api: ApiClient) -> None:
    key = api.post("/api_keys", {"label": "k", "scopes": ["admin", "read", "write"]}).json()["key"]
    assert [ApiClient(key=given).get("/metrics").status_code for given in (key, "wrong", None)] == [403] * 3
    assert api.post("/metrics").status_code == 405
    assert ("julep_workers", "engine") in read(api)


@pytest.mark.django_db(transaction=True)
def test_what_a_run_counts_for(flow: FlowRunner) -> None:
    main = [{"sleep": {"seconds": 5}}, *CALLS_AND_FAILS["main"]]
    created = flow.create({**CALLS_AND_FAILS, "main": main}).json()
    assert flow.start(created["id"], {})["status"] == "failed"
    assert shared.publish("here@one:1")

    found = read(flow.api)
    assert found[("julep_runs_started_total", "Ship it")] == 1
    assert found[("julep_runs_ended_total", "failed", "Ship it")] == 1
    assert found[("julep_model_calls_total", "offline/echo", "succeeded")] == 1
    assert found[("julep_model_call_seconds_count", "offline/echo")] == 1
    assert found[("julep_model_tokens_total", "offline/echo", "prompt")] > 0
    assert found[("julep_tool_calls_total", "succeeded", "look", "system")] == 1
    assert found[("julep_steps_total", "PromptStep")] == found[("julep_steps_total", "ToolCallStep")] == 1
    assert found[("julep_slices_total", "committed")] == found[("julep_slice_seconds_count",)]
    assert found[("julep_timer_lateness_seconds_count",)] == 1 and found[("julep_branch_wait_seconds_count",)] >= 1
    assert found[("julep_http_requests_total", "POST", "tasks/<task_id>/executions", "2xx")] == 1
    assert found[("julep_run_seconds_bucket", "+Inf", "failed")] == 1
    assert found[("julep_database_up",)] == found[("julep_redis_up",)] == 1
    assert found[("julep_database_connections_most",)] > found[("julep_database_connections",)] > 0
    assert found[("julep_branches", "ready")] == found[("julep_timers_late_seconds",)] == 0


@pytest.mark.django_db(transaction=True)
def test_upkeep_says_when_it_was_done(api: ApiClient) -> None:
    KEEPERS["executions.sweep"].run()
    shared.publish("here@one:1")
    found = read(api)
    assert found[("julep_sweeps_total", "executions.sweep", "done")] == 1
    assert found[("julep_keeper_age_seconds", "executions.sweep")] < 60
    assert found[("julep_keeper_age_seconds", "executions.prune_blobs")] == 24 * 3600
    assert found[("julep_keeper_interval_seconds", "executions.prune_blobs")] == 3600


def test_processes_add_up_and_leave_nothing(settings: Any) -> None:
    registry.CHATS.add("failed", amount=2)
    registry.POOL_WAITING.watch(lambda: 3, "api")
    shared.publish("api@one:1")
    registry.CHATS.add("failed")
    shared.publish("api@two:1")
    told = shared.read()
    assert told.grown[("julep_chats_total", "failed", "")] == 3
    assert told.now[("julep_database_pool_waiting", "api")] == 6

    shared.forget("api@one:1")
    assert shared.read().now[("julep_database_pool_waiting", "api")] == 3
    metrics._watched.clear()


def test_a_killed_process_leaves_not_even_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shared.time, "time", lambda: 1e9)
        shared.publish("api@killed:1")
    shared.publish("api@one:1")
    assert shared.redis_client().zrange(shared._PROCESSES, 0, -1) == [b"api@one:1"]


def test_what_redis_does_not_take_is_kept(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.CHATS.add("failed")
    with monkeypatch.context() as patch:
        patch.setattr(shared, "redis_client", _away)
        assert not shared.publish("api@one:1")
    registry.CHATS.add("failed")
    assert shared.publish("api@one:1")
    assert shared.read().grown[("julep_chats_total", "failed", "")] == 2


def _away(*_: float) -> Any:
    raise shared.redis.ConnectionError("away")


def test_names_from_outside_are_bounded_for_all_processes_together(settings: Any) -> None:
    settings.METRICS_NAMES = 2
    for name in ("a", "b" * 200, "c", "a", "d"):
        registry.RUNS_STARTED.add(name)
    shared.publish("api@one:1")
    metrics.forget_names()  # another process
    registry.RUNS_STARTED.add("e")
    shared.publish("api@two:1")
    registry.RUNS_STARTED.add("f")
    shared.publish("api@two:1")
    grown = {key[1]: value for key, value in shared.read().grown.items() if key[0] == "julep_runs_started_total"}
    # The other one could not know of the first two when it counted its own.
    assert grown == {"a": 2, "b" * 100: 1, OTHER: 3, "e": 1}


def test_labels_of_an_older_release_are_left_out() -> None:
    grown = {("julep_chats_total", "failed", ""): 1.0, ("julep_chats_total", ""): 5.0, ("julep_gone_total", ""): 7.0}
    text = exposition(grown, {}).decode()
    assert 'julep_chats_total{result="failed"} 1.0' in text and "5.0" not in text and "gone" not in text


@pytest.mark.django_db(transaction=True)
def test_without_its_neighbours_it_says_so(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise DatabaseError

    monkeypatch.setattr(gauges, "_of_database", away)
    monkeypatch.setattr(shared, "redis_client", _away)
    found = read(api)
    assert (found[("julep_database_up",)], found[("julep_redis_up",)]) == (0, 0)
