"""From the text of an expression to its syntax tree."""

import ast

from tasks.expressions.compiling.grammar import Grammar
from tasks.expressions.errors import ExpressionSyntaxError, LimitExceeded
from tasks.expressions.limits import MAX_SOURCE


def parse(source: str) -> ast.expr:
    """The syntax tree of one expression; raises `ExpressionSyntaxError` or `LimitExceeded`."""
    if len(source) > MAX_SOURCE:
        raise LimitExceeded(f"an expression may have at most {MAX_SOURCE:,} characters", source=source[:100])
    if "\x00" in source:
        raise ExpressionSyntaxError("the expression has a NUL character", source=source)
    try:
        source.encode()
    except UnicodeEncodeError:
        raise ExpressionSyntaxError("the expression has half of a surrogate pair", source=source) from None
    text = source.strip()
    if not text:
        raise ExpressionSyntaxError("the expression is empty", source=source)
    return Grammar(text).whole()
