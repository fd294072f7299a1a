"""Which entries a summary may stand for: whatever a history looks like, calls stay with their results."""

import pytest

from sessions.shortening.replaceable import EntryOutline, replaceable

BUDGET = 1000


def _history(*pieces: tuple[str, int]) -> list[EntryOutline]:
    """Entries by role and size; `assistant:a` calls, `tool:a` is the result."""
    history = []
    for seq, (name, tokens) in enumerate(pieces, start=1):
        role, _, call = name.partition(":")
        calls = (call,) if call and role == "assistant" else ()
        history.append(EntryOutline(seq, role, tokens, calls, call if role == "tool" else None))
    return history


@pytest.mark.parametrize(
    ("history", "gently", "urgently"),
    [
        ([("user", 100)] * 10, [0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6]),
        ([("user", 600)] * 2, [], [0, 1]),
        ([("user", 600)] * 4, [0, 1], [0, 1, 2, 3]),
        ([("user", 1500)], [], [0]),
        ([("user", 160)], [], []),
        ([("system", 900), ("user", 400), ("user", 400), ("user", 10)], [], [1, 2]),
        ([("user", 300), ("assistant:a", 5), ("tool:a", 900), ("user", 5), ("user", 5)], [0, 1, 2], [0, 1, 2]),
        ([("user", 300), ("user", 300), ("assistant:a", 5), ("user", 400), ("tool:a", 5)], [0, 1], [0, 1, 2, 3, 4]),
        ([("user", 300), ("assistant:a", 5), ("user", 300), ("user", 300)], [], [0, 2]),
        ([("user", 300), ("assistant:a", 400), ("user", 300), ("user", 300)], [0, 1], [0, 1, 2]),
    ],
)
def test_the_oldest_go(history: list[tuple[str, int]], gently: list[int], urgently: list[int]) -> None:
    pieces = _history(*history)
    last = len(pieces)
    assert replaceable(pieces, budget=BUDGET, through_seq=last) == gently
    assert replaceable(pieces, budget=BUDGET, through_seq=last, urgent=True) == urgently


def test_what_was_said_since_stays() -> None:
    pieces = _history(*[("user", 300)] * 6)
    assert replaceable(pieces, budget=BUDGET, through_seq=2, urgent=True) == [0, 1]
