"""Tenants are told apart by the key that a request sends; runs go through the in-process engine."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from executions.engine.dispatch import dispatching_to
from executions.inprocess import InProcessDispatcher


@pytest.fixture
def dispatcher(settings: Any, tmp_path: Any) -> Iterator[InProcessDispatcher]:
    settings.AUTHENTICATOR = "tests.isolation.tenants.AUTHENTICATION"
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    settings.PUBLIC_URL = "https://agents.example.com"
    settings.MEDIA_ROOT = str(tmp_path / "media")
    dispatcher = InProcessDispatcher()
    with dispatching_to(dispatcher):
        yield dispatcher
