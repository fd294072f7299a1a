"""Pauses between attempts, and what the other side asks for."""

from datetime import UTC, datetime

import pytest

from julep_project.core.work.backoff import Backoff, retry_after_s, spread_s

NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)


def drawn(value: float) -> float:
    return Backoff(first_s=2, factor=3, cap_s=20).pause_s(3, draw=lambda: value)


def test_pauses_grow_up_to_their_cap() -> None:
    pauses = Backoff(first_s=2, factor=3, cap_s=20)

    assert [pauses.pause_s(attempt, draw=lambda: 0.0) for attempt in (1, 2, 3, 4, 10_000)] == [2, 6, 18, 20, 20]
    assert [pauses.longest_s(attempt) for attempt in (0, 1, 2)] == [2, 2, 6]


def test_each_is_drawn_from_its_upper_half() -> None:
    assert (drawn(0.0), drawn(0.5), drawn(1.0)) == (18, 13.5, 9)


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({Backoff().pause_s(1) for _ in range(1000)}) > 990


def test_a_hint_is_kept_to_and_spread() -> None:
    pauses = Backoff()

    assert pauses.pause_s(1, hint_s=10, draw=lambda: 0.0) == 10
    assert pauses.pause_s(1, hint_s=10, draw=lambda: 1.0) == 15
    assert pauses.pause_s(9, hint_s=1, draw=lambda: 0.0) == 256, "the own pause is longer"
    assert pauses.pause_s(1, hint_s=-5, draw=lambda: 0.0) == 1
    assert spread_s(1, over_s=60, draw=lambda: 0.5) == 31


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": "Tue, 01 Jan 2030 12:00:30 GMT"}, 30),
        ({"Retry-After": "Tue, 01 Jan 2030 11:00:00 GMT"}, None),
        ({"Retry-After": "Tue, 01 Jan 2030 12:00:30 GMT", "Date": "Tue, 01 Jan 2030 12:00:10 GMT"}, 20),
        ({"Retry-After": "86400"}, 300),
        ({"Retry-After": "1e400"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "x" * 100_000}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "12"}, 12),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "12"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "5 parsecs"}, None),
        ({}, None),
    ],
)
def test_hints_in_headers(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after_s(headers, NOW, most_s=300)
    assert found == (None if seconds is None else pytest.approx(seconds))
