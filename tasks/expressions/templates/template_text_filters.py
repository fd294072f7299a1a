"""Filters of templates on texts and numbers. Names and meaning are Jinja's."""

import html
import urllib.parse

from tasks.expressions import operators
from tasks.expressions.callables import call
from tasks.expressions.errors import EvaluationError, LimitExceeded
from tasks.expressions.formatting import percent_format
from tasks.expressions.functions import FUNCTIONS
from tasks.expressions.functions.data import JSON
from tasks.expressions.functions.encoding import PARSE
from tasks.expressions.functions.numbers import GROUP as NUMBERS_GROUP
from tasks.expressions.limits import Budget
from tasks.expressions.methods import METHODS, replace_text
from tasks.expressions.templates.template_lookup import (
    FILTERS,
    filter_text,
)
from tasks.expressions.values import Value, fail

_TEXT = "2,048,000 characters"
_MAX_INDENT = 100
_MAX_QUOTED = 200_000


# Text


def _text_method(name: str, doc: str) -> None:
    method = METHODS[str][name]

    @FILTERS.add(f"{name}()", doc, _TEXT)
    def run(budget: Budget, value: Value) -> Value:
        return call(method, budget, [filter_text(value, budget)], {})


for _name, _doc in (
    ("upper", "In capital letters."),
    ("lower", "In small letters."),
    ("capitalize", "The first letter as a capital."),
    ("title", "Each word with a capital."),
):
    _text_method(_name, _doc)


@FILTERS.add("trim(characters=None)", "Without blanks (or the characters) at both ends.", _TEXT)
def _trim(budget: Budget, value: Value, characters: Value = None) -> Value:
    return call(METHODS[str]["strip"], budget, [filter_text(value, budget), characters], {})


@FILTERS.add("replace(old, new, count=-1)", "With one text replaced by another.", _TEXT)
def _replace(budget: Budget, value: Value, old: Value, new: Value, count: Value = -1) -> str:
    return str(replace_text(budget, filter_text(value, budget), old, new, -1 if count is None else count))


@FILTERS.add("center(width=80)", "In the middle of that many characters.", _TEXT)
def _center(budget: Budget, value: Value, width: Value = 80) -> Value:
    return call(METHODS[str]["center"], budget, [filter_text(value, budget), width], {})


@FILTERS.add("format(*values)", "A text such as '%.2f of %s' with the values in it.", _TEXT)
def _format(budget: Budget, value: Value, *values: Value, **named: Value) -> str:
    if values and named:
        fail("TypeError", "format takes values or named values, not both")
    return percent_format(filter_text(value, budget), named or values, budget)


@FILTERS.add("truncate(length=255, killwords=False, end='...', leeway=5)", "Cut to a length.", _TEXT)
def _truncate(
    budget: Budget, value: Value, length: int = 255, killwords: Value = False, end: str = "...", leeway: int = 5
) -> str:
    text = filter_text(value, budget)
    if len(text) <= length + leeway:
        return text
    cut = text[: max(0, length - len(end))]
    return operators.add(cut if killwords else cut.rsplit(" ", 1)[0], end, budget)  # type: ignore[no-any-return]


@FILTERS.add("indent(width=4, first=False, blank=False)", "With blanks in front of each line.", f"{_MAX_INDENT} blanks")
def _indent(budget: Budget, value: Value, width: Value = 4, first: Value = False, blank: Value = False) -> str:
    text = filter_text(value, budget)
    prefix = width if type(width) is str else " " * max(0, min(int(width), _MAX_INDENT + 1))
    if len(prefix) > _MAX_INDENT:
        fail("ValueError", f"indent takes at most {_MAX_INDENT} characters")
    lines = call(METHODS[str]["splitlines"], budget, [text], {}) if "\n" in text else [text]
    budget.grow_text(len(text) + len(prefix) * len(lines), wide=not text.isascii())
    indented = [
        line if (index == 0 and not first) or not (line or blank) else prefix + line for index, line in enumerate(lines)
    ]
    return "\n".join(indented) + ("\n" if text.endswith("\n") and "\n" in text else "")


