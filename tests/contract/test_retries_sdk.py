"""The published clients send a request again whose answer was lost on its way."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from julep import Julep
from openai import OpenAI

from agents.models import Agent
from sessions.responses.models import StoredResponse
from tests.api_client import API_KEY
from tests.backend import Backend

pytestmark = pytest.mark.django_db(transaction=True)


class Lossy(httpx.HTTPTransport):
    """Loses every other answer, after the server has given it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; what came back may be lost."""
        self.sent.append(request)
        response = super().handle_request(request)
        response.read()
        if len(self.sent) % 2:
            raise httpx.ReadError("connection reset", request=request)
        return response


@pytest.fixture
def lossy() -> Lossy:
    return Lossy()


@pytest.fixture
def options(lossy: Lossy) -> Iterator[dict[str, Any]]:
    with httpx.Client(transport=lossy) as client:
        yield {"api_key": API_KEY, "http_client": client, "max_retries": 2}


def test_a_key_stays_the_same(backend: Backend, lossy: Lossy, options: dict[str, Any]) -> None:
    client = Julep(base_url=backend.url, **options)
    agent = client.agents.create(name="Ada", extra_headers={"Idempotency-Key": str(uuid4())})
    assert Agent.objects.get().pk == uuid_of(agent)
    first, second = lossy.sent
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert second.headers["x-stainless-retry-count"] == "1"


def test_a_client_that_makes_keys_itself(backend: Backend, lossy: Lossy, options: dict[str, Any]) -> None:
    client = Julep(base_url=backend.url, **options)
    client._idempotency_header = "Idempotency-Key"
    made = [client.agents.create(name="Ada") for _ in range(2)]
    assert {uuid_of(agent) for agent in made} == set(Agent.objects.values_list("pk", flat=True))
    assert len(lossy.sent) == 4
    assert len({request.headers["Idempotency-Key"] for request in lossy.sent}) == 2


def test_without_a_key_it_is_done_twice(backend: Backend, lossy: Lossy, options: dict[str, Any]) -> None:
    Julep(base_url=backend.url, **options).agents.create(name="Ada")
    assert Agent.objects.count() == 2
    assert not any("Idempotency-Key" in request.headers for request in lossy.sent)


def test_the_openai_client(backend: Backend, lossy: Lossy, options: dict[str, Any]) -> None:
    client = OpenAI(base_url=f"{backend.url}/v1", **options)
    assert client._idempotency_header is None
    headers = {"Idempotency-Key": str(uuid4())}
    made = client.responses.create(model="offline/echo", input="Hi", extra_headers=headers)
    assert made.status == "completed"
    assert StoredResponse.objects.count() == 1
    assert [request.headers.get("x-stainless-retry-count") for request in lossy.sent] == ["0", "1"]


def uuid_of(agent: Any) -> Any:
    return Agent.objects.values_list("pk", flat=True).get(pk=agent.id)
