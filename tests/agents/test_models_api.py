"""`GET /agents/models`."""

from typing import Any

from agents.llm.choice import list_models
from tests.api_client import ApiClient


def test_every_model_by_name(api: ApiClient) -> None:
    response = api.get("/api/agents/models")
    assert response.status_code == 200
    assert response.json() == {"models": [{"id": name} for name in list_models()]}
    assert {"id": "offline/echo"} in response.json()["models"]


def test_only_reading(api: ApiClient) -> None:
    assert api.post("/agents/models", {}).status_code == 405


def test_a_configured_list_is_checked(api: ApiClient, settings: Any) -> None:
    settings.MODELS = ["model-a", "model-b"]
    agent = api.post("/agents", {"name": "n", "model": "model-a"}).json()
    for method, path in [("POST", "/agents"), *((verb, f"/agents/{agent['id']}") for verb in ("PUT", "PATCH", "POST"))]:
        response = api.send(method, path, {"name": "n", "model": "other"})
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith(
            "Model other not available. Available models: ['model-a', 'model-b'"
        )
    assert api.post("/agents", {"name": "n"}).status_code == 201


def test_without_a_list_any_name_will_do(api: ApiClient, settings: Any) -> None:
    settings.MODELS = []
    assert api.post("/agents", {"name": "n", "model": "vendor/new-model"}).status_code == 201
