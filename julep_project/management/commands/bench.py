"""`manage.py bench`: measure a private installation of this machine beside raw Celery."""

import subprocess
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.home import Home
from julep_project.devservices.ports import LOOPBACK
from julep_project.devservices.private import private_installation
from julep_project.env import PROJECT_ROOT, state_dir

_SETTINGS = {"JULEP_HTTP_ALLOW": LOOPBACK, "LOG_LEVEL": "ERROR"}


class Command(BaseCommand):
    """Starts an installation in `.julep/bench`, measures it and prints one table."""

    help = (
        "Measure steps, runs, maps, tool calls and sleeping runs per second and their delays; see docs/performance.md."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", default="", help="parts to run, such as a,d (default: all)")
        parser.add_argument("--quick", action="store_true", help="measure less often and for a shorter time")
        parser.add_argument("--large", action="store_true", help="also a map of 10 000")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ends with the exit code of the measurement."""
        chosen = [f"--{name}" for name in ("quick", "large") if options[name]]
        chosen += ["--only", options["only"]] if options["only"] else []
        try:
            with private_installation(Home(state_dir() / "bench"), _SETTINGS) as environ:
                command = [sys.executable, "-m", "julep_project.bench", *chosen]
                code = subprocess.run(command, env=environ, cwd=PROJECT_ROOT, check=False).returncode
        except ServiceError as error:
            raise CommandError(str(error)) from None
        if code:
            sys.exit(code)
