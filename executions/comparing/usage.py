"""What runs, and steps of them, took from models: as far as the accounts of their calls are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self
from uuid import UUID

from julep_project.core.database import fetch

_OF_RUNS = """
    SELECT execution_id, count(*), coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint, sum(cost),
           count(*) FILTER (WHERE cost IS NULL)
    FROM agents_modelusage WHERE execution_id = ANY(%(ids)s::uuid[]) GROUP BY execution_id
"""
_OF_EFFECTS = """
    SELECT metadata->>'request_id', model, prompt_tokens + completion_tokens, cost FROM agents_modelusage
    WHERE execution_id = ANY(%(ids)s::uuid[]) AND metadata->>'request_id' = ANY(%(keys)s)
"""


@dataclass(slots=True)
class Usage:
    """`cost` is that of the calls whose price is known, None without any; `unpriced` counts the others."""

    calls: int = 0
    tokens: int = 0
    cost: Decimal | None = None
    unpriced: int = 0
    models: list[str] = field(default_factory=list)

    def add(self, model: str, tokens: int, cost: Decimal | None) -> None:
        self.calls += 1
        self.tokens += tokens
        if cost is None:
            self.unpriced += 1
        else:
            self.cost = (self.cost or Decimal()) + cost
        if model not in self.models:
            self.models.append(model)

    @classmethod
    def of_columns(cls, calls: int, tokens: int, cost: Decimal | None, unpriced: int) -> Self:
        return cls(calls, tokens, cost, unpriced)


def usage_of_runs(run_ids: Sequence[UUID]) -> dict[UUID, Usage]:
    """By run; none of a run without calls."""
    return {run_id: Usage.of_columns(*columns) for run_id, *columns in fetch(_OF_RUNS, {"ids": list(run_ids)})}


def usage_of_steps(run_ids: Sequence[UUID], keys: Mapping[str, UUID]) -> dict[UUID, Usage]:
    """By the row that ended the step; `keys` are those of its effects."""
    found: dict[UUID, Usage] = {}
    if keys:
        for key, *account in fetch(_OF_EFFECTS, {"ids": list(run_ids), "keys": list(keys)}):
            found.setdefault(keys[key], Usage()).add(*account)
    return found
