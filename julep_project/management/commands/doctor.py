"""`manage.py doctor`: is everything not only up, but well?"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from julep_project.doctor import examine


class Command(BaseCommand):
    """Prints one line for each check; exit code 1 if any finds a problem. Warnings are none."""

    help = (
        "Report what is wrong: parts that do not answer, late rows, docs and sweeps, Redis settings, outdated workers, "
        "tables that nothing cleans, old transactions, rows kept for too long, "
        "processes that cannot read what others store or have other settings."
    )
    requires_system_checks = ["julep"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--api", nargs="+", default=[], metavar="URL", help="also ask the APIs at these addresses")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = examine(options["api"])
        for report in reports:
            self.stdout.write(f"{report.component}: {report.level}{report.suffix}")
        if not all(report.ok for report in reports):
            sys.exit(1)
