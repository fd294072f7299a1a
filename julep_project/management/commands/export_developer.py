"""`manage.py export_developer`: all that belongs to a developer in one file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from agents.models import Developer
from julep_project.archive.exporting import Exported, export_developer
from julep_project.archive.progress import Progress
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.errors import DomainError
from julep_project.core.tenancy import system_scope

_MOST_NAMED = 20


class Command(BaseCommand):
    """Says what is written, and at the end what a person has to know of it. See docs/data-protection.md."""

    help = "Write all that belongs to a developer into one archive, which import_developer reads elsewhere."
    requires_system_checks = ["julep"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("developer", type=UUID, metavar="ID", help="the developer")
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the archive to write, .tar.gz")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be in it")
        parser.add_argument(
            "--leave-out-work", action="store_true", help="leave out what has not ended, instead of refusing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it, or count."""
        path = None if options["dry_run"] else options["file"]
        if path is None and not options["dry_run"]:
            raise CommandError("Name a FILE, or say --dry-run")
        if path is not None and path.exists():
            raise CommandError(f"{path} is there already")
        with system_scope():
            developer = Developer.objects.filter(pk=options["developer"]).first()
        if developer is None:
            raise CommandError(f"There is no developer {options['developer']}")
        try:
            with acting_as(Actor(ActorKind.COMMAND, "export_developer")):
                exported = export_developer(
                    developer, path, leave_out=options["leave_out_work"], report=Progress(self.stdout.write)
                )
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error
        self._tell(exported)
        self.stdout.write(f"{path} is archive {exported.manifest.archive}" if path else "Nothing was written.")

    def _tell(self, exported: Exported) -> None:
        manifest = exported.manifest
        for name, part in manifest.tables.items():
            if part.rows:
                self.stdout.write(f"{name}: {part.rows} rows")
        self.stdout.write(f"contents of the file storage: {manifest.contents}")
        for name, count in manifest.left_out.items():
            if count:
                self.stdout.write(f"left out: {count} {name} that have not ended")
        for name, part in manifest.named.items():
            if part.rows:
                self.stdout.write(f"{name}: {part.rows} only by name; make them anew after the import")
        if exported.has_rates:
            self.stdout.write("left out: its tenant rates, which staff of the other installation set")
        if exported.keys:
            self.stdout.write(
                f"warning: {exported.keys} keys stand in definitions of tools, and so in the archive; "
                "`manage.py secure_tools` moves them into secrets"
            )
        for name in exported.missing[:_MOST_NAMED]:
            self.stdout.write(f"warning: the file storage does not have {name} as it was")
        if len(exported.missing) > _MOST_NAMED:
            self.stdout.write(f"warning: and {len(exported.missing) - _MOST_NAMED} more")
