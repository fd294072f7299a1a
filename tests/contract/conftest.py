"""The published Python client, unchanged, of running processes."""

from collections.abc import Iterator

import pytest
from julep import Julep

from tests.api_client import API_KEY
from tests.backend import Backend


@pytest.fixture
def client(backend: Backend) -> Iterator[Julep]:
    with Julep(api_key=API_KEY, base_url=backend.url, max_retries=0, timeout=30) as opened:
        yield opened
