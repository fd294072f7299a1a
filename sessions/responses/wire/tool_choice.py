"""Reads `tool_choice`: whether tools have to be called, and which of them may be."""

from collections.abc import Mapping
from dataclasses import replace

from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of
from sessions.responses.wire.errors import at
from sessions.responses.wire.keys import keys
from sessions.responses.wire.tools import Tools, hosted_of

ALLOWED_TOOLS = "allowed_tools"
_WAYS = ("none", "auto", "required")
_MOST_ALLOWED = 500
_NAMED = ("function", "custom")
_LOC: Path = ("tool_choice",)
_ALLOWANCE = keys("mode", "tools")
_OF_ALLOWANCES = keys("type", "mode", "tools", ALLOWED_TOOLS)
_OF_HOSTED = keys("type")
_NAME = keys("name")


def chosen(tools: Tools, choice: Json) -> Tools:
    """The tools that a model may call by this choice, which is in the form that models take.

    Raises:
        InvalidInput: it is not of a known form.
        BadRequest: it names a tool that is not among the tools.
    """
    if choice is None or (isinstance(choice, str) and choice in _WAYS):
        return replace(tools, choice=choice or "auto")
    if not isinstance(choice, Mapping):
        raise not_one_of(_LOC, _WAYS, choice)
    if choice.get("type") == ALLOWED_TOOLS:
        return _allowed(tools, choice)
    return replace(tools, choice={"type": "function", "function": {"name": _name_of(choice, tools, _LOC)}})


def shown_choice(choice: Json) -> Json:
    """The choice as the response repeats it, in one form."""
    if not isinstance(choice, Mapping):
        return choice or "auto"
    if choice.get("type") == ALLOWED_TOOLS:
        given, _ = _allowance(choice)
        tools = [shown_choice(tool) for tool in given["tools"]]
        return {"type": ALLOWED_TOOLS, "mode": given.get("mode") or "auto", "tools": tools}
    inner = choice.get(choice["type"]) if choice["type"] in _NAMED else None
    return {"type": choice["type"], "name": inner["name"]} if isinstance(inner, Mapping) else dict(choice)


def _allowed(tools: Tools, choice: Mapping[str, Json]) -> Tools:
    _OF_ALLOWANCES.check(choice, _LOC)
    given, within = _allowance(choice)
    mode = given.get("mode") or "auto"
    if not isinstance(mode, str) or mode not in _WAYS:
        raise not_one_of((*within, "mode"), _WAYS, mode)
    loc = (*within, "tools")
    named = given.get("tools")
    if not isinstance(named, list) or not named:
        raise invalid(loc, "missing" if named is None else "too_short", bound=1, received=named)
    if len(named) > _MOST_ALLOWED:
        raise invalid(loc, "too_long", bound=_MOST_ALLOWED, received=f"{len(named)} tools")
    names = (_name_of(as_object(tool, (*loc, place)), tools, (*loc, place)) for place, tool in enumerate(named))
    return replace(tools.only(frozenset(names)), choice=mode)


def _allowance(choice: Mapping[str, Json]) -> tuple[Mapping[str, Json], Path]:
    """What is allowed, and its place: beside the type or inside as in chat completions."""
    inner, loc = choice.get(ALLOWED_TOOLS), (*_LOC, ALLOWED_TOOLS)
    if inner is None:
        return choice, _LOC
    _ALLOWANCE.check(as_object(inner, loc), loc)
    return inner, loc


def _name_of(choice: Mapping[str, Json], tools: Tools, loc: Path) -> str:
    """The name under which models know the tool.

    Raises:
        InvalidInput, BadRequest
    """
    kind = choice.get("type")
    if kind in _NAMED:
        keys("type", "name", str(kind)).check(choice, loc)
        name: str | None = _given_name(choice, str(kind), loc)
        offered = tools.custom if kind == "custom" else tools.function_names - tools.custom
    else:
        name, offered = hosted_of(kind), tools.hosted
        if name is not None:
            _OF_HOSTED.check(choice, loc)
    if name is None or name not in offered:
        told = f"tool_choice names a tool that is not among the tools: {str(name or kind)[:80]!r}"
        raise at(BadRequest(told), *loc)
    return name


def _given_name(choice: Mapping[str, Json], kind: str, loc: Path) -> str:
    """The name, beside the type or inside as in chat completions."""
    if choice.get("name") is None and choice.get(kind) is not None:
        loc = (*loc, kind)
        choice = as_object(choice[kind], loc)
        _NAME.check(choice, loc)
    name = choice.get("name")
    if not isinstance(name, str):
        raise invalid((*loc, "name"), "missing" if name is None else "string_type", received=name)
    return name
