"""Chat completions as they are told: in the published form, whatever a provider or the client library adds to it."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from julep_project.core.clock import now
from julep_project.core.ids import uuid7
from julep_project.core.json_value import Json

# Keys of an object that are told, each with those of the object or the list of objects that stands there.
_Keys = Mapping[str, Any]


def _keys(*names: str) -> _Keys:
    return dict.fromkeys(names)


# Some providers have tiers of their own.
SERVICE_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_BESIDE: Mapping[str, type] = {"moderation": dict, "service_tier": str, "system_fingerprint": str}
# What a model thought is no part of the published form, and wanted back by those that think; nor are sounds and
# references in pieces, which OpenAI sends all the same.
_SAID: Mapping[str, tuple[type, _Keys | None]] = {
    "annotations": (list, {"type": None, "url_citation": _keys("end_index", "start_index", "title", "url")}),
    "audio": (dict, _keys("data", "expires_at", "id", "transcript")),
    "reasoning_content": (str, None),
    "thinking_blocks": (list, None),
}
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_DETAILS: Mapping[str, Iterable[str]] = {
    "prompt_tokens_details": ("audio_tokens", "cached_tokens", "cache_write_tokens"),
    "completion_tokens_details": (
        "accepted_prediction_tokens",
        "audio_tokens",
        "reasoning_tokens",
        "rejected_prediction_tokens",
    ),
}


def completion_of(answer: Mapping[str, Json], model: str) -> dict[str, Json]:
    """A whole answer of the gateway, which the model was asked for."""
    return {
        **_envelope(answer, "chat.completion", _ours(model)),
        "choices": [_choice(place, choice) for place, choice in enumerate(answer["choices"])],
        "usage": usage_of(answer.get("usage") or {}),
    }


async def chunks_of(
    chunks: AsyncGenerator[Mapping[str, Json], None], model: str, *, wants_usage: bool
) -> AsyncGenerator[dict[str, Json], None]:
    """The chunks of a streamed one. Clients look into the first choice of every chunk, so one without any, which has
    the usage, comes only to those who want it; then each of the others says that it has none."""
    ours = _ours(model)
    async with aclosing(chunks):
        async for chunk in chunks:
            choices = [{**choice, "delta": _delta(choice["delta"])} for choice in chunk["choices"]]
            told = {**_envelope(chunk, "chat.completion.chunk", ours), "choices": choices}
            if wants_usage:
                usage = chunk.get("usage")
                yield {**told, "usage": usage_of(usage) if usage else None}
            elif choices:
                yield told


def usage_of(usage: Mapping[str, Json]) -> dict[str, Json]:
    """What a call used, as far as the published form says it."""
    told: dict[str, Json] = {name: usage.get(name) or 0 for name in _COUNTS}
    for name, parts in _DETAILS.items():
        details = usage.get(name)
        if isinstance(details, Mapping):
            told[name] = {part: details[part] for part in parts if isinstance(details.get(part), int)}
    return told


def _ours(model: str) -> dict[str, Json]:
    """What an answer says of itself, where its provider does not."""
    return {"id": f"chatcmpl-{uuid7().hex}", "created": int(now().timestamp()), "model": model}


def _envelope(answer: Mapping[str, Json], kind: str, ours: Mapping[str, Json]) -> dict[str, Json]:
    given = {name: answer.get(name) for name in ours}
    told = {name: given[name] if given[name] and type(given[name]) is type(ours[name]) else ours[name] for name in ours}
    beside = {name: answer[name] for name, kind in _BESIDE.items() if isinstance(answer.get(name), kind)}
    if beside.get("service_tier") not in SERVICE_TIERS:
        beside.pop("service_tier", None)
    return {"object": kind, **told, **beside}


def _choice(place: int, choice: Mapping[str, Json]) -> dict[str, Json]:
    message = choice.get("message") or {}
    calls = message.get("tool_calls")
    return {
        "index": place,
        "message": {
            "role": "assistant",
            "content": message.get("content"),
            "refusal": message.get("refusal"),
            **({"tool_calls": calls} if calls else {}),
            **_said(message),
        },
        "finish_reason": choice.get("finish_reason"),
        "logprobs": choice.get("logprobs"),
    }


def _delta(delta: Mapping[str, Json]) -> dict[str, Json]:
    return {**{name: part for name, part in delta.items() if name not in _SAID}, **_said(delta)}


def _said(message: Mapping[str, Json]) -> dict[str, Json]:
    """What is said beside the text, as far as it is of its kind."""
    return {
        name: _only(message[name], keys) for name, (kind, keys) in _SAID.items() if isinstance(message.get(name), kind)
    }


def _only(given: Json, keys: _Keys | None) -> Json:
    """What is there under these keys."""
    if keys is None:
        return given
    if isinstance(given, list):
        return [_only(one, keys) for one in given if isinstance(one, Mapping)]
    if not isinstance(given, Mapping):
        return {}
    return {name: _only(given[name], inner) for name, inner in keys.items() if given.get(name) is not None}
