"""How many tokens a prompt has, and how many a model takes. Nothing here reaches the network.

The first use for a provider's model imports the client library, which takes seconds, and counting a long history
takes milliseconds: async code calls these in a thread.
"""

import json
import logging
from collections.abc import Mapping, Sequence

from agents.llm.own import offline
from agents.llm.providers.provider import library, listed
from agents.llm.request import normal_messages, text_of
from agents.tools.presentation import present_tools
from julep_project.core.json_value import Json

log = logging.getLogger(__name__)

_BYTES_PER_TOKEN = 4
_TOKENS_AROUND_A_MESSAGE = 4
_TOKENS_OF_AN_IMAGE = 250


def count_tokens(model: str, messages: Sequence[Mapping[str, Json]], tools: Sequence[Mapping[str, Json]] = ()) -> int:
    """Tokens of a prompt by the model's tokenizer, as far as it is at hand; else an estimate by length.

    `messages` and `tools` are what `gateway.complete` takes. Never raises: an odd message is estimated.
    """
    sent, offered = normal_messages(messages), present_tools(tools)
    if offline.is_offline(model):
        return _estimate(sent, offered)
    try:
        counted: int = library().token_counter(
            model=model,
            messages=[_countable(message) for message in sent],
            tools=offered or None,
            use_default_image_token_count=True,
        )
    except Exception:  # the library's counter raises bare exceptions for parts and tools it does not know
        log.debug("tokens are estimated", exc_info=True, extra={"model": model})
        return _estimate(sent, offered)
    return counted


def count_each(model: str, messages: Sequence[Mapping[str, Json]]) -> list[int]:
    """Tokens that each message adds to a prompt; with those of a prompt without messages they make the whole."""
    empty = count_tokens(model, [])
    return [count_tokens(model, [message]) - empty for message in messages]


def count_text(model: str, text: str) -> int:
    """Tokens of a plain text, by the same rules."""
    if offline.is_offline(model):
        return _estimate_text(text)
    try:
        counted: int = library().token_counter(model=model, text=text)
    except Exception:
        log.debug("tokens are estimated", exc_info=True, extra={"model": model})
        return _estimate_text(text)
    return counted


def count_tokens_of(model: str, given: str | Sequence[int]) -> int:
    """Those of a text, or of what is given as tokens."""
    return count_text(model, given) if isinstance(given, str) else len(given)


def counted_usage(
    model: str,
    messages: Sequence[Mapping[str, Json]],
    tools: Sequence[Mapping[str, Json]],
    answer: Mapping[str, Json],
) -> dict[str, int]:
    """What a call must have used whose provider said nothing of it."""
    said = [_said(choice.get("message") or {}) for choice in answer.get("choices") or ()]
    asked, answered = count_tokens(model, messages, tools), count_text(model, "\n".join(said))
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def context_window(model: str) -> int | None:
    """How many tokens a prompt may have; None where it is not known."""
    if offline.is_offline(model):
        return None
    window = (listed(model) or {}).get("max_input_tokens")
    return window if isinstance(window, int) and window > 0 else None


def _countable(message: Mapping[str, Json]) -> dict[str, Json]:
    """The counter knows texts and images; any other part counts as what it is written as."""
    content = message.get("content")
    if not isinstance(content, list):
        return dict(message)
    parts = [part if part.get("type") in {"text", "image_url"} else _as_text(part) for part in content]
    return {**message, "content": parts}


def _as_text(part: Mapping[str, Json]) -> dict[str, Json]:
    return {"type": "text", "text": json.dumps(part, ensure_ascii=False, default=str)}


def _said(message: Mapping[str, Json]) -> str:
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    named = [f"{call.get('name') or ''}{call.get('arguments') or ''}" for call in calls]
    beside = [str(message.get(name) or "") for name in ("reasoning_content", "refusal")]
    return "\n".join([beside[0], text_of(message), beside[1], *named]).strip()


def _estimate(messages: Sequence[Mapping[str, Json]], tools: Sequence[Mapping[str, Json]]) -> int:
    asked = sum(_TOKENS_AROUND_A_MESSAGE + _estimate_message(message) for message in messages)
    return asked + sum(_estimate_text(json.dumps(tool, default=str)) for tool in tools)


def _estimate_message(message: Mapping[str, Json]) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    images = sum(1 for part in parts if part.get("type") == "image_url")
    return _estimate_text(_said(message)) + images * _TOKENS_OF_AN_IMAGE


def _estimate_text(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)
