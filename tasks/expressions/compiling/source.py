"""From the text of an expression to its syntax tree, with the guards that must come before Python's own parser.

One pass over the characters refuses text that would nest too deep and makes three harmless repairs: a line break
inside a quoted literal is part of the literal, a line break anywhere else is a blank, and a backslash that starts no
escape is itself.
"""

import ast
import re

from tasks.expressions.errors import ExpressionSyntaxError, LimitExceeded
from tasks.expressions.limits import MAX_DEPTH, MAX_SOURCE

_MAX_PREFIX_RUN = 20
_MAX_RIGHT_NESTING = 100
_ESCAPES = frozenset("\n\\'\"abfnrtvxNuU01234567")
_PREFIX_RUN = re.compile(rf"(?:(?:[-+~]|\bnot\b|\bawait\b)\s*){{{_MAX_PREFIX_RUN + 1},}}")
_RIGHT_NESTING = re.compile(r"\*\*|\b(?:else|lambda|yield)\b|:=")
_WORD = re.compile(r"[\w.]+")
_OPERATOR_WORDS = ("and", "else", "for", "if", "in", "is", "not", "or")
_LITERAL_PREFIX = re.compile(r"[A-Za-z]{0,2}\Z")
_OPENERS = "([{"
_CLOSERS = ")]}"


def parse(source: str) -> ast.expr:
    """The syntax tree of one expression; raises `ExpressionSyntaxError` or `LimitExceeded`."""
    if len(source) > MAX_SOURCE:
        raise LimitExceeded(f"an expression may have at most {MAX_SOURCE:,} characters", source=source[:100])
    if "\x00" in source:
        raise ExpressionSyntaxError("the expression has a NUL character", source=source)
    text = _Scanner(source).scan().strip()
    if not text:
        raise ExpressionSyntaxError("the expression is empty", source=source)
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ExpressionSyntaxError(_describe(error), source=source) from None
    except UnicodeError:
        raise ExpressionSyntaxError("the expression has half of a surrogate pair", source=source) from None
    except (RecursionError, MemoryError):
        raise LimitExceeded("the expression is nested too deep", source=source) from None
    except ValueError as error:
        raise ExpressionSyntaxError(str(error), source=source) from None


def _describe(error: SyntaxError) -> str:
    message = (error.msg or "invalid syntax").partition(" (<unknown>")[0]
    return f"{message} at character {error.offset}" if error.offset else message


class _Scanner:
    """Copies the source while it watches brackets, literals and comments."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.depth = 0
        self.output: list[str] = []
        # Code outside literals, to look for operator chains.
        self.code: list[str] = []

    def scan(self) -> str:
        while self.position < len(self.source):
            character = self.source[self.position]
            if character in "'\"":
                self.literal(character)
            elif character == "#":
                end = self.source.find("\n", self.position)
                self.position = len(self.source) if end < 0 else end
            else:
                self.plain(character)
        code = "".join(self.code)
        self.check_chains(code)
        # Python reads "1if x", but warns about it on standard error.
        if any(word[0][0].isdigit() and word[0].endswith(_OPERATOR_WORDS) for word in _WORD.finditer(code)):
            raise ExpressionSyntaxError("a number and the word after it need a blank between them", source=self.source)
        return "".join(self.output)

    def plain(self, character: str) -> None:
        self.count_brackets(character)
        kept = " " if character in "\r\n" else character
        self.output.append(kept)
        self.code.append(kept)
        self.position += 1

    def count_brackets(self, character: str) -> None:
        if character in _OPENERS:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise LimitExceeded(f"an expression may be nested at most {MAX_DEPTH} levels deep", source=self.source)
        elif character in _CLOSERS:
            self.depth -= 1

    def check_chains(self, code: str) -> None:
        if _PREFIX_RUN.search(code) or len(_RIGHT_NESTING.findall(code)) > _MAX_RIGHT_NESTING:
            raise LimitExceeded("the expression has too many operators in a row", source=self.source)

    def literal(self, quote: str) -> None:
        prefix = self.prefix()
        end, triple = self.literal_end(quote, raw="r" in prefix)
        width = 3 if triple else 1
        body = self.source[self.position + width : end - width]
        if "r" not in prefix:
            body = _repair_escapes(body)
        if "f" in prefix:
            self.check_replacement_fields(body)
        marks = quote * 3 if triple or "\n" in body or "\r" in body else quote
        self.output += [marks, body.replace("\r\n", "\n").replace("\r", "\n"), marks]
        self.code.append("''")
        self.position = end

    def prefix(self) -> str:
        tail = "".join(self.output[-3:])
        match = _LITERAL_PREFIX.search(tail)
        letters = match[0].lower() if match else ""
        return letters if set(letters) <= set("rbuf") else ""

    def literal_end(self, quote: str, *, raw: bool) -> tuple[int, bool]:
        """Position after the literal, and whether it is triple-quoted."""
        start = self.position
        triple = self.source.startswith(quote * 3, start)
        marks = quote * 3 if triple else quote
        position = start + len(marks)
        while position < len(self.source):
            if self.source[position] == "\\":
                position += 2
            elif self.source.startswith(marks, position):
                return position + len(marks), triple
            else:
                position += 1
        raise ExpressionSyntaxError(f"the text that starts at character {start + 1} never ends", source=self.source)

    def check_replacement_fields(self, body: str) -> None:
        """The code inside an f-string gets the same guards; quotes inside it do not matter for a bound."""
        depth = self.depth
        for character in body:
            self.count_brackets(character)
        self.depth = depth
        self.check_chains(body)


def _repair_escapes(body: str) -> str:
    if "\\" not in body:
        return body
    pieces: list[str] = []
    position = 0
    while position < len(body):
        if body[position] != "\\":
            pieces.append(body[position])
            position += 1
            continue
        following = body[position + 1 : position + 2]
        pieces.append(f"\\{following}" if following in _ESCAPES and following else f"\\\\{following}")
        position += 2
    return "".join(pieces)
