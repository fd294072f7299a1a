"""Outgoing clients that are closed when the test ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from julep_project.core.http.addresses import AddressPolicy
from tests.core.http.outgoing import LOOPBACK, Client, MakeClient


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Clients that are closed when the test ends."""
    made: list[Client] = []

    def make(policy: AddressPolicy = LOOPBACK, **options: Any) -> Client:
        made.append(Client(policy, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()
