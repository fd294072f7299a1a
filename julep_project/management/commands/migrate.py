"""`manage.py migrate`: Django's, and afterwards row-level security is what the models say."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate

from julep_project.core.row_security.force import CannotBeMade, bring_into_force


class Command(migrate.Command):
    """Migrates, and puts policies in force where `ROW_SECURITY` is on."""

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if not settings.ROW_SECURITY_ON or options["plan"] or options["check_unapplied"]:
            return
        try:
            bring_into_force(lambda line: self.stdout.write(line) if self.verbosity > 0 else None)
        except CannotBeMade as error:
            raise CommandError(str(error)) from None
