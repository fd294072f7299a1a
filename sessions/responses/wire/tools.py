"""Reads `tools` and `tool_choice`: functions and tools of a text, which the client runs, and searches this server runs
itself."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agents.llm.request import MOST_TOOLS
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.surface import ParameterRefused
from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of, path_text
from julep_project.core.schemas.schema_references import UnusableSchema, check_references
from julep_project.core.schemas.schema_shape import check_shape
from sessions.responses.wire.errors import at
from sessions.responses.wire.file_search import FileSearch, read_file_search
from sessions.responses.wire.keys import Keys, keys

WEB_SEARCH = "web_search"
FILE_SEARCH = "file_search"
CUSTOM_INPUT = "input"
_WEB_SEARCH = re.compile(r"web_search(_preview)?(_\d{4}_\d{2}_\d{2})?")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CLIENTS = ("function", "custom")
_KINDS = (*_CLIENTS, FILE_SEARCH, WEB_SEARCH)
_OF_CLIENTS: Mapping[str, tuple[Json, ...]] = {"allowed_callers": (["direct"],), "defer_loading": (False,)}
_KEYS: Mapping[str, Keys] = {
    "function": keys("type", "name", "description", "parameters", "strict", output_schema=(), **_OF_CLIENTS),
    "custom": keys("type", "name", "description", "format", **_OF_CLIENTS),
    WEB_SEARCH: keys(
        "type",
        "search_context_size",
        external_web_access=(True,),
        filters=({}, {"allowed_domains": None}),
        search_content_types=(["text"],),
        user_location=({"type": "approximate"},),
    ),
    FILE_SEARCH: keys("type", "vector_store_ids", "max_num_results", "filters", "ranking_options"),
}
_OF_FORMATS = keys("type")
# How many pages a web search gives the model, by its `search_context_size`.
_WEB_RESULTS = {"low": 3, "medium": 5, "high": 10}
_QUERY = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to look for"}},
    "required": ["query"],
}
# What models are offered in the place of a tool that takes a text: all of them know functions.
_TEXT = {"type": "object", "properties": {CUSTOM_INPUT: {"type": "string"}}, "required": [CUSTOM_INPUT]}
_DESCRIPTIONS = {
    WEB_SEARCH: "Searches the web and gives titles, addresses and excerpts of pages.",
    FILE_SEARCH: "Searches the documents at hand and gives the passages that fit best.",
}


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a request that may be called. `functions` are those that the client runs, in the form models are
    told of; those of them that take a text are `custom`. Hosted ones are named apart."""

    functions: Sequence[Mapping[str, Json]] = ()
    file_search: FileSearch | None = None
    choice: Json = "auto"
    hosted: frozenset[str] = frozenset()
    custom: frozenset[str] = frozenset()
    web_results: int = _WEB_RESULTS["medium"]

    @property
    def function_names(self) -> frozenset[str]:
        """Names of the tools that the client runs."""
        return frozenset(function["function"]["name"] for function in self.functions)

    def presented(self) -> list[Mapping[str, Json]]:
        """All of them, as a model is told of them."""
        return [*self.functions, *(_hosted_function(name) for name in sorted(self.hosted))]

    def names(self) -> list[str]:
        """What a model may call."""
        return sorted(self.function_names | self.hosted)

    def only(self, names: frozenset[str]) -> "Tools":
        """Those with these names."""
        functions = [function for function in self.functions if function["function"]["name"] in names]
        file_search = self.file_search if FILE_SEARCH in names else None
        return replace(
            self,
            functions=functions,
            file_search=file_search,
            hosted=self.hosted & names,
            custom=self.custom & names,
        )


