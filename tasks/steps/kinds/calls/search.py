"""`search`: look through the documents of the agent."""

from collections.abc import Mapping
from typing import Any, Self

from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Call, Effect, Outcome
from tasks.steps.reader import StepReader

_QUESTIONS = frozenset({"query", "text", "vector"})
_KEYS = _QUESTIONS | {
    "alpha", "confidence", "k_multiplier", "lang", "limit", "metadata_filter", "mmr_strength",
    "include_embeddings", "trigram_similarity_threshold",
}  # fmt: skip


class Search(Step, kind="search", has_effect=True):
    """Output: the search answer, `{docs, time}`."""

    request: Value = evaluated("search")

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """`{query or text, vector?, limit?, ...}`."""
        content, place = reader.object(raw["search"], "search", _KEYS)
        given = {key: value for key, value in content.items() if value is not None}
        if not given.keys() & _QUESTIONS:
            place.problem("`text`, `query` or `vector` is missing", "missing", content)
        return cls(place.value(given))

    def start(self, ctx: StepContext) -> Outcome:
        """Search; the old name of `text` is `query`."""
        request = ctx.resolve(self.request)
        if "query" in request:
            request = {"text": request["query"], **{key: value for key, value in request.items() if key != "query"}}
        return Call(Effect("search", request, options=dict(self.options)))
