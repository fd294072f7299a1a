"""Finding `{expression}` in texts costs time in proportion to the text."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import Budget
from tasks.language.slots import MAX_SLOT, MAX_SLOTS, Slot, load_slot, split_text
from tasks.language.values import TextValue
from tests.effort import calls_made

_NAMES = frozenset({"_", "steps"})


@pytest.mark.parametrize(
    ("text", "scope", "rendered"),
    [
        ("{_}", {"_": 5}, "5"),
        ("{_}", {"_": None}, "None"),
        ("{_.a:>4}|", {"_": {"a": "x"}}, "   x|"),
        ("{_.a:.2f}", {"_": {"a": 1.005}}, f"{1.005:.2f}"),
        ("{_!r}", {"_": "x"}, "'x'"),
        ("{'\\n'.join(_)}", {"_": ["a", "b"]}, "a\nb"),
        ("{{not a template}} {_}", {"_": 1}, "{{not a template}} 1"),
        ("{_[1:2]}", {"_": [1, 2, 3]}, "[2]"),
        ("{_ != 2}", {"_": 1}, "True"),
        ("{_, 2}", {"_": 1}, "(1, 2)"),
    ],
)
def test_rendered_text(text: str, scope: dict[str, object], rendered: str) -> None:
    assert TextValue(tuple(split_text(text, _NAMES))).evaluate(scope, Budget()) == rendered


def test_slot_survives_storing() -> None:
    (slot,) = split_text("{_.a:>4}", _NAMES)
    assert isinstance(slot, Slot)
    assert load_slot(slot.source) == slot


def test_slot_longer_than_the_limit_is_text() -> None:
    text = "{_" + " " * MAX_SLOT + "}"
    assert split_text(text, _NAMES) == [text]


@pytest.mark.parametrize(
    "of_size",
    [
        lambda size: "_ " + "{ " * size,
        lambda size: "_ " + "{'" * size,
        lambda size: "_ " + "{(" * (size // 2) + ")}" * (size // 2),
        lambda size: "{_" * size,
        lambda size: '{"_": {"_": 1}, ' * (size // 4),
    ],
)
def test_hostile_braces_are_read_in_linear_time(of_size: Callable[[int], str]) -> None:
    def split(text: str) -> None:
        with suppress(LimitExceeded):
            split_text(text, _NAMES)

    small, large = (calls_made(partial(split, of_size(size))) for size in (10_000, 40_000))
    assert large < 5 * small + 100


def test_number_of_slots_is_bounded() -> None:
    assert len(split_text("{_}" * MAX_SLOTS, _NAMES)) == MAX_SLOTS
    with pytest.raises(LimitExceeded, match="1,000 expressions"):
        split_text("{_}" * (MAX_SLOTS + 1), _NAMES)
