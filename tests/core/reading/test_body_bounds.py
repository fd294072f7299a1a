"""How many parts a request body may have, and how deep it may be: refused with a reason before anything is built."""

from typing import Any

import pytest

from tests.api_client import ApiClient


def _refused(response: Any) -> str:
    assert response.status_code == 422
    error = response.json()["error"]
    (detail,) = error["details"]
    assert detail["type"] in ("json_invalid", "yaml_invalid")
    return str(detail["msg"])


@pytest.mark.parametrize("path", ["/agents", "/sessions/00000000-0000-0000-0000-000000000001/chat", "/responses"])
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("[" * 100_000, "deeper than 200 levels"),
        ("[" * 100_000 + "]" * 100_000, "deeper than 200 levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "deeper than 200 levels"),
        ("[" + "[]," * 1_000_000 + "1]", "more than 200,000 objects and arrays"),
        ("[" + "0," * 1_000_000 + "0]", "more than 500,000 elements"),
    ],
)
def test_json_of_too_much_is_refused(api: ApiClient, path: str, raw: str, reason: str) -> None:
    assert reason in _refused(api.send("POST", path, raw=raw.encode()))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("[" * 200_000, "deeper than 200 levels"),
        ("[" * 200_000 + "]" * 200_000, "deeper than 200 levels"),
        ("{a: " * 50_000, "deeper than 200 levels"),
        ("[{a: " * 40_000, "deeper than 200 levels"),
        ("- " * 100_000, "deeper than 200 levels"),
        ("? " * 100_000, "deeper than 200 levels"),
        ("- 1\n" * 200_000, "more than 100,000 values"),
        ("%TAG !a! b:\n" * 50_000, "tag directives"),
        ("!!int " + "1:" * 100_000 + "1", "not a number"),
        ("!!bool maybe", "does not fit its tag"),
    ],
)
def test_yaml_of_too_much_is_refused(api: ApiClient, agent: dict[str, Any], raw: str, reason: str) -> None:
    response = api.send("POST", f"/agents/{agent['id']}/tasks", raw=raw.encode(), content_type="application/yaml")

    assert reason in _refused(response)


def test_the_settings_bound_containers_and_elements(api: ApiClient, agent: dict[str, Any], settings: Any) -> None:
    settings.MAX_BODY_CONTAINERS, settings.MAX_BODY_ELEMENTS = 1000, 2000

    def create(metadata: Any) -> Any:
        return api.post("/agents", {"name": "a", "metadata": {"x": metadata}})

    assert create([[]] * 900).status_code == 201
    assert "more than 1,000 objects" in _refused(create([[]] * 1000))
    assert create([0] * 1900).status_code == 201
    assert "more than 2,000 elements" in _refused(create([0] * 2000))
    tasks = f"/agents/{agent['id']}/tasks"
    assert "too many objects" in _refused(
        api.send("POST", tasks, raw=b"- []\n" * 1001, content_type="application/yaml")
    )