def read_tools(given: Json) -> Tools:
    """The tools of a request.

    Raises:
        InvalidInput: a tool is not of the form of its type.
        BadRequest: a type of tool, an option or a filter is not supported; two tools have one name.
    """
    if not isinstance(given, list):
        raise invalid(("tools",), "list_type", received=given)
    if len(given) > MOST_TOOLS:
        raise invalid(("tools",), "too_long", bound=MOST_TOOLS, received=f"{len(given)} tools")
    functions: list[Mapping[str, Json]] = []
    hosted: set[str] = set()
    custom: set[str] = set()
    file_search, web_results = None, _WEB_RESULTS["medium"]
    for place, tool in enumerate(given):
        loc: Path = ("tools", place)
        kind = _kind_of(tool, loc)
        _KEYS[kind].check(tool, loc)
        if kind in _CLIENTS:
            read = _read_function(tool, loc) if kind == "function" else _read_custom(tool, loc)
            functions.append({"type": "function", "function": read})
            custom |= {read["name"]} if kind == "custom" else set()
            continue
        hosted.add(kind)
        if kind == FILE_SEARCH:
            file_search = read_file_search(tool, loc)
        else:
            web_results = _read_web_results(tool, loc)
    _check_names([tool["function"]["name"] for tool in functions], hosted)
    return Tools(functions, file_search, hosted=frozenset(hosted), custom=frozenset(custom), web_results=web_results)


def hosted_of(kind: Json) -> str | None:
    """The search that a type of tool stands for, if it is one."""
    if isinstance(kind, str) and _WEB_SEARCH.fullmatch(kind):
        return WEB_SEARCH
    return FILE_SEARCH if kind == FILE_SEARCH else None


def _kind_of(tool: Json, loc: Path) -> str:
    kind = as_object(tool, loc).get("type")
    if kind is None:
        raise invalid((*loc, "type"), "missing")
    known = kind if isinstance(kind, str) and kind in _CLIENTS else hosted_of(kind)
    if known is None:
        told = f"Tools of the type {str(kind)[:80]!r} are not supported yet: use {', '.join(_KINDS)}"
        raise at(BadRequest(told), *loc, "type")
    return str(known)


def _read_function(tool: Mapping[str, Json], loc: Path) -> dict[str, Json]:
    given = tool.get("parameters")
    parameters = {} if given is None else as_object(given, (*loc, "parameters"))
    try:
        check_references(parameters)
        check_shape(parameters)
    except UnusableSchema as error:
        reason = f"The schema cannot be used: {error}"
        raise invalid((*loc, "parameters"), "value_error", received=parameters, msg=reason) from None
    function = _read_named(tool, loc, parameters or {"type": "object", "properties": {}})
    strict = tool.get("strict")
    if strict is not None:
        if not isinstance(strict, bool):
            raise invalid((*loc, "strict"), "bool_type", received=strict)
        function["strict"] = strict
    return function


def _read_custom(tool: Mapping[str, Json], loc: Path) -> dict[str, Json]:
    """A tool that takes a text, as the function with one argument that models are offered."""
    at = (*loc, "format")
    form = tool.get("format")
    kind = "text" if form is None else as_object(form, at).get("type")
    if kind != "text":
        if kind == "grammar":
            raise ParameterRefused(path_text((*at, "type")), "What a model writes is not held to a grammar")
        raise not_one_of((*at, "type"), ("text", "grammar"), kind)
    _OF_FORMATS.check(form or {}, at)
    return _read_named(tool, loc, _TEXT)


def _read_named(tool: Mapping[str, Json], loc: Path, parameters: Mapping[str, Json]) -> dict[str, Json]:
    name, description = tool.get("name"), tool.get("description")
    if name is None:
        raise invalid((*loc, "name"), "missing")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid((*loc, "name"), "string_pattern_mismatch", received=name, pattern=_NAME.pattern)
    function: dict[str, Json] = {"name": name, "parameters": parameters}
    if description is not None:
        if not isinstance(description, str):
            raise invalid((*loc, "description"), "string_type", received=description)
        function["description"] = description
    return function


def _read_web_results(tool: Mapping[str, Json], loc: Path) -> int:
    size = tool.get("search_context_size")
    if size is None:
        size = "medium"
    if not isinstance(size, str) or size not in _WEB_RESULTS:
        raise not_one_of((*loc, "search_context_size"), list(_WEB_RESULTS), size)
    return _WEB_RESULTS[size]


def _check_names(names: Sequence[str], hosted: set[str]) -> None:
    taken = set(hosted)
    for name in names:
        if name in taken:
            raise at(BadRequest(f"Two tools have the name {name!r}"), "tools")
        taken.add(name)


def _hosted_function(name: str) -> dict[str, Json]:
    return {"type": "function", "function": {"name": name, "description": _DESCRIPTIONS[name], "parameters": _QUERY}}
