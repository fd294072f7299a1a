"""`workflow`: run another workflow of the task and await its result."""

from collections.abc import Iterator

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated, literal
from tasks.steps.outcomes import CallWorkflow, Outcome
from tasks.steps.reader import StepReader


class Yield(Step, kind="yield", main_key="workflow", hands_on=True):
    """Output of the named workflow, which runs in a scope of its own. Its input: the arguments, else the step's."""

    workflow: str = literal("workflow", StepReader.name)
    arguments: Value | None = evaluated("arguments", StepReader.arguments, optional=True)

    def workflow_names(self) -> Iterator[tuple[str, str]]:
        yield "workflow", self.workflow

    def start(self, ctx: StepContext) -> Outcome:
        return CallWorkflow(self.workflow, ctx.input if self.arguments is None else ctx.resolve(self.arguments))
