"""A worker whose connection to the broker breaks while messages are not acknowledged."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from celery.worker.consumer import Consumer

from julep_project.consumer import SteadyConsumer


def broken(settings: Any, kind: Any) -> Any:
    """A consumer with a message in hand, on a channel that has lost its connection."""
    connection = current_app.connection_for_read(settings.REDIS_URL)
    channel: Any = connection.default_channel
    channel.qos._delivered["a tag"] = object()
    channel._disconnect_pools()
    channel.connection.client = None
    consumer = kind.__new__(kind)
    consumer.connection, consumer.app = connection, SimpleNamespace(conf=current_app.conf)
    connection.collect = lambda **_: None
    return consumer


def test_celery_uses_it() -> None:
    assert current_app.conf.worker_consumer == "julep_project.consumer:SteadyConsumer"


def test_the_library_trips_over_it(settings: Any) -> None:
    with pytest.raises(AttributeError):
        broken(settings, Consumer).on_connection_error_after_connected(ConnectionError("gone"))


def test_the_worker_goes_on(settings: Any) -> None:
    consumer = broken(settings, SteadyConsumer)
    consumer.on_connection_error_after_connected(ConnectionError("gone"))
    assert consumer.connection is None
