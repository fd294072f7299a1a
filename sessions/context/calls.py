"""Which messages call tools, and which are the results."""

from collections.abc import Mapping, Sequence

from julep_project.core.json_value import Json

Message = Mapping[str, Json]


def call_groups(messages: Sequence[Message]) -> list[list[int]]:
    """Positions in order, a message that calls tools together with the results of its calls.

    Ids of calls may come again in a conversation; a result belongs to the latest call before it.
    """
    groups: list[list[int]] = []
    by_call: dict[str, list[int]] = {}
    for index, message in enumerate(messages):
        group = by_call.get(str(message.get("tool_call_id"))) if message["role"] == "tool" else None
        if group is not None:
            group.append(index)
            continue
        group = [index]
        groups.append(group)
        by_call.update(dict.fromkeys(called(message), group))
    return groups


def called(message: Message) -> list[str]:
    """Ids of the calls a message makes."""
    return [call["id"] for call in message.get("tool_calls") or ()]
