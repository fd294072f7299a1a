"""What a string in a task means. One function per rule, in the order the rules are tried.

`dollar`: text unless marked. `classic`: values are Python expressions, prompts are Jinja. See `docs/language.md`.
`names` are the names that may be read at the place of the string.
"""

import re

from tasks.expressions.errors import (
    ExpressionError,
    ExpressionSyntaxError,
    TemplateSyntaxError,
    UnsupportedFeature,
)
from tasks.expressions.expression import Expression, compile_expression
from tasks.expressions.functions import FUNCTIONS, MODULES, UNAVAILABLE
from tasks.expressions.templates.templates import compile_template
from tasks.language.braces import literal_braces
from tasks.language.scope import SECRETS
from tasks.language.slots import MAX_SLOTS, Slot, mentions, read_slot, split_text, try_compile
from tasks.language.values import ExpressionValue, Literal, TemplateValue, TextValue, Value

_DOLLAR = re.compile(r"\s*\$\s+(?=\S)")
_LOOKS_LIKE_EXPRESSION = re.compile(r"\s*(?:_|(?:inputs|outputs|steps|state)\s*)[.\[]")
_MENTIONS_STEPS = re.compile(r"\b(?:inputs|outputs)\[")
_MARKERS = ("{{", "{%")
_F_STRING = re.compile(r"\s*(?:[rR][fF]|[fF][rR]?)['\"]")
_CALLABLE = frozenset(FUNCTIONS) | frozenset(MODULES) | frozenset(UNAVAILABLE)

# `$ {secrets.KEY}` is no set.
_SECRETS = frozenset({SECRETS})

Names = frozenset[str]
# What is said to the author of a text that is taken for something else than it may be meant to be.
Doubts = list[str]

_LITERAL_BRACES = (
    "the doubled braces hold neither a template nor an expression, so they stand in the text as single braces"
)


def is_dollar(text: str) -> bool:
    return _DOLLAR.match(text) is not None


def expression_source(text: str) -> str:
    """The text as an expression: without the optional mark and outer blanks."""
    return _DOLLAR.sub("", text, count=1).strip()


def has_template_marker(text: str) -> bool:
    return any(marker in text for marker in _MARKERS)


def read_condition(text: str, names: Names, doubts: Doubts) -> Value:
    """A field that is an expression in both dialects.

    Raises:
        ExpressionError: it is not one.
    """
    source = expression_source(text)
    if source.startswith("{{") and source.endswith("}}"):
        raise ExpressionSyntaxError("this field is an expression already; write it without {{ }}", source=source)
    if _is_braced_slot(source) and mentions(source, _SECRETS):
        source = source[1:-1]
    return ExpressionValue(compile_expression(source))


def read_dollar(text: str, names: Names, doubts: Doubts) -> Value:
    """A string of the dollar dialect.

    Raises:
        ExpressionError: it is marked as an expression or a template and is not one.
    """
    if is_dollar(text):
        return read_condition(text, names, doubts)
    if has_template_marker(text):
        return _template(text, names, doubts)
    guessed = _guessed_expression(text, names)
    return ExpressionValue(guessed) if guessed is not None else interpolated(text, names)


def read_classic(text: str, names: Names, doubts: Doubts) -> Value:
    """A string in a value field of the classic dialect.

    Raises:
        ExpressionError: a template that does not compile, or a text that starts like an expression and is none.
    """
    if has_template_marker(text):
        formatted = try_compile(text.strip()) if _F_STRING.match(text) else None
        if formatted is not None and _names_something(formatted, names):
            return ExpressionValue(formatted)
        return _template(text, names, doubts)
    expression = _classic_expression(text.strip(), names)
    return ExpressionValue(expression) if expression is not None else interpolated(text, names)


def read_classic_text(text: str, names: Names, doubts: Doubts) -> Value:
    """A prompt, log or error text of the classic dialect.

    Raises:
        ExpressionError: a template that does not compile.
    """
    return _template(text, names, doubts) if has_template_marker(text) else interpolated(text, names)


def interpolated(text: str, names: Names) -> Value:
    """Text in which `{expression}` is a slot if it parses and reads something of the run; all else stays.

    Raises:
        LimitExceeded: it has too many brackets to look through.
    """
    parts = split_text(text, names)
    return Literal(text) if parts == [text] else TextValue(tuple(parts))


def _classic_expression(source: str, names: Names) -> Expression | None:
    """The expression a value stands for, or nothing if it is text."""
    try:
        expression = compile_expression(source)
    except ExpressionError as error:
        if _LOOKS_LIKE_EXPRESSION.match(source) or _is_refused_on_purpose(error, source, names):
            raise
        return None
    if _is_braced_slot(source):
        return None
    is_constant = expression.is_literal or (expression.constants_named and not expression.names)
    return expression if is_constant or _names_something(expression, names) else None


def _is_refused_on_purpose(error: ExpressionError, source: str, names: Names) -> bool:
    """Whether the text was meant as an expression and uses something the language leaves out."""
    return isinstance(error, UnsupportedFeature) and mentions(source, names | _CALLABLE)


def _is_braced_slot(source: str) -> bool:
    """`{expression}` alone: as an expression it would be a set, which no value can hold."""
    return source.startswith("{") and source.endswith("}") and try_compile(source[1:-1]) is not None


def _names_something(expression: Expression, names: Names) -> bool:
    """A name of the run anywhere, a function when called, a module with an attribute."""
    return bool(expression.names & names or expression.functions_called or expression.module_attributes)


def _template(text: str, names: Names, doubts: Doubts) -> Value:
    """A Jinja template, a text around `{{ }}` that hold expressions Jinja does not know, or one with literal braces."""
    try:
        template = TemplateValue(compile_template(text))
    except ExpressionError as error:
        parts = _expression_parts(text) if "{%" not in text else []
        if any(isinstance(part, Slot) for part in parts):
            return TextValue(tuple(parts))
        found = literal_braces(text, names, is_template=False) if isinstance(error, TemplateSyntaxError) else None
        if found is None:
            raise
    else:
        # Jinja takes the inner ones of three for an object, and would show it as Python does.
        found = literal_braces(text, names, is_template=True) if "{{{" in text else None
        if found is None:
            return template
    doubts.append(_LITERAL_BRACES)
    return found


def _expression_parts(text: str) -> list[str | Slot]:
    """The text around `{{...}}` and the expressions inside; nothing at all if one of them is none."""
    parts: list[str | Slot] = []
    last = text.rfind("}}")
    start = 0
    while 0 <= (opening := text.find("{{", start)) < last:
        closing = text.index("}}", opening)
        part = read_slot(text[opening + 2 : closing].strip()) if len(parts) < MAX_SLOTS else None
        if part is None or part.is_literal:
            return []
        parts += [text[start:opening], part]
        start = closing + 2
    return [part for part in [*parts, text[start:]] if part]


def _guessed_expression(text: str, names: Names) -> Expression | None:
    """Unmarked texts that the older documents use as expressions."""
    stripped = text.strip()
    if stripped == "_" or stripped.startswith(("_.", "_[")):
        return try_compile(stripped)
    if stripped.startswith("{"):
        return None
    is_display = stripped.startswith("[") and stripped.endswith("]")
    if not is_display and not _MENTIONS_STEPS.search(stripped):
        return None
    expression = try_compile(stripped)
    return expression if expression is not None and _names_something(expression, names) else None
