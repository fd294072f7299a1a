"""Wake-ups between processes over Redis. An event says only that a topic has news; the news is in the database.

Losing an event costs its listener one poll interval, so publishing never fails.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis

from julep_project.core.process.once import Once
from julep_project.core.redis_client import new_redis_client

log = logging.getLogger(__name__)

_PREFIX = "julep:event:"
# A subscription that hears nothing asks for an answer, again and again; without one for this long it is lost, even if
# nobody closed it. Together with connecting anew less than five seconds.
_ASK_S = 1.0
_LOST_S = 3.0
_RECONNECT_S = 0.5
# After one that could not be sent, none is tried for a moment: commits must not each wait for a Redis that is away.
_PAUSE_S = 1.0


class Publisher:
    """Sends events over one pool of connections."""

    def __init__(self) -> None:
        self._client = new_redis_client()
        self._paused_until = float("-inf")

    def publish(self, topic: str) -> None:
        """See `publish`. The second try is for a connection that broke since it was last used."""
        if time.monotonic() < self._paused_until:
            return
        for is_last in (False, True):
            try:
                self._client.publish(_PREFIX + topic, b"")
                return
            except redis.TimeoutError:
                break
            except redis.RedisError:
                if is_last:
                    break
        self._paused_until = time.monotonic() + _PAUSE_S
        log.warning("event not published", extra={"topic": topic})


_publisher = Once(Publisher)


def publish(topic: str) -> None:
    """Wake everyone who listens to the topic, in any process."""
    _publisher().publish(topic)


class Listener:
    """Waits for news of one topic, on the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next event since the last wait, or after the timeout: ask the database either way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        self._news.clear()

    def wake(self) -> None:
        """End the current or the next wait. Called from the hub's thread."""
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:
            # The loop was closed between the look-up and the call; nobody waits there any more.
            pass


class Hub:
    """Hands events to listeners: one thread and one Redis subscription per process, whatever the number of streams."""

    def __init__(self, connect: Callable[[], redis.Redis] = new_redis_client) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Listener]] = {}
        self._thread: threading.Thread | None = None
        self._is_subscribed = False

    @contextmanager
    def listening(self, topic: str) -> Iterator[Listener]:
        """A listener for the length of the block. Read the database after entering, so that nothing falls between."""
        listener = Listener()
        with self._lock:
            self._listeners.setdefault(topic, set()).add(listener)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._receive_for_ever, name="event-hub", daemon=True)
                self._thread.start()
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners[topic].discard(listener)
                if not self._listeners[topic]:
                    del self._listeners[topic]

    def _receive_for_ever(self) -> None:
        while True:
            try:
                self._receive()
            except redis.RedisError:
                if self._is_subscribed:
                    log.warning("event subscription lost; streams poll until it is back")
                self._is_subscribed = False
            time.sleep(_RECONNECT_S)

    def _receive(self) -> None:
        with self._connect() as client, client.pubsub() as subscription:
            subscription.psubscribe(_PREFIX + "*")
            heard_at = time.monotonic()
            while True:
                message = subscription.get_message(timeout=_ASK_S)
                if message is not None:
                    heard_at = time.monotonic()
                    self._handle(message)
                elif time.monotonic() - heard_at >= _LOST_S:
                    raise redis.TimeoutError("the subscription does not answer")
                else:
                    subscription.ping()

    def _handle(self, message: dict[str, Any]) -> None:
        """What was missed before the subscription is not known: everybody looks."""
        if message["type"] == "psubscribe":
            self._is_subscribed = True
            self.wake(None)
        elif message["type"] == "pmessage":
            self.wake(message["channel"].decode().removeprefix(_PREFIX))

    def wake(self, topic: str | None) -> None:
        """End the waits of this process for the topic, or for all topics."""
        with self._lock:
            topics = list(self._listeners) if topic is None else [topic]
            listeners = [listener for name in topics for listener in self._listeners.get(name, ())]
        for listener in listeners:
            listener.wake()


HUB = Hub()
