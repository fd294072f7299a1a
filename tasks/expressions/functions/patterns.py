"""Regular expressions: the `re` module and the two search functions.

Patterns are compiled by the `regex` package, because it can stop a match after a time. It expands counted
repetition while it compiles, so that is measured before; fuzzy matching and recursion are not part of the language.
"""

import functools
import re
from collections.abc import Iterator

import regex

from tasks.expressions.callables import Group
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import (
    MAX_REGEX_INPUT,
    MAX_REGEX_PATTERN,
    MAX_REGEX_SECONDS,
    MAX_REGEX_WEIGHT,
    Budget,
)
from tasks.expressions.values import Value, fail, type_name

GROUP = Group("Patterns")
RE = Group("re", prefix="re.")

_BOUND = f"pattern {MAX_REGEX_PATTERN:,} and text {MAX_REGEX_INPUT:,} characters, {MAX_REGEX_SECONDS:g} s in all"
_MAX_MATCHES = 50_000
_MATCH_SIZE = 400
_COUNTED = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_FUZZY = re.compile(r"\{\s*(?:\d+\s*<?=?\s*)?[isde]\s*(?:[<+,:}]|=)")
_RECURSION = re.compile(r"\(\?(?:R|&|P>|[+-]?\d|\(DEFINE\))")
_TEMPLATE = re.compile(r"\\(?:g<([^<>]*)>|(\d{1,2})|(.))", re.DOTALL)
_TEMPLATE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "f": "\f", "v": "\v", "\\": "\\"}

FLAGS = {
    "I": int(regex.I),
    "IGNORECASE": int(regex.I),
    "M": int(regex.M),
    "MULTILINE": int(regex.M),
    "S": int(regex.S),
    "DOTALL": int(regex.S),
    "X": int(regex.X),
    "VERBOSE": int(regex.X),
    "A": int(regex.A),
    "ASCII": int(regex.A),
}
_ALLOWED_FLAGS = functools.reduce(int.__or__, FLAGS.values())


def pattern_weight(pattern: str) -> int:
    """How many elements the pattern has once counted repetition is written out; an upper estimate."""
    totals = [0]
    last = 0
    position = 0
    while position < len(pattern):
        character = pattern[position]
        counted = _COUNTED.match(pattern, position) if character == "{" else None
        if counted is not None:
            times = max(int(number[:9]) for number in (counted[1], counted[2] or "", "1") if number)
            totals[-1] += last * (times - 1)
            last *= times
            position = counted.end()
            continue
        if character == "(":
            totals.append(0)
        elif character == ")" and len(totals) > 1:
            last = totals.pop() + 1
            totals[-1] += last
        else:
            position += character == "\\"
            last = 1
            totals[-1] += 1
        position += 1
        if totals[-1] > MAX_REGEX_WEIGHT:
            break
    return sum(totals)


@functools.lru_cache(maxsize=64)
def _compile(pattern: str, flags: int) -> "regex.Pattern[str]":
    if len(pattern) > MAX_REGEX_PATTERN:
        raise LimitExceeded(f"a pattern may have at most {MAX_REGEX_PATTERN:,} characters")
    if pattern_weight(pattern) > MAX_REGEX_WEIGHT:
        raise LimitExceeded("the pattern repeats too much")
    if _FUZZY.search(pattern) or _RECURSION.search(pattern):
        fail("ValueError", "the pattern uses fuzzy matching or recursion, which are not supported")
    try:
        return regex.compile(pattern, flags, cache_pattern=False)
    except regex.error as error:
        fail("ValueError", f"the pattern is not valid: {error}")


