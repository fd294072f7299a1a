"""Messages of a chat completion: what the published form of each role holds."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, NoReturn

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from julep_project.core.json_value import Json
from julep_project.core.reading.fields import ListOf
from julep_project.core.reading.serializer_errors import refuse_others, wrong

Path = tuple[str | int, ...]
Check = Callable[[Mapping[str, Json], Path], None]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# Of roles whose message says nothing without it.
_NEEDS_CONTENT = frozenset({"system", "developer", "user", "tool"})
# Some name who speaks in results of tools, too.
_OF_ALL = frozenset({"role", "content", "name"})
# Of an answer that is sent back, the last three are taken: models are told of their thoughts by `thinking_blocks`, and
# of where their words came from by nothing.
_OF_ROLE: Mapping[str, frozenset[str]] = {
    "tool": frozenset({"tool_call_id"}),
    "assistant": frozenset(
        {"audio", "function_call", "refusal", "tool_calls", "thinking_blocks", "reasoning_content", "annotations"}
    ),
}
_DETAILS = ("auto", "low", "high", "original")
# What a part may have beside what it is of: from where on a prompt is kept, as OpenAI and as Anthropic say it.
_MARKS: Mapping[str, tuple[str, ...]] = {"prompt_cache_breakpoint": ("mode",), "cache_control": ("type", "ttl")}
_OF_FILES = ("file_id", "file_data", "filename")
# Clients that put a call together from pieces keep its number.
_OF_CALLS = ("id", "type", "function", "index")
# In all messages together: parts of contents, and calls. Each is checked.
_MOST_PARTS = 10_000
_LONGEST_CALL_ID = 16_384
_SCHEMA = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"type": "string", "enum": list(ROLES)},
        "content": {"oneOf": [{"type": "string"}, {"type": "array", "items": {}}], "nullable": True},
        "name": {"type": "string"},
        "refusal": {"type": "string", "nullable": True},
        "tool_calls": {"type": "array", "items": {"type": "object"}, "nullable": True},
        "tool_call_id": {"type": "string"},
    },
    "additionalProperties": True,
}


@extend_schema_field(_SCHEMA)
class CompletionMessage(serializers.Field[Any, Any, Any, Any]):
    """A message, in the form of the chat completions API."""

    def to_internal_value(self, data: Json) -> dict[str, Json]:
        """The whole message."""
        if not isinstance(data, Mapping):
            _fail((), "dict_type")
        role = data.get("role")
        if role is None:
            _fail(("role",), "missing")
        if role not in ROLES:
            _fail_choice(("role",), ROLES)
        refuse_others(data, _OF_ALL | _OF_ROLE.get(role, frozenset()))
        _check_content(data, role)
        if role == "tool":
            _check_text(data, "tool_call_id", (), longest=_LONGEST_CALL_ID)
        if role == "function" or data.get("name") is not None:
            _check_text(data, "name", ())
        if role == "assistant":
            _check_said(data)
        return dict(data)


class CompletionMessages(ListOf):
    """The messages: with their parts and calls not more than is checked in a moment."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": f"The messages should have at most {_MOST_PARTS} parts and tool calls in all."
    }

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and sum(map(_parts, data)) > _MOST_PARTS:
            self.fail("value_error")
        return super().to_internal_value(data)


def _parts(message: Json) -> int:
    lists = (message.get("content"), message.get("tool_calls")) if isinstance(message, Mapping) else ()
    return sum(len(given) for given in lists if isinstance(given, list))


def _check_content(message: Mapping[str, Json], role: str) -> None:
    content = message.get("content")
    if content is None:
        if role in _NEEDS_CONTENT:
            _fail(("content",), "missing")
        return
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        _fail(("content",), "value_error", "Input should be text or a list of parts.")
    if not content:
        _fail(("content",), "too_short")
    check_parts(content, _SAID if role == "assistant" else _GIVEN, ("content",), takes_texts=True)


def check_parts(parts: list[Json], kinds: Collection[str], at: Path = (), *, takes_texts: bool = False) -> None:
    """Look at the parts of a content, which may be of these kinds; where it `takes_texts`, a text is one, too.

    Raises:
        serializers.ValidationError
    """
    for place, part in enumerate(parts):
        if not (takes_texts and isinstance(part, str)):
            _check_part(part, kinds, (*at, place))


