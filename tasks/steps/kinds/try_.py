"""`try` / `catch` / `finally`: go on after a failure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from julep_project.core.json_value import Json
from tasks.language.capabilities import GUARDED_BODIES
from tasks.steps.base import Step, StepContext, body
from tasks.steps.outcomes import BodyFailed, BodyFinished, BodyReturned, Done, Enter, Event, Fail, Outcome, Return
from tasks.steps.reader import StepReader

_CAUGHT = frozenset({"error"})


@dataclass(eq=False)
class Try(Step):
    """Output of the body, or of `catch` when the body failed. `finally` runs in any case, its output is dropped.

    `_` of `catch` and `finally` is the step's own input; `catch` reads the failure as `error`. How the step goes on
    after `finally` is kept in memory: `{"done": value}`, `{"failed": {message, type}}` or `{"returned": value}`.
    """

    kind: ClassVar[str] = "try"
    step_type: ClassVar[str] = "TryStep"
    main_key: ClassVar[str] = "try"
    keys: ClassVar[frozenset[str]] = frozenset({"try", "catch", "finally"})

    attempt: tuple[Step, ...] = body("try")
    catch: tuple[Step, ...] = body("catch", optional=True)
    tidy: tuple[Step, ...] = body("finally", optional=True)

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A body, and at least one of `catch` and `finally`."""
        catch, tidy = raw.get("catch"), raw.get("finally")
        if catch is None and tidy is None:
            reader.problem("needs `catch` or `finally`", "missing", sorted(raw))
        return cls(
            reader.body(raw["try"], "try"),
            () if catch is None else reader.body(catch, "catch", "try.catch", _CAUGHT),
            () if tidy is None else reader.body(tidy, "finally", "try.finally"),
        )

    def body_location(self, key: str) -> str:
        return key if key == "try" else f"try.{key}"

    def block_names(self, key: str) -> frozenset[str]:
        return _CAUGHT if key == "catch" else frozenset()

    def needs(self) -> Iterator[str]:
        yield GUARDED_BODIES

    def start(self, ctx: StepContext) -> Outcome:
        return Enter("try", ctx.input, display="try", memory={"phase": "try"}, guarded=True)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        """A body has ended, one way or another."""
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
