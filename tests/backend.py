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
from julep_project.devservices.plan import MAINTENANCE_THREADS
from julep_project.devservices.ports import free_port, is_free
from tests.api_client import API_KEY

_ROOT = Path(__file__).parents[1]
_START_S = 90
_END_S = 90
# Of the stack of each thread, the newest.
_FRAMES = 6

# What secrets are sealed with there: a text of 32 characters is a key.
MASTER_KEY = "secrets of tests are sealed here"

# Calls the io worker makes at once.
IO_THREADS = 16

NAMES = ("api", "engine", "io", "maintenance", "beat")


class Backend:
    """An API server, a worker of each queue and beat, each in a process group of its own.

    A second io worker, `io2`, is started by name only. `environment` is added to that of every process. With
    `restarts`, waiting for something also starts dead processes again, as a supervisor would. With `forks`, the io
    worker works in processes of its own instead of threads, so that each call can die alone. The API server serves
    the `application`.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        restarts: bool = False,
        forks: bool = False,
        application: str = "julep_project.asgi:application",
    ) -> None:
        folder.mkdir(exist_ok=True)
        io_pool = ["-c", "4"] if forks else ["-P", "threads", "-c", str(IO_THREADS)]
        self._pools = {
            "engine": ["engine", "-c", "2"],
            "io": ["io", *io_pool],
            "io2": ["io", *io_pool],
            "maintenance": ["maintenance", "-P", "threads", "-c", str(MAINTENANCE_THREADS)],
        }
        self._folder = folder
        self._restarts = restarts
        self._application = application
        self._port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, str] = {}
        self._environment = {
            # Of the tests' own process, not of theirs.
            **{name: value for name, value in os.environ.items() if name != "DB_POOL"},
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "LEASE_SECONDS": "3",
            "SWEEP_SECONDS": "1",
            "RING_AGAIN_SECONDS": "1",
            "JULEP_HTTP_ALLOW": "127.0.0.1",
            "AGENTS_API_KEY": API_KEY,
            "SECRET_KEY": os.environ.get("SECRET_KEY") or "for-tests-only",
            "SECRETS_MASTER_KEY": MASTER_KEY,
            "PORT": str(self._port),
            "PYTHONFAULTHANDLER": "1",
            # Records come a moment after what they are of, which may be in the next test.
            "CALLS_KEPT": "none",
            **(environment or {}),
        }

    @property
    def port(self) -> int:
        """The port of the API."""
        return self._port

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of those that were started, by name."""
        return {name: process.pid for name, process in self._processes.items()}

    @property
    def url(self) -> str:
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

    def assert_alive(self) -> None:
        """Nothing that was started has ended by itself."""
        ended = [name for name, process in self._processes.items() if process.poll() is not None]
        assert not ended, f"{ended}\n{self.output()}"

    def kill(self, name: str) -> None:
        """SIGKILL the process and its children."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def terminate(self, name: str) -> "subprocess.Popen[bytes]":
        """Ask the process to stop, as a supervisor does, and forget it. When another one follows, its log is
        called `<name>-<pid>`."""
        process = self._processes.pop(name)
        self._ended[name] = f"{name}-{process.pid}"
        process.send_signal(signal.SIGTERM)
        return process

    def has_ended(self, name: str) -> bool:
        """The process has ended in good order."""
        return self._processes[name].wait(_END_S) == 0

    def signal(self, name: str, number: int) -> None:
        """Send a signal to the process and its children."""
        os.killpg(self._processes[name].pid, number)

    def log(self, name: str) -> str:
        """What the process wrote since its last start."""
        return (self._folder / f"{name}.log").read_text()

    def stop(self) -> None:
        for name in list(self._processes):
            self.kill(name)

    def post_mortem(self) -> str:
        """For a failing test: what has ended, and where the io worker stands, which ends that too."""
        ended = {name: code for name, process in self._processes.items() if (code := process.poll()) is not None}
        if "io" not in self._processes or "io" in ended:
            return f"ended: {ended}"
        for number in (signal.SIGABRT, signal.SIGCONT):
            self._processes["io"].send_signal(number)
        self._processes["io"].wait()
        _, _, stacks = self.log("io").rpartition("Fatal Python error")
        threads = ["\n".join(thread.splitlines()[:_FRAMES]) for thread in stacks.split("\n\n")]
        return "\n".join([f"ended: {ended}", *threads])

    def output(self) -> str:
        """What the processes wrote, for a failing test."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-4000:]}" for path in self._folder.glob("*.log"))

    @property
    def logs(self) -> list[str]:
        """Names of everything that wrote."""
        return sorted(path.stem for path in self._folder.glob("*.log"))

    def _spawn(self, name: str) -> None:
        if name in self._ended:
            (self._folder / f"{name}.log").rename(self._folder / f"{self._ended.pop(name)}.log")
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
            return [*server, self._application]
        celery = ["celery", "-A", "julep_project"]
        if name == "beat":
            return [*celery, "beat", "-s", str(self._folder / "schedule"), "--pidfile=", "--loglevel", "INFO"]
        worker = ["worker", "-n", f"{name}@test", "--without-mingle", "--without-gossip", "--loglevel", "INFO"]
        return [*celery, *worker, "-Q", *self._pools[name]]


def database_url() -> str:
    """Where the test database is, for other processes."""
    given: dict[str, Any] = connection.settings_dict
    host, port = quote(str(given["HOST"]), safe=""), given["PORT"]
    return f"postgresql://{given['USER']}@/{given['NAME']}?host={host}" + (f"&port={port}" if port else "")


def wait_until(condition: Any, seconds: float, backend: Backend, *, pause_s: float = 0.02) -> None:
    """Poll until the condition holds; a test that waits in vain fails with the workers' output."""
    deadline = time.monotonic() + seconds
    while not condition():
        backend.restart_dead()
        assert time.monotonic() < deadline, _why(seconds, backend)
        time.sleep(pause_s)


def wait_for_end(execution_id: str, backend: Backend, *, seconds: float = _END_S) -> Execution:
    """The run once it has ended."""
    wait_until(
        lambda: Execution.objects.filter(pk=execution_id, status__in=["succeeded", "failed", "cancelled"]).exists(),
        seconds,
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


def _why(seconds: float, backend: Backend) -> str:
    """What tells most comes first: a long report may be cut at its end."""
    logs = backend.output()
    return f"waited {seconds} s in vain\n{_rows()}\n{backend.post_mortem()}\n{logs}"


def _rows() -> list[Any]:
    shown = ("id", "status", "version", "attempt", "effect", "held_up", "wake_at", "rung_at", "lease_until")
    waiting = Branch.objects.exclude(status__in=["done", "failed", "cancelled"]).values(*shown)[:10]
    return [{name: str(value)[:300] for name, value in row.items()} for row in waiting]
