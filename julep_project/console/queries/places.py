"""What a place in a program is called: the label of its step, or where it stands."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from executions.engine.run import load_version


def label_at(version_id: UUID, path: Sequence[str | int] | None, step: int | None, display: str | None) -> str:
    """The label of the step of a frame; `main[1]` for one that has none."""
    if path is None or step is None:
        return display or ""
    try:
        label = load_version(version_id).program.block(path)[step].label
    except (LookupError, ValueError, TypeError):
        # A program of another version of this server, whose steps are not known here.
        label = None
    return label or f"{display or path[0]}[{step}]"


def label_of_row(label: str | None, current: Any) -> str:
    """The same of a row of the log."""
    return label or (f"{current['workflow']}[{current['step']}]" if current else "")


# Columns that tell the place of a branch `b`.
PLACE = "b.stack->-1->'path' AS path, (b.stack->-1->>'pc')::int AS pc, b.stack->-1->>'display' AS display"
