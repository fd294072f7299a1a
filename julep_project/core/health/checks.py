"""System checks: settings that do not go together. `manage.py check` runs them, and so do `check_services` and every
process that serves requests or takes messages, which does not start with an error among them.

Those of what has to be done before such a process starts, by a command, are `deploy` checks: commands do not make them.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register, run_checks
from django.core.exceptions import ImproperlyConfigured

CHECKS = "julep"


def refuse_errors() -> None:
    """To be called once Django is set up.

    Raises:
        ImproperlyConfigured: an error was found.
    """
    found = [message for message in run_checks(tags=[CHECKS], include_deployment_checks=True) if message.is_serious()]
    if found:
        raise ImproperlyConfigured("\n".join(map(str, found)))


@register(CHECKS)
def check_pool_size(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """A thread that waits for a connection waits for work of other kinds, which having its own threads avoids."""
    size, threads = settings.DB_POOL_SIZE, settings.DATABASE_THREADS
    if size >= threads or "pool" not in settings.DATABASES["default"]["OPTIONS"]:
        return []
    return [
        Error(
            f"DB_POOL_SIZE is {size}, and {threads} threads of one process can ask for a connection at once.",
            hint=f"Leave DB_POOL_SIZE unset, set it to at least {threads}, or lower the numbers of threads: "
            "API_THREADS, API_QUERY_THREADS, API_SEARCH_THREADS, CHAT_TOOL_THREADS, IO_THREADS.",
            id="julep.E001",
        )
    ]
