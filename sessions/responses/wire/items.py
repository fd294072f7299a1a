"""Reads the `input` of a request: texts and items in their several spellings become one form, each with an id."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from julep_project.core.json_value import Json
from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of
from sessions.responses.wire.ids import input_item_id
from sessions.responses.wire.keys import Keys, keys

Item = dict[str, Json]

ROLES = ("user", "assistant", "system", "developer")
PHASES = ("commentary", "final_answer")
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
    item = {"type": kind, **_form(kind, _ITEMS, loc).of(given, loc)}
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


def _form(kind: Json, forms: Mapping[str, "Form"], loc: Path) -> "Form":
    form = forms.get(kind) if isinstance(kind, str) else None
    if form is None:
        raise not_one_of((*loc, "type"), list(forms), kind)
    return form


def _message(given: Mapping[str, Json], loc: Path) -> Item:
    role = given.get("role")
    if role is None:
        raise invalid((*loc, "role"), "missing", received=role)
    if role not in ROLES:
        raise not_one_of((*loc, "role"), ROLES, role)
    content = _content(given.get("content"), role, (*loc, "content"))
    if role != "assistant" and all(map(_is_blank, content)):
        raise invalid((*loc, "content"), "too_short", msg="The message is empty", received=given["content"])
    phase = given.get("phase")
    if phase is not None and phase not in PHASES:
        raise not_one_of((*loc, "phase"), PHASES, phase)
    return {"role": role, "content": content, **({} if phase is None else {"phase": phase})}


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
    forms = _SAID if said_by_model else _PARTS
    return [_part(part, (*loc, place), forms) for place, part in enumerate(content)]


def _part(part: Json, loc: Path, forms: Mapping[str, "Form"]) -> Item:
    kind = as_object(part, loc).get("type")
    return {"type": kind, **_form(kind, forms, loc).of(part, loc)}


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
    """What was told beside the text is read, and goes no further: no model takes it."""
    for name in ("annotations", "logprobs"):
        _objects(part, name, loc)
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
    _OF_AUDIO.check(audio, inner)
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
    return [_part(part, (*loc, name, place), {kind: _THOUGHT}) for place, part in enumerate(parts)]


def _web_search_call(given: Mapping[str, Json], loc: Path) -> Item:
    action = given.get("action")
    return {} if action is None else {"action": dict(as_object(action, (*loc, "action")))}


def _file_search_call(given: Mapping[str, Json], loc: Path) -> Item:
    """A search made here that comes back: its query and its results are shown to the model again."""
    queries, results = given.get("queries"), _objects(given, "results", loc)
    if queries is not None and not (isinstance(queries, list) and all(isinstance(query, str) for query in queries)):
        raise invalid((*loc, "queries"), "list_type", msg="Input should be a list of texts", received=queries)
    return {"queries": queries or [], "results": results}


def _objects(given: Mapping[str, Json], name: str, loc: Path) -> list[Json] | None:
    found = given.get(name)
    if found is not None and not (isinstance(found, list) and all(isinstance(one, Mapping) for one in found)):
        raise invalid((*loc, name), "list_type", msg="Input should be a list of objects", received=found)
    return found


PartReader = Callable[[Mapping[str, Json], Path], Item]


@dataclass(frozen=True, slots=True)
class Form:
    """How objects of one type are read."""

    read: PartReader
    keys: Keys

    def of(self, given: Mapping[str, Json], loc: Path) -> Item:
        """What is read of one.

        Raises:
            InvalidInput, ParameterRefused
        """
        self.keys.check(given, loc)
        return self.read(given, loc)


def _part_form(read: PartReader, *names: str, **refused: tuple[Json, ...]) -> Form:
    return Form(read, keys("type", *names, **refused))


def _item_form(read: PartReader, *names: str, **refused: tuple[Json, ...]) -> Form:
    return Form(read, keys("type", "id", "status", *names, **refused))


# Tools are called by models alone, and have no names within names.
_CALLER: Mapping[str, tuple[Json, ...]] = {"caller": ({"type": "direct"},)}
_CALLED: Mapping[str, tuple[Json, ...]] = {**_CALLER, "namespace": ()}
_CACHED: Mapping[str, tuple[Json, ...]] = {"prompt_cache_breakpoint": ()}
_OF_AUDIO = keys("data", "format")
_THOUGHT = _part_form(_texts("text"), "text")
_TEXT = _part_form(_texts("text"), "text", **_CACHED)
_SAID_TEXT = _part_form(_said_text, "text", "annotations", "logprobs")
_RESULTS: Mapping[str, Form] = {
    "input_text": _TEXT,
    "input_image": _part_form(_image, "detail", "file_id", "image_url", **_CACHED),
    "input_file": _part_form(_file, "file_data", "file_id", "file_url", "filename", detail=("auto",), **_CACHED),
    "output_text": _SAID_TEXT,
}
_PARTS: Mapping[str, Form] = {**_RESULTS, "input_audio": _part_form(_audio, "input_audio")}
_SAID: Mapping[str, Form] = {
    "output_text": _SAID_TEXT,
    "refusal": _part_form(_texts("refusal"), "refusal"),
    "input_text": _part_form(_said_text, "text", **_CACHED),
}
_ITEMS: Mapping[str, Form] = {
    "compaction": _item_form(_texts("encrypted_content"), "encrypted_content"),
    "custom_tool_call": _item_form(_texts("call_id", "name", "input"), "call_id", "name", "input", **_CALLED),
    "custom_tool_call_output": _item_form(_call_output, "call_id", "output", **_CALLER),
    "file_search_call": _item_form(_file_search_call, "queries", "results"),
    "function_call": _item_form(_texts("call_id", "name", "arguments"), "call_id", "name", "arguments", **_CALLED),
    # The name is that of the call.
    "function_call_output": _item_form(_call_output, "call_id", "output", "name", **_CALLED),
    REFERENCE: _item_form(_texts("id")),
    "message": _item_form(_message, "role", "content", "phase"),
    "reasoning": _item_form(_reasoning, "summary", "content", "encrypted_content"),
    "web_search_call": _item_form(_web_search_call, "action"),
}
