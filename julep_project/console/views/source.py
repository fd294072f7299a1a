"""Programs as their authors wrote them, in YAML."""

from collections.abc import Mapping
from typing import Any

import yaml

from agents.tools.presentation import with_shown_tools


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


def written_step(source: Mapping[str, Any], workflow: str, step: int) -> str:
    """A step as its author wrote it, if it stands in a workflow itself."""
    steps = source.get(workflow)
    return as_written(steps[step]) if isinstance(steps, list) and step < len(steps) else ""
