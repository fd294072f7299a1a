"""`wait_for_event`: suspend until an event is recorded."""

from collections.abc import Callable, Mapping
from typing import Any, Self

from tasks.language.values import Literal, Value
from tasks.steps.base import Step, StepContext, body, evaluated
from tasks.steps.event_names import problem_of_key, problem_of_name
from tasks.steps.outcomes import AwaitedEvent, BodyFinished, Event, Fail, Outcome, TimedOut, Wait
from tasks.steps.reader import StepReader
from tasks.steps.waiting import check_ways, ended_late, given_up, read_on_timeout, read_timeout

_KEYS = frozenset({"name", "match", "key", "timeout", "on_timeout", "since"})
_MAX_SINCE_S = 366 * 86_400
EVENT = "event"


class WaitForEvent(Step, kind="wait_for_event"):
    """Outputs the oldest event of this name that its `match` is a part of: `{id, name, data, key, created_at}`.

    After `timeout` seconds it outputs `on_timeout`, or runs `timed_out` and gives the output of that, or fails.
    """

    name: Value = evaluated("wait_for_event.name")
    match: Value | None = evaluated("wait_for_event.match")
    key: Value | None = evaluated("wait_for_event.key")
    since: float | None
    timeout: float | None
    on_timeout: Value | None = evaluated("wait_for_event.on_timeout")
    timed_out: tuple[Step, ...] = body("timed_out", "wait_for_event.timed_out")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{name, match?: object, key?, since?: seconds, timeout?: seconds, on_timeout?: any JSON}`."""
        content, place = reader.object(raw["wait_for_event"], "wait_for_event", _KEYS)
        check_ways(raw, content, reader, cls.main_key)
        return cls(
            name=read_checked(content, place, "name", problem_of_name),
            match=place.arguments(content["match"], "match") if content.get("match") is not None else None,
            key=read_checked(content, place, "key", problem_of_key) if content.get("key") is not None else None,
            since=place.number(content.get("since"), "since", low=0, high=_MAX_SINCE_S),
            timeout=read_timeout(content, place),
            on_timeout=read_on_timeout(content, place),
            timed_out=()
            if raw.get("timed_out") is None
            else reader.body(raw["timed_out"], "timed_out", "wait_for_event.timed_out"),
        )

    def start(self, ctx: StepContext) -> Outcome:
        name = ctx.resolve(self.name)
        match = {} if self.match is None else ctx.resolve(self.match)
        key = None if self.key is None else ctx.resolve(self.key)
        problem = problem_of_name(name) or (None if key is None else problem_of_key(key))
        if problem is None and not isinstance(match, dict):
            problem = "`match` must be an object"
        if problem is not None:
            return Fail(problem, "ValueError")
        shown = {"type": EVENT, "name": name, "match": match, **({} if key is None else {"key": key})}
        return Wait(shown, timeout=self.timeout, event=AwaitedEvent(name, match, key, self.since or 0.0))

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        if isinstance(event, TimedOut):
            return self._give_up(ctx)
        if isinstance(event, BodyFinished):
            return ended_late(event.value)
        return super().resume(ctx, event)

    def _give_up(self, ctx: StepContext) -> Outcome:
        outcome = given_up(ctx, self.timed_out, self.on_timeout)
        if outcome is not None:
            return outcome
        assert self.timeout is not None
        return Fail.no_event(str(ctx.resolve(self.name)), self.timeout)


def read_checked(
    content: Mapping[str, Any], place: StepReader, key: str, problem_of: Callable[[object], str | None]
) -> Value:
    """A text that is checked now if no expression gives it."""
    if content.get(key) is None:
        place.at(key).problem(f"`{key}` is missing", "missing", content)
        return Literal("")
    value = place.value(content[key], key)
    problem = problem_of(value.value) if isinstance(value, Literal) else None
    if problem is not None:
        place.at(key).problem(problem, "value_error", content[key])
    return value
