"""Celery is set up as the engine wants it: late acknowledgement, small prefetch, ids only, nothing kept for long."""

from typing import Any

import pytest
from celery import current_app
from celery.app.task import Task

from julep_project.core.health.health import QUEUES
from julep_project.core.work.keeper import KEEPERS

OWN_TASKS = {
    "core.prune_idempotency_keys": "maintenance",
    "executions.advance": "engine",
    "executions.join": "engine",
    "executions.run_lane": "engine",
    "executions.perform_effect": "io",
    "executions.sweep": "maintenance",
    "executions.prune_blobs": "maintenance",
    "executions.resume_within_budget": "maintenance",
    "executions.cancel_orphans": "maintenance",
    "executions.expire_actions": "maintenance",
    "executions.go_on_connected": "maintenance",
    "connections.prune": "maintenance",
    "mcp.ask_others": "maintenance",
    "executions.let_go_on": "maintenance",
    "bulk.work": "maintenance",
    "bulk.sweep": "maintenance",
    "events.hand_out": "io",
    "events.look": "io",
    "events.sweep": "maintenance",
    "events.sweep_waits": "maintenance",
    "events.prune": "maintenance",
    "hooks.prune": "maintenance",
    "schedules.tick": "maintenance",
    "schedules.send_message": "io",
    "schedules.sweep": "maintenance",
    "schedules.sweep_messages": "maintenance",
    "schedules.settle_lost": "maintenance",
    "retention.erase_user": "io",
    "retention.retain": "io",
    "retention.sweep_erasures": "maintenance",
    "spending.fold": "maintenance",
    "webhooks.deliver": "io",
    "webhooks.sweep": "maintenance",
    "webhooks.look_after": "maintenance",
    "spending.give_up_abandoned": "maintenance",
    "spending.recount": "maintenance",
    "docs_store.embed_chunks": "io",
    "docs_store.ingest_file": "io",
    "docs_store.sweep": "maintenance",
    "docs_store.sweep_ingestions": "maintenance",
    "docs_store.build_indexes": "io",
    "docs_store.refresh_statistics": "io",
    "docs_store.renew_words": "io",
    "docs_store.prune_contents": "maintenance",
    "docs_store.remove_expired_files": "maintenance",
    "docs_store.empty_expired_stores": "maintenance",
    "sessions.answer_response": "io",
    "sessions.sweep_responses": "maintenance",
    "sessions.prune_responses": "maintenance",
    "sessions.sweep_jobs": "maintenance",
    "sessions.prune_pending": "maintenance",
    "sessions.prune_turns": "maintenance",
    "core.send_wanted": "maintenance",
    "sessions.shorten_history": "io",
    # Sent to every queue by `manage.py doctor`.
    "julep_project.testify": "engine",
}


def own_tasks() -> dict[str, Task]:
    current_app.loader.import_default_modules()
    return {name: task for name, task in current_app.tasks.items() if not name.startswith("celery.")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_acks_late", True),
        ("task_reject_on_worker_lost", True),
        ("worker_prefetch_multiplier", 1),
        ("task_serializer", "json"),
        ("result_serializer", "json"),
        ("accept_content", ["json"]),
        ("task_ignore_result", True),
        ("task_default_queue", "engine"),
        ("task_always_eager", False),
    ],
)
def test_setting(name: str, value: Any) -> None:
    assert current_app.conf[name] == value


def test_redis_restores_unfinished_messages_one_by_one() -> None:
    options = current_app.conf.broker_transport_options

    assert options["unacked_restore_throttle"] == 1
    assert options["visibility_timeout"] > current_app.conf.task_time_limit


def test_work_has_time_limits_above_those_of_its_calls(settings: Any) -> None:
    conf = current_app.conf

    assert max(settings.MODEL_TIMEOUT_S, settings.JULEP_HTTP_TIMEOUT_S) < conf.task_soft_time_limit
    assert conf.task_soft_time_limit < conf.task_time_limit


def test_every_task_has_a_name_of_its_own() -> None:
    assert set(own_tasks()) == set(OWN_TASKS)


@pytest.mark.parametrize("name", OWN_TASKS)
def test_only_chord_headers_keep_a_result(name: str) -> None:
    assert own_tasks()[name].ignore_result is (name != "executions.run_lane")
    assert own_tasks()[name].acks_late is True


@pytest.mark.parametrize(("name", "queue"), OWN_TASKS.items())
def test_every_task_goes_to_a_queue_somebody_serves(name: str, queue: str) -> None:
    assert current_app.amqp.router.route({}, name)["queue"].name == queue
    assert queue in QUEUES


@pytest.mark.parametrize("name", [name for name, keeper in KEEPERS.items() if keeper.when is None])
def test_every_keeper_is_scheduled_and_old_messages_expire(name: str) -> None:
    entry = current_app.conf.beat_schedule[name]

    assert (entry["task"], entry["schedule"]) == (name, KEEPERS[name].every_s)
    assert entry["options"]["expires"] >= entry["schedule"]


def test_the_sweeps_come_every_few_seconds(settings: Any) -> None:
    often = {name for name, keeper in KEEPERS.items() if keeper.every_s == settings.SWEEP_SECONDS}
    sent = {
        name for name, entry in current_app.conf.beat_schedule.items() if entry["schedule"] == settings.SWEEP_SECONDS
    }

    assert sent == {"executions.sweep", "core.send_wanted"}
    assert often - sent == {name for name in often if KEEPERS[name].when is not None}
    assert often > {keeper for keeper in KEEPERS if "sweep" in keeper}
