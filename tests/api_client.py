"""Django's test client, speaking JSON with the API key."""

import json
from typing import Any

from django.test import Client

from tests import described

API_KEY = "test-key"


class ApiClient:
    """Sends what the published clients send, and holds each answer to the API description."""

    def __init__(self, key: str | None = API_KEY) -> None:
        described.prepare()
        self._client = Client(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str, query: Any = None, **options: Any) -> Any:
        """GET with a query: text that is sent as it is, or a mapping."""
        if isinstance(query, str):
            return self.send("GET", f"{path}?{query}", **options)
        return self.send("GET", path, query_params=query, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.send("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.send("PUT", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Any:
        """PATCH with a JSON value."""
        return self.send("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.send("DELETE", path, **options)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """Any request. `raw` replaces the JSON body byte for byte."""
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = {**self._headers, **(headers or {})}
        answer = self._client.generic(method, path, data, content_type=content_type, headers=sent, **options)
        return described.hold(method, path, answer)
