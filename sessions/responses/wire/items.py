"""Reads the `input` of a request: texts and items in their several spellings become one form, each with an id."""

from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

from julep_project.core.json_value import Json
from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of
from sessions.responses.wire.ids import input_item_id

Item = dict[str, Json]

ROLES = ("user", "assistant", "system", "developer")
REFERENCE = "item_reference"
MOST_ITEMS = 2000
_DETAILS = ("auto", "low", "high", "original")
_STATUSES = ("in_progress", "completed", "incomplete")
# Of searches that come back: they are over.
_OTHER_STATUSES = ("searching", "failed")
# Of an id that a client gives an item.
_LONGEST_ID = 256


def read_input(given: Json, response_id: UUID) -> list[Item]:
    """The items of an input.

    Raises:
        InvalidInput: an item or a part of one is not of a known form.
    """
    if isinstance(given, str):
        if not given.strip():
            raise invalid(("input",), "string_too_short", msg="The text is empty", received=given)
        given = [{"role": "user", "content": given}]
    return read_items(given, response_id, at="input")


def read_items(given: Json, owner_id: UUID, *, at: str, most: int = MOST_ITEMS) -> list[Item]:
    """The items of a list, which stands in the field `at`. Their ids are made from that of whom they belong to.

    Raises:
        InvalidInput: as `read_input`.
    """
    if not isinstance(given, list):
        raise invalid((at,), "list_type", received=given)
    if not given:
        raise invalid((at,), "too_short", msg="Input should have at least 1 item", received=given)
    if len(given) > most:
        raise invalid((at,), "too_long", bound=most, received=f"{len(given)} items")
    return [_read_item(item, owner_id, index, (at, index)) for index, item in enumerate(given)]


def with_distinct_ids(items: Sequence[Item], response_id: UUID, taken: Collection[str]) -> list[Item]:
    """The items with a new id in place of each that is `taken`, or that an item before it has: pages go by ids."""
    seen = set(taken)
    distinct = []
    for index, item in enumerate(items):
        if item["id"] in seen:
            item = {**item, "id": input_item_id(item["type"], response_id, index)}
        seen.add(item["id"])
        distinct.append(item)
    return distinct


def _read_item(given: Json, owner_id: UUID, index: int, loc: Path) -> Item:
    kind = as_object(given, loc).get("type") or ("message" if "role" in given else None)
    if kind is None:
        raise invalid((*loc, "type"), "missing")
    item = {"type": kind, **_reader(kind, _READERS, loc)(given, loc)}
    if kind == REFERENCE:
        return item
    status = given.get("status")
    if status is not None and status not in (*_STATUSES, *_OTHER_STATUSES):
        raise not_one_of((*loc, "status"), (*_STATUSES, *_OTHER_STATUSES), status)
    item_id = _sent_id(given, loc) or input_item_id(kind, owner_id, index)
    return {"id": item_id, **item, "status": status if status in _STATUSES else "completed"}


def _sent_id(given: Mapping[str, Json], loc: Path) -> str | None:
    if given.get("id") is None:
        return None
    text = _text(given, "id", loc)
    if len(text) > _LONGEST_ID:
        raise invalid((*loc, "id"), "string_too_long", bound=_LONGEST_ID, received=text)
    return text


def _reader(kind: Json, readers: Mapping[str, "PartReader"], loc: Path) -> "PartReader":
    reader = readers.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise not_one_of((*loc, "type"), list(readers), kind)
    return reader


def _message(given: Mapping[str, Json], loc: Path) -> Item:
    role = given.get("role")
    if role is None:
        raise invalid((*loc, "role"), "missing", received=role)
    if role not in ROLES:
        raise not_one_of((*loc, "role"), ROLES, role)
    content = _content(given.get("content"), role, (*loc, "content"))
    if role != "assistant" and all(map(_is_blank, content)):
        raise invalid((*loc, "content"), "too_short", msg="The message is empty", received=given["content"])
    return {"role": role, "content": content}


def _is_blank(part: Item) -> bool:
    text = part.get("text")
    return isinstance(text, str) and not text.strip()


def _content(content: Json, role: str, loc: Path) -> list[Item]:
    said_by_model = role == "assistant"
    if content is None:
        raise invalid(loc, "missing")
    if isinstance(content, str):
        return [_output_text(content) if said_by_model else {"type": "input_text", "text": content}]
    if not isinstance(content, list):
        raise invalid(loc, "list_type", msg="Input should be a text or a list of parts", received=content)
    readers = _SAID if said_by_model else _PARTS
    return [_part(part, (*loc, place), readers) for place, part in enumerate(content)]


def _part(part: Json, loc: Path, readers: Mapping[str, "PartReader"]) -> Item:
    kind = as_object(part, loc).get("type")
    return {"type": kind, **_reader(kind, readers, loc)(part, loc)}


