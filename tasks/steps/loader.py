"""Reads steps back from a stored program."""

from collections.abc import Mapping
from typing import Any

from tasks.steps import registry
from tasks.steps.base import Step


def load_body(stored: list[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The steps that `dump_body` wrote."""
    return tuple(_load_step(step) for step in stored)


def _load_step(stored: Mapping[str, Any]) -> Step:
    step = registry.by_kind(stored["kind"]).load(stored, load_body)
    step.label = stored["label"]
    step.options = stored.get("options", {})
    return step
