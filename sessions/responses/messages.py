"""Items of a conversation as the messages a model is asked with."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from julep_project.core.errors import BadRequest
from sessions.responses.attachments import FileContent

Json = Any
Item = Mapping[str, Json]
Message = dict[str, Json]

HOSTED_CALLS = {"file_search_call": "file_search", "web_search_call": "web_search"}


def to_messages(
    items: Iterable[Item],
    *,
    instructions: str | None = None,
    files: Mapping[str, FileContent] | None = None,
    hosted: Collection[str] = (),
) -> list[Message]:
    """The messages.

    `files` holds the content of every stored file in the items. A search made by the server earlier is shown again
    when its results are known and the tool is among `hosted`. Reasoning is left out: models have no place for it.

    Raises:
        BadRequest: a result belongs to no call, a call has no result, or a part cannot be sent to a model.
    """
    builder = _Builder(files or {}, hosted)
    for item in items:
        builder.add(item)
    _check_calls(builder.messages)
    system = [{"role": "system", "content": instructions}] if instructions else []
    return [*system, *builder.messages]


class _Builder:
    def __init__(self, files: Mapping[str, FileContent], hosted: Collection[str]) -> None:
        self.messages: list[Message] = []
        self._files = files
        self._hosted = hosted

    def add(self, item: Item) -> None:
        kind = item["type"]
        if kind == "message":
            self.messages.append(self._message(item))
        elif kind == "function_call":
            if item.get("status") != "incomplete":
                self._call(item["call_id"], item["name"], item["arguments"])
        elif kind == "function_call_output":
            self._result(item["call_id"], _result_text(item["output"]))
        elif HOSTED_CALLS.get(kind) in self._hosted and item.get("results") is not None:
            self._search(item)

    def _message(self, item: Item) -> Message:
        if item["role"] == "assistant":
            return {"role": "assistant", "content": said_text(item)}
        role = "user" if item["role"] == "user" else "system"
        parts = [self._part(part) for part in item["content"]]
        if len(parts) == 1 and parts[0]["type"] == "text":
            return {"role": role, "content": parts[0]["text"]}
        return {"role": role, "content": parts}

    def _part(self, part: Item) -> Message:
        if "file_id" in part:
            part = _with_content(part, self._files[part["file_id"]])
        return _CONVERTERS[part["type"]](part)

    def _call(self, call_id: str, name: str, arguments: str) -> None:
        """Calls of one answer stand in one message, beside its text."""
        last = self.messages[-1] if self.messages else None
        if last is None or last["role"] != "assistant":
            last = {"role": "assistant", "content": None}
            self.messages.append(last)
        function = {"name": name, "arguments": arguments}
        last.setdefault("tool_calls", []).append({"id": call_id, "type": "function", "function": function})

    def _result(self, call_id: str, content: str) -> None:
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _search(self, item: Item) -> None:
        query = next(iter(item.get("queries") or ()), None) or (item.get("action") or {}).get("query") or ""
        self._call(item["id"], HOSTED_CALLS[item["type"]], orjson.dumps({"query": query}).decode())
        self._result(item["id"], results_text(item["results"]))


def said_text(item: Item) -> str:
    """What the model said in a message, refusals included."""
    return "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])


def results_text(results: Sequence[Json]) -> str:
    """What a model is shown of a search's results."""
    return orjson.dumps({"results": results}).decode()


def _result_text(output: Json) -> str:
    return output if isinstance(output, str) else "\n".join(part["text"] for part in output)


def _with_content(part: Item, file: FileContent) -> Message:
    if part["type"] == "input_image":
        return {**part, "image_url": file.data_url}
    return {"filename": file.name, **part, "file_data": file.data_url}


def _text_part(part: Item) -> Message:
    return {"type": "text", "text": part["text"]}


def _image_part(part: Item) -> Message:
    return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part["detail"]}}


def _file_part(part: Item) -> Message:
    if "file_url" in part:
        raise BadRequest("input_file with file_url is not supported", fix="Send the content as file_data, or a file_id")
    return {"type": "file", "file": {"filename": part.get("filename") or "file", "file_data": part["file_data"]}}


def _audio_part(part: Item) -> Message:
    return {"type": "input_audio", "input_audio": part["input_audio"]}


_CONVERTERS: Mapping[str, Callable[[Item], Message]] = {
    "input_text": _text_part,
    "output_text": _text_part,
    "input_image": _image_part,
    "input_file": _file_part,
    "input_audio": _audio_part,
}


def _check_calls(messages: Iterable[Message]) -> None:
    """Every call has its result after it, and every result its call: providers refuse anything else less clearly."""
    open_calls: dict[str, None] = {}
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise BadRequest(f"No tool call found for function call output with call_id {message['tool_call_id']}.")
            del open_calls[message["tool_call_id"]]
        for call in message.get("tool_calls") or ():
            open_calls[call["id"]] = None
    if open_calls:
        raise BadRequest(f"No tool output found for function call {next(iter(open_calls))}.")