def _prepared(budget: Budget, pattern: Value, text: Value, flags: Value) -> "regex.Pattern[str]":
    for value, role in ((pattern, "pattern"), (text, "text")):
        if type(value) is not str:
            fail("TypeError", f"the {role} must be text, not {type_name(value)}")
    if len(text) > MAX_REGEX_INPUT:
        raise LimitExceeded(f"a pattern searches at most {MAX_REGEX_INPUT:,} characters")
    if type(flags) is not int or flags & ~_ALLOWED_FLAGS:
        fail("ValueError", "unknown flags")
    # Preparing a pattern takes longer than most searches, and only some are kept.
    budget.charge(50 + len(pattern))
    budget.charge_text(len(text))
    return _compile(pattern, flags)


def _timeout(budget: Budget) -> float:
    return max(0.001, min(MAX_REGEX_SECONDS, budget.seconds_left()))


def _single(budget: Budget, method: str, pattern: Value, text: Value, flags: Value) -> Value:
    compiled = _prepared(budget, pattern, text, flags)
    try:
        found = getattr(compiled, method)(text, timeout=_timeout(budget))
    except TimeoutError:
        raise _too_slow() from None
    budget.check_clock()
    return found


def _too_slow() -> LimitExceeded:
    return LimitExceeded(f"the pattern took more than {MAX_REGEX_SECONDS:g} seconds on this text")


def _matches(budget: Budget, pattern: Value, text: Value, flags: Value) -> Iterator["regex.Match[str]"]:
    compiled = _prepared(budget, pattern, text, flags)
    try:
        for count, match in enumerate(compiled.finditer(text, timeout=_timeout(budget)), 1):
            if count > _MAX_MATCHES:
                raise LimitExceeded(f"a pattern may match at most {_MAX_MATCHES:,} times")
            budget.charge(5)
            yield match
    except TimeoutError:
        raise _too_slow() from None
    budget.check_clock()


def _grow_groups(budget: Budget, match: "regex.Match[str]") -> None:
    start, end = match.span()
    budget.grow(64 + (end - start) * (1 + len(match.groups())))


@RE.add("search(pattern, text, flags=0)", "The first match, or null.", _BOUND)
def _search(budget: Budget, pattern: Value, string: Value, flags: Value = 0) -> Value:
    return _single(budget, "search", pattern, string, flags)


@RE.add("match(pattern, text, flags=0)", "The match at the start of the text, or null.", _BOUND)
def _match(budget: Budget, pattern: Value, string: Value, flags: Value = 0) -> Value:
    return _single(budget, "match", pattern, string, flags)


@RE.add("fullmatch(pattern, text, flags=0)", "The match of the whole text, or null.", _BOUND)
def _fullmatch(budget: Budget, pattern: Value, string: Value, flags: Value = 0) -> Value:
    return _single(budget, "fullmatch", pattern, string, flags)


@RE.add("finditer(pattern, text, flags=0)", "A list of all matches.", f"{_BOUND}; 50,000 matches")
def _finditer(budget: Budget, pattern: Value, string: Value, flags: Value = 0) -> list[Value]:
    found = []
    for match in _matches(budget, pattern, string, flags):
        budget.grow(_MATCH_SIZE + 64 * len(match.regs))
        found.append(match)
    return found


@RE.add(
    "findall(pattern, text, flags=0)", "A list of the matched texts (or of their groups).", f"{_BOUND}; 50,000 matches"
)
def _findall(budget: Budget, pattern: Value, string: Value, flags: Value = 0) -> list[Value]:
    found: list[Value] = []
    for match in _matches(budget, pattern, string, flags):
        _grow_groups(budget, match)
        groups = match.groups("")
        found.append(match.group() if not groups else groups[0] if len(groups) == 1 else groups)
    return found


@RE.add("split(pattern, text, maxsplit=0, flags=0)", "The pieces between matches.", f"{_BOUND}; 50,000 matches")
def _split(budget: Budget, pattern: Value, string: Value, maxsplit: Value = 0, flags: Value = 0) -> list[Value]:
    pieces: list[Value] = []
    position = 0
    budget.grow(len(string) if type(string) is str else 0)
    for count, match in enumerate(_matches(budget, pattern, string, flags), 1):
        budget.grow(128)
        pieces += [string[position : match.start()], *match.groups()]
        position = match.end()
        if count == maxsplit:
            break
    return [*pieces, string[position:]]


