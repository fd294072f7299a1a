"""Fixtures of the tests of Anthropic's messages API."""

from collections.abc import Mapping
from typing import Any

import pytest

from agents.llm import gateway
from tests.api_client import API_KEY
from tests.loopback.web_server import WebServer
from tests.responses.conftest import ResponsesClient, api, live_api

__all__ = ["api", "live_api"]

gateway.warm()

HEADERS = {"x-api-key": API_KEY, "anthropic-version": "2023-06-01", "Authorization": ""}
HI = [{"role": "user", "content": "Hi"}]
ASK: Mapping[str, Any] = {"model": "gpt-4o", "max_tokens": 100, "messages": HI}


class MessagesClient:
    """Sends what Anthropic's published clients send."""

    def __init__(self, client: ResponsesClient) -> None:
        self._client = client

    def send(self, method: str = "POST", path: str = "/v1/messages", body: Any = None, **headers: str) -> Any:
        return self._client.send(method, path, body, **{**HEADERS, **headers})

    def create(self, **fields: Any) -> dict[str, Any]:
        """The message of a request that succeeds."""
        answer = self.send(body={**ASK, **fields})
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body

    def refuse(self, **fields: Any) -> tuple[int, str, str]:
        """Status, type and words of a request that does not."""
        answer = self.send(body={**ASK, **fields})
        body = answer.json()
        assert body["type"] == "error", body
        return answer.status_code, body["error"]["type"], body["error"]["message"]


@pytest.fixture
def client(api: ResponsesClient) -> MessagesClient:  # noqa: F811
    return MessagesClient(api)


@pytest.fixture
def claude(web_server: WebServer, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    """What stands in for Anthropic's own API."""
    monkeypatch.setenv("ANTHROPIC_API_BASE", web_server.url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-loopback-key")
    return web_server
