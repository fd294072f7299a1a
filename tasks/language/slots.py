"""`{expression}` inside a text: found once, when a task is created."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tasks.expressions.errors import ExpressionError, LimitExceeded
from tasks.expressions.expression import Expression, compile_expression

MAX_SLOT = 4_000
MAX_SLOTS = 1_000
# Pairs of braces with a name of the run between them: most are expressions, but code and JSON have them, too.
MAX_TRIES = 5_000
# Brackets and quotes looked at for one text. Text of nothing but opening braces would cost their number squared.
MAX_WORK = 1_000_000

_MARKS = re.compile(r"""[{}\[\]()'"\\]""")
_CLOSING = {"{": "}", "[": "]", "(": ")"}
_QUOTES = ('"""', "'''")
_FORMAT_START = re.compile(r":|![rsa](?=:|\s*$)")
# Python's format specification without leading blanks, `%` directives of dates, or slots of its own.
_FORMAT = re.compile(
    r"(?:![rsa])?(?::(?:(?:.?[<>=^])?[+-]?z?#?0?\d*[,_]?(?:\.\d+)?[bcdeEfFgGnosxX%]?|\S*[%{].*))?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Slot:
    """An expression in a text. `source` is the content of the braces, `expression` gives the text to put there.

    `names` are what the value reads, without its format, and `is_literal` says that it is nothing but literals:
    `"a":{_.b}` is a piece of JSON.
    """

    source: str
    expression: Expression
    names: frozenset[str]
    is_literal: bool


def split_text(text: str, names: frozenset[str]) -> list[str | Slot]:
    """The text cut at its slots: braces whose content parses and reads one of the names.

    Everything else stays exactly as written; a text without slots is one part.

    Raises:
        LimitExceeded: too many expressions, or too many brackets to look through.
    """
    parts: list[str | Slot] = []
    written = 0
    for count, (start, end, slot) in enumerate(_slots(text, names)):
        if count == MAX_SLOTS:
            raise LimitExceeded(f"a text may hold at most {MAX_SLOTS:,} expressions", source=text[:100])
        if text[written:start]:
            parts.append(text[written:start])
        parts.append(slot)
        written = end
    if text[written:] or not parts:
        parts.append(text[written:])
    return parts


def read_slot(inner: str) -> Slot | None:
    """The content of braces: an expression with optional `!r` and `:format`. Nothing: it is none."""
    value = try_compile(inner)
    if value is not None:
        return _slot(inner, value, f"str(({inner}))")
    for start in _FORMAT_START.finditer(inner):
        source, form = inner[: start.start()], inner[start.start() :]
        if _FORMAT.fullmatch(form) and (value := try_compile(source)) is not None:
            quotes = next((quotes for quotes in _QUOTES if quotes not in form), None)
            return _slot(inner, value, f"f{quotes}{{({source}){form}}}{quotes}") if quotes else None
    return None


def _slot(inner: str, value: Expression, source: str) -> Slot | None:
    expression = try_compile(source)
    return None if expression is None else Slot(inner, expression, value.names, value.is_literal)


def load_slot(inner: str) -> Slot:
    """The slot that was read from this source before."""
    slot = read_slot(inner)
    assert slot is not None, f"not a slot: {inner!r}"
    return slot


def try_compile(source: str) -> Expression | None:
    """The expression, or nothing if the text is none."""
    try:
        return compile_expression(source)
    except ExpressionError:
        return None


def mentions(text: str, names: frozenset[str]) -> bool:
    """Whether one of the names stands in the text as a word."""
    return _words(names).search(text) is not None


@lru_cache(maxsize=64)
def _words(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names)))})(?!\w)")


def _slots(text: str, names: frozenset[str]) -> Iterator[tuple[int, int, Slot]]:
    """Start, end and content of each slot, from left to right, none inside another."""
    if "{" not in text or not mentions(text, names):
        return
    marks = [(match.start(), match[0]) for match in _MARKS.finditer(text)]
    work, done, tried = 0, 0, 0
    for index, (start, mark) in enumerate(marks):
        if mark != "{" or start < done:
            continue
        steps, end = _closing(marks, index)
        work += steps
        if work > MAX_WORK:
            raise LimitExceeded("the text has too many braces to look for expressions in", source=text[:100])
        inner = None if end is None else text[start + 1 : end]
        if end is None or inner is None or not _may_be_slot(inner, names):
            continue
        tried += 1
        if tried > MAX_TRIES:
            raise LimitExceeded("the text has too many braces to look for expressions in", source=text[:100])
        slot = read_slot(inner)
        if slot is not None and slot.names & names:
            done = end + 1
            yield start, done, slot


def _may_be_slot(inner: str, names: frozenset[str]) -> bool:
    return len(inner) <= MAX_SLOT and not inner.lstrip().startswith("{") and mentions(inner, names)


def _closing(marks: list[tuple[int, str]], opening: int) -> tuple[int, int | None]:
    """Marks looked at, and the place of the brace that closes; brackets and quotes in between are respected."""
    expected: list[str] = []
    quote, escaped = "", -1
    first = marks[opening][0]
    for index in range(opening, len(marks)):
        position, mark = marks[index]
        if position - first > MAX_SLOT:
            return index - opening, None
        if quote:
            if mark == "\\" and position != escaped:
                escaped = position + 1
            elif mark == quote and position != escaped:
                quote = ""
        elif mark in "'\"":
            quote = mark
        elif mark in _CLOSING:
            expected.append(_CLOSING[mark])
        elif mark in "}])" and mark != expected.pop():
            return index - opening, None
        if not expected:
            return index - opening, position
    return len(marks) - opening, None
