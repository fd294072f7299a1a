"""Runs one tool call, whatever its kind."""

import logging
import math
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from agents.calls.models import CallKind
from agents.calls.purpose import calling_for, current_purpose
from agents.calls.recording import Asked, Attempt
from agents.models import Developer
from agents.policy.influence import UNKNOWN, Influence, depending_on
from agents.tool_kinds import OF_OUR_OWN
from agents.tool_types import ToolType
from agents.tools import system
from agents.tools.actions import ActionNeeded, Given
from agents.tools.api_call import running as api_call
from agents.tools.approval import check_agreed
from agents.tools.body import spec_of
from agents.tools.errors import Delivery, NotYet, StillRunning, ToolError
from agents.tools.integrations import registry as integrations
from agents.tools.presets import NO_PRESETS, Presets, masked, with_setup
from agents.tools.properties.properties import properties_of
from agents.tools.properties.turns import take_turn_of
from agents.tools.registry import Runner, ToolCall, register_runner, runner_for
from agents.tools.secrecy import NO_SECRETS, hiding
from agents.tools.secret_marks import as_references, replaced, shown
from agents.tools.secret_names import SecretMisused, filled, names_of
from agents.tools.secret_values import opened
from agents.tools.supplied import settle_by_author, settle_by_model
from agents.vault.masking import Masker
from julep_project.core.telemetry.calls import calling_tool

log = logging.getLogger(__name__)

# Calls that may lead to one another: a tool starts an execution, whose tool starts an execution ...
MAX_DEPTH = 10
_depth: ContextVar[int] = ContextVar("tool_depth", default=0)

# What is called again and again until it has ended is one call.
_TAKE_TURNS_THEMSELVES = frozenset({ToolType.TASK.value})

register_runner(ToolType.API_CALL.value, api_call.run)
register_runner(ToolType.INTEGRATION.value, integrations.run)
register_runner(ToolType.SYSTEM.value, system.run)


def run_tool(
    developer: Developer,
    tool: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    idempotency_key: str,
    timeout: float | None = None,
    presets: Presets = NO_PRESETS,
    from_model: bool = False,
    depth: int | None = None,
    agent_id: UUID | None = None,
    secrets: Mapping[str, str] = NO_SECRETS,
    agreed: str | None = None,
    comes_again: bool = False,
    patience_s: float = 0.0,
    given: Given | None = None,
    may_wait: bool = False,
    user_id: UUID | None = None,
    influence: Influence = UNKNOWN,
) -> Any:
    """Carry out a tool given as its wire body and return its result as plain JSON. What comes of it is recorded.

    The same key may be used again when an earlier attempt was lost; `timeout` is in seconds, for the whole call, which
    the tool's own bounds too. With `comes_again` a call that has no turn yet is made again when it has, under the same
    key; without, it is if that is within `patience_s`. Say `from_model` when a model wrote the arguments: it may supply
    only what it was offered. `depth` counts the calls that led to where this one is made; without it, it is that of the
    tool call this happens in. `secrets` are names by the marks that stand for them in the arguments; secrets of the
    agent `agent_id` come before those of the developer. None of their values is in the result. `agreed` is the digest
    of the call that a person has agreed to. `given` is what a call gets that has waited for something; `may_wait`:
    whether it can still wait for people when it has been begun. `user_id`: in the name of which user it is made.
    `influence` is what the call depends on; so does whatever it begins.

    Raises:
        ApprovalNeeded: a person must agree to it first, and nothing was done.
        NotYet: it is not its turn, and nothing was done. StillRunning: the run that it began goes on.
        ActionNeeded: somebody must do something first, likewise.
        BadArguments: better arguments may help. SecretMissing. ToolError: the call failed otherwise.
    """
    told: dict[str, Any] = {"presets": presets, "from_model": from_model, "secrets": secrets}
    check_agreed(tool, arguments, **told, agreed=agreed, influence=influence)
    purpose = replace(current_purpose(), key=idempotency_key)
    attempt = Attempt.begin(CallKind.TOOL, str(tool["name"]), developer.pk, purpose=purpose)
    asked = Asked({"type": str(tool["type"]), "arguments": _shown(tool, arguments, presets, secrets)})
    about = calling_for(about=user_id or purpose.about)
    recorded = _recorded(attempt, asked, math.inf if comes_again else patience_s)
    with depending_on(influence.whole), about, recorded:
        result = _run(
            developer,
            tool,
            arguments,
            idempotency_key=idempotency_key,
            timeout=min((each for each in (timeout, properties_of(tool).timeout_s) if each is not None), default=None),
            presets=presets,
            from_model=from_model,
            depth=depth,
            agent_id=agent_id,
            secrets=secrets,
            waited=given,
            may_wait=may_wait,
            user_id=user_id,
            comes_again=comes_again,
        )
    attempt.end(asked, result)
    return result


