"""`wait_for_input`: suspend until somebody answers."""

from collections.abc import Mapping
from typing import Any, Self

from julep_project.core.json_value import Json
from tasks.language.values import Literal, ObjectValue, Value, folded
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.outcomes import BodyFinished, Done, Event, Fail, InputReceived, Outcome, TimedOut, Wait
from tasks.steps.quorum import APPROVE, DENY, WrongQuorum, outcome_of, people_named, quorum_of
from tasks.steps.reader import StepReader
from tasks.steps.waiting import check_ways, ended_late, given_up, read_on_timeout, read_timeout

_KEYS = frozenset({"info", "quorum", "timeout", "on_timeout"})
_ANSWERS = frozenset({"answers"})


class WaitForInput(Step, kind="wait_for_input"):
    """Shows `info` and outputs the answer as it is, or with a `quorum` all answers.

    After `timeout` seconds it outputs `on_timeout`, or runs `timed_out` and gives the output of that, or fails.
    """

    info: Value = evaluated("wait_for_input.info")
    quorum: Value | None = evaluated("wait_for_input.quorum", left_out=True)
    timeout: float | None
    on_timeout: Value | None = evaluated("wait_for_input.on_timeout", extra_names=_ANSWERS)
    timed_out: tuple[Step, ...] = body("timed_out", "wait_for_input.timed_out", extra_names=_ANSWERS, left_out=True)

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{info: any JSON, quorum?: number or {approve, deny?}, timeout?: seconds, on_timeout?: any JSON}`."""
        content, place = reader.object(raw["wait_for_input"], "wait_for_input", _KEYS)
        timeout = read_timeout(content, place)
        check_ways(raw, content, reader, cls.main_key)
        info = place.value(content.get("info", {}), "info")
        return cls(
            info=info,
            quorum=_read_quorum(content.get("quorum"), place.at("quorum"), info),
            timeout=timeout,
            on_timeout=read_on_timeout(content, place),
            timed_out=cls._read_route(raw, reader),
        )

    @staticmethod
    def _read_route(raw: Mapping[str, Any], reader: StepReader) -> tuple[Step, ...]:
        if raw.get("timed_out") is None:
            return ()
        return reader.body(raw["timed_out"], "timed_out", "wait_for_input.timed_out", _ANSWERS)

    def start(self, ctx: StepContext) -> Outcome:
        info = ctx.resolve(self.info)
        if self.quorum is None:
            return Wait(info, timeout=self.timeout)
        try:
            quorum = quorum_of(ctx.resolve(self.quorum), people_named(info))
        except WrongQuorum as error:
            return Fail(f"the quorum {error}", "QuorumError")
        return Wait(info, memory=quorum, timeout=self.timeout, quorum=quorum)

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        if isinstance(event, TimedOut):
            return self._give_up(ctx, event)
        if isinstance(event, BodyFinished):
            return ended_late(event.value)
        if self.quorum is None:
            return super().resume(ctx, event)
        assert isinstance(event, InputReceived)
        return Done(outcome_of(ctx.memory, event.value))

    def _give_up(self, ctx: StepContext, event: TimedOut) -> Outcome:
        outcome = given_up(ctx, self.timed_out, self.on_timeout, {"answers": list(event.answers)})
        if outcome is not None:
            return outcome
        assert self.timeout is not None
        return Fail.unanswered(self.timeout)


def _read_quorum(raw: Any, reader: StepReader, info: Value) -> Value | None:
    asked = reader.literal(raw, "", (int, str, dict))
    if asked is None:
        return None
    if not isinstance(asked, Mapping):
        quorum = reader.condition(asked)
    else:
        reader.unknown_keys(asked, frozenset({APPROVE, DENY}), "quorum")
        parts = ((key, reader.condition(asked[key], key)) for key in (APPROVE, DENY) if asked.get(key) is not None)
        quorum = folded(ObjectValue(tuple(parts)))
    if isinstance(quorum, Literal):
        try:
            quorum_of(quorum.value, people_named({"assignees": _assignees(info)}))
        except WrongQuorum as error:
            reader.at(error.key).problem(str(error), "out_of_range", raw)
    return quorum


def _assignees(info: Value) -> Json:
    """The assignees as far as they are known before the step runs."""
    if isinstance(info, Literal):
        return info.value.get("assignees") if isinstance(info.value, Mapping) else None
    found = dict(info.items).get("assignees") if isinstance(info, ObjectValue) else None
    return found.value if isinstance(found, Literal) else None
