"""The page about tools agrees with the registries, and its examples are valid."""

import json
import re
from io import StringIO
from pathlib import Path

from django.core.management import call_command

from agents.tool_definitions import parse_tool
from agents.tool_types import ToolType
from agents.tools import reference
from agents.tools.arguments import REQUEST_FIELDS
from agents.tools.integrations.registry import all_methods
from agents.tools.presets import ARGUMENT_KEYS, SETUP_KEYS
from agents.tools.runners import MAX_DEPTH
from agents.tools.system import all_operations

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


def test_the_example_is_a_tool() -> None:
    example = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]

    assert parse_tool(json.loads(example)).type == "integration"