@FILTERS.add(
    "wordwrap(width=79)", "With line breaks so that lines are not longer than the width.", "100,000 characters"
)
def _wordwrap(budget: Budget, value: Value, width: int = 79) -> str:
    text = filter_text(value, budget)
    if len(text) > 100_000 or type(width) is not int or width < 1:
        fail("ValueError", "wordwrap takes at most 100,000 characters and a width of at least 1")
    budget.charge(len(text) // 2)
    budget.grow_text(2 * len(text), wide=True)
    return "\n".join(_wrap_line(line, width) for line in text.splitlines())


def _wrap_line(line: str, width: int) -> str:
    pieces: list[str] = []
    length = 0
    for word in line.split(" "):
        if length:
            fits = length + 1 + len(word) <= width
            pieces.append(" " if fits else "\n")
            length = length + 1 if fits else 0
        pieces.append(word)
        length += len(word)
    return "".join(pieces)


@FILTERS.add("wordcount()", "The number of words.", _TEXT)
def _wordcount(budget: Budget, value: Value) -> int:
    return len(call(METHODS[str]["split"], budget, [filter_text(value, budget)], {}))


@FILTERS.add("striptags()", "Without HTML tags.", _TEXT)
def _striptags(budget: Budget, value: Value) -> str:
    text = filter_text(value, budget)
    if len(text) > _MAX_QUOTED:
        fail("ValueError", f"striptags takes at most {_MAX_QUOTED:,} characters")
    budget.charge(len(text) // 2)
    return html.unescape(" ".join(_without_tags(text).split()))


def _without_tags(text: str) -> str:
    pieces: list[str] = []
    position = 0
    while (start := text.find("<", position)) >= 0:
        end = text.find("-->" if text.startswith("<!--", start) else ">", start)
        if end < 0:
            break
        pieces.append(text[position:start])
        position = end + (3 if text.startswith("<!--", start) else 1)
    return "".join([*pieces, text[position:]])


@FILTERS.add("escape()", "With HTML's special characters escaped.", _TEXT)
def _escape(budget: Budget, value: Value) -> str:
    text = filter_text(value, budget)
    budget.grow_text(len(text) + 5 * sum(text.count(mark) for mark in "&<>\"'"), wide=not text.isascii())
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


@FILTERS.add("urlencode()", "As a part of an address, or an object as a query text.", f"{_MAX_QUOTED:,} characters")
def _urlencode(budget: Budget, value: Value) -> str:
    if type(value) in (dict, list, tuple):
        return str(call(PARSE.functions["urlencode"], budget, [value], {}))
    text = filter_text(value, budget)
    if len(text) > _MAX_QUOTED:
        fail("ValueError", f"urlencode takes at most {_MAX_QUOTED:,} characters")
    budget.charge(len(text) // 2)
    return urllib.parse.quote(text)


@FILTERS.add("string()", "As text.", _TEXT)
def _string(budget: Budget, value: Value) -> str:
    return filter_text(value, budget)


@FILTERS.add("safe()", "Unchanged: templates escape nothing by themselves.", "constant")
def _safe(budget: Budget, value: Value) -> Value:
    return value


@FILTERS.add("tojson(indent=None)", "As JSON text.", _TEXT)
def _tojson(budget: Budget, value: Value, indent: Value = None) -> Value:
    return call(JSON.functions["dumps"], budget, [value], {"indent": indent})


# Numbers


@FILTERS.add("int(default=0, base=10)", "As a whole number, or the default.", "600 characters")
def _int(budget: Budget, value: Value, default: Value = 0, base: Value = 10) -> Value:
    try:
        if type(value) is str and base != 10:
            return call(FUNCTIONS["int"], budget, [value, base], {})
        return call(FUNCTIONS["int"], budget, [value], {})
    except LimitExceeded:
        raise
    except (ValueError, OverflowError, EvaluationError):
        return _int_of_float(value, default, budget)


def _int_of_float(value: Value, default: Value, budget: Budget) -> Value:
    try:
        return int(call(FUNCTIONS["float"], budget, [value], {}))
    except LimitExceeded:
        raise
    except (ValueError, OverflowError, EvaluationError):
        return default


@FILTERS.add("float(default=0.0)", "As a number, or the default.", "600 characters")
def _float(budget: Budget, value: Value, default: Value = 0.0) -> Value:
    try:
        return call(FUNCTIONS["float"], budget, [value], {})
    except LimitExceeded:
        raise
    except (ValueError, OverflowError, EvaluationError):
        return default


@FILTERS.add("round(precision=0, method='common')", "Rounded; method may be ceil or floor.", "400 digits")
def _round(budget: Budget, value: Value, precision: Value = 0, method: str = "common") -> Value:
    if method == "common":
        return call(NUMBERS_GROUP.functions["round"], budget, [operators.multiply(value, 1.0, budget), precision], {})
    if method not in ("ceil", "floor") or type(precision) is not int or abs(precision) > 20:
        fail("ValueError", "round takes common, ceil or floor")
    shift = 10.0**precision
    scaled = operators.multiply(value, shift, budget)
    return (scaled.__ceil__() if method == "ceil" else scaled.__floor__()) / shift


@FILTERS.add("abs()", "Without its sign.", "constant")
def _abs(budget: Budget, value: Value) -> Value:
    return call(FUNCTIONS["abs"], budget, [value], {})


@FILTERS.add("filesizeformat(binary=False)", "A number of bytes for people, such as 1.5 MB.", "constant")
def _filesizeformat(budget: Budget, value: Value, binary: Value = False) -> str:
    size, base = call(FUNCTIONS["float"], budget, [value], {}), 1024 if binary else 1000
    if size < base:
        return f"{size:.0f} Byte{'' if size == 1 else 's'}"
    for unit in "kMGTPEZY":
        size /= base
        if size < base or unit == "Y":
            break
    return f"{size:.1f} {unit.upper() + 'i' if binary else unit}B"
