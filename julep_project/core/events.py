"""Wake-ups between processes over Redis. An event says only that a topic has news; the news is in the database.

Losing an event costs its listener one poll interval, so publishing never fails.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings

log = logging.getLogger(__name__)

_PREFIX = "julep:event:"
_RECONNECT_S = 1.0


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, health_check_interval=30, retry_on_timeout=False
    )


def publish(topic: str) -> None:
    """Wake everyone who listens to the topic, in any process."""
    try:
        _client().publish(_PREFIX + topic, b"")
    except redis.RedisError:
        log.warning("event not published", extra={"topic": topic})


class Listener:
    """Waits for news of one topic, on the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Return at the next event since the last wait, or after the timeout: ask the database either way."""
        try:
            await asyncio.wait_for(self._news.wait(), timeout_s)
        except TimeoutError:
            pass
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

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Listener]] = {}
        self._thread: threading.Thread | None = None

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
                log.warning("event subscription lost; streams poll until it is back")
            time.sleep(_RECONNECT_S)

    def _receive(self) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, health_check_interval=30)
        with client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
            subscription.psubscribe(_PREFIX + "*")
            self.wake(None)
            for message in subscription.listen():
                self.wake(message["channel"].decode().removeprefix(_PREFIX))

    def wake(self, topic: str | None) -> None:
        """End the waits of this process for the topic, or for all topics."""
        with self._lock:
            topics = list(self._listeners) if topic is None else [topic]
            listeners = [listener for name in topics for listener in self._listeners.get(name, ())]
        for listener in listeners:
            listener.wake()


HUB = Hub()
