"""Fixtures of tests on real workers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend, flush_redis
from tests.durability.stopping.stopping import Workers


@pytest.fixture
def api(backend: Backend, settings: Any) -> ApiClient:
    """A client in this process; what it starts is carried out by the workers."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture
def start_workers(transactional_db: None, backend_processes: Backend, tmp_path: Path) -> Iterator[Any]:
    """Starts an engine and an io worker, or the processes named, that drain for so long. Nobody else's take part."""
    backend_processes.stop()
    flush_redis()
    started: list[Workers] = []

    def begin(drain_s: int, *names: str, **environment: str) -> Workers:
        workers = Workers(tmp_path / "workers", drain_s, **environment)
        started.append(workers)
        workers.start(*(names or ("engine", "io")))
        return workers

    yield begin
    for workers in started:
        workers.stop()
