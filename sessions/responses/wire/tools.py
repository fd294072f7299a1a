"""Reads `tools` and `tool_choice`: functions the client runs, and searches this server runs itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agents.llm.request import MOST_TOOLS
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of
from julep_project.core.schemas.schema_references import UnusableSchema, check_references

WEB_SEARCH = "web_search"
FILE_SEARCH = "file_search"
MOST_RESULTS = 50
_USUAL_RESULTS = 10
_WEB_SEARCH = re.compile(r"web_search(_preview)?(_\d{4}_\d{2}_\d{2})?")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_WAYS = ("none", "auto", "required")

_QUERY = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to look for"}},
    "required": ["query"],
}
_DESCRIPTIONS = {
    WEB_SEARCH: "Searches the web and gives titles, addresses and excerpts of pages.",
    FILE_SEARCH: "Searches the documents at hand and gives the passages that fit best.",
}


@dataclass(frozen=True, slots=True)
class FileSearch:
    """What a `file_search` may look at: documents of these agents and users whose metadata contain the filter."""

    owner_ids: Sequence[str]
    limit: int
    metadata_filter: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a request. `functions` are in the form models are told of; hosted ones are named apart."""

    functions: Sequence[Mapping[str, Json]] = ()
    file_search: FileSearch | None = None
    choice: Json = "auto"
    hosted: frozenset[str] = frozenset()

    @property
    def function_names(self) -> frozenset[str]:
        """Names of the functions that the client runs."""
        return frozenset(function["function"]["name"] for function in self.functions)

    def presented(self) -> list[Mapping[str, Json]]:
        """All of them, as a model is told of them."""
        return [*self.functions, *(_hosted_function(name) for name in sorted(self.hosted))]

    def names(self) -> list[str]:
        """What a model may call."""
        return sorted(self.function_names | self.hosted)


def read_tools(given: Json, choice: Json) -> Tools:
    """The tools of a request and which of them the model has to use.

    Raises:
        InvalidInput: a tool is not of the form of its type.
        BadRequest: a type of tool, or a filter, is not supported; two tools have one name; the choice is not a tool.
    """
    if not isinstance(given, list):
        raise invalid(("tools",), "list_type", received=given)
    if len(given) > MOST_TOOLS:
        raise invalid(("tools",), "too_long", bound=MOST_TOOLS, received=f"{len(given)} tools")
    functions: list[Mapping[str, Json]] = []
    hosted: set[str] = set()
    file_search = None
    for place, tool in enumerate(given):
        loc: Path = ("tools", place)
        kind = _kind_of(tool, loc)
        if kind == "function":
            functions.append({"type": "function", "function": _read_function(tool, loc)})
            continue
        hosted.add(kind)
        if kind == FILE_SEARCH:
            file_search = _read_file_search(tool, loc)
    _check_names([tool["function"]["name"] for tool in functions], hosted)
    tools = Tools(functions, file_search, hosted=frozenset(hosted))
    return replace(tools, choice=_read_choice(choice, tools))


def _kind_of(tool: Json, loc: Path) -> str:
    kind = as_object(tool, loc).get("type")
    if kind is None:
        raise invalid((*loc, "type"), "missing")
    known = "function" if kind == "function" else _hosted_of(kind)
    if known is None:
        raise BadRequest(f"Tools of the type {str(kind)[:80]!r} are not supported yet")
    return known


def _read_function(tool: Mapping[str, Json], loc: Path) -> dict[str, Json]:
    name = tool.get("name")
    if name is None:
        raise invalid((*loc, "name"), "missing")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid((*loc, "name"), "string_pattern_mismatch", received=name, pattern=_NAME.pattern)
    given = tool.get("parameters")
    parameters = {} if given is None else as_object(given, (*loc, "parameters"))
    try:
        check_references(parameters)
    except UnusableSchema as error:
        reason = f"The schema cannot be used: {error}"
        raise invalid((*loc, "parameters"), "value_error", received=parameters, msg=reason) from None
    function: dict[str, Json] = {"name": name, "parameters": parameters or {"type": "object", "properties": {}}}
    for field_name, kind, problem in (("description", str, "string_type"), ("strict", bool, "bool_type")):
        value = tool.get(field_name)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise invalid((*loc, field_name), problem, received=value)
        function[field_name] = value
    return function


def _read_file_search(tool: Mapping[str, Json], loc: Path) -> FileSearch:
    ids = tool.get("vector_store_ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(owner, str) for owner in ids):
        raise BadRequest(
            "file_search needs vector_store_ids: the ids of the agents and users whose documents are searched"
        )
    limit = tool.get("max_num_results")
    if limit is None:
        limit = _USUAL_RESULTS
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise invalid((*loc, "max_num_results"), "int_type", received=limit)
    if not 1 <= limit <= MOST_RESULTS:
        side = ("greater_than_equal", 1) if limit < 1 else ("less_than_equal", MOST_RESULTS)
        raise invalid((*loc, "max_num_results"), side[0], bound=side[1], received=limit)
    return FileSearch(tuple(dict.fromkeys(ids)), limit, _metadata_filter(tool.get("filters")))


def _metadata_filter(filters: Json) -> dict[str, Json]:
    """Comparisons for equality, alone or joined by `and`, as the object that metadata have to contain."""
    if not filters:
        return {}
    if isinstance(filters, Mapping):
        if filters.get("type") == "eq" and isinstance(filters.get("key"), str):
            return {filters["key"]: filters.get("value")}
        if filters.get("type") == "and" and isinstance(filters.get("filters"), list):
            merged: dict[str, Json] = {}
            for part in filters["filters"]:
                merged.update(_metadata_filter(part))
            return merged
    raise BadRequest("file_search supports the filters `eq`, and `and` of those")


def _check_names(names: Sequence[str], hosted: set[str]) -> None:
    taken = set(hosted)
    for name in names:
        if name in taken:
            raise BadRequest(f"Two tools have the name {name!r}")
        taken.add(name)


def _read_choice(choice: Json, tools: Tools) -> Json:
    """`tool_choice` as models take it."""
    if choice is None or (isinstance(choice, str) and choice in _WAYS):
        return choice or "auto"
    if not isinstance(choice, Mapping):
        raise not_one_of(("tool_choice",), _WAYS, choice)
    kind = choice.get("type")
    is_function = kind == "function"
    name = _function_name(choice) if is_function else _hosted_of(kind)
    if name is None or name not in (tools.function_names if is_function else tools.hosted):
        raise BadRequest(f"tool_choice names a tool that is not among the tools: {str(name or kind)[:80]!r}")
    return {"type": "function", "function": {"name": name}}


def _function_name(choice: Mapping[str, Json]) -> str:
    """The chosen function's name, beside the type or inside `function` as in chat completions."""
    loc: Path = ("tool_choice",)
    if choice.get("name") is None and choice.get("function") is not None:
        loc = (*loc, "function")
        choice = as_object(choice["function"], loc)
    name = choice.get("name")
    if not isinstance(name, str):
        raise invalid((*loc, "name"), "missing" if name is None else "string_type", received=name)
    return name


def _hosted_of(kind: Json) -> str | None:
    if isinstance(kind, str) and _WEB_SEARCH.fullmatch(kind):
        return WEB_SEARCH
    return FILE_SEARCH if kind == FILE_SEARCH else None


def _hosted_function(name: str) -> dict[str, Json]:
    return {"type": "function", "function": {"name": name, "description": _DESCRIPTIONS[name], "parameters": _QUERY}}
