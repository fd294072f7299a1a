"""What differs between two texts, line by line, in bounded time: however they are made, no page waits for it.

Lines that begin and end both are alike, and cost nothing. Of those between, the shortest way from one to the other is
looked for (Myers, "An O(ND) difference algorithm"); when it is not found with so much work, all of them are told as
removed and added.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

# Lines of one text that are compared, changes that are looked for, and steps on the way to them.
_MOST_LINES = 20_000
_MOST_CHANGES = 300
_MOST_STEPS = 400_000
# Lines around what differs, lines that are shown in all, and characters of one.
_AROUND = 4
_MOST_SHOWN = 1000
_LONGEST_LINE = 500


class Line(NamedTuple):
    """A line of a difference; `kind` is `added`, `removed`, `place` or `same`."""

    kind: str
    text: str


def canonical(value: Any) -> str:
    """A JSON value as a text that is the same for the same value; one that is a text itself."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


def difference(before: str, after: str) -> list[Line]:
    """What differs, with the lines around; nothing if nothing does."""
    if before == after:
        return []
    old, new = before.splitlines()[:_MOST_LINES], after.splitlines()[:_MOST_LINES]
    shown = list(_with_places(_compared(old, new)))
    left = len(shown) - _MOST_SHOWN
    return shown if left <= 0 else [*shown[:_MOST_SHOWN], Line("place", f"{left} more lines")]


def _compared(old: Sequence[str], new: Sequence[str]) -> list[Line]:
    """All lines of both."""
    most = min(len(old), len(new))
    begin = next((place for place in range(most) if old[place] != new[place]), most)
    most -= begin
    end = next((place for place in range(most) if old[-1 - place] != new[-1 - place]), most)
    middle = _middle(old[begin : len(old) - end], new[begin : len(new) - end])
    alike = [Line("same", text) for text in old]
    return [*alike[:begin], *middle, *alike[len(old) - end :]]


def _middle(old: Sequence[str], new: Sequence[str]) -> list[Line]:
    numbers: dict[str, int] = {}
    a, b = ([numbers.setdefault(line, len(numbers)) for line in lines] for lines in (old, new))
    trace = _trace(a, b)
    if trace is None:
        return [*(Line("removed", line) for line in old), *(Line("added", line) for line in new)]
    found: list[Line] = []
    x, y = len(a), len(b)
    for changes in range(len(trace) - 1, -1, -1):
        reached, k = trace[changes], x - y
        is_down = k == -changes or (k != changes and reached.get(k - 1, -1) < reached.get(k + 1, -1))
        last = k + 1 if is_down else k - 1
        from_x = reached.get(last, 0) if changes else 0
        from_y = from_x - last if changes else 0
        while x > from_x and y > from_y and a[x - 1] == b[y - 1]:
            x, y = x - 1, y - 1
            found.append(Line("same", old[x]))
        if changes:
            found.append(Line("added", new[from_y]) if is_down else Line("removed", old[from_x]))
            x, y = from_x, from_y
    return found[::-1]


def _trace(a: Sequence[int], b: Sequence[int]) -> list[dict[int, int]] | None:
    """By the number of changes, how far each diagonal was come before them; None when it is too much."""
    reached: dict[int, int] = {1: 0}
    trace: list[dict[int, int]] = []
    steps = 0
    for changes in range(_MOST_CHANGES + 1):
        trace.append(dict(reached))
        for k in range(-changes, changes + 1, 2):
            is_down = k == -changes or (k != changes and reached.get(k - 1, -1) < reached.get(k + 1, -1))
            x = reached.get(k + 1, 0) if is_down else reached.get(k - 1, 0) + 1
            begin = x
            while x < len(a) and x - k < len(b) and a[x] == b[x - k]:
                x += 1
            reached[k] = x
            steps += x - begin + 1
            if x >= len(a) and x - k >= len(b):
                return trace
        if steps > _MOST_STEPS:
            break
    return None


def _with_places(lines: Sequence[Line]) -> Iterator[Line]:
    """What differs and what is around it, with a line wherever something is left out."""
    near = [False] * len(lines)
    for place, line in enumerate(lines):
        if line.kind != "same":
            begin, end = max(place - _AROUND, 0), min(place + _AROUND + 1, len(lines))
            near[begin:end] = [True] * (end - begin)
    number, is_left_out = 0, False
    for line, is_near in zip(lines, near, strict=True):
        number += line.kind != "added"
        if not is_near:
            is_left_out = True
            continue
        if is_left_out:
            yield Line("place", f"line {number}")
        is_left_out = False
        yield Line(line.kind, line.text[:_LONGEST_LINE])
