"""The client library's chunks, of whichever of its classes, as plain ones of the chat completions API."""

from collections.abc import Mapping
from typing import Any

from agents.llm.chunks import OF_ORIGIN
from julep_project.core.errors import ModelUnavailable
from julep_project.core.json_value import Json

_GENERIC = frozenset({"text", "is_finished", "finish_reason"})
_KEPT = ("id", "object", "created", "model", "choices", "usage", *OF_ORIGIN)


def is_chunk(raw: Any) -> bool:
    """Whether it is a chunk of one of the known classes; others are texts, which the library has still to read."""
    if isinstance(raw, Mapping):
        return "choices" in raw or raw.keys() >= _GENERIC
    choices = getattr(raw, "choices", None)
    return hasattr(raw, "model_dump") and not (choices and hasattr(choices[0], "text"))


def read_chunk(raw: Any) -> dict[str, Json]:
    """The chunk, whose choices are a list of objects, with all they say.

    Raises:
        ModelUnavailable: it is no chunk.
    """
    if isinstance(raw, Mapping):
        return _of_protocol(_without_nulls(raw)) if "choices" in raw else _of_generic(raw)
    try:
        # Values are what was read from JSON; those of unexpected kinds are looked at later.
        dumped = raw.model_dump(exclude_none=True, warnings=False)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise ModelUnavailable(f"the model provider's answer could not be read: {str(error)[:200]}") from error
    return _of_protocol(dumped)


def _of_protocol(dumped: Mapping[str, Any]) -> dict[str, Json]:
    choices = dumped.get("choices") or []
    if not isinstance(choices, list | tuple) or not all(isinstance(choice, Mapping) for choice in choices):
        raise ModelUnavailable("the model provider sent something else than the pieces of an answer")
    chunk = {name: dumped[name] for name in _KEPT if name in dumped}
    own = dumped.get("x_groq")
    if isinstance(own, Mapping) and isinstance(own.get("usage"), Mapping):
        chunk.setdefault("usage", own["usage"])
    return {**chunk, "choices": list(choices)}


def _without_nulls(value: Any) -> Any:
    """What was read from JSON of bounded depth, without names that stand for nothing."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def _of_generic(raw: Mapping[str, Any]) -> dict[str, Json]:
    """Of the form that the library has for providers that have none of their own."""
    call, usage = raw.get("tool_use"), raw.get("usage")
    delta = {"content": raw["text"] or None, **({"tool_calls": [dict(call)]} if call else {})}
    reason = raw["finish_reason"] if raw["is_finished"] else None
    chunk: dict[str, Json] = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason or None}]}
    return {**chunk, "usage": dict(usage)} if isinstance(usage, Mapping) else chunk
