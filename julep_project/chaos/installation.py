"""A private installation in a temporary folder, with leases short enough for crashes to be noticed soon."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from julep_project.devservices.home import Home
from julep_project.env import PROJECT_ROOT

_START_S = 120
_STOP_S = 30
# What the caller's own installation was given must not reach this one.
_OUTER = {"DATABASE_URL", "REDIS_URL", "AGENTS_API_KEY", "SECRET_KEY", "JULEP_HTTP_ALLOW", "HOST"}
_SETTINGS = {
    "PORT": "0",
    "FLOWER_PORT": "0",
    "API_WORKERS": "1",
    "ENGINE_PROCESSES": "2",
    "IO_THREADS": "16",
    "DRAIN_SECONDS": "5",
    "LEASE_SECONDS": "3",
    "SWEEP_SECONDS": "1",
    "RING_AGAIN_SECONDS": "1",
    # Crashes count as attempts, and here they are no fault of the program.
    "MAX_ATTEMPTS": "1000",
}


class NotStarted(Exception):
    """The installation did not come up."""


@dataclass(frozen=True)
class Private:
    """A running installation of our own."""

    home: Home

    @property
    def note(self) -> dict[str, Any]:
        """Addresses, key and process ids as they are now."""
        return self.home.read_note()


@contextmanager
def private_installation(environment: Mapping[str, str]) -> Iterator[Private]:
    """Started with these variables, ready, and stopped at the end of the block with all it wrote.

    Raises:
        NotStarted: it did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="julep-chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # Postgres may run as another user, who has to find its way in
        home = Home(Path(folder) / "home")
        log = Path(folder) / "up.log"
        kept = {name: value for name, value in os.environ.items() if name not in _OUTER}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(PROJECT_ROOT / "manage.py"), "up"],
                env={**kept, **_SETTINGS, **environment, "JULEP_HOME": str(home.path)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_ready(home, process, log)
            yield Private(home)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(home: Home, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while home.read_note().get("pid") != process.pid:
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStarted(f"the installation did not start; its log ends:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)
