"""A provider that plays recordings, and the surfaces they are played through."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api_client import API_KEY
from tests.chat.conftest import Talk
from tests.llm.streams.recording import RecordedProvider


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedProvider]:
    """Every provider, on loopback."""
    with RecordedProvider() as server:
        for name, value in server.environment():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def talk(transactional_db: None, settings: Any) -> Talk:
    """A client on an empty database."""
    settings.AGENTS_API_KEY = API_KEY
    settings.MIDDLEWARE = ["julep_project.core.api.middleware.ApiMiddleware"]
    return Talk()
