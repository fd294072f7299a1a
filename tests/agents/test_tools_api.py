"""Agent tools over HTTP."""

from typing import Any

import pytest

from agents.models import Tool
from agents.tools.integrations.providers import PUBLISHED
from tests.api_client import ApiClient

MISSING = "01900000-0000-7000-8000-000000000000"
FUNCTION = {"name": "web_search", "type": "function", "function": {"parameters": {"type": "object"}}}


@pytest.fixture
def url(agent: dict[str, Any]) -> str:
    """The tools of a fresh agent."""
    return f"/agents/{agent['id']}/tools"


@pytest.fixture
def tool(api: ApiClient, url: str) -> dict[str, Any]:
    body: dict[str, Any] = api.post(url, FUNCTION).json()
    return body


def test_create(api: ApiClient, url: str) -> None:
    response = api.post(url, {**FUNCTION, "description": "find pages"})
    body = response.json()
    assert response.status_code == 201
    assert body.pop("id") and body.pop("created_at") == body.pop("updated_at")
    assert body == {**FUNCTION, "description": "find pages", "jobs": []}


def test_description_inside_the_function_counts(api: ApiClient, url: str) -> None:
    body = api.post(url, {"name": "f", "function": {"description": "inner"}}).json()
    assert body["description"] == "inner" and body["function"] == {"description": "inner"}


@pytest.mark.parametrize(
    ("spec", "stored"),
    [
        ({"function": {"parameters": {}, "strict": True}}, {"parameters": {}, "strict": True}),
        (
            {"integration": {"provider": "wikipedia", "arguments": {"query": "x"}, "setup": None}},
            {"provider": "wikipedia", "arguments": {"query": "x"}},
        ),
        (
            {"system": {"resource": "agent", "operation": "get", "resource_id": MISSING.upper()}},
            {"resource": "agent", "operation": "get", "resource_id": MISSING},
        ),
        (
            {"api_call": {"method": "GET", "url": "https://example.com", "headers": {"a": "b"}}},
            {
                "method": "GET",
                "url": "https://example.com",
                "headers": {"a": "b"},
                "include_response_content": True,
            },
        ),
        (
            {"computer_20241022": {"display_width_px": 800}},
            {
                "type": "computer_20241022",
                "name": "computer",
                "display_width_px": 800,
                "display_height_px": 768,
                "display_number": 1,
            },
        ),
        ({"text_editor_20241022": {}}, {"type": "text_editor_20241022", "name": "str_replace_editor"}),
        ({"bash_20241022": {}}, {"type": "bash_20241022", "name": "bash"}),
    ],
)
def test_type_is_inferred_and_defaults_are_filled_in(
    api: ApiClient, url: str, spec: dict[str, Any], stored: dict[str, Any]
) -> None:
    (kind,) = spec
    response = api.post(url, {"name": "t", **spec})
    assert response.status_code == 201, response.content
    assert response.json()["type"] == kind
    assert response.json()[kind] == stored


def test_specs_made_of_defaults_may_be_left_out(api: ApiClient, url: str) -> None:
    for kind in ("function", "computer_20241022", "text_editor_20241022", "bash_20241022"):
        assert api.post(url, {"name": kind, "type": kind}).status_code == 201


@pytest.mark.parametrize("provider", PUBLISHED)
def test_known_providers(api: ApiClient, url: str, provider: str) -> None:
    assert api.post(url, {"name": "t", "integration": {"provider": provider}}).status_code == 201


@pytest.mark.parametrize("target", ["https://example.com/{secrets.KEY}", "$ f'https://{secrets.HOST}'"])
def test_urls_may_be_filled_in_later(api: ApiClient, url: str, target: str) -> None:
    assert api.post(url, {"name": "t", "api_call": {"method": "GET", "url": target}}).status_code == 201


