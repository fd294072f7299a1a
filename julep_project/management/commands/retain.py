"""`manage.py retain`: remove now what is too old, or say how much that is."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from agents.models import Developer
from agents.retention.kinds import KINDS
from agents.retention.removal import (
    count_due,
    count_due_of_removed,
    retain_developer,
    retain_logs_of_removed,
)
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.tenancy import system_scope, tenant_scope


class Command(BaseCommand):
    """Prints one line for each developer and kind."""

    help = "Remove rows that are older than their retention period."
    requires_system_checks = ["julep"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, and remove nothing")
        parser.add_argument("--developer", type=UUID, metavar="ID", help="only of this developer")
        parser.add_argument("--kind", action="append", default=[], choices=sorted(KINDS), help="only of this kind")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = {"pk": options["developer"]} if options["developer"] else {}
        with system_scope():
            developers = list(Developer.objects.filter(**wanted).order_by("pk"))
        word = "due" if options["dry_run"] else "removed"
        with acting_as(Actor(ActorKind.COMMAND, "retain")):
            for developer in developers:
                for kind, count in self._work(developer, options).items():
                    self.stdout.write(f"{developer.pk} {kind}: {count} {word}")
            count = self._work_on_removed(options)
            if count:
                self.stdout.write(f"removed developers audit: {count} {word}")

    def _work(self, developer: Developer, options: dict[str, Any]) -> dict[str, int]:
        if not options["dry_run"]:
            return retain_developer(developer, kinds=options["kind"])
        with tenant_scope(developer.pk):
            due = count_due(developer)
        return {kind: count for kind, count in due.items() if not options["kind"] or kind in options["kind"]}

    def _work_on_removed(self, options: dict[str, Any]) -> int:
        if options["developer"] or "audit" not in (options["kind"] or ["audit"]):
            return 0
        return count_due_of_removed() if options["dry_run"] else retain_logs_of_removed()
