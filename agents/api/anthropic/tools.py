"""Tools of a request, which of them the model has to call, and whether several at once."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from agents.api.anthropic.blocks import cached
from agents.api.anthropic.part import Part
from agents.api.anthropic.schema import read_schema
from agents.llm.request import MOST_TOOLS
from julep_project.core.json_value import Json
from julep_project.core.reading.surface import ParameterRefused
from julep_project.core.reading.validation import Path, invalid, path_text

Tool = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CUSTOM = "custom"
_FIELDS = ("name", "type", "description", "input_schema", "strict", "cache_control")
_IDLE = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples")
_WAYS = {"auto": "auto", "any": "required", "none": "none"}


def read_tools(given: Json, loc: Path) -> list[Tool]:
    """The tools as models are told of them.

    Raises:
        InvalidInput
        ParameterRefused: a tool is one of the provider's.
    """
    if not isinstance(given, list):
        raise invalid(loc, "list_type", received=given)
    if len(given) > MOST_TOOLS:
        raise invalid(loc, "too_long", bound=MOST_TOOLS, received=f"{len(given)} tools")
    tools: dict[str, Tool] = {}
    for place, tool in enumerate(given):
        read = _read_tool(Part.at(tool, (*loc, place)))
        name = read["function"]["name"]
        if name in tools:
            raise invalid((*loc, place, "name"), "value_error", msg="Two tools have this name", received=name)
        tools[name] = read
    return list(tools.values())


def read_choice(given: Json, loc: Path) -> Part:
    """Which tool is to be called; `chosen` says so to the gateway.

    Raises:
        InvalidInput
    """
    choice = Part.at(given, loc)
    kind = choice.choice("type", (*_WAYS, "tool"))
    choice.flag("disable_parallel_tool_use")
    if kind == "tool":
        choice.only("type", "disable_parallel_tool_use", "name").text("name", min_length=1)
        return choice
    return choice.only("type", *(() if kind == "none" else ("disable_parallel_tool_use",)))


def chosen(choice: Part, tools: Sequence[Tool]) -> Json:
    """The choice as models take it.

    Raises:
        InvalidInput: it needs a tool that is not there.
    """
    name, kind = choice.fields.get("name"), str(choice.fields["type"])
    if kind == "tool" and name not in _names(tools):
        raise invalid((*choice.loc, "name"), "value_error", msg="There is no such tool", received=name)
    if not tools and kind != "none":
        raise invalid(choice.loc, "value_error", msg="There are no tools to choose from", received=kind)
    return {"type": "function", "function": {"name": name}} if kind == "tool" else _WAYS[kind]


def _names(tools: Sequence[Tool]) -> Collection[str]:
    return {tool["function"]["name"] for tool in tools}


def _read_tool(tool: Part) -> Tool:
    if tool.has("type") and tool.text("type") != _CUSTOM:
        kind = str(tool.fields["type"])[:80]
        raise ParameterRefused(path_text((*tool.loc, "type")), f"{kind} is a tool of the provider's, not of yours")
    tool.only(*_FIELDS, *_IDLE)
    tool.refuse("allowed_callers", "only the model itself calls tools", idle=(["direct"],))
    tool.refuse("defer_loading", "models see all tools", idle=(False,))
    tool.refuse("input_examples", "put them into the description", idle=([],))
    tool.flag("eager_input_streaming")  # arguments are always told as they come
    name = tool.text("name", min_length=1)
    if not _NAME.fullmatch(name):
        raise invalid((*tool.loc, "name"), "string_pattern_mismatch", received=name, pattern=_NAME.pattern)
    function: Tool = {"name": name, "parameters": _read_input(tool.part("input_schema"))}
    if tool.has("description"):
        function["description"] = tool.text("description")
    if tool.flag("strict"):
        function["strict"] = True
    return cached({"type": "function", "function": function}, tool)


def _read_input(schema: Part) -> dict[str, Json]:
    schema.choice("type", ("object",))
    return read_schema(schema)