def _call(**fields: Any) -> dict[str, Any]:
    return {"name": "t", "api_call": {"method": "GET", "url": "https://example.com", **fields}}


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({"function": {}}, "name", "missing"),
        ({"name": None, "function": {}}, "name", "missing"),
        ({"name": "two words", "function": {}}, "name", "string_pattern_mismatch"),
        ({"name": "1st", "function": {}}, "name", "string_pattern_mismatch"),
        ({"name": "x" * 41, "function": {}}, "name", "string_too_long"),
        ({"name": 1, "function": {}}, "name", "string_type"),
        ({"name": "t"}, "type", "missing"),
        ({"name": "t", "type": "magic"}, "type", "enum"),
        ({"name": "t", "type": ["function"]}, "type", "enum"),
        ({"name": "t", "type": "system"}, "system", "missing"),
        ({"name": "t", "type": "integration"}, "integration", "missing"),
        ({"name": "t", "type": "api_call", "api_call": []}, "api_call", "dict_type"),
        (
            {"name": "t", "type": "function", "function": {}, "system": {"resource": "agent"}},
            "system",
            "extra_forbidden",
        ),
        ({"name": "t", "function": {}, "bash_20241022": {}}, "bash_20241022", "extra_forbidden"),
        ({"name": "t", "description": 5, "function": {}}, "description", "string_type"),
        ({"name": "t", "function": {"parameters": 1}}, "function.parameters", "dict_type"),
        ({"name": "t", "integration": {"provider": "acme"}}, "integration.provider", "enum"),
        ({"name": "t", "integration": {}}, "integration.provider", "missing"),
        ({"name": "t", "system": {"resource": "agent", "operation": "fly"}}, "system.operation", "enum"),
        ({"name": "t", "system": {"resource": "moon", "operation": "get"}}, "system.resource", "enum"),
        (
            {"name": "t", "system": {"resource": "agent", "operation": "get", "resource_id": "x"}},
            "system.resource_id",
            "uuid_parsing",
        ),
        (_call(method="FETCH"), "api_call.method", "enum"),
        (_call(url="ftp://example.com"), "api_call.url", "url_parsing"),
        (_call(url="example.com"), "api_call.url", "url_parsing"),
        (_call(url="https://"), "api_call.url", "url_parsing"),
        (_call(url="http://[bad"), "api_call.url", "url_parsing"),
        (_call(headers={"a": 1}), "api_call.headers.a", "string_type"),
        (_call(timeout=-1), "api_call.timeout", "greater_than_equal"),
        (_call(timeout=9999), "api_call.timeout", "less_than_equal"),
        (_call(secrets={"KEY": {}}), "api_call.secrets.KEY.name", "missing"),
        (
            {"name": "t", "computer_20241022": {"display_width_px": 1}},
            "computer_20241022.display_width_px",
            "greater_than_equal",
        ),
        ([], "", "dict_type"),
    ],
)
def test_bad_tools(api: ApiClient, url: str, body: Any, loc: str, kind: str) -> None:
    response = api.post(url, body)
    assert response.status_code == 422, response.content
    (entry,) = response.json()["error"]["details"]
    assert (entry["loc"], entry["type"]) == (loc, kind)
    assert not Tool.objects.exists()


def test_names_are_unique_within_an_agent(api: ApiClient, url: str, tool: dict[str, Any]) -> None:
    response = api.post(url, FUNCTION)
    assert response.status_code == 409
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"]["message"] == "A tool with this name already exists for this agent during create"
    other = api.post("/agents", {"name": "other"}).json()
    assert api.post(f"/agents/{other['id']}/tools", FUNCTION).status_code == 201


def test_list(api: ApiClient, url: str, tool: dict[str, Any]) -> None:
    assert [item["id"] for item in api.get(url).json()["items"]] == [tool["id"]]
    assert api.get(url, {"offset": 1}).json() == {"items": []}


def test_get_one(api: ApiClient, url: str, tool: dict[str, Any]) -> None:
    assert {**api.get(f"{url}/{tool['id']}").json(), "jobs": []} == tool


def test_put_replaces_the_spec_and_may_change_the_type(api: ApiClient, url: str, tool: dict[str, Any]) -> None:
    body = {"name": "call", "type": "api_call", "api_call": {"method": "GET", "url": "https://example.com"}}
    response = api.put(f"{url}/{tool['id']}", body)
    assert response.status_code == 200
    assert (response.json()["type"], response.json()["name"], "function" in response.json()) == (
        "api_call",
        "call",
        False,
    )


