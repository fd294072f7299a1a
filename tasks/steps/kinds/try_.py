"""`try` / `catch` / `finally`: go on after a failure."""

from collections.abc import Mapping
from typing import Any, Self

from julep_project.core.json_value import Json
from tasks.steps.base import Step, StepContext, body
from tasks.steps.outcomes import BodyFailed, BodyFinished, BodyReturned, Done, Enter, Event, Fail, Outcome, Return
from tasks.steps.reader import StepReader


class Try(Step, kind="try"):
    """Output of the body, or of `catch` when the body failed. `finally` runs in any case, its output is dropped.

    `_` of `catch` and `finally` is the step's own input; `catch` reads the failure as `error`. How the step goes on
    after `finally` is kept in memory: `{"done": value}`, `{"failed": {message, type}}` or `{"returned": value}`.
    """

    attempt: tuple[Step, ...] = body("try")
    catch: tuple[Step, ...] = body("catch", "try.catch", extra_names=frozenset({"error"}), optional=True)
    tidy: tuple[Step, ...] = body("finally", "try.finally", optional=True)

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A body, and at least one of `catch` and `finally`."""
        if raw.get("catch") is None and raw.get("finally") is None:
            reader.problem("needs `catch` or `finally`", "missing", sorted(raw))
        return super().read(raw, reader)

    def start(self, ctx: StepContext) -> Outcome:
        return Enter("try", ctx.input, display="try", memory={"phase": "try"}, guarded=True)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        phase = ctx.memory["phase"]
        if phase == "finally":
            return self._after_finally(ctx.memory["then"])
        if phase == "try" and isinstance(event, BodyFailed) and self.catch:
            return self._handle(ctx, event)
        then = self._ending(event)
        if not self.tidy:
            return self._after_finally(then)
        return Enter("finally", ctx.input, display="finally", memory={"phase": "finally", "then": then})

    def _handle(self, ctx: StepContext, failure: BodyFailed) -> Outcome:
        error = {"message": failure.message, "type": failure.type, "step": failure.step}
        return Enter(
            "catch",
            ctx.input,
            display="catch",
            memory={"phase": "catch"},
            names={"error": error},
            guarded=bool(self.tidy),
        )

    @staticmethod
    def _ending(event: Event) -> dict[str, Json]:
        match event:
            case BodyFailed():
                return {"failed": {"message": event.message, "type": event.type}}
            case BodyReturned():
                return {"returned": event.value}
            case BodyFinished():
                return {"done": event.value}
        raise AssertionError(f"a try step is not resumed by {event!r}")

    @staticmethod
    def _after_finally(then: dict[str, Json]) -> Outcome:
        if "failed" in then:
            return Fail(then["failed"]["message"], then["failed"]["type"])
        return Return(then["returned"]) if "returned" in then else Done(then["done"])
