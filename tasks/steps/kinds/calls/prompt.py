"""`prompt`: ask a model."""

from collections.abc import Iterator, Mapping
from functools import partial

from agents.llm.dialogue import (
    CUT_SHORT,
    Dialogue,
    UnreadableArguments,
    arguments_of,
    asking_message,
    completed,
    result_message,
)
from agents.tool_kinds import CLIENT_RUN
from agents.tools.body import spec_of
from julep_project.core.json_value import Json
from tasks.expressions.errors import EvaluationError
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated, literal
from tasks.steps.conversation import results_by_call
from tasks.steps.outcomes import (
    Call,
    Done,
    Effect,
    EffectSucceeded,
    Event,
    Fail,
    InputReceived,
    Outcome,
    TimedOut,
    Wait,
)
from tasks.steps.prompts import (
    DEFAULT_TOOL_ROUNDS,
    MAX_TOOL_ROUNDS,
    read_messages,
    read_settings,
    read_tool_choice,
    read_tools,
)
from tasks.steps.reader import StepReader
from tasks.steps.rendering import as_text

_BAD_ARGUMENTS = "error: the arguments must be the JSON text of an object"


class Prompt(Step, kind="prompt", has_effect=True):
    """Output: the model's whole answer, or with `unwrap` the text of its single choice.

    Tools are offered only when the step gives `tools` or `tool_choice`, or asks for `auto_run_tools`: a step that
    never asked for tools must get text. With `auto_run_tools` the tools the model calls are run and it is asked
    again, at most `max_tool_rounds` times; functions of the client suspend the step, for at most `timeout` each time.

    Memory while tools run: `messages` so far, how many of them were `given`, `rounds` asked for, `calls` still to make,
    `waiting` at the client, before that `unasked`, which a person may have to agree to, and `agreed` with their final
    arguments.
    """

    messages: Value = evaluated("prompt", read_messages)
    tools: Json = literal("tools", read_tools)
    tool_choice: Json = literal("tool_choice", read_tool_choice)
    settings: dict[str, Json] | None = literal("settings", read_settings)
    unwrap: bool = literal("unwrap", StepReader.flag)
    auto_run_tools: bool = literal("auto_run_tools", StepReader.flag)
    max_tool_rounds: int = literal(
        "max_tool_rounds", partial(StepReader.whole_number, low=1, high=MAX_TOOL_ROUNDS, default=DEFAULT_TOOL_ROUNDS)
    )
    disable_cache: bool = literal("disable_cache", StepReader.flag)

    def tool_names(self) -> Iterator[tuple[str, str]]:
        for index, tool in enumerate(self.tools if isinstance(self.tools, list) else ()):
            if "type" not in tool:
                yield f"tools[{index}]", tool["name"]

    def literals(self) -> Iterator[tuple[str, Json]]:
        return ((path, content) for path, content in super().literals() if path != "tools")

    def own_tools(self) -> Iterator[tuple[str, Mapping[str, Json]]]:
        for index, tool in enumerate(self.tools if isinstance(self.tools, list) else ()):
            if "type" in tool:
                yield f"tools[{index}]", tool

    def start(self, ctx: StepContext) -> Outcome:
        messages = _as_messages(ctx.resolve(self.messages))
        if isinstance(messages, Fail):
            return messages
        return self._ask({"messages": messages, "rounds": 0, "given": len(messages)})

    def resume(self, ctx: StepContext, event: Event) -> Outcome:
        """The model, a tool or the client has answered, or the client did not in time."""
        memory = ctx.memory
        if isinstance(event, TimedOut):
            return Fail.unanswered(self.options["timeout"])
        if isinstance(event, InputReceived):
            return self._client_answered(memory, event.value)
        assert isinstance(event, EffectSucceeded)
        if memory.get("calls"):
            call, *calls = memory["calls"]
            messages = [*memory["messages"], result_message(call, as_text(event.value))]
            return self._run_tools(ctx, {**memory, "messages": messages, "calls": calls})
        if memory.get("unasked"):
            return self._run_tools(ctx, self._agreed(memory, event.value))
        return self._model_answered(ctx, memory, event.value)

    def _ask(self, memory: dict[str, Json]) -> Outcome:
        tools = self.tools
        if tools is None and (self.tool_choice is not None or self.auto_run_tools):
            tools = "all"
        request = {
            "messages": memory["messages"],
            "settings": self.settings or {},
            "tools": tools,
            "tool_choice": self._dialogue(memory).choice,
            "disable_cache": self.disable_cache,
        }
        # Without tool rounds nothing of the conversation is needed again.
        kept = memory if self.auto_run_tools else {}
        return Call(Effect("model", request, options=dict(self.options)), memory=kept)

    def _dialogue(self, memory: Mapping[str, Json]) -> Dialogue:
        messages, rounds = memory["messages"], memory["rounds"]
        return Dialogue(messages, self.max_tool_rounds, self.tool_choice, obeyed=None, rounds=rounds)

    def _model_answered(self, ctx: StepContext, memory: dict[str, Json], answer: Json) -> Outcome:
        if not self.auto_run_tools:
            return self._output(answer)
        said: Mapping[str, Json] = next(iter(answer.get("choices") or ()), {})
        message = said.get("message") or {}
        dialogue = self._dialogue(memory)
        # The client answers its calls within the step.
        move = dialogue.follow(
            message.get("tool_calls") or (),
            is_cut=said.get("finish_reason") in CUT_SHORT,
            is_clients=lambda _: False,
        )
        if move.is_too_much:
            return Fail(f"the model still calls tools after {self.max_tool_rounds} rounds", "LimitExceeded")
        if not move.asks_again:
            return self._output(answer)
        waiting = [call for call in move.run if self._is_clients(ctx, call)]
        mine = [call for call in move.run if call not in waiting]
        dialogue.go_on(asking_message(message), ())
        unasked = [call for call in waiting if ctx.may_be_asked_about(self._definition(ctx, call) or {})]
        handed_out = [call for call in waiting if call not in unasked]
        memory = {
            "messages": dialogue.messages,
            "rounds": dialogue.rounds,
            "given": _given(memory),
            "calls": mine,
            "waiting": handed_out,
        }
        return self._run_tools(ctx, {**memory, "unasked": unasked} if unasked else memory)

    def _output(self, answer: Json) -> Outcome:
        return _unwrapped(answer) if self.unwrap else Done(answer)

    def _run_tools(self, ctx: StepContext, memory: dict[str, Json]) -> Outcome:
        """The next call of ours; then those of the client; then the model again."""
        calls, messages = memory["calls"], memory["messages"]
        while calls:
            try:
                arguments = arguments_of(calls[0])
            except UnreadableArguments:
                messages = [*messages, result_message(calls[0], _BAD_ARGUMENTS)]
                calls = calls[1:]
                continue
            definition = self._definition(ctx, calls[0])
            if definition is None:
                messages = [*messages, result_message(calls[0], self._no_such_tool(calls[0]))]
                calls = calls[1:]
                continue
            request = {
                "tool": definition,
                "arguments": arguments,
                "from_model": True,
                "read": _read(messages, _given(memory)),
            }
            kept = {**memory, "messages": messages, "calls": calls}
            return Call(Effect("tool", request, options=dict(self.options)), memory=kept)
        memory = {**memory, "messages": messages, "calls": []}
        while memory.get("unasked"):
            call = memory["unasked"][0]
            definition = self._definition(ctx, call)
            if definition is None:
                memory = self._agreed(memory, self._no_such_tool(call))
                continue
            try:
                request = {"tool": definition, "arguments": arguments_of(call), "from_model": True}
                request["read"] = _read(memory["messages"], _given(memory))
                return Call(Effect("agreement", request), memory=memory)
            except UnreadableArguments:
                memory = self._agreed(memory, _BAD_ARGUMENTS)
        return self._hand_out(ctx, memory)

    def _hand_out(self, ctx: StepContext, memory: dict[str, Json]) -> Outcome:
        """Wait for what the client has to call, or ask the model again."""
        waiting, agreed = memory["waiting"], memory.get("agreed", [])
        if not waiting and not agreed:
            return self._ask(memory)
        shown = [
            completed(call, partial(ctx.with_presets, self._definition(ctx, call) or {}), as_text) for call in waiting
        ]
        memory = {**memory, "waiting": [*waiting, *agreed]}
        return Wait([*shown, *agreed], memory=memory, timeout=self.options.get("timeout"))

    def _agreed(self, memory: dict[str, Json], told: Json) -> dict[str, Json]:
        """What becomes of the first call that was unasked: the client gets it as it was agreed to, or the model is told
        why it does not."""
        call, *unasked = memory["unasked"]
        if isinstance(told, str):
            messages = [*memory["messages"], result_message(call, told)]
            return {**memory, "messages": messages, "unasked": unasked}
        function = {**call["function"], "arguments": as_text(told["arguments"])}
        agreed = [*memory.get("agreed", []), {**call, "function": function}]
        return {**memory, "agreed": agreed, "unasked": unasked}

    def _client_answered(self, memory: dict[str, Json], answer: Json) -> Outcome:
        calls = memory["waiting"]
        results = results_by_call(calls, answer)
        if results is None:
            return Fail(f"the model made {len(calls)} calls; answer with a list of {len(calls)} results", "ValueError")
        told = [result_message(call, as_text(result)) for call, result in zip(calls, results, strict=True)]
        messages = [*memory["messages"], *told]
        return self._ask({"messages": messages, "rounds": memory["rounds"], "given": _given(memory)})

    def _is_clients(self, ctx: StepContext, call: Mapping[str, Json]) -> bool:
        definition = self._definition(ctx, call)
        return definition is not None and definition["type"] in CLIENT_RUN

    def _no_such_tool(self, call: Mapping[str, Json]) -> str:
        named = [tool["name"] for tool in self.tools] if isinstance(self.tools, list) else []
        known = f"; the tools are: {', '.join(named)}" if named else ""
        return f"error: there is no tool {call['function']['name']!r}{known}"

    def _definition(self, ctx: StepContext, call: Mapping[str, Json]) -> dict[str, Json] | None:
        """The tool a call means: one the step defines itself, else one of the task or the agent that it offers. None:
        there is none of that name, which the model is told."""
        name = call["function"]["name"]
        offered = self.tools if isinstance(self.tools, list) else None
        own = next((tool for tool in offered or () if "type" in tool and tool["name"] == name), None)
        if own is not None:
            return dict(own)
        try:
            found = ctx.tool(name)
        except EvaluationError:
            return None
        # What stands for a server offers its tools.
        names = {name, spec_of(found).get("of_tool")}
        is_offered = offered is None or any("type" not in tool and tool["name"] in names for tool in offered)
        return found if is_offered else None


