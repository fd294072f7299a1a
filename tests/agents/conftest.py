"""Fixtures of the agents tests."""

from typing import Any

import pytest

from agents.models import Developer
from tests.api_client import API_KEY, ApiClient
from tests.seed import keep_seeded

keep_seeded()


@pytest.fixture
def api(db: None, settings: Any) -> ApiClient:
    """An authenticated client."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture
def developer(db: None) -> Developer:
    """The developer requests act for."""
    return Developer.objects.get(pk="00000000-0000-0000-0000-000000000000")


@pytest.fixture
def stranger(db: None) -> Developer:
    """Another tenant."""
    return Developer.objects.create(email="stranger@example.com")


@pytest.fixture
def agent(api: ApiClient) -> dict[str, Any]:
    """An agent as the API shows it."""
    body: dict[str, Any] = api.post("/agents", {"name": "Writer"}).json()
    return body
