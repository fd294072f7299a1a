"""What models said to refuse before, as a provider takes it: in a form of its own only where the API is its own."""

from collections.abc import Mapping, Sequence

from agents.llm.providers.sent_settings import is_of_the_api
from julep_project.core.json_value import Json

Message = Mapping[str, Json]


def with_past_refusals(messages: Sequence[Message], provider: str) -> list[Message]:
    """The messages; elsewhere, and where somebody else said it, a refusal is what was said."""
    return [
        message if is_of_the_api(provider) and message.get("role") == "assistant" else _as_said(message)
        for message in messages
    ]


def _as_said(message: Message) -> Message:
    content = message.get("content")
    if isinstance(content, list):
        message = {**message, "content": [_part_as_said(part) for part in content]}
    if "refusal" not in message:
        return message
    plain = {name: value for name, value in message.items() if name != "refusal"}
    return {**plain, "content": content or message["refusal"]}


def _part_as_said(part: Json) -> Json:
    is_refusal = isinstance(part, Mapping) and part.get("type") == "refusal"
    return {"type": "text", "text": part.get("refusal") or ""} if is_refusal else part
