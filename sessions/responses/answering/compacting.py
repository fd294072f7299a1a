"""What a conversation comes down to: the messages of its user, and a summary that only this server reads."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from agents.llm import gateway
from agents.llm.request import text_of
from agents.models import Developer
from julep_project.core.clock import now
from julep_project.core.errors import ModelUnavailable
from julep_project.core.json_value import Json
from julep_project.core.live.in_time import answered_in_time
from julep_project.core.process.threads import in_thread
from julep_project.core.reading.surface import ParameterRefused
from sessions.responses.answering.planning import plan_of
from sessions.responses.answering.run import Message
from sessions.responses.answering.sealing import seal_summary
from sessions.responses.wire.body import total_usage
from sessions.responses.wire.ids import output_item_id, response_reference
from sessions.responses.wire.request import in_own_words, read_compaction
from sessions.responses.wire.shown import shown_item

_TASK = (
    "You are given a conversation between a user and an assistant, the results of the assistant's tools included. "
    "Write down what the assistant needs to know to go on with it without having seen it: what was asked, decided, "
    "found out and done, names and numbers exactly, and what is still open. Write nothing else."
)
_NO_USAGE: Mapping[str, Json] = {"prompt_tokens": 0, "completion_tokens": 0}


async def compact(developer: Developer, body: Json, custom_key: str | None) -> dict[str, Json]:
    """The compacted conversation of a request.

    Raises:
        DomainError: it cannot be read, or the model gives no summary.
    """
    plan = await plan_of(developer, body, custom_key, read_compaction)
    request = plan.request
    asked: dict[str, Json] = {
        "messages": [{"role": "system", "content": _TASK}, {"role": "user", "content": _transcript(plan.messages)}],
        "model": request.model,
        "settings": request.settings(),
        "custom_key": custom_key,
        "strict": True,
        "metadata": {"endpoint": "responses/compact"},
    }
    try:
        answer = await answered_in_time(gateway.acomplete(developer, **asked))
    except ParameterRefused as error:
        raise in_own_words(error) from error
    text = text_of(answer["choices"][0]["message"])
    if not text:
        raise ModelUnavailable("the model wrote no summary")
    summary = await in_thread(seal_summary, developer.pk, text)
    return _compacted(plan.response_id, plan.said, summary, answer["usage"])


def _compacted(
    response_id: UUID, said: Iterable[Mapping[str, Json]], summary: str, usage: Mapping[str, Json]
) -> dict[str, Json]:
    kept = [shown_item(item, ()) for item in said if item["type"] == "message" and item["role"] == "user"]
    item_id = output_item_id("compaction", response_id, len(kept))
    return {
        "id": response_reference(response_id),
        "object": "response.compaction",
        "created_at": int(now().timestamp()),
        "output": [*kept, {"id": item_id, "type": "compaction", "encrypted_content": summary}],
        "usage": total_usage([usage or _NO_USAGE]),
    }


def _transcript(messages: Iterable[Message]) -> str:
    """The conversation as one text: no model has to be offered the tools that were called in it."""
    return "\n\n".join(line for message in messages for line in _lines(message))


def _lines(message: Message) -> Iterable[str]:
    text = text_of(message) or str(message.get("refusal") or "")
    if text:
        yield f"{message['role']}: {text}"
    for call in message.get("tool_calls") or ():
        yield f"assistant calls {call['function']['name']}: {call['function']['arguments']}"
