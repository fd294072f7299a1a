"""The brake that processes share over Redis."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import redis

from julep_project.core import brake
from julep_project.core.redis_client import redis_client


def test_it_holds_for_as_long_as_was_asked_and_everybody_sees_it() -> None:
    assert brake.look("a") is None
    brake.press("a", 100)

    held = brake.look("a")

    assert held is not None and 90 < held.left_s <= 100
    assert brake.look("b") is None


def test_many_may_ask_for_the_first_time_at_once() -> None:
    """As the threads of a worker do that has just begun. Each round some met a connection that another one closed."""
    brake.press("a", 100)
    threads, rounds = 16, 25

    def look_together(barrier: Barrier) -> bool:
        barrier.wait()
        return brake.look("a") is not None

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds):
            redis_client.forget()
            assert all(pool.map(look_together, [Barrier(threads)] * threads))


def test_it_ends_by_itself() -> None:
    brake.press("a", 0.001)
    deadline = time.monotonic() + 10
    while brake.look("a") is not None:
        assert time.monotonic() < deadline
    assert brake.look("a") is None


def test_a_longer_wait_counts_and_a_shorter_one_does_not() -> None:
    brake.press("a", 10)
    assert brake.press("a", 100).left_s > 90
    assert brake.press("a", 1).left_s > 90


def test_who_waits_spreads_out_the_more_the_more_often_it_was_used() -> None:
    spreads = []
    for _ in range(10):
        spreads.append(brake.press("a", 2).spread_s)
        assert brake.press("a", 2).spread_s == spreads[-1], "others of the same moment change nothing"
        brake._client().delete(f"{brake._PREFIX}a")
    assert spreads == [2, 4, 8, 16, 32, 32, 32, 32, 32, 32]


def test_names_tell_no_key() -> None:
    name = brake.name_of("model", "openai", "sk-very-secret")
    assert "secret" not in name and len(name) == 32
    assert name != brake.name_of("model", "openai", "sk-other") != brake.name_of("model", "openaisk-other", "")


def test_without_redis_nobody_is_held_and_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away() -> redis.Redis:
        asked.append(1)
        raise redis.ConnectionError

    monkeypatch.setattr(brake, "_client", away)
    for _ in range(5):
        assert brake.look("a") is None
        assert brake.press("a", 3).left_s == 3
    assert len(asked) == 1
