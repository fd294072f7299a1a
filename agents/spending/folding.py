"""Sums of days: accounts that are settled are folded into them, each once, in the statement that marks it."""

from agents.models import UsageState
from agents.spending.attribution import COUNTS_FOR, DIMENSIONS
from agents.spending.sql import DAY_OF_USAGE
from julep_project.core.database import fetch

_BATCH = 2000
_MOST_BATCHES = 50

_KEY = ", ".join(["developer_id", "day", "model", "custom_api_used", *DIMENSIONS])
_READ = ", ".join(
    ["c.developer_id", f"{DAY_OF_USAGE} AS day", "c.model", "c.custom_api_used", *(f"c.{name}" for name in DIMENSIONS)]
)
_SUMS = ("calls", "unpriced", "prompt_tokens", "completion_tokens", "cost")

_ADDED = ", ".join(f"{name} = spending_usageday.{name} + excluded.{name}" for name in _SUMS)
# The same for all calls of a run, but for those that a release before did not tell.
_KEPT = f"{COUNTS_FOR} = coalesce(spending_usageday.{COUNTS_FOR}, excluded.{COUNTS_FOR})"

# Rows of days are taken in the order of their keys, by whoever adds to them. The database adds up for tasks what is new
# of days, and then what has changed of them: only one folds at a time, or two might wait for each other's sums.
_LOCK = 0x666F6C64
_FOLD = f"""
    WITH alone AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(%(lock)s) AS is_so
    ), due AS MATERIALIZED (
        SELECT id FROM agents_modelusage WHERE (SELECT is_so FROM alone) AND NOT folded
          AND state <> '{UsageState.RESERVED}'
        LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), accounts AS (
        UPDATE agents_modelusage c SET folded = true FROM due WHERE c.id = due.id
        RETURNING {_READ}, c.{COUNTS_FOR}, c.prompt_tokens, c.completion_tokens, c.cost
    ), sums AS (
        INSERT INTO spending_usageday ({_KEY}, {COUNTS_FOR}, {", ".join(_SUMS)})
        SELECT {_KEY}, max({COUNTS_FOR}), count(*), count(*) FILTER (WHERE cost IS NULL), sum(prompt_tokens),
               sum(completion_tokens), coalesce(sum(cost), 0)
        FROM accounts GROUP BY {_KEY} ORDER BY {_KEY}
        ON CONFLICT ({_KEY}) DO UPDATE SET {_KEPT}, {_ADDED}
    )
    SELECT count(*) FROM accounts
"""


def fold() -> int:
    """Fold accounts that are settled; how many: none while another process folds."""
    folded = 0
    for _ in range(_MOST_BATCHES):
        [(count,)] = fetch(_FOLD, {"most": _BATCH, "lock": _LOCK})
        folded += count
        if count < _BATCH:
            break
    return folded
