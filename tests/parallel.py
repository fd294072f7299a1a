"""Tests in several processes at once: Redis and files of its own for each, and one module's tests in the same process.

Loaded with `-p`, before the settings are read. Each process has a test database of its own from pytest-django.
"""

import atexit
import faulthandler
import gc
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from julep_project.devservices.redis import Redis
from julep_project.devservices.supervision.guardian import Guardian

_PROCESSES = {"backend_processes", "api_processes"}
_LONGEST_IN_NAME = 100
# Fixtures whose processes one test leaves to the next, and by what all tests that share them are known.
_SHARED = {"backend": "backend", "installation": "backend", "api_processes": "api_processes"}
_START_S = 30.0
# A test whose time is over fails. One that hangs even then, as in waiting for a thread, ends its process.
_HANGS_S = 120.0
_PAUSE_S = 0.02
# The one of the terminal: while a test runs, what it writes is kept.
_STDERR = os.dup(2)
_BEGUN = Path(os.environ.get("JULEP_HOME", tempfile.gettempdir())) / "begun"


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
# And with the pool that servers have: async views would open a connection for every query.
os.environ.setdefault("DB_POOL", "1")


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """No test outlasts its time, whatever it is in the middle of: it tells where its threads are, the others go on."""
    marked = item.get_closest_marker("timeout")
    allowed = float(marked.args[0] if marked else item.config.getini("timeout"))
    faulthandler.dump_traceback_later(allowed + _HANGS_S, file=_STDERR, exit=True)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
        _begun(item).unlink(missing_ok=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that ended its process is given to the next one, in which it fails: the process would end again."""
    begun = _begun(item)
    if begun.exists():
        pytest.fail("it ended the process that it ran in", pytrace=False)
    begun.touch()


def pytest_sessionstart() -> None:
    """Forget what ended processes of an earlier run."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(_BEGUN, ignore_errors=True)
        _BEGUN.mkdir(parents=True)


def _begun(item: pytest.Item) -> Path:
    """Is there while the test runs, whose name may be too long for a file."""
    return _BEGUN / sha256(item.nodeid.encode()).hexdigest()


def needs_processes(item: pytest.Item) -> bool:
    """The test runs against processes that are left to the next one that does."""
    return not _PROCESSES.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say what stays together: a module, because of its fixtures, in two parts where some need processes. Of those, all
    that use the same processes, which then start once."""
    module = item.nodeid.partition("::")[0]
    together = f"{module}:processes" if needs_processes(item) else module
    used = getattr(item, "fixturenames", ())
    together = next((known for name, known in _SHARED.items() if name in used), together)
    item.add_marker(pytest.mark.xdist_group(together))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """What is there once all tests are read stays until the end, and the garbage collector need not look through it
    again and again: it is three quarters of a million objects, half a second each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with running processes come first, and end them: workers would take part in what other tests do on rows
    that are committed. Before all others come those that take minutes. So at the end no process is left with either.
    """
    items.sort(key=lambda item: (item.get_closest_marker("minutes") is None, not needs_processes(item)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail where modules would be taken apart: their fixtures would be set up in every process, unnoticed."""
    if "PYTEST_XDIST_WORKER" in os.environ and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError("the names of the tests do not say which of them stay together")
