"""`manage.py chaos`: does an installation keep its promises while its parts are killed?"""

import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from julep_project.chaos.campaign import run_chaos
from julep_project.devservices.errors import ServiceError


class Command(BaseCommand):
    """Runs random programs on a private installation under harm; one line per broken promise, exit code 1 if any."""

    help = "Kill, freeze and wipe a private installation while random programs run on it, and check what they left."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="repeats the same programs and acts")
        parser.add_argument("--programs", type=int, default=40)
        parser.add_argument("--minutes", type=float, default=1.0, help="how long the harm lasts")
        parser.add_argument(
            "--freeze", type=float, default=40.0, metavar="SECONDS", help="how long a process is stopped"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # So that the installation is stopped and removed however this ends.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        seed = options["seed"]
        try:
            outcome = run_chaos(
                seed=seed,
                programs=options["programs"],
                harm_s=options["minutes"] * 60,
                freeze_s=options["freeze"],
                say=self.stdout.write if options["verbosity"] > 0 else lambda _: None,
            )
        except ServiceError as error:
            raise CommandError(str(error)) from None
        for finding in outcome.findings:
            self.stdout.write(f"seed {seed}: {finding}")
        self.stdout.write(
            f"seed {seed}: {outcome.programs} programs, {outcome.acts} acts of harm, {outcome.calls} calls; "
            f"the last moved {outcome.seconds:.1f} s after the harm; {len(outcome.findings)} findings"
        )
        if outcome.findings:
            sys.exit(1)
