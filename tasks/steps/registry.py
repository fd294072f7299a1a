"""All step kinds. A new kind is one module below `kinds` with one `Step` class; nothing else lists it."""

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from tasks.steps import kinds
from tasks.steps.base import Step

# Order of kinds in errors and documents; others come after these, by name.
_ORDER = (
    "evaluate", "tool_call", "prompt", "get", "set", "log", "error", "return", "sleep", "wait_for_input",
    "wait_for_event", "emit", "yield", "if_else", "switch", "foreach", "map_reduce", "parallel", "embed", "search",
    "while", "try",
)  # fmt: skip


@cache
def all_kinds() -> tuple[type[Step], ...]:
    """Every step class, in the order documents list them."""
    names = [module.name for module in pkgutil.walk_packages(kinds.__path__, f"{kinds.__name__}.")]
    found = [step for name in names for step in _classes_in(importlib.import_module(name))]
    return tuple(sorted(found, key=_rank))


def _rank(step: type[Step]) -> tuple[int, str]:
    return (_ORDER.index(step.kind) if step.kind in _ORDER else len(_ORDER), step.kind)


def _classes_in(module: ModuleType) -> list[type[Step]]:
    return [
        member
        for member in vars(module).values()
        if isinstance(member, type) and issubclass(member, Step) and member.__module__ == module.__name__
    ]


@cache
def _by_kind() -> dict[str, type[Step]]:
    return {step.kind: step for step in all_kinds()}


def by_kind(kind: str) -> type[Step]:
    """The step class of a kind.

    Raises:
        KeyError: there is no such kind.
    """
    return _by_kind()[kind]


@cache
def by_main_key() -> dict[str, type[Step]]:
    """The key that makes an object a step of a kind."""
    return {step.main_key: step for step in all_kinds()}
