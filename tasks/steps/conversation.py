"""The tool calls of a model's answer, and the messages that continue the conversation with their results."""

import json
from collections.abc import Mapping
from typing import Any

from julep_project.core.reading.outside_json import read_json
from tasks.steps.outcomes import Json
from tasks.steps.rendering import as_text


def tool_calls_of(answer: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The calls the first choice asks for."""
    choices = answer.get("choices") or [{}]
    return list((choices[0].get("message") or {}).get("tool_calls") or ())


def asking_message(answer: Mapping[str, Json]) -> dict[str, Json]:
    """The model's message, as it is sent back to it."""
    message = answer["choices"][0]["message"]
    return {"role": "assistant", "content": message.get("content"), "tool_calls": message["tool_calls"]}


def result_message(call: Mapping[str, Json], result: Json) -> dict[str, Json]:
    """What a call gave, as the model is told."""
    return {"role": "tool", "tool_call_id": call["id"], "content": as_text(result)}


def arguments_of(call: Mapping[str, Json]) -> dict[str, Json] | None:
    """The arguments the model wrote; nothing if they are not the JSON text of an object."""
    arguments: Any = (call.get("function") or {}).get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = read_json(arguments or "{}")
        except ValueError:
            return None
    return arguments if isinstance(arguments, dict) else None


def with_arguments(call: Mapping[str, Json], arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The call with other arguments, in the same form."""
    function = call["function"]
    text = json.dumps(arguments, ensure_ascii=False) if isinstance(function.get("arguments"), str) else dict(arguments)
    return {**call, "function": {**function, "arguments": text}}


def results_by_call(calls: list[dict[str, Json]], answer: Json) -> list[Json] | None:
    """The client's results of its calls, in their order.

    For one call the answer is its result. For several it is a list in their order, or an object by call id. Items
    may be whole tool messages with `tool_call_id` and `content`. Nothing: the answer fits none of these.
    """
    ids = [call["id"] for call in calls]
    if _are_messages(answer) and {message["tool_call_id"] for message in answer} == set(ids):
        by_id = {message["tool_call_id"]: message["content"] for message in answer}
        return [by_id[id_] for id_ in ids]
    if isinstance(answer, dict) and answer.keys() == set(ids):
        return [answer[id_] for id_ in ids]
    if len(calls) == 1:
        return [answer]
    return answer if isinstance(answer, list) and len(answer) == len(calls) else None


def _are_messages(answer: Json) -> bool:
    return isinstance(answer, list) and all(
        isinstance(item, dict) and isinstance(item.get("tool_call_id"), str) and "content" in item for item in answer
    )
