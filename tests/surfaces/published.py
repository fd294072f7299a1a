"""What the installed clients say that a surface takes."""

from importlib import import_module
from typing import Any

from julep_project.core.reading.surface import Surface


def published_names(surface: Surface) -> set[str]:
    """The parameters of all its types."""
    return {name for path in surface.published for name in _names(path)}


def _names(path: str) -> frozenset[str]:
    module, _, name = path.partition(":")
    described: Any = getattr(import_module(module), name)
    names: frozenset[str] = described.__required_keys__ | described.__optional_keys__
    return names


def foreign_keys(told: Any, at: str = "") -> list[str]:
    """Keys that the published type of an answer does not have: the client keeps them apart. `told` is what the client
    read."""
    found: list[str] = []
    if isinstance(told, list):
        for place, one in enumerate(told):
            found += foreign_keys(one, f"{at}[{place}]")
    elif hasattr(told, "model_fields_set"):
        found += [f"{at}.{name}" for name in told.model_extra or ()]
        for name in type(told).model_fields:
            found += foreign_keys(getattr(told, name, None), f"{at}.{name}")
    return found
