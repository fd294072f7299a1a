"""Wake-ups over a Redis whose connection goes silent without being closed."""

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import redis

from julep_project.core.live import events
from julep_project.core.live.events import Hub, Listener, Publisher
from julep_project.core.redis_client import new_redis_client
from tests.loopback.tcp_proxy import TcpProxy

_GUARD_S = 60


@pytest.fixture
def proxy(settings: Any) -> Iterator[TcpProxy]:
    """Between this process and Redis."""
    address = urlsplit(settings.REDIS_URL)
    with TcpProxy(address.hostname or "", address.port or 6379) as between:
        settings.REDIS_URL = settings.REDIS_URL.replace(f":{address.port}", f":{between.port}")
        yield between


@pytest.fixture
def hub(proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Listens through the proxy, in a hurry. Its thread outlives the test, and must not meet another's proxy."""
    monkeypatch.setattr(events, "_ASK_S", 0.1)
    monkeypatch.setattr(events, "_LOST_S", 0.5)
    connected = new_redis_client()
    return Hub(lambda: redis.Redis(connection_pool=redis.ConnectionPool(**connected.get_connection_kwargs())))


@pytest.fixture
def direct() -> Publisher:
    return Publisher()


async def _hear(listener: Listener, publisher: Publisher, topic: str) -> None:
    """Return when the listener hears of the topic; a subscription that is being made misses what comes before it."""
    async with asyncio.timeout(_GUARD_S):
        while True:
            await asyncio.to_thread(publisher.publish, topic)
            if await _woken(listener):
                return


async def _woken(listener: Listener) -> bool:
    with patch.object(listener._news, "clear"):
        await listener.wait(0.05)
    woken = listener._news.is_set()
    listener._news.clear()
    return woken


def test_a_subscription_that_went_silent_is_made_anew(direct: Publisher, hub: Hub, proxy: TcpProxy) -> None:
    async def listen() -> None:
        with hub.listening("a-topic") as listener:
            await _hear(listener, direct, "a-topic")
            proxy.cut()
            proxy.restore()
            before = proxy.accepted
            assert await asyncio.to_thread(proxy.wait_for_connections, before + 1, _GUARD_S)
            # The one that was made wakes everybody, for what they missed; then events come again.
            async with asyncio.timeout(_GUARD_S):
                while not await _woken(listener):
                    pass
            await _hear(listener, direct, "a-topic")

    asyncio.run(listen())


def test_a_subscription_is_made_again_and_again_until_redis_answers(
    direct: Publisher, hub: Hub, proxy: TcpProxy
) -> None:
    async def listen() -> None:
        with hub.listening("a-topic") as listener:
            await _hear(listener, direct, "a-topic")
            proxy.cut()
            assert await asyncio.to_thread(proxy.wait_for_connections, proxy.accepted + 2, _GUARD_S)
            proxy.restore()
            await _hear(listener, direct, "a-topic")

    asyncio.run(listen())


def test_silence_is_noticed_and_mended_within_five_seconds() -> None:
    assert events._LOST_S + events._ASK_S + events._RECONNECT_S < 5


def test_a_quiet_subscription_stays(
    direct: Publisher, hub: Hub, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long nothing happens, as long as Redis answers: time goes on after each answer only."""
    passed_s = 0.0
    monkeypatch.setattr(events, "_ASK_S", 0.001)
    monkeypatch.setattr(events, "time", SimpleNamespace(monotonic=lambda: passed_s, sleep=time.sleep))
    answered = threading.Semaphore(0)
    handle = Hub._handle

    def counted(self: Hub, message: dict[str, Any]) -> None:
        handle(self, message)
        if message["type"] == "pong":
            answered.release()

    monkeypatch.setattr(Hub, "_handle", counted)

    async def listen() -> None:
        nonlocal passed_s
        with hub.listening("a-topic") as listener:
            await _hear(listener, direct, "a-topic")
            for _ in range(5):
                passed_s += 0.9 * events._LOST_S
                while answered.acquire(blocking=False):
                    pass
                # The first one may have been heard before the time went on.
                for _ in range(2):
                    assert await asyncio.to_thread(answered.acquire, timeout=_GUARD_S)
            assert proxy.accepted == 1
            await _hear(listener, direct, "a-topic")

    asyncio.run(listen())


def test_only_one_event_in_a_while_waits_for_a_redis_that_does_not_answer(
    proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Publisher()
    publisher.publish("a-topic")
    monkeypatch.setattr(events, "_PAUSE_S", 3600)
    proxy.cut()
    with patch.object(publisher._client, "publish", wraps=publisher._client.publish) as tried:
        for _ in range(100):
            publisher.publish("a-topic")
    assert tried.call_count == 1


def test_an_event_is_sent_over_a_connection_that_broke(proxy: TcpProxy, settings: Any) -> None:
    publisher = Publisher()
    publisher.publish("a-topic")
    proxy.reset()
    with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as subscription:
        subscription.psubscribe("julep:event:*")
        subscription.get_message(timeout=10)
        publisher.publish("a-topic")
        deadline = time.monotonic() + _GUARD_S
        while (message := subscription.get_message(timeout=1)) is None:
            assert time.monotonic() < deadline
    assert message["channel"] == b"julep:event:a-topic"


@pytest.mark.parametrize("steps", range(6))
def test_who_is_woken_and_cancelled_at_once_is_cancelled(steps: int) -> None:
    """So many steps of the loop lie between the two."""

    async def listen(listener: Listener) -> None:
        while True:
            await listener.wait(_GUARD_S)

    async def check() -> None:
        listener = Listener()
        task = asyncio.create_task(listen(listener))
        await asyncio.sleep(0.01)
        listener.wake()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=1)
        assert done
        assert task.cancelled()

    asyncio.run(check())
