"""Messages that make a worker look at a row. One that is lost costs time only: a sweep sends another."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from typing import Any

from celery import current_app
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# What sending a message or looking at a queue raises while the broker is away.
BROKER_ERRORS = (OperationalError, RedisError, OSError)

# Rank of messages that go behind others in every queue: with Redis, the highest number comes last.
SURPLUS = 6

# The command by which a worker looks at its row.
DOORBELL = "look_at_row"

# A queue this long means that its workers are behind, not that messages were lost: more of them would only add to it.
# A few are sent all the same, for the rows that were rung least lately.
_FULL = 1000
_AT_ONCE_WHEN_FULL = 25
# What was rung for and not looked at may have its message in the queue, behind those of others: where as many wait
# there as rows were rung for, none need have been lost. So many rows of each tenant are sent another one all the same,
# so that nobody is kept from its own by the messages of others.
AGAIN = 4


@contextmanager
def sending() -> Iterator[None]:
    """Makes one of `BROKER_ERRORS` of what the client library trips over when a channel was closed under it.

    It takes a new one the next time.
    """
    try:
        yield
    except AttributeError as error:
        if error.obj is None and _is_raised_in(error, "kombu"):
            raise OperationalError("the channel to the broker was closed") from error
        raise


def _is_raised_in(error: Exception, package: str) -> bool:
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == package


def ring(task: str, *ids: object, delay_s: float = 0.0, is_surplus: bool = False) -> None:
    """Send one message that carries ids only; while Redis is away nothing is sent, and nothing is lost.

    One with a delay sits in a worker's memory until it is due: none should be of more than some seconds. Without a rank
    of its own, a message has that of the message which sends it.
    """
    rank = {"priority": SURPLUS} if is_surplus else {}
    try:
        with sending():
            current_app.send_task(task, args=[str(value) for value in ids], countdown=delay_s or None, **rank)
    except BROKER_ERRORS as error:
        log.warning("ring not sent; a sweep will", extra={"task": task, "reason": repr(error)})


def send(task: str, *, expires_s: float) -> None:
    """Send one message that is of no use after some time; while Redis is away nothing is sent, and nothing is lost."""
    try:
        with sending():
            current_app.send_task(task, expires=expires_s)
    except BROKER_ERRORS as error:
        log.warning("not sent", extra={"task": task, "reason": repr(error)})


def call_worker(name: str) -> None:
    """Have one worker look at its row now; while Redis is away it looks a little later."""
    try:
        with sending():
            current_app.control.broadcast(DOORBELL, destination=[name])
    except BROKER_ERRORS as error:
        log.info("the worker is not called; it will look", extra={"worker": name, "reason": repr(error)})


def backlog(queue: str) -> int:
    """How many messages wait in a queue; none in one that is not there, or while Redis is away."""
    try:
        return messages_in(queue)
    except BROKER_ERRORS:
        return 0


def messages_in(queue: str) -> int:
    """How many messages wait in a queue, of all ranks; none in one that is not there.

    Raises:
        one of `BROKER_ERRORS`
    """
    with sending(), current_app.connection_or_acquire() as connection, connection.channel() as channel:
        return _length(channel, queue)


def _length(channel: Any, queue: str) -> int:
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        return 0


def room(waiting: int, most: int) -> int:
    """How many messages a sweep may add to a queue in which that many wait; it would like to add `most`."""
    return max(_AT_ONCE_WHEN_FULL, min(most, _FULL - waiting))
