"""Quoted texts: pieces that follow each other are one, and an f-string is cut into text and fields.

f-strings are those of Python 3.12: a field may hold the quotes around it, backslashes, comments, line breaks and
further f-strings.
"""

import ast
import re
from abc import abstractmethod

from tasks.expressions.compiling.lexer import Lexer, Token

_PLAIN = re.compile(r"""[^\\{}'"]+""")
_NAMED_CHARACTER = re.compile(r"\\N\{[^{}]*\}")
_CONVERSION = re.compile(r"[A-Za-z]+")
_CONVERSIONS = {"s": 115, "r": 114, "a": 97}
_NO_CONVERSION = -1


class Literals(Lexer):
    """What the grammar reads expressions with, and takes quoted texts from."""

    @abstractmethod
    def field_value(self) -> ast.expr:
        """What stands at the beginning of a field."""

    def literal(self) -> ast.expr:
        """One or several quoted texts that follow each other."""
        pieces: list[ast.expr] = []
        is_formatted = False
        while self.token.kind in ("text", "f-string"):
            token = self.token
            if token.kind == "text":
                self.advance()
                pieces.append(ast.Constant(token.value))
                if isinstance(token.value, bytes):
                    # Refused later, wherever it stands.
                    return pieces[-1]
            else:
                is_formatted = True
                pieces += self._pieces(token, token, in_form=False)
                self.position += len(token.text)
                self.advance()
        if is_formatted:
            return ast.JoinedStr(_merged(pieces))
        return ast.Constant("".join(str(piece.value) for piece in pieces if isinstance(piece, ast.Constant)))

    def _pieces(self, literal: Token, opening: Token, *, in_form: bool) -> list[ast.expr]:
        """Text and fields up to the marks that end the literal, or to the brace that ends the field."""
        pieces: list[ast.expr] = []
        text: list[str] = []
        start = self.position
        while not (self._is_at(literal.text) or in_form and self._is_at("}")):
            if self._is_at("{") and (in_form or not self._is_at("{{")):
                pieces.append(self._constant(text, start, literal))
                pieces += self._field(literal)
                text, start = [], self.position
            else:
                text.append(self._plain(literal, opening))
        if in_form and not self._is_at("}"):
            self.fail("'{' is not closed that stands", opening.start)
        pieces.append(self._constant(text, start, literal))
        return pieces

    def _is_at(self, text: str) -> bool:
        return self.source.startswith(text, self.position)

    def _plain(self, literal: Token, opening: Token) -> str:
        """Some of the text, as written but for doubled braces."""
        start = self.position
        following = self.source[start : start + 2]
        length = 1
        shown = None
        if found := _PLAIN.match(self.source, start):
            length = len(found[0])
        elif following in ("{{", "}}"):
            length, shown = 2, following[0]
        elif following[:1] == "}":
            self.fail("a single '}' stands", start)
        elif not following:
            self.fail("the text never ends that starts", literal.start)
        elif following[0] == "\\" and following[1:] in ("{", "}"):
            shown = "\\" if literal.value else "\\\\"
        elif following[0] == "\\":
            named = None if literal.value else _NAMED_CHARACTER.match(self.source, start)
            length = len(named[0]) if named else 2
        self.position += length
        return self.source[start : start + length] if shown is None else shown

    def _constant(self, text: list[str], start: int, literal: Token) -> ast.expr:
        return ast.Constant(self.literal_text("".join(text), start, is_raw=bool(literal.value)))

    def _field(self, literal: Token) -> list[ast.expr]:
        """`{value = !conversion :form}`."""
        opening = Token("operator", "{", self.position)
        # A field is a level, and so is the text it stands in.
        self.open(2)
        self.position += 1
        self.advance()
        if self.at("}", "!", ":", ":=", "="):
            self.fail("an expression is missing", self.token.start)
        value = self.field_value()
        shown = self._shown(opening)
        conversion = self._conversion() if self.at("!") else _NO_CONVERSION
        form: ast.expr | None = None
        if self.at(":", ":="):
            self.position = self.token.start + 1
            form = ast.JoinedStr(_merged(self._pieces(literal, opening, in_form=True)))
            self.token = Token("operator", "}", self.position)
            self.position += 1
        # What follows is text again: no token may be read from it.
        end = self.token.start + 1
        if not self.at("}"):
            self.close(opening, "}")
        self.levels -= 2
        self.position = end
        if shown and form is None and conversion == _NO_CONVERSION:
            conversion = _CONVERSIONS["r"]
        return [*shown, ast.FormattedValue(value, conversion, form)]

    def _shown(self, opening: Token) -> list[ast.expr]:
        """`=` shows the source of the value before it."""
        if not self.take("="):
            return []
        return [ast.Constant(self.source[opening.start + 1 : self.token.start])]

    def _conversion(self) -> int:
        found = _CONVERSION.match(self.source, self.position)
        if found is None or found[0] not in _CONVERSIONS:
            self.fail("after '!' one of the letters s, r and a is expected", self.position)
        self.position = found.end()
        self.advance()
        return _CONVERSIONS[found[0]]


def _merged(pieces: list[ast.expr]) -> list[ast.expr]:
    """The same with texts that follow each other as one, and no empty text."""
    merged: list[ast.expr] = []
    for piece in pieces:
        if isinstance(piece, ast.Constant):
            if not piece.value:
                continue
            if merged and isinstance(merged[-1], ast.Constant):
                merged[-1] = ast.Constant(f"{merged[-1].value!s}{piece.value!s}")
                continue
        merged.append(piece)
    return merged
