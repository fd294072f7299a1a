"""The fields of a `prompt` step: messages, tools, how to choose among them."""

from collections.abc import Mapping
from typing import Any

from agents.tool_kinds import ALL_KINDS
from julep_project.core.schemas.schema_references import UnusableSchema, check_references
from tasks.language.values import ListValue, Literal, ObjectValue, Value, folded
from tasks.steps.reader import StepReader

DEFAULT_TOOL_ROUNDS = 10
MAX_TOOL_ROUNDS = 100

_ROLES = ("assistant", "developer", "system", "tool", "user")
# Roles of the first generation, by what they became.
_OLD_ROLES = {"function": "tool", "function_response": "tool", "function_call": "assistant", "auto": "assistant"}
_CHOICES = ("auto", "none", "required")
_REPLY_FORMS = ("json_object", "json_schema", "text")
_EVALUATED = frozenset({"content", "name"})
_MESSAGE_KEYS = _EVALUATED | {"role", "tool_call_id", "tool_calls", "continue"}


def read_messages(reader: StepReader, raw: Any) -> Value:
    """A text, one message or a list of them. Texts are evaluated; roles and tool calls are literal."""
    if isinstance(raw, str):
        return reader.text(raw, "")
    if isinstance(raw, Mapping):
        raw = [raw]
    if not isinstance(raw, list):
        reader.wrong_type(raw, "a text, a message or a list of messages")
        return Literal("")
    if not raw:
        reader.problem("needs at least one message", "too_short", raw)
    return folded(ListValue(tuple(_read_message(reader.at(f"[{index}]"), item) for index, item in enumerate(raw))))


def _read_message(reader: StepReader, raw: Any) -> Value:
    if not isinstance(raw, Mapping):
        reader.wrong_type(raw, "a message")
        return Literal(None)
    reader.odd_keys(raw, _MESSAGE_KEYS, "a message", frozenset())
    role = _OLD_ROLES.get(str(raw.get("role")), raw.get("role"))
    if role not in _ROLES:
        reader.at("role").problem(f"must be one of {', '.join(_ROLES)}", "enum", role)
    if raw.get("content") is None and not raw.get("tool_calls"):
        reader.at("content").problem("is missing", "missing", raw)
    given = {key: value for key, value in raw.items() if value is not None}
    fields: dict[str, Value] = {
        key: reader.text(value, key) if key in _EVALUATED else Literal(value) for key, value in given.items()
    }
    return ObjectValue(tuple({**fields, "role": Literal(role)}.items()))


def read_settings(reader: StepReader, raw: Any) -> dict[str, Any]:
    """Settings of the model, without nulls. Only the form of the reply is looked into: it is checked at run time."""
    given = reader.literal(raw, "", (dict,), {})
    settings = {key: value for key, value in given.items() if value is not None}
    if "response_format" in settings:
        _check_reply_form(settings["response_format"], reader.at("response_format"))
    return settings


def _check_reply_form(form: Any, reader: StepReader) -> None:
    if not isinstance(form, Mapping):
        reader.wrong_type(form, "an object with `type`")
    elif form.get("type") not in _REPLY_FORMS:
        reader.at("type").problem(f"must be one of {', '.join(_REPLY_FORMS)}", "enum", form.get("type"))
    elif form["type"] == "json_schema":
        described = form.get("json_schema")
        if not isinstance(described, Mapping) or not isinstance(described.get("schema"), Mapping):
            reader.at("json_schema").problem("must be {schema: {...}}", "missing", described)
        else:
            _check_schema(described["schema"], reader.at("json_schema").at("schema"))


def _check_schema(schema: Mapping[str, Any], reader: StepReader) -> None:
    try:
        check_references(schema)
    except UnusableSchema as error:
        reader.problem(str(error), "value_error", None)


def read_tool_choice(reader: StepReader, raw: Any) -> Any:
    """`auto`, `none`, `required`, or one function."""
    choice = reader.literal(raw, "", (str, dict))
    if isinstance(choice, str) and choice not in _CHOICES:
        reader.problem(f"must be one of {', '.join(_CHOICES)}, or a function", "enum", raw)
    elif isinstance(choice, dict) and not isinstance(choice.get("function"), Mapping):
        reader.problem("must be {function: {name}}", "missing", raw)
    return choice


def read_tools(reader: StepReader, raw: Any) -> Any:
    """`all`, or a list of names and definitions; a name becomes `{name}`."""
    if raw is None or raw == "all":
        return raw
    if not isinstance(raw, list):
        reader.wrong_type(raw, "`all` or a list of tools")
        return None
    return [_read_tool(reader.at(f"[{index}]"), tool) for index, tool in enumerate(raw)]


def _read_tool(reader: StepReader, raw: Any) -> dict[str, Any]:
    if isinstance(raw, str):
        return {"name": raw}
    reference = raw.get("ref", raw) if isinstance(raw, Mapping) else None
    tool = named_tool(reference) if isinstance(reference, Mapping) else None
    if tool is None:
        reader.problem("must be the name of a tool or a definition with a name", "missing", raw)
        return {"name": ""}
    if "type" in tool:
        return reader.tool(tool)
    if len(tool) > 1:
        message = "without a `type` this names a tool that is defined elsewhere; only `name` counts"
        reader.issue(message, severity="warning")
    return {"name": tool["name"]}


def as_given(tool: Mapping[str, Any], loc: str) -> dict[str, Any]:
    """Reads the definition of a tool without looking into it."""
    return dict(tool)


def named_tool(raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """A tool's body without nulls; one without an outer name takes its function's. Nothing: it has no name."""
    tool = {str(key): value for key, value in raw.items() if value is not None}
    present = [kind for kind in ALL_KINDS if kind in tool]
    if present:
        tool.setdefault("type", present[0])
    function = tool.get("function")
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        tool.setdefault("name", function["name"])
    return tool if isinstance(tool.get("name"), str) and tool["name"] else None
