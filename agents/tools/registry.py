"""Which runner carries out which kind of tool, and what it is told of a call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from agents.models import Developer
from agents.tools.actions import Given
from agents.tools.errors import ToolError
from agents.vault.masking import NOTHING_HIDDEN, Masker
from julep_project.core.json_value import Json


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call. `spec` is what stands under the tool's type key; `timeout_s` bounds the whole call.

    With `from_model` a model reads the result. `by_model` names the arguments it supplied: they are data and never
    decide where a call goes. `depth` counts the calls that led to this one: a tool that starts an execution whose tools
    start others. `hidden` knows the values of secrets that are in here; of a `system` call there are none, and
    `secret_names` are those that its author names. `given` is there when the call has waited and is made again; what is
    not `is_repeatable` may be begun once only. It is made in the name of the user `user_id`, if that is known.
    """

    developer: Developer
    name: str
    kind: str
    spec: Mapping[str, Json] = field(repr=False)
    arguments: Mapping[str, Json] = field(repr=False)
    idempotency_key: str
    timeout_s: float | None = None
    from_model: bool = False
    by_model: frozenset[str] = frozenset()
    depth: int = 1
    hidden: Masker = field(default=NOTHING_HIDDEN, repr=False)
    secret_names: frozenset[str] = frozenset()
    given: Given | None = None
    user_id: UUID | None = None
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
