"""Fits a prompt into the tokens it may have."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.llm.tokens import count_each, count_tokens
from julep_project.core.errors import PromptTooBig
from sessions.context.calls import call_groups
from sessions.models import ContextOverflow

Json = Any
Message = Mapping[str, Json]


def fit(
    messages: Sequence[Message],
    *,
    model: str,
    budget: int | None,
    overflow: str | None,
    tools: Sequence[Mapping[str, Json]] = (),
    sizes: Sequence[int] | None = None,
    newest: int = 1,
) -> tuple[list[Message], int]:
    """The messages that fit and the tokens they have, tools included; `budget` None is no limit.

    With `truncate`, the oldest are left out, a tool call always together with its results. A leading system message
    and the last `newest` messages stay. `sizes` are the tokens each message adds, if they are known already.

    Raises:
        PromptTooBig: even so it is too large, or nothing may be left out.
    """
    counted = list(sizes) if sizes is not None else count_each(model, messages)
    total = sum(counted) + count_tokens(model, [], tools)
    if budget is None or total <= budget:
        return list(messages), total
    if overflow != ContextOverflow.TRUNCATE:
        raise PromptTooBig(f"The prompt has {total} tokens, which is more than the {budget} it may have")
    dropped: set[int] = set()
    for group in droppable(messages, newest):
        if total <= budget:
            break
        dropped.update(group)
        total -= sum(counted[index] for index in group)
    if total > budget:
        raise PromptTooBig(
            f"The prompt has {total} tokens without the older messages, which is more than the {budget} it may have"
        )
    return [message for index, message in enumerate(messages) if index not in dropped], total


def droppable(messages: Sequence[Message], newest: int) -> list[list[int]]:
    """Positions that may be left out, oldest first; those that go only together are in one group."""
    first = 1 if messages and messages[0]["role"] == "system" else 0
    kept = {*range(first), *range(len(messages) - newest, len(messages))}
    return [group for group in call_groups(messages) if kept.isdisjoint(group)]
