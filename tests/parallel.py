"""Tests in several processes at once: Redis and files of its own for each, and one module's tests in the same process.

Loaded with `-p`, before the settings are read. Each process has a test database of its own from pytest-django.
"""

import atexit
import logging
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from julep_project.devservices.guardian import Guardian
from julep_project.devservices.redis import Redis

_PROCESSES = {"backend_processes", "api_processes"}
_LONGEST_IN_NAME = 100
# Fixtures whose processes one test leaves to the next, and by what those that share them are known.
_SHARED = {"backend": "backend", "installation": "backend", "api_processes": "api_processes"}
_START_S = 30.0
_PAUSE_S = 0.02


def _take_own_neighbours() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker or "JULEP_HOME" not in os.environ:
        return
    home = os.environ["JULEP_HOME"]
    os.environ["MEDIA_ROOT"] = f"{home}/files-{worker}"
    # The first one keeps the server that all were given.
    if worker != "gw0":
        os.environ["REDIS_URL"] = _start_redis(Path(home) / worker)


def _start_redis(home: Path) -> str:
    """A server until this process ends, however it ends: what a test does to a whole server reaches no other test."""
    service, guardian = Redis(home, durable=False), Guardian()
    server = subprocess.Popen(service.prepare().command, stdout=subprocess.DEVNULL, start_new_session=True)
    guardian.watch(server.pid, signal.SIGKILL)
    atexit.register(_end, guardian)
    deadline = time.monotonic() + _START_S
    while not service.is_ready():
        assert time.monotonic() < deadline, f"Redis did not start in {home}"
        time.sleep(_PAUSE_S)
    return service.url


def _end(guardian: Guardian) -> None:
    """Let the server go. Threads that are still there when it has gone have nobody left to tell."""
    logging.disable()
    guardian.close()


_take_own_neighbours()
# All tests run with the database keeping developers apart, though most have one developer.
os.environ.setdefault("ROW_SECURITY", "on")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long texts do not make the name of a test: each process tells the other one all names, and they must be equal,
    which texts with keys or times in them are not."""
    return argname if isinstance(val, str | bytes) and len(val) > _LONGEST_IN_NAME else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Who wants the slow tests only does not wait until all others are read."""
    is_module = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    if config.option.markexpr == "slow" and is_module and "mark.slow" not in collection_path.read_text("utf-8"):
        return True
    return None


def needs_processes(item: pytest.Item) -> bool:
    """The test runs against processes that stay until the end."""
    return not _PROCESSES.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say what stays together: a module, because of its fixtures, in two parts where some need processes. Of the slow
    ones, which are few, all those that use the same processes."""
    module = item.nodeid.partition("::")[0]
    together = f"{module}:processes" if needs_processes(item) else module
    if item.get_closest_marker("slow"):
        used = getattr(item, "fixturenames", ())
        together = next((known for name, known in _SHARED.items() if name in used), together)
    item.add_marker(pytest.mark.xdist_group(together))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with running processes come last: workers would take part in what other tests do on committed rows.

    Before them all come those that take minutes, so that at the end no process is left alone with one.
    """
    items.sort(key=lambda item: (item.get_closest_marker("minutes") is None, needs_processes(item)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail where modules would be taken apart: their fixtures would be set up in every process, unnoticed."""
    if "PYTEST_XDIST_WORKER" in os.environ and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError("the names of the tests do not say which of them stay together")
