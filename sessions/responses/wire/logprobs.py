"""Log probabilities of tokens, in the form of the responses API."""

import math
from collections.abc import Iterable, Mapping

from julep_project.core.json_value import Json


def tokens_in(logprobs: Json) -> list[Json]:
    """Those of the text of a choice of chat completions, as far as a provider says any."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return content if isinstance(content, list) else []


def token_logprobs(given: Iterable[Json]) -> list[Json]:
    """Those of chat completions in the form of a response; what is no such thing is left out."""
    return [{**one, "top_logprobs": _top(token)} for token in given if (one := _one(token)) is not None]


def _top(token: Mapping[str, Json]) -> list[Json]:
    others = token.get("top_logprobs")
    return [one for other in others if (one := _one(other)) is not None] if isinstance(others, list) else []


def _one(token: Json) -> dict[str, Json] | None:
    if not isinstance(token, Mapping) or not isinstance(token.get("token"), str):
        return None
    probability = token.get("logprob")
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not math.isfinite(probability):
        return None
    told = token.get("bytes")
    # Not every provider says them.
    are_bytes = isinstance(told, list) and all(isinstance(each, int) and 0 <= each < 256 for each in told)
    return {
        "token": token["token"],
        "logprob": float(probability),
        "bytes": told if are_bytes else list(token["token"].encode()),
    }
