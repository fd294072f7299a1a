"""What a client answers to the tool calls of a model."""

from julep_project.core.json_value import Json


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
