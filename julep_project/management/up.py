"""`manage.py up`: everything on this machine under one supervisor, which loads once what all programs need.

They are forks of it: what takes seconds of processor time and hundreds of megabytes is done, and held, once.
"""

import gc
import os
from collections.abc import Mapping
from importlib import import_module, reload
from logging.config import dictConfig

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.installation import run_installation
from julep_project.env import InvalidSetting

# What none of them imports before it works, but all of a kind do then.
_MODULES = (
    "julep_project.urls",
    "julep_project.serving.stream_handler",
    "julep_project.serving.threaded_wsgi",
    "django.core.handlers.wsgi",
    "django.db.migrations.executor",
    "django.db.backends.postgresql.schema",
    "granian.cli",
    "granian.server",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.bin.beat",
    "celery.apps.worker",
    "celery.apps.beat",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "flower.command",
)


class Loaded:
    """Django, the applications and the libraries; begins no thread and opens nothing."""

    def load(self, environ: Mapping[str, str]) -> None:
        os.environ.update(environ)
        os.environ["DJANGO_SETTINGS_MODULE"] = "julep_project.settings"
        import django
        from django.core.exceptions import ImproperlyConfigured

        try:
            django.setup()
        except (InvalidSetting, ImproperlyConfigured) as error:
            raise ServiceError(str(error)) from error
        app = import_module("julep_project.celery").app
        app.loader.import_default_modules()
        app.finalize()
        for name in _MODULES:
            import_module(name)
        _keep()

    def load_more(self) -> None:
        """The library of the model providers, where one is configured."""
        import_module("agents.llm.gateway").import_if_configured()
        _keep()

    def begin(self) -> None:
        """Read the settings anew that are of one process alone."""
        from django.conf import settings
        from django.db import DEFAULT_DB_ALIAS, connections

        own = reload(import_module("julep_project.settings"))
        settings.RETIRING_FILE = own.RETIRING_FILE
        connections.settings[DEFAULT_DB_ALIAS].update(own.DATABASES[DEFAULT_DB_ALIAS])
        if own.LOGGING != settings.LOGGING:
            settings.LOGGING = own.LOGGING
            dictConfig(own.LOGGING)


def main() -> int:
    """Exit code."""
    return run_installation(loading=Loaded())


def _keep() -> None:
    """Leave what is loaded out of collections, which would write to each of its pages."""
    gc.collect()
    gc.freeze()
