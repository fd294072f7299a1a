"""Agents, tasks and docs of a developer, and programs that reach them by MCP."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.api_client import API_KEY, ApiClient
from tests.backend import Backend

MODERN = "2026-07-28"
MODES = ["legacy", MODERN]
DOUBLE = {
    "name": "Double",
    "canonical_name": "double",
    "description": "Doubles a number.",
    "main": [{"evaluate": {"n": "$ _.n * 2"}}],
    "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
}
ASK = {"name": "Ask", "canonical_name": "ask", "main": [{"wait_for_input": {"info": {"question": "How many?"}}}]}

Talk = Callable[..., Any]


@pytest.fixture
def api(backend: Backend, settings: Any) -> ApiClient:
    settings.AGENTS_API_KEY = API_KEY
    return ApiClient()


@pytest.fixture
def agent(api: ApiClient) -> str:
    body = {
        "name": "Harbour",
        "canonical_name": "harbour",
        "about": "Knows the tides.",
        "model": "offline/echo",
        "instructions": ["Be brief."],
    }
    agent_id: str = api.post("/agents", body).json()["id"]
    for task in (DOUBLE, ASK):
        assert api.post(f"/agents/{agent_id}/tasks", task).status_code == 201
    return agent_id


@pytest.fixture
def talk(backend: Backend) -> Talk:
    """`talk(mode, act, key=...)` connects a client and gives what `await act(client)` gives."""

    def run(mode: str, act: Callable[[Client], Awaitable[Any]], *, key: str = API_KEY, **options: Any) -> Any:
        async def session() -> Any:
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
                transport = streamable_http_client(f"{backend.url}/mcp", http_client=http)
                async with Client(transport, mode=mode, **options) as client:
                    return await act(client)

        return asyncio.run(session())

    return run
