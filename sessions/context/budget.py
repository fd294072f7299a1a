"""How many tokens a prompt may have, and how much of a history is worth reading for one."""

from collections.abc import Iterable

from agents.llm.tokens import context_window
from sessions.models import Session

# Takes the place of a window that is not known; about 4 MB of text.
LONGEST_HISTORY = 1_000_000
# So many tokens are read without asking how many fit.
FREELY_READ = 20_000
_MOST_READ = 4 * LONGEST_HISTORY
# An entry that was counted for another model may have so many times more tokens, or fewer.
OTHER_COUNT = 4


def token_budget(session: Session, model: str) -> int | None:
    """The tokens a prompt may have: as the session says, else the model's window, else None for no limit."""
    return session.token_budget or context_window(model)


def readable_tokens(session: Session, models: Iterable[str]) -> int:
    """More tokens of history than a prompt for any of these models could hold, by whatever model they were counted."""
    budgets = [token_budget(session, model) for model in models]
    most = max(LONGEST_HISTORY if budget is None else min(OTHER_COUNT * budget, _MOST_READ) for budget in budgets)
    return max(most, FREELY_READ)
