"""Which runner carries out which kind of tool, what it is told of a call, and what else is particular to a kind that a
higher app knows: how its definitions are completed for who is offered them, and what they may refer to."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Protocol
from uuid import UUID

from agents.models import Developer
from agents.tools.actions import Given
from agents.tools.body import spec_of
from agents.tools.errors import ToolError
from agents.vault.masking import NOTHING_HIDDEN, Masker
from julep_project.core.json_value import Json


def _at_any_time() -> None:
    """The turn of a call of a tool without a rate."""


@dataclass(frozen=True)
class Caller:
    """Who has a tool called, and how. A runner is told of it as it is.

    The same `idempotency_key` may be used again when an earlier attempt was lost. `timeout_s` bounds the whole call.
    `depth` counts the calls that led to this one: a tool that starts an execution whose tools start others; None: that
    of the tool call in which this happens. Secrets of the agent `agent_id` come before those of the developer. It is
    made in the name of the user `user_id`, if that is known. What `comes_again` is made again, under the same key, when
    its turn or the end of a run has come; what does not is if its turn comes within `patience_s`. What `may_wait` may
    have people asked while it is carried out, and is made again with what is `given` to it then.
    """

    developer: Developer
    idempotency_key: str
    _: KW_ONLY
    timeout_s: float | None = None
    depth: int | None = None
    agent_id: UUID | None = None
    user_id: UUID | None = None
    comes_again: bool = False
    may_wait: bool = False
    patience_s: float = 0.0
    given: Given | None = None

    @property
    def waits_s(self) -> float:
        """For how long it waits for its turn."""
        return math.inf if self.comes_again else self.patience_s


@dataclass(frozen=True, kw_only=True)
class ToolCall(Caller):
    """One call. `spec` is what stands under the tool's type key.

    With `from_model` a model reads the result. `by_model` names the arguments it supplied: they are data and never
    decide where a call goes. `hidden` knows the values of secrets that are in here; of a `system` call there are none,
    and `secret_names` are those that its author names. What is not `is_repeatable` may be begun once only.
    """

    name: str
    kind: str
    spec: Mapping[str, Json] = field(repr=False)
    arguments: Mapping[str, Json] = field(repr=False)
    depth: int = 1
    from_model: bool = False
    by_model: frozenset[str] = frozenset()
    hidden: Masker = field(default=NOTHING_HIDDEN, repr=False)
    secret_names: frozenset[str] = frozenset()
    turn: Callable[[], None] = field(default=_at_any_time, repr=False)
    is_repeatable: bool = True


Runner = Callable[[ToolCall], Json]
_runners: dict[str, Runner] = {}


def register_runner(kind: str, runner: Runner) -> None:
    """Let this runner carry out tools of this kind.

    A runner returns plain JSON and raises only `ToolError` for what may go wrong. It may be called again with the
    same idempotency key after a crash.

    Raises:
        ValueError: another runner has the kind.
    """
    if _runners.setdefault(kind, runner) is not runner:
        raise ValueError(f"tools of the kind {kind!r} already have a runner")


def runner_for(kind: str) -> Runner:
    """The runner of a kind.

    Raises:
        ToolError: this server does not run such tools.
    """
    runner = _runners.get(kind)
    if runner is None:
        known = ", ".join(sorted(_runners))
        raise ToolError(f"tools of the kind {kind!r} are not run by this server (it runs: {known})")
    return runner


class Completion(Protocol):
    """Completes definitions of a kind with what is known elsewhere: which tools a server has, what a task takes."""

    def __call__(
        self, developer_id: UUID, agent_id: UUID | None, bodies: Sequence[Mapping[str, Json]], *, in_chat: bool
    ) -> list[dict[str, Any]]:
        """All the bodies, those of the kind completed, and others beside them. `in_chat`: they are offered in a chat,
        which does not wait for long."""


# What a kind refers to: None if it may, else why not and under which key of the spec.
Reference = Callable[[Developer, Mapping[str, Json]], tuple[str, str] | None]
_completions: dict[str, Completion] = {}
_references: dict[str, Reference] = {}


def register_completion(kind: str, completion: Completion) -> None:
    """Let definitions of the kind be completed so."""
    _completions[kind] = completion


def register_reference(kind: str, reference: Reference) -> None:
    """Let what definitions of the kind refer to be looked at when they are made."""
    _references[kind] = reference


def completed_tools(
    developer_id: UUID, agent_id: UUID | None, bodies: Sequence[Mapping[str, Json]], *, in_chat: bool = False
) -> list[dict[str, Any]]:
    """The tools of an agent or a task as they are offered and called. Only kinds that are there cost a query."""
    found = [dict(body) for body in bodies]
    for kind, completion in _completions.items():
        if any(body.get("type") == kind for body in found):
            found = completion(developer_id, agent_id, found, in_chat=in_chat)
    return found


def are_complete(bodies: Sequence[Mapping[str, Json]]) -> bool:
    """Whether none of them is of a kind that is completed."""
    return not any(body.get("type") in _completions for body in bodies)


def wrong_reference(developer: Developer, tool: Mapping[str, Json]) -> tuple[str, str] | None:
    """Under which key of its spec a tool refers to something that it may not, and why."""
    reference = _references.get(str(tool.get("type")))
    return None if reference is None else reference(developer, spec_of(tool))
