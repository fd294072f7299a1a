"""Running the product's own commands as a person would, in a private state folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from julep_project.devservices.process import is_alive
from julep_project.env import PROJECT_ROOT

# Only a failing test waits this long.
READY_S = 300.0
STOP_S = 10.0
# What an outer run of these tests was given must not reach the installation under test.
_OUTER = (
    "DATABASE_URL",
    "DB_POOL",
    "REDIS_URL",
    "AGENTS_API_KEY",
    "SECRET_KEY",
    "SECRETS_MASTER_KEY",
    "JULEP_HTTP_ALLOW",
    "PORT",
    "FLOWER_PORT",
    "HOST",
)


def wait_for(condition: Callable[[], bool], timeout_s: float) -> bool:
    """True when the condition held in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def environment(home: Path, **changes: str) -> dict[str, str]:
    """Environment of a private installation on free ports."""
    kept = {name: value for name, value in os.environ.items() if name not in _OUTER}
    small = {"API_WORKERS": "1", "ENGINE_PROCESSES": "1", "IO_THREADS": "4"}
    return {**kept, **small, "JULEP_HOME": str(home), "PORT": "0", "FLOWER_PORT": "0", **changes}


def manage(home: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a management command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT_ROOT,
        env=environment(home, **changes),
        capture_output=True,
        text=True,
        timeout=READY_S,
        check=False,
    )


class Up:
    """A running `manage.py up`."""

    def __init__(self, home: Path, **changes: str) -> None:
        self.home = home
        self.log_file = home.parent / "up.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=PROJECT_ROOT,
                env=environment(home, **changes),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self) -> None:
        """Fail with its output when it does not become ready."""
        wait_for(lambda: self.is_ready() or self.process.poll() is not None, READY_S)
        assert self.is_ready(), self.output

    def is_ready(self) -> bool:
        """It runs, and has said what runs."""
        return self.process.poll() is None and self.note().get("pid") == self.process.pid

    def note(self) -> Mapping[str, Any]:
        """What it says about itself to programs."""
        with suppress(FileNotFoundError):
            note: Mapping[str, Any] = json.loads((self.home / "up.json").read_text(encoding="utf-8"))
            return note
        return {}

    def processes(self) -> list[int]:
        """Its children and their children."""
        return [pid for child in self.note()["children"].values() for pid in family(child)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait; gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_S + 20)


def family(pid: int) -> list[int]:
    """The process and everything below it."""
    answer = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True)
    rows = [tuple(map(int, line.split())) for line in answer.stdout.splitlines()]
    found = [pid]
    for parent in found:
        found += [child for child, above in rows if above == parent]
    return found


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if is_alive(pid)]


@contextmanager
def running(home: Path, **changes: str) -> Iterator[Up]:
    """An installation that serves, until the end of the block."""
    started = Up(home, **changes)
    try:
        started.wait_until_ready()
        yield started
    finally:
        if started.process.poll() is None:
            started.stop()


@pytest.fixture
def start_up() -> Iterator[Callable[..., Up]]:
    """Start installations; what a failed test leaves running is killed."""
    started: list[Up] = []

    def start(home: Path, **changes: str) -> Up:
        started.append(Up(home, **changes))
        return started[-1]

    yield start
    for up in started:
        if up.process.poll() is None:
            up.stop()
