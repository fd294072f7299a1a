"""A second installation of one's own on this machine, beside whatever runs already."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from julep_project.devservices.errors import ServiceError
from julep_project.devservices.home import Home
from julep_project.devservices.supervision.guardian import Guardian
from julep_project.env import PROJECT_ROOT

_START_S = 300
_STOP_S = 30.0
# What the caller's own installation was given must not reach this one.
_OUTER = {"DATABASE_URL", "REDIS_URL", "AGENTS_API_KEY", "SECRET_KEY", "JULEP_HTTP_ALLOW", "HOST"}


@contextmanager
def private_installation(
    home: Home, settings: Mapping[str, str], *, own_services: bool = True
) -> Iterator[dict[str, str]]:
    """Start it in `home` on free ports, stop it at the end of the block. Gives the environment of its programs.

    It ends with this process, however that ends. Without `own_services` it uses the database, Redis and keys that the
    environment names, where it names any.

    Raises:
        ServiceError: it does not start.
    """
    home.path.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not own_services or name not in _OUTER}
    environ = {**kept, **settings, "JULEP_HOME": str(home.path), "PORT": "0", "FLOWER_PORT": "0"}
    log = home.path / "up.log"
    guardian = Guardian(grace_s=_STOP_S)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(PROJECT_ROOT / "manage.py"), "up"],
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    guardian.watch(process.pid, signal.SIGTERM)
    try:
        _wait_ready(home, process, log)
        yield environ
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        guardian.forget(process.pid)
        guardian.close()


def _wait_ready(home: Home, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while home.read_note().get("pid") != process.pid:
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServiceError(f"the installation did not start; its log {log} ends:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)
