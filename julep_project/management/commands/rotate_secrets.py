"""`manage.py rotate_secrets`: seal all secrets with the newest master key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.vault.rotation import Rotation, delete_lost, rotate
from julep_project.core.actor import Actor, ActorKind, acting_as
from julep_project.core.errors import DomainError


class Command(BaseCommand):
    """Exit code 1 while an older key is needed; see docs/operations.md for the whole procedure."""

    help = "Seal all secrets with the first key of SECRETS_MASTER_KEY, so that the keys behind it can be removed."
    # A key that is missing is what this command tells of, secret by secret.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--delete-lost",
            metavar="FINGERPRINT",
            help="instead, remove the secrets that were sealed with a master key which is lost",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Report what was done."""
        try:
            if options["delete_lost"]:
                with acting_as(Actor(ActorKind.COMMAND, "rotate_secrets")):
                    self._delete_lost(options["delete_lost"])
            else:
                self._rotate()
        except DomainError as error:
            raise CommandError(error.message) from error

    def _rotate(self) -> None:
        rotation = rotate(self._report)
        for reason in rotation.unreadable.values():
            self.stderr.write(reason)
        if not rotation.is_complete:
            raise CommandError(
                f"{rotation.left} secrets are not sealed with {rotation.fingerprint}, {len(rotation.unreadable)} of "
                "them because they cannot be opened: keep the older keys, mend what is told above, and run this again"
            )
        self.stdout.write(
            f"All secrets are sealed with {rotation.fingerprint}, {rotation.sealed} of them now. "
            "The keys behind it in SECRETS_MASTER_KEY can be removed."
        )

    def _report(self, rotation: Rotation) -> None:
        self.stdout.write(f"{rotation.sealed} sealed with {rotation.fingerprint}, {rotation.left} left")

    def _delete_lost(self, fingerprint: str) -> None:
        try:
            removed = delete_lost(fingerprint)
        except ValueError as error:
            raise CommandError(str(error)) from None
        for secret in removed:
            owner = f"developer {secret.developer_id}" + (f", agent {secret.agent_id}" if secret.agent_id else "")
            self.stdout.write(f"removed {secret.name} of {owner}")
        self.stdout.write(f"Removed {len(removed)} secrets.")
