"""Nobody holds a database connection while an embedding model is awaited."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient

from agents.llm import gateway
from docs_store.embedding import embed_due
from docs_store.models import DocEmbedding
from tests.api_client import API_KEY, ApiClient
from tests.loopback.model_server import ModelServer
from tests.loopback.vectors import embeddings

pytestmark = pytest.mark.django_db(transaction=True)


class Gate:
    """An answer of the provider that waits for the test."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        self.reached.set()
        assert self.opened.wait(20)
        return embeddings(body)


@pytest.fixture
def gate(model_server: ModelServer, settings: Any) -> Iterator[Gate]:
    """What the model in use answers next."""
    gateway.warm()
    settings.EMBEDDING_MODEL = "openai/text-embedding-3-small"
    settings.EMBEDDING_DIMENSIONS = 8
    standing = Gate()
    model_server.script_embeddings(standing)
    yield standing
    standing.opened.set()


def _connections() -> set[int]:
    """Server processes of all connections to this database but the test's own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


def _held_while_waiting(gate: Gate, call: Callable[[], Any]) -> tuple[set[int], Any]:
    """Connections the call holds while it waits for the model (one that was closed takes a moment), and its result."""
    before = _connections()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(call)
        assert gate.reached.wait(20)
        deadline = time.monotonic() + 2
        while (held := _connections() - before) and time.monotonic() < deadline:
            time.sleep(0.01)
        gate.opened.set()
        return held, running.result(20)


def test_a_worker(api: ApiClient, agent: str, gate: Gate) -> None:
    assert api.post(f"/agents/{agent}/docs", {"title": "t", "content": "c"}).status_code == 201

    def work() -> int:
        try:
            return embed_due()
        finally:
            connection.close()

    assert _held_while_waiting(gate, work) == (set(), 1)
    assert DocEmbedding.objects.get().state == "ready"


def test_embed(api: ApiClient, gate: Gate) -> None:
    def ask() -> Any:
        client = AsyncClient()
        headers = {"Authorization": f"Bearer {API_KEY}"}
        return async_to_sync(client.post)("/embed", {"text": "a"}, content_type="application/json", headers=headers)

    held, answer = _held_while_waiting(gate, ask)
    assert (held, answer.status_code, len(answer.json()["vectors"])) == (set(), 200, 1)
