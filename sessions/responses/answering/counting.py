"""How many tokens a request would have."""

from collections.abc import Mapping

from agents.llm.tokens import count_tokens
from agents.models import Developer
from julep_project.core.json_value import Json
from julep_project.core.process.threads import in_thread
from sessions.responses.answering.planning import plan_of
from sessions.responses.answering.run import Message
from sessions.responses.wire.request import read_count


async def count_input_tokens(developer: Developer, body: Json) -> dict[str, Json]:
    """The tokens of what a model would be asked, tools included. Files count by their names: what models make of them
    is not known.

    Raises:
        DomainError: the request could not be answered.
    """
    plan = await plan_of(developer, body, None, read_count)
    messages = [_countable(message) for message in plan.messages]
    counted = await in_thread(count_tokens, plan.request.model, messages, plan.request.tools.presented())
    return {"object": "response.input_tokens", "input_tokens": counted}


def _countable(message: Message) -> Mapping[str, Json]:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_named(part) if part["type"] == "file" else part for part in content]}


def _named(part: Mapping[str, Json]) -> Mapping[str, Json]:
    return {"type": "text", "text": str(part["file"].get("filename") or "")}