def test_patch_merges_the_spec(api: ApiClient, url: str, tool: dict[str, Any]) -> None:
    path = f"{url}/{tool['id']}"
    assert api.patch(path, {"function": {"name": "n", "parameters": None}}).json()["function"] == {
        "name": "n",
        "parameters": {"type": "object"},
    }
    renamed = api.patch(path, {"name": "renamed"}).json()
    assert (renamed["name"], renamed["function"]["name"]) == ("renamed", "n")
    assert api.patch(path, {"description": "d", "type": "function"}).json()["description"] == "d"


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({"type": "system"}, "type", "literal_error"),
        ({"system": {"resource": "agent", "operation": "get"}}, "system", "extra_forbidden"),
        ({"function": "text"}, "function", "dict_type"),
        ({"function": {"parameters": []}}, "function.parameters", "dict_type"),
        ({"name": "a b"}, "name", "string_pattern_mismatch"),
        ([], "", "dict_type"),
    ],
)
def test_bad_patches(api: ApiClient, url: str, tool: dict[str, Any], body: Any, loc: str, kind: str) -> None:
    response = api.patch(f"{url}/{tool['id']}", body)
    assert response.status_code == 422
    (entry,) = response.json()["error"]["details"]
    assert (entry["loc"], entry["type"]) == (loc, kind)


def test_rename_to_a_taken_name(api: ApiClient, url: str, tool: dict[str, Any]) -> None:
    api.post(url, {"name": "second", "function": {}})
    assert api.patch(f"{url}/{tool['id']}", {"name": "second"}).status_code == 409


def test_delete(api: ApiClient, url: str, tool: dict[str, Any]) -> None:
    response = api.delete(f"{url}/{tool['id']}")
    assert (response.status_code, response.json()["id"]) == (202, tool["id"])
    assert api.delete(f"{url}/{tool['id']}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_unknown_agent_and_unknown_tool(api: ApiClient, url: str, tool: dict[str, Any], method: str) -> None:
    assert api.send(method, f"{url}/{MISSING}", FUNCTION).json()["error"]["message"] == "Tool not found"
    elsewhere = api.send(method, f"/agents/{MISSING}/tools/{tool['id']}", FUNCTION)
    assert (elsewhere.status_code, elsewhere.json()["error"]["message"]) == (404, "Agent not found")
    bad = api.send(method, f"{url}/nope", FUNCTION)
    assert (bad.status_code, bad.json()["error"]["details"][0]["loc"]) == (422, "path.tool_id")


def test_the_name_of_a_provider_may_have_a_dash(api: ApiClient, url: str) -> None:
    created = api.post(url, {"name": "t", "integration": {"provider": "llama-parse"}})

    assert created.status_code == 201
    assert created.json()["integration"]["provider"] == "llama_parse"


@pytest.mark.parametrize(
    ("provider", "setup", "name"),
    [
        ("brave", {"brave_api_key": {"key": None}}, "brave_api_key"),
        ("brave", {"api_key": {}}, "api_key"),
        ("email", {"host": "a", "port": ["1"]}, "port"),
        ("mcp", {"http_url": {"url": None}}, "http_url"),
    ],
)
def test_a_setup_that_yaml_read_as_an_object(
    api: ApiClient, url: str, provider: str, setup: dict[str, Any], name: str
) -> None:
    refused = api.post(url, {"name": "t", "integration": {"provider": provider, "setup": setup}})

    assert refused.status_code == 422
    (told,) = refused.json()["error"]["details"]
    assert told["loc"] == f"integration.setup.{name}" and "in quotes" in told["msg"]


@pytest.mark.parametrize(
    ("provider", "setup"),
    [
        ("llama_parse", {"llamaparse_api_key": "{secrets.KEY}", "params": {"language": {"x": None}}}),
        ("mcp", {"http_headers": {"A": "b"}, "args": ["x"]}),
        ("brave", {"brave_api_key": None}),
    ],
)
def test_a_setup_may_hold_objects_where_they_belong(
    api: ApiClient, url: str, provider: str, setup: dict[str, Any]
) -> None:
    assert api.post(url, {"name": "t", "integration": {"provider": provider, "setup": setup}}).status_code == 201
