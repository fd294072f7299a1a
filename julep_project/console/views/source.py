"""Programs as their authors wrote them, in YAML, and what differs between two."""

from collections.abc import Mapping
from difflib import unified_diff
from typing import Any, NamedTuple

import yaml

from agents.tools.presentation import with_shown_tools

_MOST_LINES = 2000
_AROUND = 4
_KINDS = {"+": "added", "-": "removed", "@": "place"}


class Line(NamedTuple):
    """A line of a difference; `kind` is `added`, `removed`, `place` or `same`."""

    kind: str
    text: str


def as_written(part: Any) -> str:
    """A step, or workflows by their names, without what only runners of tools see."""
    told: str = yaml.safe_dump(_given(with_shown_tools(part)), allow_unicode=True, sort_keys=False, width=100)
    return told


def _given(part: Any) -> Any:
    """What clients get of a step says also what kind it is, and that it has no label."""
    if isinstance(part, Mapping):
        left = {"kind_"} | ({"label"} if part.get("label") is None else set()) if "kind_" in part else set()
        return {name: _given(one) for name, one in part.items() if name not in left}
    return [_given(one) for one in part] if isinstance(part, list) else part


def difference(before: str, after: str) -> list[Line] | None:
    """What differs, with the lines around; nothing if nothing does, None if they are too long to be compared."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MOST_LINES:
        return None
    lines = list(unified_diff(old, new, lineterm="", n=_AROUND))[2:]
    return [Line(_KINDS.get(line[:1], "same"), line if line.startswith("@") else line[1:]) for line in lines]
