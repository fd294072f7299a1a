"""`wait_for_input`: suspend until somebody answers."""

from collections.abc import Mapping
from typing import Any, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Done, Event, Fail, Outcome, TimedOut, Wait
from tasks.steps.reader import StepReader

_KEYS = frozenset({"info", "timeout", "on_timeout"})
_MIN_TIMEOUT_S = 1
_MAX_TIMEOUT_S = 10 * 366 * 86_400


class WaitForInput(Step, kind="wait_for_input"):
    """Shows `info` and outputs the answer as it is; after `timeout` seconds `on_timeout`, or the step fails."""

    info: Value = evaluated("wait_for_input.info")
    timeout: float | None
    on_timeout: Value | None = evaluated("wait_for_input.on_timeout")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{info: any JSON, timeout?: seconds, on_timeout?: any JSON}`."""
        content, place = reader.object(raw["wait_for_input"], "wait_for_input", _KEYS)
        timeout = place.number(content.get("timeout"), "timeout", low=_MIN_TIMEOUT_S, high=_MAX_TIMEOUT_S)
        if "on_timeout" in content and content.get("timeout") is None:
            place.at("on_timeout").problem("needs `timeout`", "missing", content["on_timeout"])
        return cls(
            info=place.value(content.get("info", {}), "info"),
            timeout=timeout,
            on_timeout=place.value(content["on_timeout"], "on_timeout") if "on_timeout" in content else None,
        )

    def start(self, ctx: StepContext) -> Outcome:
        return Wait(ctx.resolve(self.info), timeout=self.timeout)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        if isinstance(event, TimedOut):
            if self.on_timeout is not None:
                return Done(ctx.resolve(self.on_timeout), metadata={"timed_out": True})
            assert self.timeout is not None
            return Fail.unanswered(self.timeout)
        return super().resume(ctx, event)
