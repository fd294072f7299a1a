"""Fits a prompt into the tokens it may have."""

from collections.abc import Collection, Mapping, Sequence

from agents.llm.tokens import count_each, count_tokens
from julep_project.core.json_value import Json
from sessions.context.calls import call_groups
from sessions.errors import PromptOverBudget
from sessions.models import ContextOverflow

Message = Mapping[str, Json]

TRUNCATE = ContextOverflow.TRUNCATE


def fit(
    messages: Sequence[Message],
    *,
    model: str,
    budget: int | None,
    overflow: str | None,
    tools: Sequence[Mapping[str, Json]] = (),
    sizes: Sequence[int] | None = None,
    stay: Collection[int],
) -> tuple[list[int], int]:
    """Positions of the messages that fit, and the tokens they have, tools included; `budget` None is no limit.

    With `truncate`, the oldest are left out, a tool call always together with its results, and an answer whose
    question is gone. A leading system message and the messages at the positions `stay` stay. `sizes` are the tokens
    each message adds, if they are known already.

    Raises:
        PromptOverBudget: even so it is too large, or nothing may be left out.
    """
    counted = list(sizes) if sizes is not None else count_each(model, messages)
    total = sum(counted) + count_tokens(model, [], tools)
    if budget is None or total <= budget:
        return list(range(len(messages))), total
    if overflow != TRUNCATE:
        text = f"The prompt has {total} tokens, which is more than the {budget} it may have"
        raise PromptOverBudget(text, model=model, tokens=total, budget=budget)
    dropped: set[int] = set()
    for group in _droppable(messages, stay):
        if total <= budget and not (dropped and _begins_unasked(messages, group, dropped)):
            break
        dropped.update(group)
        total -= sum(counted[index] for index in group)
    if total > budget:
        text = f"The prompt has {total} tokens without the older messages, which is more than the {budget} it may have"
        raise PromptOverBudget(text, model=model, tokens=total, budget=budget)
    return [index for index in range(len(messages)) if index not in dropped], total


def _begins_unasked(messages: Sequence[Message], group: Sequence[int], dropped: Collection[int]) -> bool:
    """Whether the group would be the first that is left, and is no question: some providers refuse that."""
    before = range(1 if messages[0]["role"] == "system" else 0, group[0])
    return messages[group[0]]["role"] in ("assistant", "tool") and all(index in dropped for index in before)


def _droppable(messages: Sequence[Message], stay: Collection[int]) -> list[list[int]]:
    """Positions that may be left out, oldest first; those that go only together are in one group."""
    first = 1 if messages and messages[0]["role"] == "system" else 0
    kept = {*range(first), *stay}
    return [group for group in call_groups(messages) if kept.isdisjoint(group)]
