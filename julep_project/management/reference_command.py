"""What the commands have in common that keep a page of the documentation like the code."""

import sys
from abc import abstractmethod
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand

_DOCS = Path(__file__).parents[2] / "docs"


class ReferenceCommand(BaseCommand):
    """Says whether the page agrees with the code; with `--write` makes it agree. Exit code 1 if it does not."""

    page: ClassVar[str]
    requires_system_checks = []

    @abstractmethod
    def written(self, page: str) -> str:
        """The page as it should be."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--write", action="store_true", help="bring the page up to date")

    def handle(self, *args: Any, **options: Any) -> None:
        page = _DOCS / self.page
        found = page.read_text()
        wanted = self.written(found)
        if options["write"]:
            page.write_text(wanted)
        elif found != wanted:
            command = type(self).__module__.rpartition(".")[2]
            self.stderr.write(f"docs/{self.page} is out of date; run `manage.py {command} --write`")
            sys.exit(1)
