"""`manage.py check_services`: does everything this installation needs answer?"""

import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand

from julep_project.core.health import health

_POLL_S = 0.3
_PATIENCE_S = 5.0


class Command(BaseCommand):
    """Prints one line for each component; exit code 1 if any does not answer."""

    help = "Report whether database, migrations, Redis and the workers of every queue answer."
    requires_system_checks = ["julep"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", nargs="+", choices=health.COMPONENTS, default=list(health.COMPONENTS))
        parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="keep trying this long")
        parser.add_argument("--api", default="", metavar="URL", help="also ask the API at this address")

    def handle(self, *args: Any, **options: Any) -> None:
        deadline = time.monotonic() + options["wait"]
        reports = _look(options["only"], options["api"])
        while not all(report.ok for report in reports) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            reports = _look(options["only"], options["api"])
        for report in reports:
            self.stdout.write(f"{report.component}: {'ok' if report.ok else 'error'}{report.suffix}")
        if not all(report.ok for report in reports):
            sys.exit(1)


def _look(components: Sequence[str], api: str) -> list[health.Report]:
    reports = health.report(components, timeout_s=_PATIENCE_S)
    return [*reports, _ask_api(api)] if api else reports


def _ask_api(url: str) -> health.Report:
    """Whether it is ready for requests; the components were asked directly."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_PATIENCE_S):  # noqa: S310  (the caller's own address)
            return health.Report("api", ok=True)
    except urllib.error.HTTPError as error:
        error.close()
        return health.Report("api", ok=error.code < 500, detail=f"answers {error.code}")
    except OSError as error:
        return health.Report("api", ok=False, detail=str(error))
