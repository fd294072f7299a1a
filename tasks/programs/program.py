"""A canonical program, ready to run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from tasks.steps.base import Step, dump_body
from tasks.steps.loader import load_body

FORMAT = 1


@dataclass(frozen=True)
class Program:
    """Workflows by name, in one dialect. Immutable."""

    dialect: str
    workflows: Mapping[str, tuple[Step, ...]]

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """The program that `dump` wrote."""
        workflows = {name: load_body(steps) for name, steps in stored["workflows"].items()}
        return cls(stored["dialect"], workflows)

    def dump(self) -> dict[str, Any]:
        workflows = {name: dump_body(steps) for name, steps in self.workflows.items()}
        return {"format": FORMAT, "dialect": self.dialect, "workflows": workflows}

    def block(self, path: Sequence[str | int]) -> tuple[Step, ...]:
        """The body at a path: a workflow's name, then step index and body key for each level below it.

        Raises:
            KeyError: there is no such workflow or body.
        """
        key = tuple(path)
        if key not in self._blocks:
            self._blocks[key] = self._find(key)
        return self._blocks[key]

    @cached_property
    def _blocks(self) -> dict[tuple[str | int, ...], tuple[Step, ...]]:
        return {}

    @cached_property
    def labels_bodies(self) -> bool:
        """Whether a step in a body has a label."""
        steps = (step for workflow in self.workflows.values() for step in workflow)
        return any(label != step.label for step in steps for label in step.labels())

    def all_steps(self) -> Iterator[Step]:
        """Every step, at any depth."""
        stack = [step for steps in self.workflows.values() for step in steps]
        while stack:
            step = stack.pop()
            yield step
            stack += [below for body in step.blocks().values() for below in body]

    def _find(self, path: tuple[str | int, ...]) -> tuple[Step, ...]:
        steps = self.workflows[str(path[0])]
        for index, key in zip(path[1::2], path[2::2], strict=True):
            steps = steps[int(index)].blocks()[str(key)]
        return steps
