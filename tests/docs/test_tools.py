"""The page about tools agrees with the registries, and its examples are valid."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.core.management import call_command

from agents.models import Developer
from agents.tool_definitions import parse_tool
from agents.tool_types import ToolType
from agents.tools import reference
from agents.tools.api_call.arguments import REQUEST_FIELDS
from agents.tools.integrations.registry import all_methods
from agents.tools.presets import ARGUMENT_KEYS, SETUP_KEYS
from agents.tools.registry import Caller
from agents.tools.runners import MAX_DEPTH, run_tool
from agents.tools.supplied import WantedCall
from agents.tools.system import all_operations
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.loopback.web_server import WebServer

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()


def test_the_tables_are_those_of_the_code() -> None:
    assert reference.written(PAGE) == PAGE, "run `manage.py tools_reference --write`"
    call_command("tools_reference", stdout=StringIO())


def test_everything_that_is_registered_is_told_of() -> None:
    for operation in all_operations():
        assert f"| `{operation.name}` | {operation.description} |" in PAGE
    for provider, methods in all_methods().items():
        for method in methods:
            assert f"| `{provider}` | `{method.name}` |" in PAGE


def test_names_are_those_of_the_code() -> None:
    for name in (*ToolType.values, *ARGUMENT_KEYS, *SETUP_KEYS, *REQUEST_FIELDS):
        assert f"`{name}`" in PAGE
    assert f"at most {MAX_DEPTH} calls" in PAGE


def test_the_example_of_an_import_is_called(
    api: ApiClient, developer: Developer, web_server: WebServer, settings: Any
) -> None:
    settings.JULEP_HTTP_ALLOW = ["127.0.0.1"]
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()
    web_server.script("/v1/boats/ida/berth", Reply(200, {"moored": True}))
    section = PAGE.partition("## Importing OpenAPI documents")[2]
    body = json.loads(re.findall(r"```json\n(.*?)```", section, re.DOTALL)[0])
    arguments = json.loads(re.findall(r"calls it with `(.*?)`", section)[0])
    api.post("/secrets", {"name": "HARBOUR_KEY", "value": "hk-41f7a3"})
    agent = api.post("/agents", {"name": "Guide"}).json()["id"]

    # The example's server is nowhere; the same document is imported for one on this machine.
    told = api.post(f"/agents/{agent}/tools/import", {**body, "server": f"{web_server.url}/v1"}).json()
    (tool,) = told["created"]
    answer = run_tool(Caller(developer, "k"), WantedCall(tool["tool"], arguments, from_model=True))

    (sent,) = web_server.requests
    assert f"The agent then has the tool `{tool['name']}`" in section and answer["json"] == {"moored": True}
    assert f"`{sent.method} {sent.target}` with the body `{json.dumps(sent.json())}`" in section.replace("\n", " ")
    assert sent.headers["x-key"] == "hk-41f7a3"


def test_the_example_is_a_tool() -> None:
    example = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]

    assert parse_tool(json.loads(example)).type == "integration"