@contextmanager
def _recorded(attempt: Attempt, asked: Asked, patience_s: float) -> Iterator[None]:
    """Keep how the attempt failed; that it only looked whether a run has ended, or for a turn that it waits for, is not
    kept."""
    try:
        with attempt.noting():
            yield
    except StillRunning:
        raise
    except BaseException as error:
        if not isinstance(error, NotYet) or (error.wait_s or 0.0) > patience_s:
            attempt.end(asked)
        raise


def _shown(tool: Mapping[str, Any], arguments: Any, presets: Presets, secrets: Mapping[str, str]) -> Any:
    """The arguments as anybody may see them."""
    preset = presets.for_tool(tool)
    if preset and isinstance(arguments, Mapping):
        arguments = {name: masked(value) if name in preset else value for name, value in arguments.items()}
    return shown(arguments, secrets)


def _run(
    developer: Developer,
    tool: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    idempotency_key: str,
    timeout: float | None,
    presets: Presets,
    from_model: bool,
    depth: int | None,
    agent_id: UUID | None,
    secrets: Mapping[str, str],
    waited: Given | None,
    may_wait: bool,
    user_id: UUID | None,
    comes_again: bool,
) -> Any:
    kind = str(tool["type"])
    if not isinstance(arguments, Mapping):
        raise ToolError(f"the arguments of the tool {tool['name']!r} must be an object")
    runner = runner_for(kind)
    names = _names_of(tool) | set(secrets.values())
    values = {} if kind in OF_OUR_OWN else opened(developer, names, agent_id)
    given, whole = _with_secrets(tool, arguments, values, secrets)
    settled = (settle_by_model if from_model else settle_by_author)(whole, given, presets)
    with _one_deeper(_depth.get() if depth is None else depth) as reached:
        hidden = Masker.of_secrets(values)
        call = ToolCall(
            developer=developer,
            name=str(tool["name"]),
            kind=kind,
            spec=spec_of(with_setup(presets, whole)),
            arguments=settled.arguments,
            idempotency_key=idempotency_key,
            timeout_s=timeout,
            from_model=from_model,
            by_model=settled.by_model,
            depth=reached,
            hidden=hidden,
            secret_names=frozenset(names),
            given=waited,
            may_wait=may_wait,
            comes_again=comes_again,
            user_id=user_id,
            is_repeatable=properties_of(tool).idempotent,
            turn=partial(take_turn_of, developer.pk, tool, caller=idempotency_key, comes_again=comes_again),
        )
        if kind not in _TAKE_TURNS_THEMSELVES:
            call.turn()
        plain = {**spec_of(with_setup(presets, tool)), "presets": presets.for_tool(tool)}
        with hiding(plain, values), _contained(hidden), calling_tool(call.name, kind):
            result = _result_of(runner, call)
        if isinstance(result, (StillRunning, NotYet)):
            raise result
        return hidden.value(result)


def _result_of(runner: Runner, call: ToolCall) -> Any:
    """What the runner gives. That it is to be called again is no failure of the call: it is given, too."""
    try:
        return runner(call)
    except (StillRunning, NotYet) as again:
        return again


def _names_of(tool: Mapping[str, Any]) -> set[str]:
    try:
        return names_of(tool)
    except SecretMisused as error:
        raise ToolError(f"the tool {tool['name']!r} cannot be called: {error}", delivery=Delivery.NOT_SENT) from error


def _with_secrets(
    tool: Mapping[str, Any], arguments: Mapping[str, Any], values: Mapping[str, str], names: Mapping[str, str]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The arguments and the definition with values where they name secrets. What this installation carries out itself
    keeps what it gets, so it gets references, which whatever it makes of them may name again."""
    if tool["type"] in OF_OUR_OWN:
        return as_references(arguments, names), tool
    return replaced(arguments, {mark: values[name] for mark, name in names.items()}), filled(tool, values)


@contextmanager
def _contained(hidden: Masker) -> Iterator[None]:
    """Let no other exception out of a call with secrets: it may hold them, and its trace is logged."""
    try:
        yield
    except ActionNeeded as needed:
        action = replace(needed.action, told=hidden.value(needed.action.told))
        raise ActionNeeded(hidden.text(needed.message), action) from None
    except ToolError:
        raise
    except Exception as error:
        if not hidden:
            raise
        log.error("tool raised", extra={"action": "tool_raised", "trace": hidden.text(traceback.format_exc())})
        message = f"internal error while running the tool: {type(error).__name__}"
        raise ToolError(message, repeatable=True, delivery=Delivery.UNCLEAR) from None


def current_depth() -> int:
    """How many tool calls led here; 0 outside of any. Hand it on as `depth` where the context does not travel."""
    return _depth.get()


@contextmanager
def _one_deeper(depth: int) -> Iterator[int]:
    if depth >= MAX_DEPTH:
        raise ToolError(f"tools have called each other {depth} deep; that is the limit", delivery=Delivery.NOT_SENT)
    token = _depth.set(depth + 1)
    try:
        yield depth + 1
    finally:
        _depth.reset(token)
