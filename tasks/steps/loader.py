"""Reads steps back from a stored program."""

from collections.abc import Mapping
from typing import Any

from tasks.language.values import Value, load_value
from tasks.steps import registry
from tasks.steps.base import Step


class StepLoader:
    """What a step kind needs to load itself."""

    def value(self, stored: Mapping[str, Any]) -> Value:
        return load_value(stored)

    def body(self, stored: list[Mapping[str, Any]]) -> tuple[Step, ...]:
        return tuple(self._step(step) for step in stored)

    def _step(self, stored: Mapping[str, Any]) -> Step:
        step = registry.by_kind(stored["kind"]).load(stored, self)
        step.label = stored["label"]
        step.options = stored.get("options", {})
        return step
