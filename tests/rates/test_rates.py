"""How often and how much at once a developer may ask."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from agents.llm.own.scripted import Spoken, scripted_model
from agents.models import Developer
from executions.models import Execution
from julep_project.core.rates import windows
from julep_project.core.rates.errors import TooManyRequests
from julep_project.core.rates.limits import Limits, forget_limits
from julep_project.core.rates.models import TenantRates
from julep_project.core.redis_client import redis_client
from tests.api_client import ApiClient
from tests.chat.conftest import Stream, Talk, talk

__all__ = ["talk"]

_NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining")
_NAMES_OF_OPENAI = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")


@pytest.fixture(autouse=True)
def own_counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test counts for another one."""
    monkeypatch.setattr(windows, "_PREFIX", f"julep:rate:{uuid4()}:")
    monkeypatch.setattr(windows, "_away_until", 0.0)
    forget_limits()
    yield
    forget_limits()


def told(answer: Any) -> tuple[Any, ...]:
    return (answer.status_code, *(answer.headers.get(name) for name in _NAMES))


def pass_minute() -> None:
    """Let everything that was counted be a minute ago."""
    for name in redis_client().scan_iter(f"{windows._PREFIX}*"):
        for member in redis_client().zrange(name, 0, -1):
            redis_client().zincrby(name, -60_000, member)


def test_without_limits_nobody_is_asked(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "_take", lambda: pytest.fail("Redis was asked"))
    assert told(api.get("/agents")) == (200, None, None)
    assert told(api.get("/models")) == (200, None, None)


@pytest.mark.parametrize("path", ["/agents", "/models"])
def test_requests_of_a_minute(api: ApiClient, settings: Any, path: str) -> None:
    settings.TENANT_REQUESTS_PER_MINUTE = 3
    assert [told(api.get(path)) for _ in range(3)] == [(200, "3", "2"), (200, "3", "1"), (200, "3", "0")]
    refused = api.get(path)
    assert told(refused) == (429, "3", "0")
    assert refused.json()["error"] == {
        "message": "There were more requests in the last minute than are allowed.",
        "code": "rate_limit_exceeded",
        "type": "http_error",
    }
    reset = refused.headers["x-ratelimit-reset"]
    assert 1 <= int(refused.headers["Retry-After"]) == int(reset) <= 60
    assert [refused.headers[name] for name in _NAMES_OF_OPENAI] == ["3", "0", f"{reset}s"]
    pass_minute()
    assert told(api.get(path)) == (200, "3", "2")


def test_errors_tell_it_too_and_strangers_do_not_count(api: ApiClient, settings: Any) -> None:
    settings.TENANT_REQUESTS_PER_MINUTE = 3
    assert ApiClient("wrong").get("/agents").status_code == 403
    assert told(api.get(f"/agents/{uuid4()}")) == (404, "3", "2")
    assert told(api.post(f"/sessions/{uuid4()}/chat", {"messages": []})) == (422, "3", "1")
    assert told(api.post("/agents", raw=b"{")) == (422, "3", "0")
    assert told(api.post("/agents", raw=b"{")) == (429, "3", "0")


def test_keys_count_apart(api: ApiClient, settings: Any) -> None:
    settings.KEY_REQUESTS_PER_MINUTE, settings.TENANT_REQUESTS_PER_MINUTE = 3, 5
    key = api.post("/api_keys", {"label": "one"}).json()["key"]
    other = ApiClient(key)
    assert [told(other.get("/agents")) for _ in range(3)] == [(200, "3", "2"), (200, "3", "1"), (200, "3", "0")]
    assert told(other.get("/agents")) == (429, "3", "0")
    assert [told(api.get("/agents")) for _ in range(2)] == [(200, "5", "0"), (429, "5", "0")]


def test_one_developer_may_have_more(api: ApiClient, developer: Developer, settings: Any) -> None:
    settings.TENANT_REQUESTS_PER_MINUTE = 1
    rates = TenantRates.objects.create(developer=developer, requests_per_minute=2)
    assert told(api.get("/agents")) == (200, "2", "1")
    rates.requests_per_minute = 0
    rates.save()
    assert told(api.get("/agents")) == (200, "2", "0")
    forget_limits()
    assert told(api.get("/agents")) == (200, None, None)


def test_developers_count_apart(developer: Developer, stranger: Developer) -> None:
    limits = Limits(requests=1, key_requests=0, streams=0, runs=0)
    windows.take(developer.pk, "k", limits, is_stream=False)
    with pytest.raises(TooManyRequests):
        windows.take(developer.pk, "k", limits, is_stream=False)
    windows.take(stranger.pk, "k", limits, is_stream=False)


def test_without_redis_nobody_is_refused(
    api: ApiClient, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TENANT_REQUESTS_PER_MINUTE = 1

    def away() -> Any:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(windows, "_take", away)
    assert [told(api.get("/agents")) for _ in range(3)] == [(200, None, None)] * 3
    assert len([record for record in caplog.records if "not counted" in record.message]) == 1


def test_open_streams(talk: Talk, settings: Any) -> None:
    settings.TENANT_STREAMS = 1
    one, other = talk.session(), talk.session()
    held = asyncio.Event()

    async def chat() -> list[int]:
        stream = Stream(await talk.send(one, "Hi", stream=True))
        await stream.read()
        refused = await talk.send(other, "Hi")
        assert refused.json()["error"]["code"] == "too_many_streams"
        held.set()
        await stream.rest()
        stream.leave()
        async with asyncio.timeout(20):
            while (again := await talk.send(other, "Hi")).status_code == 429:
                await asyncio.sleep(0.01)
        return [refused.status_code, again.status_code]

    with scripted_model([Spoken("Hel", held.wait, "lo"), "Hello"]):
        assert asyncio.run(chat()) == [429, 201]


def test_streams_of_a_lost_process_are_over(developer: Developer, settings: Any) -> None:
    limits = Limits(requests=0, key_requests=0, streams=1, runs=0)
    taken = windows.take(developer.pk, "k", limits, is_stream=True)
    windows._OPEN.renew()
    with pytest.raises(TooManyRequests):
        windows.take(developer.pk, "k", limits, is_stream=True)
    pass_minute()
    assert taken.stream is not None
    windows.take(developer.pk, "k", limits, is_stream=True)
    windows._OPEN.drop(taken.stream)


def test_runs_at_work(api: ApiClient, agent: dict[str, Any], flow: Any, settings: Any) -> None:
    settings.TENANT_RUNS = 2
    forget_limits()
    task = api.post(f"/agents/{agent['id']}/tasks", {"name": "T", "main": [{"evaluate": {"a": "$ 1"}}]}).json()["id"]
    started = [api.post(f"/tasks/{task}/executions", {"input": {}}) for _ in range(3)]
    assert [answer.status_code for answer in started] == [201, 201, 429]
    assert started[-1].json()["error"]["code"] == "too_many_runs"
    assert started[-1].headers["Retry-After"] == "1"
    Execution.objects.update(status="succeeded")
    assert api.post(f"/tasks/{task}/executions", {"input": {}}).status_code == 201
