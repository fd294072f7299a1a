"""What a step asks the engine to do, and what the engine tells a step it resumes. Plain data, closed sets."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Self

from julep_project.core.json_value import Json

_LARGEST = 10**300


class UnfitValue(Exception):
    """A stored value is not of the kind that a change needs."""


@dataclass(frozen=True, slots=True)
class Change(ABC):
    """What becomes of one value in the execution's store, whatever it is when the step is committed."""

    key: str
    value: Json

    @abstractmethod
    def applied(self, stored: Json) -> Json:
        """The new value; null stands for one that is not stored yet. Raises `UnfitValue`."""


class Increment(Change):
    """Adds a number."""

    def applied(self, stored: Json) -> Json:
        total = _number(0 if stored is None else stored, self.key) + _number(self.value, self.key)
        if not -_LARGEST <= total <= _LARGEST:
            raise UnfitValue(f"{self.key!r} would become too large a number")
        return total


class Append(Change):
    """Adds one item to a list."""

    def applied(self, stored: Json) -> Json:
        if not isinstance(stored, list | None):
            raise UnfitValue(f"nothing can be appended to {self.key!r}: {_shown(stored)} is not a list")
        return [*(stored or []), self.value]


def _number(value: Json, key: str) -> int | float:
    # The sum of two is below the largest number there is.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
        raise UnfitValue(f"{key!r} cannot be incremented: {_shown(value)} is not a number that can be added to")
    return value


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 50 else f"{text[:47]}..."


@dataclass(frozen=True, slots=True)
class Done:
    """The step is finished. `state` is merged into the execution's store, `metadata` goes into the log row.

    `changes` are made to what the store holds when the step is committed. None of them is of a key in `state`.
    """

    value: Json
    metadata: dict[str, Json] = field(default_factory=dict)
    state: dict[str, Json] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Enter:
    """Run a body of this step and resume with `BodyFinished`.

    `items` are a loop's items: the engine keeps them outside the stack and gives them back through `ctx.item`.
    `display` is the suffix of the body's name in the log. `names` are names its steps may read besides the usual
    ones. `guarded`: a failure or a `return` inside resumes this step with `BodyFailed` or `BodyReturned`.
    """

    block: str
    input: Json
    display: str
    memory: Json = None
    items: list[Json] | None = None
    names: dict[str, Json] = field(default_factory=dict)
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class CallWorkflow:
    """Run a named workflow in a scope of its own and resume with `BodyFinished`."""

    workflow: str
    input: Json


@dataclass(frozen=True, slots=True)
class Child:
    """One body to run beside others."""

    block: str
    input: Json
    display: str


@dataclass(frozen=True, slots=True)
class Fork:
    """Run bodies beside each other, at most `parallelism` at once, and resume with `ChildrenJoined`."""

    children: list[Child]
    parallelism: int
    memory: Json = None


@dataclass(frozen=True, slots=True)
class Return:
    """End the enclosing named workflow with this value."""

    value: Json


@dataclass(frozen=True, slots=True)
class Effect:
    """Work outside of the slice: `model`, `tool`, `embed`, `search` or `emit`. `options` may hold `retry` and
    `timeout`.

    `agreement` is none, but that a person agrees to a call of the client's. It gives the `arguments`, or, of a call
    that is `from_model`, why it is denied.
    """

    kind: str
    request: dict[str, Json]
    options: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """Do the effect and resume with `EffectSucceeded`; one that fails for good fails the step."""

    effect: Effect
    memory: Json = None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Resume with `Woken` after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AwaitedEvent:
    """Which event ends a wait: one of this name, with this key if it is given, whose data contain `match`.

    It may have been recorded since the run began, or up to `since_s` seconds before.
    """

    name: str
    match: dict[str, Json]
    key: str | None = None
    since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Suspend until somebody answers; resume with `InputReceived`, or with `TimedOut` after `timeout` seconds.

    With a `quorum` (see `tasks.steps.quorum`) until that is settled; what is received is the list of all answers then:
    `{answer, by, at}`. With an `event`, that answers too: `{id, name, data, key, created_at}`.
    """

    info: Json
    memory: Json = None
    timeout: float | None = None
    quorum: dict[str, int] | None = None
    event: AwaitedEvent | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The step fails."""

    message: str
    type: str = "error"

    @classmethod
    def unanswered(cls, seconds: float) -> Self:
        return cls(f"nobody answered within {seconds:g} seconds", "TimeoutError")

    @classmethod
    def no_event(cls, name: str, seconds: float) -> Self:
        return cls(f"no event {name!r} came within {seconds:g} seconds", "TimeoutError")


Outcome = Done | Enter | CallWorkflow | Fork | Return | Call | Sleep | Wait | Fail


@dataclass(frozen=True, slots=True)
class _WithValue:
    value: Json


class BodyFinished(_WithValue):
    """Output of the body that was entered."""


class BodyReturned(_WithValue):
    """A `return` inside a guarded body; the step hands it on with `Return` when it has tidied up."""


class ChildrenJoined(_WithValue):
    """Outputs of all children, in the order they were given."""


class EffectSucceeded(_WithValue):
    """What the world answered."""


class InputReceived(_WithValue):
    """What was given to the open wait; with a quorum, by whom and when."""


@dataclass(frozen=True, slots=True)
class BodyFailed:
    """A guarded body failed. `step` names the step that did, as the log shows it."""

    message: str
    type: str
    step: Json


@dataclass(frozen=True, slots=True)
class Woken:
    """The time has come."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Nobody answered the open wait in time, or with a quorum too few did."""

    answers: tuple[Json, ...] = ()


Event = BodyFinished | BodyFailed | BodyReturned | ChildrenJoined | EffectSucceeded | InputReceived | Woken | TimedOut