def _check_part(part: Json, kinds: Collection[str], at: Path) -> None:
    if not isinstance(part, Mapping):
        _fail(at, "value_error", "Input should be text or a part.")
    kind = part.get("type")
    if kind is None:
        _fail((*at, "type"), "missing")
    if not isinstance(kind, str) or kind not in kinds:
        _fail_choice((*at, "type"), kinds)
    refuse_others(part, {"type", kind, *_MARKS}, *at)
    for name, keys in _MARKS.items():
        mark = _object(part, name, at, keys) if part.get(name) is not None else {}
        for key in (key for key, value in mark.items() if value is not None):
            _check_text(mark, key, (*at, name))
    _PARTS[kind](part, at)


def _check_text(given: Mapping[str, Json], name: str, at: Path, *, longest: int | None = None) -> None:
    text = given.get(name)
    if text is None:
        _fail((*at, name), "missing")
    if not isinstance(text, str):
        _fail((*at, name), "string_type")
    if longest is not None and len(text) > longest:
        _fail((*at, name), "value_error", f"The text should have at most {longest} characters.")


def _text(name: str) -> Check:
    return lambda part, at: _check_text(part, name, at)


def _check_image(part: Mapping[str, Json], at: Path) -> None:
    """Some write the address itself in place of the object around it."""
    if isinstance(part.get("image_url"), str):
        return
    image = _object(part, "image_url", at, ("url", "detail"))
    _check_text(image, "url", (*at, "image_url"))
    if image.get("detail") is not None and image["detail"] not in _DETAILS:
        _fail_choice((*at, "image_url", "detail"), _DETAILS)


def _check_sound(part: Mapping[str, Json], at: Path) -> None:
    sound = _object(part, "input_audio", at, ("data", "format"))
    for name in ("data", "format"):
        _check_text(sound, name, (*at, "input_audio"))


def _check_file(part: Mapping[str, Json], at: Path) -> None:
    file = _object(part, "file", at, _OF_FILES)
    given = [name for name in _OF_FILES if file.get(name) is not None]
    for name in given:
        _check_text(file, name, (*at, "file"))
    if not {"file_id", "file_data"} & set(given):
        _fail((*at, "file"), "value_error", "The file needs `file_id` or `file_data`.")


_PARTS: Mapping[str, Check] = {
    "text": _text("text"),
    "image_url": _check_image,
    "input_audio": _check_sound,
    "file": _check_file,
    "refusal": _text("refusal"),
}
_GIVEN = ("text", "image_url", "input_audio", "file")
_SAID = ("text", "refusal")


def _check_said(message: Mapping[str, Json]) -> None:
    """What a model said beside its content."""
    if message.get("refusal") is not None:
        _check_text(message, "refusal", ())
    if message.get("audio") is not None:
        # One of an answer comes whole.
        _check_text(_object(message, "audio", (), ("id", "data", "expires_at", "transcript")), "id", ("audio",))
    if message.get("function_call") is not None:
        _check_function(message, "function_call", ())
    if message.get("reasoning_content") is not None:
        _check_text(message, "reasoning_content", ())
    for name in ("annotations", "thinking_blocks"):
        _objects(message, name)
    for place, call in enumerate(_objects(message, "tool_calls")):
        _check_call(call, ("tool_calls", place))


def _objects(message: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    given = message.get(name)
    if given is not None and not isinstance(given, list):
        _fail((name,), "list_type")
    for place, one in enumerate(given or ()):
        if not isinstance(one, Mapping):
            _fail((name, place), "dict_type")
    return given or []


def _check_call(call: Mapping[str, Json], at: Path) -> None:
    refuse_others(call, _OF_CALLS, *at)
    _check_text(call, "id", at, longest=_LONGEST_CALL_ID)
    if call.get("type", "function") != "function":
        _fail_choice((*at, "type"), ("function",))
    _check_function(call, "function", at)


def _check_function(given: Mapping[str, Json], name: str, at: Path) -> None:
    function = _object(given, name, at, ("name", "arguments"))
    _check_text(function, "name", (*at, name))
    if function.get("arguments") is not None:
        _check_text(function, "arguments", (*at, name))


def _object(given: Mapping[str, Json], name: str, at: Path, known: Collection[str] | None = None) -> Mapping[str, Json]:
    value = given.get(name)
    if value is None:
        _fail((*at, name), "missing")
    if not isinstance(value, Mapping):
        _fail((*at, name), "dict_type")
    if known is not None:
        refuse_others(value, known, *at, name)
    return value


def _fail_choice(at: Path, choices: Collection[str]) -> NoReturn:
    _fail(at, "value_error", f"Input should be one of {', '.join(map(repr, choices))}.")


def _fail(at: Path, kind: str, text: str = "") -> NoReturn:
    raise wrong(kind, *at, text=text)