def _expand(template: list[str | int], match: "regex.Match[str]", budget: Budget) -> str:
    pieces = []
    total = 0
    for part in template:
        piece = part if isinstance(part, str) else match.group(part) or ""
        total += len(piece)
        budget.grow_text(total, wide=False) if total > 10_000 else None
        pieces.append(piece)
    return "".join(pieces)


def _parse_template(template: Value, pattern: "regex.Pattern[str]") -> list[str | int]:
    """A replacement text as literal pieces and group numbers."""
    if type(template) is not str:
        fail("TypeError", "the replacement must be text")
    parts: list[str | int] = []
    position = 0
    for match in _TEMPLATE.finditer(template):
        parts.append(template[position : match.start()])
        position = match.end()
        parts.append(_template_part(match, pattern))
    return [*parts, template[position:]]


def _template_part(match: re.Match[str], pattern: "regex.Pattern[str]") -> str | int:
    name, digits, character = match.groups()
    if character is not None:
        if character.isalpha() and character.isascii() and character not in _TEMPLATE_ESCAPES:
            fail("ValueError", f"the replacement has an unknown escape \\{character}")
        return _TEMPLATE_ESCAPES.get(character, f"\\{character}")
    number = int(digits or name) if digits or name.isdecimal() else pattern.groupindex.get(name, -1)
    if not 0 <= number <= pattern.groups:
        fail("IndexError", f"the pattern has no group {digits or name!r}")
    return number


def _replace(budget: Budget, pattern: Value, repl: Value, text: Value, count: Value, flags: Value) -> tuple[str, int]:
    template = _parse_template(repl, _prepared(budget, pattern, text, flags))
    pieces: list[str] = []
    total, position, done = len(text), 0, 0
    for match in _matches(budget, pattern, text, flags):
        replacement = _expand(template, match, budget)
        budget.charge(len(template))
        total += len(replacement) - (match.end() - match.start())
        pieces += [text[position : match.start()], replacement]
        budget.grow(128 + len(replacement))
        budget.grow_text(total, wide=False) if total > 100_000 and done % 64 == 0 else None
        position, done = match.end(), done + 1
        if done == count:
            break
    pieces.append(text[position:])
    budget.grow_text(total, wide=not text.isascii())
    return "".join(pieces), done


@RE.add(
    "sub(pattern, replacement, text, count=0, flags=0)",
    "The text with matches replaced; \\1 and \\g<name> are groups.",
    _BOUND,
)
def _sub(budget: Budget, pattern: Value, repl: Value, string: Value, count: Value = 0, flags: Value = 0) -> str:
    return _replace(budget, pattern, repl, string, count, flags)[0]


@RE.add("subn(pattern, replacement, text, count=0, flags=0)", "As sub, with the number of replacements.", _BOUND)
def _subn(budget: Budget, pattern: Value, repl: Value, string: Value, count: Value = 0, flags: Value = 0) -> Value:
    return _replace(budget, pattern, repl, string, count, flags)


@RE.add("escape(text)", "The text as a pattern that matches exactly it.", "2,048,000 characters")
def _escape(budget: Budget, text: Value) -> str:
    if type(text) is not str:
        fail("TypeError", "the argument must be text")
    budget.grow_text(2 * len(text), wide=not text.isascii())
    return re.escape(text)


@GROUP.add("search_regex(pattern, text)", "The first match, or null.", _BOUND)
def _search_regex(budget: Budget, pattern: Value, text: Value) -> Value:
    return _single(budget, "search", pattern, text, 0)


@GROUP.add("match_regex(pattern, text)", "Whether the whole text matches.", _BOUND)
def _match_regex(budget: Budget, pattern: Value, text: Value) -> bool:
    return _single(budget, "fullmatch", pattern, text, 0) is not None
