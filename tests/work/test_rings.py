"""Messages are sent when they can be; nothing that is wrong with the broker reaches who sends them."""

import logging

import pytest
from celery import current_app

from julep_project.core.work import rings


def _close_the_channel_in_use() -> None:
    """As the client library leaves it when the connection broke while somebody else had it."""
    producer = current_app.amqp.producer_pool.acquire()
    channel = producer.channel
    producer.release()
    channel.connection = channel._pool = None


def test_a_channel_that_was_closed_costs_one_ring(caplog: pytest.LogCaptureFixture) -> None:
    rings.ring("executions.sweep")
    _close_the_channel_in_use()
    with caplog.at_level(logging.WARNING):
        rings.ring("executions.sweep")
    assert "ring not sent; a sweep will" in caplog.text
    caplog.clear()
    rings.ring("executions.sweep")
    assert "ring not sent" not in caplog.text


def test_a_bug_of_ours_is_none_of_the_brokers() -> None:
    nothing = None
    with pytest.raises(AttributeError), rings.sending():
        _ = nothing.missing  # type: ignore[attr-defined]
