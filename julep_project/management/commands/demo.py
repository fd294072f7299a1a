"""`manage.py demo`: run a multi-step task end to end on this machine, and stop everything again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from julep_project.demo import Api, DemoFailed, chosen_model, run_demo
from julep_project.devservices.home import Home
from julep_project.env import PROJECT_ROOT, state_dir

_START_S = 120
_STOP_S = 20
_DEFAULT_TOPIC = "how a run survives a crash"


class Command(BaseCommand):
    """Starts a private installation, runs `docs/examples/research.yaml` on it and shows the log as it grows."""

    help = "Run the research task on TOPIC (environment) with MODEL, or the offline model without a provider key."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit code 0 only if the run succeeded and the webhook received the summary."""
        began = time.monotonic()
        topic = os.environ.get("TOPIC") or _DEFAULT_TOPIC
        try:
            with self._installation(Home(state_dir() / "demo")) as api:
                self.stdout.write(f"Everything runs after {time.monotonic() - began:.1f} s at {api.url}")
                run_demo(api, PROJECT_ROOT, topic=topic, model=chosen_model(), say=self.stdout.write)
        except DemoFailed as error:
            raise CommandError(f"The demo failed: {error}") from None
        self.stdout.write(f"Done in {time.monotonic() - began:.1f} s; everything is stopped.")

    @contextmanager
    def _installation(self, home: Home) -> Iterator[Api]:
        """A server of our own on free ports, for the length of the block."""
        home.path.mkdir(parents=True, exist_ok=True)
        log = home.path / "up.log"
        self.stdout.write("Starting Postgres, Redis, the API, workers and beat ...")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(PROJECT_ROOT / "manage.py"), "up"],
                env={**os.environ, "JULEP_HOME": str(home.path), "PORT": "0", "FLOWER_PORT": "0"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield _wait_ready(home, process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP_S)


def _wait_ready(home: Home, process: "subprocess.Popen[bytes]", log: Path) -> Api:
    deadline = time.monotonic() + _START_S
    while (note := home.read_note()).get("pid") != process.pid:
        if process.poll() is not None or time.monotonic() > deadline:
            raise DemoFailed(f"the server did not start; its log {log} ends:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)
    return Api(note["url"], note["api_key"])
