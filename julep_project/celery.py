"""The Celery application. Settings live in `settings.py` under the prefix `CELERY_`."""

import logging.config
import os
import sys
import warnings
from typing import Any

from celery import Celery, Task
from celery.signals import (
    after_task_publish,
    beat_init,
    before_task_publish,
    celeryd_init,
    heartbeat_sent,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
)
from celery.worker.control import control_command, inspect_command
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections

from julep_project.core.database import use_database_as, use_of_queues
from julep_project.core.health.alive import touch_alive_file
from julep_project.core.health.checks import refuse_errors
from julep_project.core.process import memory
from julep_project.core.process.panics import contained
from julep_project.core.process.release import read_release
from julep_project.core.process.request_id import current_request_id, set_request_id
from julep_project.core.telemetry import process as telemetry
from julep_project.core.work.rings import DOORBELL
from julep_project.worker_heartbeat import HeartbeatStep, told_no_more, told_now
from julep_project.worker_stop import StopStep, stop_beat
from tasks.expressions.apart import standstill

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")
# Celery would run all of Django's checks and look at none of what they find; see `_check_settings`.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


class ContainedTask(Task):  # type: ignore[misc]
    """A Celery task whose message fails when a library panics; the worker goes on."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with contained():
            return self.run(*args, **kwargs)


app = Celery("julep", task_cls=ContainedTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="celery_tasks")
app.steps["worker"].update((StopStep, HeartbeatStep))

_RELEASE = read_release()


@inspect_command(name="release")  # type: ignore[untyped-decorator]
def _release(state: Any) -> str:
    """The code this worker runs, asked for by `manage.py doctor`."""
    return _RELEASE


@control_command(name=DOORBELL)  # type: ignore[untyped-decorator]
def _look_at_row(state: Any) -> str:
    """Somebody has asked something of this worker in its row."""
    told_now()
    return "looks"


@celeryd_init.connect  # type: ignore[untyped-decorator]
def _let_root_be(**_: Any) -> None:
    """Celery warns on every start by root, which is how containers and throw-away machines run it."""
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")


@setup_logging.connect  # type: ignore[untyped-decorator]
def _log_as_all_do(**_: Any) -> None:
    """In place of Celery's own lines and levels: `--loglevel` means nothing, `LOG_LEVEL` counts."""
    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect  # type: ignore[untyped-decorator]
def _check_settings(**_: Any) -> None:
    """As the API does. What a handler raises is logged and no more, but for an order to end."""
    try:
        refuse_errors()
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")


@worker_init.connect  # type: ignore[untyped-decorator]
def _limit_queries(sender: Any, **_: Any) -> None:
    """Before any connection is made, in this process or in those it forks."""
    use_database_as(use_of_queues(set(sender.app.amqp.queues.consume_from)))


# Sent by the loop of a worker that takes messages. Beat has no such signal; what it does is send messages.
heartbeat_sent.connect(touch_alive_file)


@beat_init.connect  # type: ignore[untyped-decorator]
def _prepare_beat(sender: Any, **_: Any) -> None:
    stop_beat(sender)
    telemetry.begin("beat")
    after_task_publish.connect(touch_alive_file)


@task_prerun.connect  # type: ignore[untyped-decorator]
@task_postrun.connect  # type: ignore[untyped-decorator]
def _tend_connections(**_: Any) -> None:
    """Around every message what Django does around every request: drop broken and old connections, keep the others.

    Celery itself would close each one (a pool of a prefork worker whole) and have it opened again for every message;
    `CELERY_DB_REUSE_MAX` keeps it from that.
    """
    close_old_connections()


@before_task_publish.connect  # type: ignore[untyped-decorator]
def _name_request(headers: dict[str, Any], **_: Any) -> None:
    """Messages name the request that led to them, and so do those that are sent while one is worked on."""
    if request_id := current_request_id():
        headers["request_id"] = request_id


@task_prerun.connect  # type: ignore[untyped-decorator]
def _enter_request(task: Any, **_: Any) -> None:
    set_request_id(getattr(task.request, "request_id", None) or "")


@task_postrun.connect  # type: ignore[untyped-decorator]
def _leave_request(**_: Any) -> None:
    set_request_id("")


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _time_evaluations(**_: Any) -> None:
    """A process of a prefork worker runs one slice at a time: an evaluation that stands still may end it."""
    standstill.prepare(settings.EVALUATION_CPU_SECONDS)


@task_postrun.connect  # type: ignore[untyped-decorator]
def _give_memory_back(**_: Any) -> None:
    memory.tend()


@worker_init.connect  # type: ignore[untyped-decorator]
def _warm_gateway(sender: Any, **_: Any) -> None:
    """The client library of the model providers takes seconds to import: do it where calls run, before it is ready."""
    from agents.llm import gateway  # models cannot be imported before Django is set up

    if "io" in sender.app.amqp.queues.consume_from:
        gateway.warm_if_configured()
    memory.settle()


@worker_init.connect  # type: ignore[untyped-decorator]
def _tell_of_worker(sender: Any, **_: Any) -> None:
    """A worker of threads works itself; of a prefork one each of its processes does, and knows the queues from here."""
    global _queues
    _queues = tuple(sender.app.amqp.queues.consume_from)
    if "prefork" not in str(sender.pool_cls):
        telemetry.begin("+".join(sorted(_queues)), _queues)


_queues: tuple[str, ...] = ()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _tell_of_child(**_: Any) -> None:
    telemetry.begin("+".join(sorted(_queues)), _queues)


@worker_shutdown.connect  # type: ignore[untyped-decorator]
@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def _tell_no_more(**_: Any) -> None:
    telemetry.end()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _sign_off(**_: Any) -> None:
    told_no_more()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _settle_child(**_: Any) -> None:
    memory.settle()
