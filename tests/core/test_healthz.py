"""`GET /healthz`."""

from unittest.mock import patch

import pytest

from tests.api_client import ApiClient


@pytest.mark.parametrize(
    ("states", "status", "word"),
    [
        ({"postgres": "ok", "redis": "ok"}, 200, "ok"),
        ({"postgres": "ok", "redis": "error"}, 500, "error"),
    ],
)
def test_answer(states: dict[str, str], status: int, word: str) -> None:
    with patch("julep_project.core.health.check", return_value=states):
        response = ApiClient(key=None).get("/api/healthz")
    assert (response.status_code, response.json()) == (status, {"status": word, **states})
