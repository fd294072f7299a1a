"""The Celery application. Settings live in `settings.py` under the prefix `CELERY_`."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_ready
from celery.worker.control import inspect_command
from django.db import close_old_connections

from julep_project.core.release import read_release

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")

app = Celery("julep")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="celery_tasks")

_RELEASE = read_release()


@inspect_command(name="release")  # type: ignore[untyped-decorator]
def _release(state: Any) -> str:
    """The code this worker runs, asked for by `manage.py doctor`."""
    return _RELEASE


@task_prerun.connect  # type: ignore[untyped-decorator]
@task_postrun.connect  # type: ignore[untyped-decorator]
def _tend_connections(**_: Any) -> None:
    """Around every message what Django does around every request: drop broken and old connections, keep the others.

    Celery itself would close each one (a pool of a prefork worker whole) and have it opened again for every message;
    `CELERY_DB_REUSE_MAX` keeps it from that.
    """
    close_old_connections()


@worker_ready.connect  # type: ignore[untyped-decorator]
def _warm_gateway(sender: Any, **_: Any) -> None:
    """The client library of the model providers takes seconds to import: do it where calls run, before the first."""
    from agents.llm import gateway  # models cannot be imported before Django is set up

    if "io" in sender.app.amqp.queues.consume_from:
        gateway.warm_if_configured()
