"""`manage.py language_reference`: the generated parts of `docs/language.md`."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from tasks.language.reference import written


class Command(BaseCommand):
    """Says whether the page agrees with the code; with `--write` makes it agree. Exit code 1 if it does not."""

    help = "Compare the tables of docs/language.md with the language itself, or write them."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--write", action="store_true", help="bring the page up to date")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, and write if asked to."""
        page = Path(__file__).parents[3] / "docs" / "language.md"
        found = page.read_text()
        wanted = written(found)
        if options["write"]:
            page.write_text(wanted)
        elif found != wanted:
            self.stderr.write("docs/language.md is out of date; run `manage.py language_reference --write`")
            sys.exit(1)
