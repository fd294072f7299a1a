"""Registers the project package, so that its management commands are found."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

from julep_project.celery import app as celery_app
from julep_project.core.health import checks  # noqa: F401  (registers them)
from julep_project.core.process.memory import end_loading
from julep_project.core.row_security import checks as row_security_checks  # noqa: F401  (registers them)
from julep_project.core.work.keeper import schedule


class JulepProjectConfig(AppConfig):
    """Loads what the apps register for the layers below them."""

    name = "julep_project"
    label = "julep_project"

    def ready(self) -> None:
        """Make our Celery app the one of every thread, and import every app's `operations.py` and `keepers.py`.

        A higher app registers there what the layers below may call.
        """
        celery_app.set_default()
        autodiscover_modules("operations", "keepers")
        celery_app.conf.beat_schedule = schedule()
        end_loading()
