"""Tokens of an expression, read one at a time, and what a literal stands for.

Blanks, line breaks, comments and a backslash before a line break stand between tokens. Inside a quoted literal a line
break is part of it, and a backslash that starts no escape is itself.
"""

import re
import unicodedata
from bisect import bisect_left
from typing import Final, Literal, NamedTuple, NoReturn

from tasks.expressions.errors import ExpressionSyntaxError, LimitExceeded
from tasks.expressions.limits import MAX_DEPTH
from tasks.expressions.operators import check_integer_bits

Kind = Literal["name", "keyword", "number", "text", "f-string", "operator", "end"]

KEYWORDS: Final = frozenset(
    """False None True and as assert async await break class continue def del elif else except finally for from global
    if import in is lambda nonlocal not or pass raise return try while with yield""".split()
)
BLANK: Final = r"(?:[ \t\f\r\n]+|\\(?:\r\n|\r|\n)|\#[^\r\n]*)*+"
_DIGITS = r"[0-9](?:_?[0-9])*+"
_TOKEN = re.compile(
    rf"""(?:{BLANK})(?:
    (?P<literal>(?P<prefix>[rR][bBfF]?|[bBfF][rR]?|[uU]|)(?P<marks>'''|\"\"\"|'|"))
    |(?P<number>0[xX](?:_?[0-9a-fA-F])++|0[oO](?:_?[0-7])++|0[bB](?:_?[01])++
        |(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?[jJ]?)
    |(?P<word>(?:[^\W\d]|[^\x00-\x7f])(?:\w|[^\x00-\x7f])*+)
    |(?P<operator>\*\*|//|<<|>>|[<>=!:]=|\.\.\.|[-+*/%@&|^~<>()\[\]{{}},:.=!])
    |(?P<end>\Z))?""",
    re.VERBOSE,
)
_LEADING_ZERO = re.compile(r"0[0_]*[1-9][0-9_]*")
_ENDS = {
    "'": re.compile(r"[^'\\]*+(?:\\.[^'\\]*+)*+'", re.DOTALL),
    '"': re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL),
    "'''": re.compile(r"[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+'''", re.DOTALL),
    '"""': re.compile(r'[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"""', re.DOTALL),
}
_LINE_BREAK = re.compile(r"\r\n?")
_ESCAPE = re.compile(
    r"\\(?:\n|(?P<octal>[0-7]{1,3})|[xuU](?P<code>(?<=x)[0-9a-fA-F]{2}|(?<=u)[0-9a-fA-F]{4}|(?<=U)[0-9a-fA-F]{8})"
    r"|N\{(?P<name>[^{}]*)\}|(?P<other>.))",
    re.DOTALL,
)
_SIMPLE_ESCAPES = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_INCOMPLETE_ESCAPES = frozenset("xuUN")


class Token(NamedTuple):
    """`value` is what a number or a text stands for; of an f-string, whether it is raw: its content is read later."""

    kind: Kind
    text: str
    start: int
    value: str | int | float | complex | bytes | bool | None = None


