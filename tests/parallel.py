"""Tests in several processes at once: Redis and files of its own for each, and one module's tests in the same process.

Loaded with `-p`, before the settings are read. Each process has a test database of its own from pytest-django.
"""

import os
from urllib.parse import urlsplit, urlunsplit

import pytest

_PROCESSES = {"backend_processes", "api_processes"}
_LONGEST_IN_NAME = 100


def _take_own_neighbours() -> None:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and "JULEP_HOME" in os.environ:
        os.environ["MEDIA_ROOT"] = f"{os.environ['JULEP_HOME']}/files-{worker}"
    if worker and "REDIS_URL" in os.environ:
        parts = urlsplit(os.environ["REDIS_URL"])
        os.environ["REDIS_URL"] = urlunsplit(parts._replace(path=f"/{worker.removeprefix('gw')}"))


_take_own_neighbours()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long texts do not make the name of a test: each process tells the other one all names, and they must be equal,
    which texts with keys or times in them are not."""
    return argname if isinstance(val, str | bytes) and len(val) > _LONGEST_IN_NAME else None


def needs_processes(item: pytest.Item) -> bool:
    """The test runs against processes that stay until the end."""
    return not _PROCESSES.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say what stays together: a module, because of its fixtures, in two parts where some need processes."""
    module = item.nodeid.partition("::")[0]
    item.add_marker(pytest.mark.xdist_group(f"{module}:processes" if needs_processes(item) else module))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with running processes come last: workers would take part in what other tests do on committed rows."""
    items.sort(key=needs_processes)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail where modules would be taken apart: their fixtures would be set up in every process, unnoticed."""
    if "PYTEST_XDIST_WORKER" in os.environ and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError("the names of the tests do not say which of them stay together")
