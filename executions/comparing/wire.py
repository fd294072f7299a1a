"""Comparisons as clients see them."""

import json
from typing import Any

from executions.comparing.comparison import Cell, Comparison, RunColumn, StepLine, Told
from executions.comparing.usage import Usage
from executions.stored_json import OMITTED
from julep_project.core.clock import to_wire


def comparison_to_wire(comparison: Comparison, *, offset: int) -> dict[str, Any]:
    following = offset + len(comparison.lines)
    return {
        "runs": [_run(column) for column in comparison.columns],
        "shared_transitions": comparison.shared,
        "after": comparison.after,
        "next_after": comparison.further,
        "items": [_line(line) for line in comparison.lines],
        "count": comparison.count,
        "next_offset": following if following < comparison.count else None,
    }


def _run(column: RunColumn) -> dict[str, Any]:
    run = column.run
    return {
        "id": str(run.pk),
        "task_id": str(run.task_id),
        "name": column.name,
        "status": run.status,
        "error": run.error,
        "output": _value(column.output),
        "is_same": column.is_same,
        "seconds": column.length.total_seconds(),
        **_usage(column.usage),
        "created_at": to_wire(run.created_at),
    }


def _line(line: StepLine) -> dict[str, Any]:
    step = line.step
    return {
        "workflow": step.workflow,
        "step": step.step,
        "turn": step.turn,
        "step_label": line.label,
        "step_type": line.step_type,
        "is_same": line.is_same,
        "runs": [None if cell is None else _cell(cell) for cell in line.cells],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "transition_id": str(cell.row_id),
        "output": _value(cell.output),
        "error_type": cell.error_type,
        "is_same": cell.is_same,
        "seconds": cell.seconds,
        "models": cell.usage.models,
        **_usage(cell.usage),
    }


def _value(told: Told | None) -> Any:
    if told is None:
        return None
    if told.is_cut:
        return {OMITTED: f"{told.size} bytes; get it by itself", "beginning": told.text}
    return json.loads(told.text)


def _usage(usage: Usage) -> dict[str, Any]:
    cost = None if usage.cost is None else float(usage.cost)
    return {"calls": usage.calls, "tokens": usage.tokens, "cost": cost}
