"""`log`: leave a text in the log."""

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Outcome
from tasks.steps.reader import StepReader
from tasks.steps.rendering import as_text


class Log(Step, kind="log"):
    """Outputs its input; the rendered text stands in the transition's metadata under `log`."""

    text: Value = evaluated("log", StepReader.one_text)

    def start(self, ctx: StepContext) -> Outcome:
        return Done(ctx.input, metadata={"log": as_text(ctx.resolve(self.text))})
