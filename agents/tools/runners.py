"""Runs one tool call, whatever its kind."""

import logging
import traceback
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

from agents.calls.models import CallKind
from agents.calls.purpose import calling_for, current_purpose
from agents.calls.recording import Asked, Attempt
from agents.policy.influence import UNKNOWN, Influence, depending_on
from agents.tool_kinds import OF_OUR_OWN
from agents.tool_types import ToolType
from agents.tools import system
from agents.tools.actions import ActionNeeded
from agents.tools.api_call import running as api_call
from agents.tools.approval import check_agreed
from agents.tools.body import spec_of
from agents.tools.errors import Delivery, NotYet, StillRunning, ToolError
from agents.tools.integrations import registry as integrations
from agents.tools.presets import masked, with_setup
from agents.tools.properties.properties import properties_of
from agents.tools.properties.turns import take_turn_of
from agents.tools.registry import Caller, Runner, ToolCall, register_runner, runner_for
from agents.tools.secrecy import hiding
from agents.tools.secret_marks import as_references, replaced, shown
from agents.tools.secret_names import SecretMisused, filled, names_of
from agents.tools.secret_values import opened
from agents.tools.supplied import WantedCall
from agents.vault.masking import Masker
from julep_project.core.telemetry.calls import calling_tool

log = logging.getLogger(__name__)

# Calls that may lead to one another: a tool starts an execution, whose tool starts an execution ...
MAX_DEPTH = 10
_depth: ContextVar[int] = ContextVar("tool_depth", default=0)

# What is called again and again until it has ended, or until there is a place for it, is one call.
_TAKE_TURNS_THEMSELVES = frozenset({ToolType.TASK.value, ToolType.AGENT.value})

register_runner(ToolType.API_CALL.value, api_call.run)
register_runner(ToolType.INTEGRATION.value, integrations.run)
register_runner(ToolType.SYSTEM.value, system.run)


def run_tool(caller: Caller, wanted: WantedCall, *, agreed: str | None = None, influence: Influence = UNKNOWN) -> Any:
    """Carry out a call of a tool and return its result as plain JSON. What comes of it is recorded.

    The tool's own bound of time counts beside that of the caller. No value of a secret is in the result. `agreed` is
    the digest of the call that a person has agreed to. `influence` is what the call depends on; so does whatever it
    begins.

    Raises:
        ApprovalNeeded: a person must agree to it first, and nothing was done.
        NotYet: it is not its turn, and nothing was done. StillRunning: the run that it began goes on.
        ActionNeeded: somebody must do something first, likewise.
        BadArguments: better arguments may help. SecretMissing. ToolError: the call failed otherwise.
    """
    check_agreed(wanted, agreed=agreed, influence=influence)
    tool = wanted.tool
    purpose = replace(current_purpose(), key=caller.idempotency_key)
    attempt = Attempt.begin(CallKind.TOOL, str(tool["name"]), caller.developer.pk, purpose=purpose)
    asked = Asked({"type": str(tool["type"]), "arguments": _shown(wanted)})
    about = calling_for(about=caller.user_id or purpose.about)
    recorded = _recorded(attempt, asked, caller.waits_s)
    with depending_on(influence.whole), about, recorded:
        result = _run(caller, wanted)
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


def _shown(wanted: WantedCall) -> Any:
    """The arguments as anybody may see them."""
    arguments: Any = wanted.arguments
    preset = wanted.presets.for_tool(wanted.tool)
    if preset and isinstance(arguments, Mapping):
        arguments = {name: masked(value) if name in preset else value for name, value in arguments.items()}
    return shown(arguments, wanted.secrets)


def _run(caller: Caller, wanted: WantedCall) -> Any:
    tool, kind = wanted.tool, str(wanted.tool["type"])
    if not isinstance(wanted.arguments, Mapping):
        raise ToolError(f"the arguments of the tool {tool['name']!r} must be an object")
    runner = runner_for(kind)
    names = _names_of(tool) | set(wanted.secrets.values())
    values = {} if kind in OF_OUR_OWN else opened(caller.developer, names, caller.agent_id)
    call = _as_called(caller, wanted, values, names)
    with _one_deeper(_depth.get() if caller.depth is None else caller.depth) as depth:
        call = replace(call, depth=depth)
        if kind not in _TAKE_TURNS_THEMSELVES:
            call.turn()
        plain = {**spec_of(with_setup(wanted.presets, tool)), "presets": wanted.presets.for_tool(tool)}
        with hiding(plain, values), _contained(call.hidden), calling_tool(call.name, kind):
            result = _result_of(runner, call)
        if isinstance(result, (StillRunning, NotYet)):
            raise result
        return call.hidden.value(result)


def _as_called(caller: Caller, wanted: WantedCall, values: Mapping[str, str], names: Set[str]) -> ToolCall:
    """The call as its runner gets it, with the values of secrets in it."""
    tool, properties = wanted.tool, properties_of(wanted.tool)
    given, whole = _with_secrets(wanted, values)
    settled = replace(wanted, tool=whole, arguments=given).settled()
    bounds = [each for each in (caller.timeout_s, properties.timeout_s) if each is not None]
    told = {**vars(caller), "timeout_s": min(bounds, default=None)}
    return ToolCall(
        **told,
        name=str(tool["name"]),
        kind=str(tool["type"]),
        spec=spec_of(with_setup(wanted.presets, whole)),
        arguments=settled.arguments,
        from_model=wanted.from_model,
        by_model=settled.by_model,
        hidden=Masker.of_secrets(values),
        secret_names=frozenset(names),
        turn=partial(take_turn_of, caller.developer.pk, tool, caller=caller.idempotency_key, patience_s=caller.waits_s),
        is_repeatable=properties.idempotent,
    )


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


def _with_secrets(wanted: WantedCall, values: Mapping[str, str]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The arguments and the definition with values where they name secrets. What this installation carries out itself
    keeps what it gets, so it gets references, which whatever it makes of them may name again."""
    tool, names = wanted.tool, wanted.secrets
    if tool["type"] in OF_OUR_OWN:
        return as_references(wanted.arguments, names), tool
    return replaced(wanted.arguments, {mark: values[name] for mark, name in names.items()}), filled(tool, values)


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
