"""`manage.py up`: run everything on this machine."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from julep_project.env import PROJECT_ROOT


class Command(BaseCommand):
    """Starts services, migrations, API, workers, beat and Flower, and keeps them running until Ctrl-C."""

    help = (
        "Run API, workers, beat and Flower under one supervisor, with an embedded Postgres and Redis unless "
        "DATABASE_URL and REDIS_URL are set. PORT, FLOWER_PORT, HOST and JULEP_HOME move it elsewhere."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin anew: settings were read before the addresses of the embedded services are known."""
        os.execv(sys.executable, [sys.executable, str(PROJECT_ROOT / "manage.py"), "up"])  # noqa: S606
