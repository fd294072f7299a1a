"""`tool`: call a tool."""

import base64
import os
from collections.abc import Iterator, Mapping
from functools import cached_property, partial

from agents.tool_kinds import CLIENT_RUN
from agents.tools.secret_marks import marks_for
from julep_project.core.json_value import Json
from tasks.language.scope import SECRETS
from tasks.language.secret_use import names_in_value
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated, literal
from tasks.steps.outcomes import Call, Effect, EffectSucceeded, Event, Fail, Outcome, TimedOut, Wait
from tasks.steps.reader import StepReader

INTEGRATION = "integration"
MCP = "mcp"
_WITH_METHODS = frozenset({INTEGRATION, MCP})
_CALL_ID_BYTES = 18


class ToolCall(Step, kind="tool_call", main_key="tool", has_effect=True):
    """Output: what the tool gives back. A function is run by the client: the execution waits for its result.

    The `timeout` of the step is how long it waits; `retry` is for tools that the server runs.
    """

    tool: str = literal("tool", StepReader.name)
    arguments: Value | None = evaluated(
        "arguments", StepReader.arguments, extra_names=frozenset({SECRETS}), optional=True
    )
    method: str | None = literal("method", partial(StepReader.literal, key="", kinds=(str,)), left_out=True)

    @cached_property
    def _secrets(self) -> frozenset[str]:
        return frozenset() if self.arguments is None else names_in_value(self.arguments)

    def tool_names(self) -> Iterator[tuple[str, str]]:
        yield "tool", self.tool

    def doubts(self, tool_types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        if "retry" in self.options and tool_types.get(self.tool) in CLIENT_RUN:
            yield "retry", f"does nothing here: the client runs {self.tool!r}, and is asked once"
        if self.method is not None and tool_types.get(self.tool) not in _WITH_METHODS:
            yield "method", f"does nothing here: {self.tool!r} is no integration"

    def start(self, ctx: StepContext) -> Outcome:
        marks = marks_for(self._secrets)
        arguments = ctx.input if self.arguments is None else ctx.resolve(self.arguments, **{SECRETS: marks})
        if not isinstance(arguments, dict):
            return Fail(f"the arguments of {self.tool!r} must be an object", "TypeError")
        tool = ctx.tool(self.tool)
        if tool["type"] in CLIENT_RUN:
            if marks:
                return Fail(f"the client runs {self.tool!r}: it gets no secrets", "SecretMisused")
            if ctx.may_be_asked_about(tool):
                return Call(Effect("agreement", {"tool": tool, "arguments": arguments}), memory=tool["type"])
            return self._handed_out(tool["type"], ctx.with_presets(tool, arguments))
        request = {"tool": self.as_called(tool), "arguments": arguments}
        if marks:
            request["secrets"] = {mark: name for name, mark in marks.items()}
        return Call(Effect("tool", request, options=dict(self.options)))

    def as_called(self, tool: Mapping[str, Json]) -> Mapping[str, Json]:
        """The tool with the method that the step chooses."""
        kind = str(tool["type"])
        if self.method is None or kind not in _WITH_METHODS:
            return tool
        spec = tool[kind]
        return {**tool, kind: {**(spec if isinstance(spec, Mapping) else {}), "method": self.method}}

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        """The result is there, or the client gave none in time; or it may get the call now."""
        if isinstance(event, TimedOut):
            return Fail.unanswered(self.options["timeout"])
        if isinstance(event, EffectSucceeded) and ctx.memory is not None:
            return self._handed_out(ctx.memory, event.value["arguments"])
        return super().resume(ctx, event)

    def _handed_out(self, kind: str, arguments: Json) -> Outcome:
        call = {"name": self.tool, "arguments": arguments}
        shown = {"type": kind, "id": new_call_id(), kind: call}
        return Wait(shown, timeout=self.options.get("timeout"))


def new_call_id() -> str:
    """`call_` and 24 URL-safe characters."""
    return "call_" + base64.urlsafe_b64encode(os.urandom(_CALL_ID_BYTES)).decode()
