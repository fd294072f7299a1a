"""MCP servers on loopback, one for all tests of a module."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents.tools.mcp.client import ask
from agents.tools.mcp.server import CALL_TOOL, Answer, Question, Server
from tests.loopback.mcp_server import McpServer


@pytest.fixture(scope="session")
def harbour() -> Iterator[McpServer]:
    with McpServer() as server:
        yield server


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]


@pytest.fixture
def call(harbour: McpServer) -> Callable[..., Answer]:
    """`call(server, "tide", port="Brest")` calls one tool."""

    def ask_for(server: Server, tool: str, *, idle_s: float = 10, whole_s: float = 10, **arguments: Any) -> Answer:
        told = {"tool_name": tool, "arguments": arguments}
        return ask(server, Question(CALL_TOOL, told, idle_s=idle_s, whole_s=whole_s, key="key-1"))

    return ask_for
