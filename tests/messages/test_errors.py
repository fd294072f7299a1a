"""Every error of the messages API is of Anthropic's form, wherever it is made."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.llm.own.scripted import scripted_model
from agents.models import Developer
from julep_project.core.errors import ModelRefused, PromptTooBig, RateLimited
from julep_project.core.pauses import standing
from julep_project.core.pauses.models import Pause, PauseScope
from tests.messages.conftest import ASK, HI, MessagesClient
from tests.messages.published import error_of
from tests.rates.test_rates import own_counts
from tests.spending.test_ledger import limit

__all__ = ["own_counts"]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "kind"),
    [
        ("POST", "/v1/messages", ASK, {"x-api-key": "wrong"}, 401, "authentication_error"),
        ("POST", "/v1/messages", ASK, {"x-api-key": "", "Authorization": "Bearer wrong"}, 401, "authentication_error"),
        ("POST", "/v1/messages/count_tokens", ASK, {"x-api-key": "wrong"}, 401, "authentication_error"),
        ("GET", "/v1/models", None, {"x-api-key": "wrong"}, 401, "authentication_error"),
        ("GET", "/v1/models/nothing", None, {}, 404, "not_found_error"),
        ("GET", "/v1/models?after_id=nothing", None, {}, 400, "invalid_request_error"),
        ("GET", "/v1/models?limit=0", None, {}, 400, "invalid_request_error"),
        ("POST", "/v1/messages/batches", ASK, {}, 404, "not_found_error"),
        ("GET", "/v1/messages", None, {}, 405, "invalid_request_error"),
        ("POST", "/v1/messages", {**ASK, "model": "a model"}, {}, 400, "invalid_request_error"),
        ("POST", "/v1/messages", {**ASK, "system": "x" * 5000}, {}, 413, "invalid_request_error"),
        ("POST", "/v1/messages", ASK, {"Idempotency-Key": "a b"}, 400, "invalid_request_error"),
    ],
)
def test_what_is_refused(
    client: MessagesClient,
    settings: Any,
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    status: int,
    kind: str,
) -> None:
    settings.MAX_BODY_BYTES = 4096
    answer = client.send(method, path, body, **headers)
    assert (answer.status_code, error_of(answer).error.type) == (status, kind)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RateLimited("slow down", wait_s=9), 429, "rate_limit_error"),
        (ModelRefused("no"), 400, "invalid_request_error"),
        (PromptTooBig("too long"), 400, "invalid_request_error"),
        (KeyError("a bug"), 500, "api_error"),
    ],
    ids=str,
)
def test_what_goes_wrong_with_the_model(
    client: MessagesClient, stream: bool, error: Exception, status: int, kind: str
) -> None:
    with scripted_model([error]):
        answer = client.send(body={**ASK, "stream": stream})
    assert (answer.status_code, error_of(answer).error.type) == (status, kind)
    if status == 429:
        assert answer.headers["Retry-After"] == "9"


def test_the_budget(client: MessagesClient, developer: Developer) -> None:
    limit(developer, "0")
    with scripted_model([]):
        answer = client.send(body=ASK)
    assert (answer.status_code, error_of(answer).error.type) == (402, "billing_error")


def test_no_new_work_is_taken(client: MessagesClient) -> None:
    Pause.objects.create(scope=PauseScope.INTAKE, key="", reason="the tide is out")
    standing.forget()
    standing.in_force()
    try:
        answer = client.send(body=ASK)
        assert client.send("GET", "/v1/models").status_code == 200
    finally:
        standing.forget()
    assert (answer.status_code, error_of(answer).error.type) == (529, "overloaded_error")
    assert "the tide is out" in answer.json()["error"]["message"]


def test_requests_of_a_minute(client: MessagesClient, settings: Any) -> None:
    settings.TENANT_REQUESTS_PER_MINUTE = 1
    path = "/v1/messages/count_tokens"
    first, second = (client.send(path=path, body={"model": "gpt-4o", "messages": HI}) for _ in range(2))
    assert (first.status_code, second.status_code, error_of(second).error.type) == (200, 429, "rate_limit_error")
    told = [first.headers[f"anthropic-ratelimit-requests-{name}"] for name in ("limit", "remaining")]
    assert told == ["1", "0"]
    wait = datetime.fromisoformat(second.headers["anthropic-ratelimit-requests-reset"]) - datetime.now(UTC)
    assert timedelta(seconds=-5) < wait < timedelta(seconds=65)


def test_the_key_elsewhere(client: MessagesClient) -> None:
    """The header is looked at where that API is spoken."""
    assert client.send("GET", "/v1/models").status_code == 200
    assert client.send("GET", "/agents").status_code == 403
    answer = client.send("GET", "/v1/models", **{"x-api-key": "x", "Authorization": "Bearer test-key"})
    assert answer.status_code == 200
