"""Fixtures of tests on real workers."""

from typing import Any

import pytest

from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend


@pytest.fixture
def api(backend: Backend, settings: Any) -> ApiClient:
    """A client in this process; what it starts is carried out by the workers."""
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()
