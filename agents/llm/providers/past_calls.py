"""Calls that models made before, and what came of them, as a provider takes them, whichever model and whoever's server
it was.

What a provider refuses in one of them it refuses in every question of the conversation: ids in a form of another
provider, arguments that are not the JSON text of an object, and results that are more than text.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from agents.llm.dialogue import object_text
from agents.llm.providers.sent_settings import is_of_the_api
from julep_project.core.json_value import Json

Message = Mapping[str, Json]
Naming = Callable[[str], str]

# Models whose providers take ids of nine letters and digits only, wherever they run.
_NINE_CHARACTERS = re.compile(r"(?:codes|devs|magis|minis|mis|pix)tral|mixtral", re.IGNORECASE)
_NINE = re.compile(r"[a-zA-Z0-9]{9}")
_LONGEST_ID = 40
# Their results may hold pictures and files.
_TAKE_PARTS = frozenset({"anthropic"})
_ELSEWHERE = "[It follows behind the results.]"


def with_past_calls(messages: Sequence[Message], provider: str, model: str) -> list[Message]:
    """The messages with calls and results that the provider takes. An id is the same wherever it stands."""
    named = _naming(provider, model)
    return [_with_calls(message, named) for message in messages]


def _naming(provider: str, model: str) -> Naming:
    if provider == "mistral" or _NINE_CHARACTERS.search(model):
        return lambda given: given if _NINE.fullmatch(given) else _digest_of(given)[:9]
    if is_of_the_api(provider):
        return lambda given: given if len(given) <= _LONGEST_ID else f"call_{_digest_of(given)[:32]}"
    return lambda given: given


def _digest_of(given: str) -> str:
    return hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()


def _with_calls(message: Message, named: Naming) -> Message:
    calls, result_of = message.get("tool_calls"), message.get("tool_call_id")
    if isinstance(result_of, str):
        message = {**message, "tool_call_id": named(result_of)}
    if isinstance(calls, list):
        message = {**message, "tool_calls": [_past(call, named) for call in calls]}
    return message


def _past(call: Json, named: Naming) -> Json:
    if not isinstance(call, Mapping):
        return call
    id_, function = call.get("id"), call.get("function")
    if isinstance(function, Mapping):
        call = {**call, "function": {**function, "arguments": object_text(function.get("arguments"))}}
    return {**call, "id": named(id_)} if isinstance(id_, str) else call


def with_past_results(messages: Sequence[Message], provider: str) -> list[Message]:
    """The messages; pictures and files in results are said by the user behind those, where results are text alone."""
    return list(messages) if provider in _TAKE_PARTS else list(_apart(messages))


def _apart(messages: Sequence[Message]) -> Iterator[Message]:
    held: list[Json] = []
    for message in messages:
        is_result = message.get("role") == "tool"
        if held and not is_result:
            yield {"role": "user", "content": held}
            held = []
        others = [part for part in _parts(message) if part.get("type") != "text"] if is_result else []
        if not others:
            yield message
            continue
        texts = [part for part in _parts(message) if part.get("type") == "text"]
        yield {**message, "content": [*texts, {"type": "text", "text": _ELSEWHERE}]}
        held += [{"type": "text", "text": f"Of the result of the call {message.get('tool_call_id')}:"}, *others]
    if held:
        yield {"role": "user", "content": held}


def _parts(message: Message) -> list[Mapping[str, Any]]:
    content = message.get("content")
    return [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
