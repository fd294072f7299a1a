"""The tables of the page about tools, made from the registries that decide what can be called."""

import inspect
from collections.abc import Mapping
from typing import Any

from agents.tools.integrations.method import Method
from agents.tools.integrations.providers import known
from agents.tools.integrations.registry import all_methods
from agents.tools.system import all_operations
from julep_project.core.markdown import codes, table, with_parts

_PAGING = frozenset({"limit", "offset", "sort_by", "direction"})


def tables() -> dict[str, str]:
    """Every generated part of the page, by its name, as Markdown."""
    return {"operations": _operations(), "providers": _providers(), "not run": _not_run()}


def written(page: str) -> str:
    """The page with all its generated parts as they should be.

    Raises:
        ValueError: the page has no place for one of them.
    """
    return with_parts(page, tables())


def _operations() -> str:
    rows = [(f"`{each.name}`", each.description, _arguments(each.parameters)) for each in all_operations()]
    return table(("operation", "what it does", "arguments"), rows)


def _providers() -> str:
    rows = [
        (
            f"`{method.provider}`",
            f"`{method.name}`",
            method.description,
            _arguments(method.setup),
            _arguments(method.arguments),
            _result(method),
        )
        for methods in all_methods().values()
        for method in methods
    ]
    return table(("provider", "method", "what it does", "setup", "arguments", "result"), rows)


def _not_run() -> str:
    others = sorted(set(known()) - set(all_methods()))
    return f"Known but not run by this server: {codes(others) if others else 'none'}."


def _arguments(schema: Mapping[str, Any]) -> str:
    """Names of properties, the required ones in bold; the four of every list as one word."""
    names = list(schema["properties"])
    required = set(schema.get("required", ()))
    hidden = _PAGING if set(names) >= _PAGING else frozenset()
    shown = [f"**`{name}`**" if name in required else f"`{name}`" for name in names if name not in hidden]
    if hidden:
        shown.append("paging")
    if schema.get("additionalProperties") is True:
        shown.append("any other")
    return ", ".join(shown)


def _result(method: Method) -> str:
    function = getattr(method.run, "func", method.run)
    return (inspect.getdoc(function) or "").partition("\n\n")[0]
