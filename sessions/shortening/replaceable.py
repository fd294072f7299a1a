"""Which part of a history a summary may stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from julep_project.core.json_value import Json
from sessions.context.calls import call_groups, called
from sessions.models import Entry

# Shares of the budget: what of the newest messages is left alone, and how long a summary may be.
KEPT = 0.35
SUMMARY = 0.15
LEAST_SUMMARY_TOKENS = 32
_KEPT_MESSAGES = 2
_LEAST_GAIN = 16


@dataclass(frozen=True, slots=True)
class EntryOutline:
    """What has to be known of an entry: its number, whose it is, its size, the calls it makes or answers."""

    seq: int
    role: str
    tokens: int
    calls: tuple[str, ...] = ()
    answers: str | None = None

    @classmethod
    def of(cls, entry: Entry, tokens: int) -> Self:
        """Of an entry that was read as a whole."""
        calls = tuple(called({"tool_calls": entry.tool_calls}))
        return cls(entry.seq, entry.role, tokens, calls, entry.tool_call_id)


def summary_tokens(budget: int) -> int:
    """How long a summary may be."""
    return max(int(budget * SUMMARY), LEAST_SUMMARY_TOKENS)


def replaceable(entries: Sequence[EntryOutline], *, budget: int, through_seq: int, urgent: bool = False) -> list[int]:
    """Positions of the oldest entries, which a summary may stand for; none when that would gain nothing.

    The newest are left alone as far as a share of the budget allows, two of them at least unless it is `urgent`, and
    so are those behind `through_seq`, system messages, and a call that waits for its result. Calls and their results
    are never parted.
    """
    groups = call_groups([_message(entry) for entry in entries])
    end = _whole(groups, _first_kept(entries, budget, through_seq, 0 if urgent else _KEPT_MESSAGES), up=urgent)
    waiting = _waiting(entries, groups, budget)
    old = [index for index in range(end) if entries[index].role != "system" and index not in waiting]
    gained = sum(entries[index].tokens for index in old) - summary_tokens(budget)
    return old if gained >= _LEAST_GAIN and (urgent or len(old) > 1) else []


def _first_kept(entries: Sequence[EntryOutline], budget: int, through_seq: int, least: int) -> int:
    """Where the newest begin that are left alone."""
    kept = 0
    for index in reversed(range(len(entries))):
        kept += entries[index].tokens
        is_old = entries[index].seq <= through_seq and len(entries) - index > least
        if is_old and kept > KEPT * budget:
            return index + 1
    return 0


def _whole(groups: Sequence[Sequence[int]], cut: int, *, up: bool) -> int:
    """The cut moved, up or down, to where it parts no call from its results."""
    for group in groups if up else reversed(groups):
        if group[0] < cut <= group[-1]:
            cut = group[-1] + 1 if up else group[0]
    return cut


def _waiting(entries: Sequence[EntryOutline], groups: Sequence[Sequence[int]], budget: int) -> set[int]:
    """The newest call the client may still answer, unless it is large."""
    for first, *results in reversed(groups):
        if set(entries[first].calls).difference(entries[index].answers for index in results):
            return {first, *results} if entries[first].tokens <= KEPT * budget else set()
    return set()


def _message(entry: EntryOutline) -> dict[str, Json]:
    calls = [{"id": call} for call in entry.calls]
    return {"role": entry.role, "tool_call_id": entry.answers, "tool_calls": calls}
