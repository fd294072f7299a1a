"""`manage.py import_developer`: what export_developer wrote, into this installation."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from julep_project.archive.importing import Imported, Importing, import_developer
from julep_project.archive.progress import Progress
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.errors import DomainError

_GIB = 1024**3
_DEFAULT_GB = 100


class Command(BaseCommand):
    """All or nothing. See docs/data-protection.md."""

    help = "Import an archive that export_developer wrote, all of it or nothing."
    requires_system_checks = ["julep"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the archive")
        parser.add_argument("--as", type=UUID, dest="developer", metavar="ID", help="the developer it is to belong to")
        parser.add_argument("--dry-run", action="store_true", help="do all of it, and take it back")
        parser.add_argument(
            "--most-gb", type=int, default=_DEFAULT_GB, metavar="N", help="refuse what unpacks to more (default: 100)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it, and say what is left to do."""
        how = Importing(options["developer"], options["dry_run"], options["most_gb"] * _GIB)
        try:
            with acting_as(Actor(ActorKind.COMMAND, "import_developer")):
                imported = import_developer(
                    options["file"], how, report=Progress(self.stdout.write), named=self._tell_of_named
                )
        except DomainError as error:
            raise CommandError(f"{error.message}. Nothing was imported.") from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}. Nothing was imported.") from error
        self._tell(imported)
        if options["dry_run"]:
            self.stdout.write("All of it could be imported; nothing was.")
        else:
            self.stdout.write(f"Archive {imported.manifest.archive} is the developer {imported.developer_id} here.")

    def _tell_of_named(self, table: str, row: Mapping[str, Any]) -> None:
        # Whatever it says, it is one line on a terminal.
        self.stdout.write(f"to be made anew: {table} {json.dumps(row)}")

    def _tell(self, imported: Imported) -> None:
        for name, count in imported.written.items():
            if count:
                self.stdout.write(f"{name}: {count} rows")
        self.stdout.write(f"contents of the file storage: {imported.manifest.contents}")
        for name, count in imported.manifest.left_out.items():
            if count:
                self.stdout.write(f"not in the archive: {count} {name} that had not ended")
        for model in imported.embedded_anew:
            self.stdout.write(f"vectors of {model} are not used here; docs wait for those of this installation")
