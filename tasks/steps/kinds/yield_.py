"""`workflow`: run another workflow of the task and await its result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from tasks.language.capabilities import SUB_WORKFLOWS
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import BodyFinished, CallWorkflow, Done, Event, Outcome
from tasks.steps.reader import StepReader


@dataclass(eq=False)
class Yield(Step):
    """Output of the named workflow, which runs in a scope of its own. Its input: the arguments, else the step's."""

    kind: ClassVar[str] = "yield"
    step_type: ClassVar[str] = "YieldStep"
    main_key: ClassVar[str] = "workflow"
    keys: ClassVar[frozenset[str]] = frozenset({"workflow", "arguments"})
    hands_on: ClassVar[bool] = True

    workflow: str
    arguments: Value | None = evaluated("arguments", optional=True)

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A name, and an object of arguments or an expression."""
        arguments = raw.get("arguments")
        return cls(
            reader.literal(raw["workflow"], "workflow", (str,), ""),
            None if arguments is None else reader.arguments(arguments, "arguments"),
        )

    def workflow_names(self) -> Iterator[tuple[str, str]]:
        yield "workflow", self.workflow

    def needs(self) -> Iterator[str]:
        yield SUB_WORKFLOWS

    def start(self, ctx: StepContext) -> Outcome:
        return CallWorkflow(self.workflow, ctx.input if self.arguments is None else ctx.resolve(self.arguments))

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        assert isinstance(event, BodyFinished)
        return Done(event.value)
