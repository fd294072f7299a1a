"""Items of a conversation as the messages a model is asked with."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from julep_project.core.api.renderers import to_json
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from sessions.responses.answering.attachments import stored_file_part
from sessions.responses.wire.errors import at
from sessions.responses.wire.output import custom_arguments

Item = Mapping[str, Json]
Message = dict[str, Json]

CALL_OUTPUTS = ("function_call_output", "custom_tool_call_output")
HOSTED_CALLS = {"file_search_call": "file_search", "web_search_call": "web_search"}


def to_messages(
    items: Iterable[Item], *, instructions: str | None = None, hosted: Collection[str] = ()
) -> list[Message]:
    """The messages, every result directly behind the calls of its answer, which is where providers insist on it.

    Stored files are named, not held: see `attachments.with_contents`. A search made by the server earlier is shown
    again when its results are known and the tool is among `hosted`. Reasoning is left out, but for `thinking_blocks`,
    which the answer after it has: models have no place for it else.

    Raises:
        BadRequest: a result belongs to no call, a call has no result, or a part cannot be sent to a model.
    """
    builder = _Builder(hosted)
    for item in items:
        builder.add(item)
    system = [{"role": "system", "content": instructions}] if instructions else []
    return [*system, *builder.messages()]


class _Builder:
    """Collects messages in groups: one message alone, or one that calls tools with the results of its calls."""

    def __init__(self, hosted: Collection[str]) -> None:
        self._hosted = hosted
        self._groups: list[list[Message]] = []
        self._waiting: dict[str, list[Message]] = {}
        self._thoughts: Json = None

    def messages(self) -> list[Message]:
        """What was added.

        Raises:
            BadRequest: a call has no result.
        """
        if self._waiting:
            text = f"No tool output found for function call {next(iter(self._waiting))}."
            raise at(BadRequest(text), "input")
        return [message for group in self._groups for message in group]

    def add(self, item: Item) -> None:
        """Take in the next item.

        Raises:
            BadRequest: it is the result of no call, or cannot be sent to a model.
        """
        kind = item["type"]
        if kind == "message":
            message = _message(item)
            self._groups.append([self._thought(message) if message["role"] == "assistant" else message])
        elif kind == "reasoning":
            self._thoughts = item.get("thinking_blocks")
        elif kind == "function_call":
            if item.get("status") != "incomplete":
                self._call(item["call_id"], item["name"], item["arguments"])
        elif kind == "custom_tool_call":
            if item.get("status") != "incomplete":
                self._call(item["call_id"], item["name"], custom_arguments(item["input"]))
        elif kind in CALL_OUTPUTS:
            self._result(item["call_id"], _result(item["output"]))
        elif HOSTED_CALLS.get(kind) in self._hosted and item.get("results") is not None:
            self._search(item)

    def _call(self, call_id: str, name: str, arguments: str) -> None:
        """Calls of one answer stand in one message, beside its text."""
        if not self._groups or not _goes_on(self._groups[-1]):
            self._groups.append([self._thought({"role": "assistant", "content": None})])
        group = self._groups[-1]
        function = {"name": name, "arguments": arguments}
        group[0].setdefault("tool_calls", []).append({"id": call_id, "type": "function", "function": function})
        self._waiting[call_id] = group

    def _thought(self, message: Message) -> Message:
        """The message of a model, with what it thought before."""
        thoughts, self._thoughts = self._thoughts, None
        return {**message, "thinking_blocks": thoughts} if thoughts else message

    def _result(self, call_id: str, content: Json) -> None:
        group = self._waiting.pop(call_id, None)
        if group is None:
            text = f"No tool call found for function call output with call_id {call_id}."
            raise at(BadRequest(text), "input")
        group.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _search(self, item: Item) -> None:
        query = next(iter(item.get("queries") or ()), None) or (item.get("action") or {}).get("query") or ""
        self._call(item["id"], HOSTED_CALLS[item["type"]], to_json({"query": query}).decode())
        self._result(item["id"], results_text(item["results"]))


def _goes_on(group: Sequence[Message]) -> bool:
    """Whether more calls may belong to the same answer: not when all it called for is there."""
    said = group[0]
    return said["role"] == "assistant" and (len(group) == 1 or len(said["tool_calls"]) >= len(group))


def results_text(results: Sequence[Json]) -> str:
    """What a model is shown of a search's results."""
    return to_json({"results": results}).decode()


def _message(item: Item) -> Message:
    if item["role"] == "assistant":
        return _said(item)
    role = "user" if item["role"] == "user" else "system"
    parts = [_part(part) for part in item["content"]]
    are_texts = all(part["type"] == "text" for part in parts)
    # Not every provider takes a list from others than users.
    if are_texts and (len(parts) == 1 or role == "system"):
        return {"role": role, "content": "\n\n".join(part["text"] for part in parts)}
    return {"role": role, "content": parts}


def _said(item: Item) -> Message:
    """What the model said, and what it refused, apart."""
    text = "".join(part.get("text") or "" for part in item["content"])
    refusal = "".join(part.get("refusal") or "" for part in item["content"])
    if not refusal:
        return {"role": "assistant", "content": text}
    return {"role": "assistant", "content": text or None, "refusal": refusal}


def _part(part: Item) -> Message:
    match part:
        case {"file_id": _}:
            return stored_file_part(part)
        case {"type": "input_image"}:
            return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part["detail"]}}
        case {"type": "input_audio"}:
            return {"type": "input_audio", "input_audio": part["input_audio"]}
        case {"file_url": _}:
            fix = "Send the content as file_data, or a file_id"
            raise at(BadRequest("input_file with file_url is not supported", fix=fix), "input")
        case {"type": "input_file"}:
            return {
                "type": "file",
                "file": {"filename": part.get("filename") or "file", "file_data": part["file_data"]},
            }
    return {"type": "text", "text": part["text"]}


def _result(output: Json) -> Json:
    """The text of a result, or its parts where it has others than texts."""
    if isinstance(output, str):
        return output
    if all("text" in part for part in output):
        return "\n".join(part["text"] for part in output)
    return [_part(part) for part in output]