def _given(memory: Mapping[str, Json]) -> int:
    """How many of the messages are of the step; versions before did not note it."""
    return int(memory.get("given", 0))


def _read(messages: list[Json], given: int) -> list[str]:
    """The tools whose results the model had read when it made the calls that are under way. Calls that are in the
    messages it was `given` nobody has made: what is read there is known of those."""
    asked = [message["tool_calls"] for message in messages[given:] if message.get("tool_calls")]
    return list(dict.fromkeys(call["function"]["name"] for calls in asked[:-1] for call in calls))


def _unwrapped(answer: Json) -> Outcome:
    choices = answer.get("choices") or []
    if len(choices) != 1:
        return Fail(f"`unwrap` needs exactly one choice, the model gave {len(choices)}", "ValueError")
    if choices[0].get("finish_reason") == "tool_calls" or choices[0]["message"].get("tool_calls"):
        return Fail("`unwrap` needs a text, but the model called a tool", "ValueError")
    message = choices[0]["message"]
    return Done(message.get("content") or message.get("refusal") or "")


def _as_messages(resolved: Json) -> list[Json] | Fail:
    """A text is one user message; an expression may have given one message or a whole list."""
    if isinstance(resolved, str):
        return [{"role": "user", "content": resolved}]
    messages = [resolved] if isinstance(resolved, dict) else resolved
    if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
        return Fail("the prompt must give a text, a message or a list of messages", "TypeError")
    return messages
