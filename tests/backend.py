"""The real processes on the test database: API server, workers and beat, to be used over HTTP and killed at will."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from django.conf import settings
from django.db import connection

from executions.models import Branch, Execution, Transition
from julep_project.devservices.ports import free_port, is_free
from tests.api_client import API_KEY

_ROOT = Path(__file__).parents[1]
_START_S = 90
_END_S = 90


NAMES = ("api", "engine", "io", "beat")


class Backend:
    """An API server, an engine worker, an io worker and beat, each in a process group of its own.

    A second io worker, `io2`, is started by name only. `environment` is added to that of every process. With
    `restarts`, waiting for something also starts dead processes again, as a supervisor would. With `forks`, the io
    worker works in processes of its own instead of threads, so that each call can die alone.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        restarts: bool = False,
        forks: bool = False,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._io_pool = ["-c", "4"] if forks else ["-P", "threads", "-c", "16"]
        self._folder = folder
        self._restarts = restarts
        self._port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **os.environ,
            "DATABASE_URL": _test_database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "LEASE_SECONDS": "3",
            "SWEEP_SECONDS": "1",
            "RING_AGAIN_SECONDS": "1",
            "JULEP_HTTP_ALLOW": "127.0.0.1",
            "AGENTS_API_KEY": API_KEY,
            "SECRET_KEY": os.environ.get("SECRET_KEY") or "for-tests-only",
            **(environment or {}),
        }

    @property
    def url(self) -> str:
        """Where the API listens."""
        return f"http://127.0.0.1:{self._port}"

    def start(self, *names: str) -> None:
        """Start processes by name (all without names) and wait until they serve."""
        for name in names or NAMES:
            self._spawn(name)
        for name in names or NAMES:
            wait_until(lambda name=name: self._is_ready(name), _START_S, self)

    def restart_dead(self) -> None:
        """Start again, without waiting for it, whatever has ended."""
        for name, process in list(self._processes.items()):
            if self._restarts and process.poll() is not None:
                self.kill(name)
                self._spawn(name)

    def ensure_running(self) -> None:
        """Start again whatever an earlier test killed."""
        dead = [name for name in NAMES if name not in self._processes or self._processes[name].poll() is not None]
        if dead:
            self.start(*dead)

    def kill(self, name: str) -> None:
        """SIGKILL the process and its children."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the process and its children."""
        os.killpg(self._processes[name].pid, number)

    def log(self, name: str) -> str:
        """What the process wrote since its last start."""
        return (self._folder / f"{name}.log").read_text()

    def stop(self) -> None:
        """Kill whatever is left."""
        for name in list(self._processes):
            self.kill(name)

    def output(self) -> str:
        """What the processes wrote, for a failing test."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-4000:]}" for path in self._folder.glob("*.log"))

    def _spawn(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", *self._command(name)],
                cwd=_ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _is_ready(self, name: str) -> bool:
        """A worker says so in its log when it consumes; the API accepts connections; beat needs no waiting for."""
        assert self._restarts or self._processes[name].poll() is None, self.output()
        if name == "api":
            return not is_free("127.0.0.1", self._port)
        return name == "beat" or " ready." in self.log(name)

    def _command(self, name: str) -> list[str]:
        if name == "api":
            server = ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(self._port), "--no-ws"]
            return [*server, "julep_project.asgi:application"]
        celery = ["celery", "-A", "julep_project"]
        if name == "beat":
            return [*celery, "beat", "-s", str(self._folder / "schedule"), "--pidfile=", "--loglevel", "INFO"]
        pool = ["engine", "-c", "2"] if name == "engine" else ["io,maintenance", *self._io_pool]
        worker = ["worker", "-n", f"{name}@test", "--without-mingle", "--without-gossip", "--loglevel", "INFO"]
        return [*celery, *worker, "-Q", *pool]


def _test_database_url() -> str:
    given: dict[str, Any] = connection.settings_dict
    host, port = quote(str(given["HOST"]), safe=""), given["PORT"]
    return f"postgresql://{given['USER']}@/{given['NAME']}?host={host}" + (f"&port={port}" if port else "")


def wait_until(condition: Any, seconds: float, backend: Backend, *, pause_s: float = 0.02) -> None:
    """Poll until the condition holds; a test that waits in vain fails with the workers' output."""
    deadline = time.monotonic() + seconds
    while not condition():
        backend.restart_dead()
        assert time.monotonic() < deadline, f"waited {seconds} s in vain\n{backend.output()}\n{_rows()}"
        time.sleep(pause_s)


def wait_for_end(execution_id: str, backend: Backend) -> Execution:
    """The run once it has ended."""
    wait_until(
        lambda: Execution.objects.filter(pk=execution_id, status__in=["succeeded", "failed", "cancelled"]).exists(),
        _END_S,
        backend,
    )
    return Execution.objects.get(pk=execution_id)


def flush_redis() -> None:
    """Lose every message, result and wake-up."""
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


def assert_recorded_once(execution: Execution, *, end: str = "finish") -> None:
    """The log has no gap, no step twice, and one end."""
    rows = list(Transition.objects.filter(execution=execution).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert execution.transition_count == len(rows)
    # A call of a workflow has a row when it begins and one when it ends, which differ by what comes next.
    places = [(row.branch_id, row.type, str(row.current), str(row.next)) for row in rows if row.type != "init_branch"]
    assert len(places) == len(set(places))
    assert [row.type for row in rows if row.type in ("finish", "error", "cancelled")] == [end]


def _rows() -> list[Any]:
    return list(Branch.objects.values("id", "status", "version", "attempt", "wake_at", "rung_at", "lease_until"))
