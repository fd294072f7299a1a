"""`manage.py demo`: run a multi-step task end to end on this machine, and stop everything again."""

import os
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from julep_project.demo import Api, DemoFailed, run_demo
from julep_project.devservices.errors import ServiceError
from julep_project.devservices.home import Home
from julep_project.devservices.private import private_installation
from julep_project.env import PROJECT_ROOT, state_dir

_DEFAULT_TOPIC = "how a run survives a crash"


class Command(BaseCommand):
    """Starts a private installation, runs `docs/examples/research.yaml` on it and shows the log as it grows."""

    help = "Run the research task on TOPIC (environment) with MODEL, or the offline model without a provider key."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 0 only if the run succeeded and the webhook received the summary."""
        began = time.monotonic()
        topic = os.environ.get("TOPIC") or _DEFAULT_TOPIC
        home = Home(state_dir() / "demo")
        self.stdout.write("Starting Postgres, Redis, the API, workers and beat ...")
        try:
            with private_installation(home, {}, own_services=False):
                note = home.read_note()
                self.stdout.write(f"Everything runs after {time.monotonic() - began:.1f} s at {note['url']}")
                api = Api(note["url"], note["api_key"])
                # Without a name the server picks a model by the provider keys it has.
                model = os.environ.get("MODEL", "")
                run_demo(api, PROJECT_ROOT, topic=topic, model=model, say=self.stdout.write)
        except (DemoFailed, ServiceError) as error:
            raise CommandError(f"The demo failed: {error}") from None
        self.stdout.write(f"Done in {time.monotonic() - began:.1f} s; everything is stopped.")
