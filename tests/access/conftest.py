"""A server of many tenants, and what they send."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.models import Developer
from tests.access.tokens import SHARED
from tests.api_client import API_KEY, ApiClient

Create = Callable[..., dict[str, Any]]


@pytest.fixture
def tenants(db: None, settings: Any) -> None:
    """Many tenants, with one shared key for their tokens."""
    settings.AGENTS_API_KEY = API_KEY
    settings.AGENTS_API_MULTI_TENANT_MODE = True
    settings.JWT_SHARED_KEY = [SHARED]


@pytest.fixture
def tenant(tenants: None) -> Developer:
    return Developer.objects.create(email="tenant@example.com")


@pytest.fixture
def new_key(api: ApiClient) -> Create:
    """Makes an API key over the API."""

    def create(client: ApiClient = api, **body: Any) -> dict[str, Any]:
        response = client.post("/api_keys", {"label": "tests", **body})
        assert response.status_code == 201, response.content
        answer: dict[str, Any] = response.json()
        return answer

    return create
