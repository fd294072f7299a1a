"""`parallel`: several bodies beside each other."""

from collections.abc import Mapping
from typing import Any, Self

from julep_project.core.json_value import Json
from tasks.steps.base import LoadBody, Step, StepContext, dump_body
from tasks.steps.outcomes import Child, Done, Fork, Outcome
from tasks.steps.reader import StepReader

MAX_ARMS = 100


class Parallel(Step, kind="parallel"):
    """Runs all arms with the same input. Output: the list of their outputs, in the order they are written."""

    arms: tuple[tuple[Step, ...], ...]

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A list of arms, each one step or a list of steps."""
        content = reader.literal(raw["parallel"], "parallel", (list,), [])
        place = reader.at("parallel")
        if len(content) > MAX_ARMS:
            place.problem(f"may have at most {MAX_ARMS} arms", "too_long", f"{len(content)} arms")
        return cls(tuple(place.body(arm, f"[{index}]") for index, arm in enumerate(content[:MAX_ARMS])))

    @classmethod
    def load(cls, stored: Mapping[str, Any], load_body: LoadBody) -> Self:
        return cls(tuple(load_body(arm) for arm in stored["arms"]))

    def dump(self) -> dict[str, Json]:
        return {"arms": [dump_body(arm) for arm in self.arms]}

    def blocks(self) -> Mapping[str, tuple[Step, ...]]:
        return {f"parallel[{index}]": arm for index, arm in enumerate(self.arms)}

    def start(self, ctx: StepContext) -> Outcome:
        if not self.arms:
            return Done([])
        children = [Child(block, ctx.input, display=block) for block in self.blocks()]
        return Fork(children, parallelism=len(children))
