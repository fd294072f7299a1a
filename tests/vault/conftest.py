"""A server with a master key."""

from typing import Any

import pytest
from cryptography.fernet import Fernet


@pytest.fixture
def master_key(settings: Any) -> str:
    """The key of the server."""
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    return str(settings.SECRETS_MASTER_KEY)