class Lexer:
    """Reads `source`; `token` is the current token and `position` where the next one will be looked for."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.token = Token("end", "", 0)
        self.levels = 0

    def advance(self) -> Token:
        """Go to the next token; the one before it is returned."""
        before = self.token
        found = _TOKEN.match(self.source, self.position)
        assert found is not None
        kind, start = found.lastgroup, found.start(found.lastgroup or 0)
        self.position = found.end()
        match kind:
            case "operator" | "end":
                self.token = Token(kind, found[kind], start)
            case "word":
                self.token = self._word(found["word"], start)
            case "number":
                self.token = self._number(found["number"], start)
            case "literal":
                self.token = self._literal(found["prefix"].lower(), found["marks"], start)
            case _:
                self.fail(f"{_shown(self.source[self.position])} is not expected", self.position)
        return before

    def at(self, *texts: str) -> bool:
        """Whether the current token is one of these operators or keywords."""
        return self.token.text in texts and self.token.kind in ("operator", "keyword")

    def take(self, text: str) -> bool:
        """Whether the current token is that operator or keyword; then it is passed."""
        found = self.at(text)
        if found:
            self.advance()
        return found

    def expect(self, text: str) -> None:
        if not self.take(text):
            self.unexpected()

    def open(self, levels: int = 1) -> None:
        """Go down; more than a few dozen levels are too many, because reading is recursive."""
        self.levels += levels
        if self.levels > MAX_DEPTH:
            raise LimitExceeded(f"an expression may be nested at most {MAX_DEPTH} levels deep", source=self.source)

    def close(self, opening: Token, closer: str, levels: int = 1) -> None:
        """Pass the bracket that closes `opening`, and go up again."""
        if self.token.kind == "end":
            self.fail(f"{opening.text!r} is not closed", opening.start)
        self.expect(closer)
        self.levels -= levels

    def fail(self, message: str, position: int) -> NoReturn:
        """Refuse the source because of what stands at that place."""
        line = self.source.count("\n", 0, position)
        column = position - self.source.rfind("\n", 0, position)
        where = f"line {line + 1}, character {column}" if line else f"character {column}"
        raise ExpressionSyntaxError(f"{message} at {where}", source=self.source)

    def unexpected(self, token: Token | None = None) -> NoReturn:
        """Refuse the source because of a token that cannot stand where it does."""
        token = token or self.token
        if token.kind == "end":
            raise ExpressionSyntaxError("the expression ends too early", source=self.source)
        shown = token.text if len(token.text) <= 30 else f"{token.text[:27]}..."
        self.fail(f"invalid syntax: {shown!r} is not expected", token.start)

    def _word(self, text: str, start: int) -> Token:
        if not text.isidentifier():
            # What a name begins with is a name, too.
            wrong = bisect_left(range(1, len(text)), True, key=lambda length: not text[:length].isidentifier())
            self.fail(f"{_shown(text[wrong])} is not expected", start + wrong)
        name = text if text.isascii() else unicodedata.normalize("NFKC", text)
        return Token("keyword" if name in KEYWORDS else "name", name, start)

    def _number(self, text: str, start: int) -> Token:
        end = self.position
        if self.source[end : end + 1].isalnum() or self.source[end : end + 1] == "_":
            self.fail("a number and the word after it need a blank between them", end)
        if _LEADING_ZERO.fullmatch(text):
            self.fail("a number may not start with zeros", start)
        return Token("number", text, start, _number_value(text))

    def _literal(self, prefix: str, marks: str, start: int) -> Token:
        opened = self.position
        is_raw = "r" in prefix
        if "f" in prefix:
            return Token("f-string", marks, start, is_raw)
        closed = _ENDS[marks].match(self.source, opened)
        if closed is None:
            self.fail("the text never ends that starts", start)
        self.position = closed.end()
        text = self.literal_text(self.source[opened : closed.end() - len(marks)], opened, is_raw=is_raw)
        value = text.encode(errors="replace") if "b" in prefix else text
        return Token("text", self.source[start : closed.end()], start, value)

    def literal_text(self, body: str, start: int, *, is_raw: bool) -> str:
        """What stands between the quotes, as it is meant."""
        body = _LINE_BREAK.sub("\n", body)
        if is_raw or "\\" not in body:
            return body
        return _ESCAPE.sub(lambda found: self._unescaped(found, start), body)

    def _unescaped(self, found: re.Match[str], start: int) -> str:
        other = found["other"]
        try:
            if found["octal"]:
                return chr(int(found["octal"], 8))
            if found["code"]:
                return chr(int(found["code"], 16))
            if found["name"] is not None:
                return _named(found["name"])
        except (KeyError, OverflowError, ValueError):
            self.fail(f"there is no character {found[0][:30]}", start + found.start())
        if other is None:
            return ""
        if other in _INCOMPLETE_ESCAPES:
            self.fail(f"the escape \\{other} is not complete", start + found.start())
        return _SIMPLE_ESCAPES.get(other, found[0])


def _shown(character: str) -> str:
    return repr(character) if character.isprintable() else f"the character U+{ord(character):04X}"


def _named(name: str) -> str:
    character = unicodedata.lookup(name)
    if len(character) != 1:
        raise KeyError(name)
    return character


def _number_value(text: str) -> int | float | complex:
    if text[:2].lower() in ("0x", "0o", "0b"):
        return int(text, 0)
    digits = text.replace("_", "")
    if digits.isdecimal():
        # Before Python reads it, for which it takes longer than linear: a digit has more than three bits.
        check_integer_bits(3 * len(digits))
        return int(digits)
    return complex(digits) if digits[-1] in "jJ" else float(digits)
