"""Messages that make a worker look at a row. One that is lost costs time only: a sweep sends another."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def ring(task: str, *ids: object) -> None:
    """Send one message that carries ids only; while Redis is away nothing is sent, and nothing is lost."""
    try:
        current_app.send_task(task, args=[str(value) for value in ids])
    except (OperationalError, RedisError, OSError) as error:
        log.warning("ring not sent; a sweep will", extra={"task": task, "reason": repr(error)})
