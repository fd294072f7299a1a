"""Steps as clients get them back: canonical spelling, `kind_`, `label`, and the values as they were written."""

from collections.abc import Mapping
from typing import Any

from tasks.language.spelling import BODY_KEYS
from tasks.steps import registry


def body_to_wire(body: Any) -> Any:
    """A body in canonical spelling: one step stays one step, a list stays a list."""
    if isinstance(body, list):
        return [step_to_wire(step) for step in body]
    return step_to_wire(body)


def step_to_wire(step: Mapping[str, Any]) -> dict[str, Any]:
    kind = next(registry.by_main_key()[key].kind for key in step if key in registry.by_main_key())
    return {"kind_": kind, "label": step.get("label"), **_with_bodies(step)}


def _with_bodies(fields: Mapping[str, Any]) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    for key, value in fields.items():
        if key in BODY_KEYS:
            wire[key] = body_to_wire(value)
        elif key == "foreach":
            wire[key] = _with_bodies(value)
        elif key == "switch":
            wire[key] = [_with_bodies(case) for case in value]
        elif key == "parallel":
            wire[key] = [body_to_wire(arm) for arm in value]
        elif key != "label":
            wire[key] = value
    return wire
