"""What is asked of a model, put together from the agent's settings and those of the call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.calls.recording import Asked
from agents.llm.sampling import OPEN_MODEL_SAMPLING, PASSED_ON, SAMPLING
from agents.models import Agent
from julep_project.core.json_value import Json

# More than any model takes. Bodies may hold a hundred times as many, and each costs time to check.
MOST_MESSAGES = 5000
MOST_TOOLS = 500


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call. `api_key` is the caller's own key, if there is one. Of one that `is_strict`, each setting reaches the
    model or is refused; of others, those are left out that the model does not take."""

    model: str
    messages: Sequence[Mapping[str, Json]]
    settings: Mapping[str, Json] = field(default_factory=dict)
    tools: Sequence[Mapping[str, Json]] = ()
    tool_choice: Json = None
    timeout_s: float = 300.0
    api_key: str | None = field(default=None, repr=False)
    disable_cache: bool = False
    is_strict: bool = False
    tool_names: Mapping[str, str] = field(default_factory=dict)
    """Own names of tools, by those under which the provider knows them."""

    def asked(self, *, live: bool = False) -> Asked:
        """What is kept of it: the key is no part of that."""
        described: dict[str, Json] = {"settings": dict(self.settings), "timeout_s": round(self.timeout_s, 3)}
        if self.tool_choice is not None:
            described["tool_choice"] = self.tool_choice
        if live:
            described["streaming"] = True
        return Asked(described, self.messages, self.tools)

    def call_ids(self) -> set[str]:
        """Of the calls in the messages."""
        calls = (call for message in self.messages for call in message.get("tool_calls") or ())
        return {call["id"] for call in calls if isinstance(call, Mapping) and isinstance(call.get("id"), str)}


def merged_settings(
    agent: Agent | None, settings: Mapping[str, Json] | None, *, is_strict: bool = False
) -> dict[str, Json]:
    """Settings for the provider: the call's over the agent's defaults. Nulls and unknown names are left out."""
    usual = SAMPLING | OPEN_MODEL_SAMPLING
    known = usual | PASSED_ON if is_strict else usual
    merged: dict[str, Json] = {}
    for source, names in ((agent.default_settings if agent else {}, usual), (settings or {}, known)):
        merged.update({name: value for name, value in source.items() if name in names and value is not None})
    return merged


def normal_tool_choice(choice: Json) -> Json:
    """The name of a way to choose, or `{type: function, function: {name}}`."""
    if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        return {"type": "function", "function": {"name": choice["function"].get("name")}}
    return choice


def normal_messages(messages: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """Messages without nulls; a list of texts as content becomes a list of text parts.

    A `function_call` and its result, as they were written before there could be several calls, are a call like others.
    """
    normal: list[dict[str, Json]] = []
    function_call_id = ""
    for place, message in enumerate(messages):
        if isinstance(message.get("function_call"), Mapping) and not message.get("tool_calls"):
            function_call_id = f"call_{place}"
            called = {"id": function_call_id, "type": "function", "function": message["function_call"]}
            message = {**message, "tool_calls": [called]}
        elif message.get("role") == "function" and function_call_id:
            message = {**message, "role": "tool", "tool_call_id": function_call_id}
        normal.append(_normal_message(message))
    return normal


def _normal_message(message: Mapping[str, Json]) -> dict[str, Json]:
    kept = {name: value for name, value in message.items() if value is not None and name in _MESSAGE_FIELDS}
    content = kept.get("content")
    if isinstance(content, list):
        kept["content"] = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    elif content is not None and not isinstance(content, str):
        kept["content"] = str(content)
    kept.setdefault("content", None if any(kept.get(name) for name in _SAID_WITHOUT_CONTENT) else "")
    return kept


# `thinking_blocks` is how the client library calls what a model thought before its calls: some providers want to see
# that again beside the results. Other additions of the library are not sent: a provider refuses fields of another.
_MESSAGE_FIELDS = frozenset(
    {"role", "content", "refusal", "audio", "name", "tool_call_id", "tool_calls", "thinking_blocks"}
)
_SAID_WITHOUT_CONTENT = ("tool_calls", "refusal", "audio")


def text_of(message: Mapping[str, Json]) -> str:
    """The words of a message, whatever its form."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part if isinstance(part, str) else _words_of(part) for part in parts).strip()


def _words_of(part: Mapping[str, Json]) -> str:
    return str(part.get("text") or part.get("refusal") or "")
