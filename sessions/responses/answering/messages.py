"""Items of a conversation as the messages a model is asked with."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from julep_project.core.api.renderers import to_json
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from sessions.responses.answering.attachments import stored_file_part

Item = Mapping[str, Json]
Message = dict[str, Json]

HOSTED_CALLS = {"file_search_call": "file_search", "web_search_call": "web_search"}


def to_messages(
    items: Iterable[Item], *, instructions: str | None = None, hosted: Collection[str] = ()
) -> list[Message]:
    """The messages, every result directly behind the calls of its answer, which is where providers insist on it.

    Stored files are named, not held: see `attachments.with_contents`. A search made by the server earlier is shown
    again when its results are known and the tool is among `hosted`. Reasoning is left out: models have no place for it.

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

    def messages(self) -> list[Message]:
        """What was added.

        Raises:
            BadRequest: a call has no result.
        """
        if self._waiting:
            raise BadRequest(f"No tool output found for function call {next(iter(self._waiting))}.")
        return [message for group in self._groups for message in group]

    def add(self, item: Item) -> None:
        """Take in the next item.

        Raises:
            BadRequest: it is the result of no call, or cannot be sent to a model.
        """
        kind = item["type"]
        if kind == "message":
            self._groups.append([_message(item)])
        elif kind == "function_call":
            if item.get("status") != "incomplete":
                self._call(item["call_id"], item["name"], item["arguments"])
        elif kind == "function_call_output":
            self._result(item["call_id"], _result_text(item["output"]))
        elif HOSTED_CALLS.get(kind) in self._hosted and item.get("results") is not None:
            self._search(item)

    def _call(self, call_id: str, name: str, arguments: str) -> None:
        """Calls of one answer stand in one message, beside its text."""
        if not self._groups or not _goes_on(self._groups[-1]):
            self._groups.append([{"role": "assistant", "content": None}])
        group = self._groups[-1]
        function = {"name": name, "arguments": arguments}
        group[0].setdefault("tool_calls", []).append({"id": call_id, "type": "function", "function": function})
        self._waiting[call_id] = group

    def _result(self, call_id: str, content: str) -> None:
        group = self._waiting.pop(call_id, None)
        if group is None:
            raise BadRequest(f"No tool call found for function call output with call_id {call_id}.")
        group.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _search(self, item: Item) -> None:
        query = next(iter(item.get("queries") or ()), None) or (item.get("action") or {}).get("query") or ""
        self._call(item["id"], HOSTED_CALLS[item["type"]], to_json({"query": query}).decode())
        self._result(item["id"], results_text(item["results"]))


def _goes_on(group: Sequence[Message]) -> bool:
    """Whether more calls may belong to the same answer: not when all it called for is there."""
    said = group[0]
    return said["role"] == "assistant" and (len(group) == 1 or len(said["tool_calls"]) >= len(group))


def said_text(item: Item) -> str:
    """What the model said in a message, refusals included."""
    return "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])


def results_text(results: Sequence[Json]) -> str:
    """What a model is shown of a search's results."""
    return to_json({"results": results}).decode()


def _message(item: Item) -> Message:
    if item["role"] == "assistant":
        return {"role": "assistant", "content": said_text(item)}
    role = "user" if item["role"] == "user" else "system"
    parts = [_part(part) for part in item["content"]]
    if len(parts) == 1 and parts[0]["type"] == "text":
        return {"role": role, "content": parts[0]["text"]}
    return {"role": role, "content": parts}


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
            raise BadRequest("input_file with file_url is not supported", fix=fix)
        case {"type": "input_file"}:
            return {
                "type": "file",
                "file": {"filename": part.get("filename") or "file", "file_data": part["file_data"]},
            }
    return {"type": "text", "text": part["text"]}


def _result_text(output: Json) -> str:
    return output if isinstance(output, str) else "\n".join(part["text"] for part in output)
