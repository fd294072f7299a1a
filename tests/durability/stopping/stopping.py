"""Processes that are asked to stop, and what is expected of their ends."""

import subprocess
from contextlib import suppress
from pathlib import Path

from tests.backend import Backend

# Only a failing test waits this long.
LONG_S = 60


class Workers(Backend):
    """Workers whose leases do not run out, and nobody who sweeps: what is handed back is taken for that reason only."""

    def __init__(self, folder: Path, drain_s: int, **environment: str) -> None:
        super().__init__(folder, {"LEASE_SECONDS": "600", "DRAIN_SECONDS": str(drain_s), **environment})


def wait_for_exit(process: "subprocess.Popen[bytes]", workers: Backend) -> int:
    with suppress(subprocess.TimeoutExpired):
        process.wait(LONG_S)
    assert process.poll() is not None, workers.output()
    return process.returncode


def assert_quiet(workers: Backend, *names: str) -> None:
    """Nothing in the logs of these processes is an error."""
    for name in names:
        text = workers.log(name)
        assert not [word for word in ("ERROR", "CRITICAL", "Traceback") if word in text], text
