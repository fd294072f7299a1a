"""`manage.py bench`: measure a private installation of this machine beside raw Celery."""

import subprocess
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from julep_project.bench.parts import PARTS, QUICK, Workload
from julep_project.bench.report import report
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
        parser.add_argument("--here", action="store_true", help="measure the running installation of JULEP_HOME")

    def handle(self, *args: Any, only: str, quick: bool, large: bool, here: bool, **options: Any) -> None:
        parts = only.replace(",", " ").split() or list(PARTS)
        if unknown := sorted(set(parts) - set(PARTS)):
            raise CommandError(f"there is no part {', '.join(unknown)}; parts are {', '.join(PARTS)}")
        if here:
            workers = Home(state_dir()).read_note().get("children", {})
            chosen = {**(QUICK if quick else {}), **({"largest_map": 10_000} if large else {})}
            report(parts, Workload(workers=workers, **chosen), sys.stdout)
            return
        flags = [flag for flag, is_set in (("--quick", quick), ("--large", large)) if is_set]
        command = [sys.executable, "manage.py", "bench", "--here", f"--only={','.join(parts)}", *flags]
        try:
            with private_installation(Home(state_dir() / "bench"), _SETTINGS) as environ:
                code = subprocess.run(command, env=environ, cwd=PROJECT_ROOT, check=False).returncode
        except ServiceError as error:
            raise CommandError(str(error)) from None
        if code:
            sys.exit(code)