def _text(given: Mapping[str, Json], name: str, loc: Path) -> str:
    value = given.get(name)
    if value is None:
        raise invalid((*loc, name), "missing")
    if not isinstance(value, str):
        raise invalid((*loc, name), "string_type", received=value)
    return value


def _texts(*names: str) -> "PartReader":
    """What consists of these texts."""
    return lambda given, loc: {name: _text(given, name, loc) for name in names}


def _said_text(part: Mapping[str, Json], loc: Path) -> Item:
    return _output_text(_text(part, "text", loc))


def _output_text(text: str) -> Item:
    return {"type": "output_text", "text": text, "annotations": []}


def _image(part: Mapping[str, Json], loc: Path) -> Item:
    detail = part.get("detail") or "auto"
    if detail not in _DETAILS:
        raise not_one_of((*loc, "detail"), _DETAILS, detail)
    return {"detail": detail, **_one_of(part, ("image_url", "file_id"), loc)}


def _file(part: Mapping[str, Json], loc: Path) -> Item:
    read = _one_of(part, ("file_data", "file_id", "file_url"), loc)
    if part.get("filename") is not None:
        read["filename"] = _text(part, "filename", loc)
    return read


def _audio(part: Mapping[str, Json], loc: Path) -> Item:
    inner = (*loc, "input_audio")
    audio = as_object(part.get("input_audio"), inner)
    return {"input_audio": _texts("data", "format")(audio, inner)}


def _one_of(part: Mapping[str, Json], names: tuple[str, ...], loc: Path) -> Item:
    """The one field, of several that may carry the content, that is given."""
    given = [name for name in names if part.get(name) is not None]
    if len(given) != 1:
        raise invalid(loc, "value_error", msg=f"Give exactly one of {', '.join(names)}", received=sorted(part))
    return {given[0]: _text(part, given[0], loc)}


def _call_output(given: Mapping[str, Json], loc: Path) -> Item:
    output = given.get("output")
    if not isinstance(output, str):
        if not isinstance(output, list):
            raise invalid((*loc, "output"), "missing" if output is None else "string_type", received=output)
        output = [_part(part, (*loc, "output", place), _RESULTS) for place, part in enumerate(output)]
    return {"call_id": _text(given, "call_id", loc), "output": output}


def _reasoning(given: Mapping[str, Json], loc: Path) -> Item:
    """What a model thought, told by a response and coming back."""
    read: Item = {"summary": _thoughts(given, "summary", "summary_text", loc)}
    if given.get("content") is not None:
        read["content"] = _thoughts(given, "content", "reasoning_text", loc)
    if given.get("encrypted_content") is not None:
        read["encrypted_content"] = _text(given, "encrypted_content", loc)
    return read


def _thoughts(given: Mapping[str, Json], name: str, kind: str, loc: Path) -> list[Item]:
    parts = given.get(name) or []
    if not isinstance(parts, list):
        raise invalid((*loc, name), "list_type", received=parts)
    return [_part(part, (*loc, name, place), {kind: _texts("text")}) for place, part in enumerate(parts)]


def _web_search_call(given: Mapping[str, Json], loc: Path) -> Item:
    action = given.get("action")
    return {} if action is None else {"action": dict(as_object(action, (*loc, "action")))}


def _file_search_call(given: Mapping[str, Json], loc: Path) -> Item:
    """A search made here that comes back: its query and its results are shown to the model again."""
    queries, results = given.get("queries"), given.get("results")
    if queries is not None and not (isinstance(queries, list) and all(isinstance(query, str) for query in queries)):
        raise invalid((*loc, "queries"), "list_type", msg="Input should be a list of texts", received=queries)
    if results is not None and not (isinstance(results, list) and all(isinstance(one, Mapping) for one in results)):
        raise invalid((*loc, "results"), "list_type", msg="Input should be a list of objects", received=results)
    return {"queries": queries or [], "results": results}


PartReader = Callable[[Mapping[str, Json], Path], Item]
_RESULTS: Mapping[str, PartReader] = {
    "input_text": _texts("text"),
    "input_image": _image,
    "input_file": _file,
    "output_text": _said_text,
}
_PARTS: Mapping[str, PartReader] = {
    "input_text": _texts("text"),
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
    "output_text": _said_text,
}
_SAID: Mapping[str, PartReader] = {"output_text": _said_text, "refusal": _texts("refusal"), "input_text": _said_text}
_READERS: Mapping[str, PartReader] = {
    "compaction": _texts("encrypted_content"),
    "custom_tool_call": _texts("call_id", "name", "input"),
    "custom_tool_call_output": _call_output,
    "file_search_call": _file_search_call,
    "function_call": _texts("call_id", "name", "arguments"),
    "function_call_output": _call_output,
    REFERENCE: _texts("id"),
    "message": _message,
    "reasoning": _reasoning,
    "web_search_call": _web_search_call,
}
