"""Celery's notes of chords on a Redis that is cut off: a message that has done its work does not fail for them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from celery import current_app

from julep_project.core import results
from julep_project.core.results import Results
from tests.loopback.tcp_proxy import TcpProxy

_PART = SimpleNamespace(id="a-task", group="a-group", group_index=0, chord={"task": "executions.join"})


@pytest.fixture
def proxy(settings: Any) -> Iterator[TcpProxy]:
    address = urlsplit(settings.REDIS_URL)
    with TcpProxy(address.hostname or "", address.port or 6379) as between:
        yield between


@pytest.fixture
def backend(settings: Any, proxy: TcpProxy) -> Results:
    address = urlsplit(settings.REDIS_URL)
    return Results(app=current_app, url=settings.REDIS_URL.replace(f":{address.port}", f":{proxy.port}"))


def test_celery_uses_it() -> None:
    assert isinstance(current_app.backend, Results)


def test_a_part_is_counted_over_a_connection_that_broke(backend: Results, proxy: TcpProxy) -> None:
    backend.client.ping()
    proxy.reset()
    with patch.object(results.log, "warning") as warned:
        backend.on_chord_part_return(_PART, "SUCCESS", None)
    assert not warned.called
    assert backend.client.zcard(backend.get_key_for_group("a-group", ".j")) == 1


def test_a_part_that_cannot_be_counted_is_no_failure(backend: Results, proxy: TcpProxy) -> None:
    proxy.stop()
    with patch.object(results.log, "warning") as warned:
        backend.on_chord_part_return(_PART, "SUCCESS", None)
        backend.chord_error_from_stack(SimpleNamespace(options={}), OSError())
    assert warned.call_count == 2
