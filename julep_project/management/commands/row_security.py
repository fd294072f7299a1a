"""`manage.py row_security`: what of row-level security is in force, and the roles it needs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from julep_project.core.row_security.force import CannotBeMade, look, make_roles, operators_sql


class Command(BaseCommand):
    """Says what is not as it should be, and ends with 1 then."""

    help = "Compare row-level security with what the models say; `migrate` puts it in force."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--sql", action="store_true", help="print what makes the roles, for who may make roles")
        what.add_argument("--roles", action="store_true", help="make the roles, which a dump needs to be restored")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sql"]:
            self.stdout.write(operators_sql())
            return
        try:
            if options["roles"]:
                make_roles()
                return
        except CannotBeMade as error:
            raise CommandError(str(error)) from None
        standing = look()
        for name in standing.slow:
            self.stdout.write(f"{name} is not marked LEAKPROOF: searches in the scope of a developer use no index")
        if standing.wrong:
            raise CommandError("\n".join(standing.wrong))
        self.stdout.write("in force")
