"""The grammar of expressions: Python's, as ours to keep, so that one text means the same on every Python.

What it builds are Python's syntax nodes, without places. What the language leaves out on purpose is read, too, so
that the compiler can say so; only nesting is bounded here, because reading is recursive.
"""

import ast
import re
from collections.abc import Callable

from tasks.expressions.compiling.lexer import BLANK, Token
from tasks.expressions.compiling.literals import Literals
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.limits import MAX_DEPTH

_LOAD = ast.Load()
_OR, _AND, _NOT, _COMPARISON, _BIT_OR = 2, 3, 4, 5, 6
_ANYTHING, _UNARY, _POWER = 1, 12, 13
_BINARY: dict[str, tuple[int, type[ast.operator]]] = {
    "|": (_BIT_OR, ast.BitOr),
    "^": (7, ast.BitXor),
    "&": (8, ast.BitAnd),
    "<<": (9, ast.LShift),
    ">>": (9, ast.RShift),
    "+": (10, ast.Add),
    "-": (10, ast.Sub),
    "*": (11, ast.Mult),
    "/": (11, ast.Div),
    "//": (11, ast.FloorDiv),
    "%": (11, ast.Mod),
    "@": (11, ast.MatMult),
    "**": (_POWER, ast.Pow),
}
_UNARY_OPERATORS: dict[str, type[ast.unaryop]] = {"-": ast.USub, "+": ast.UAdd, "~": ast.Invert}
_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "in": ast.In,
    "is": ast.Is,
}
_NAMED_ARGUMENT = re.compile(rf"{BLANK}=(?!=)")
_CONSTANTS = {"True": True, "False": False, "None": None}


class Grammar(Literals):
    """Reads one expression. `level` says how tightly the operators bind that an operand may still contain."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._operands = 0
        self.advance()

    # Operators

    def whole(self) -> ast.expr:
        """All of the source; several expressions with commas between them are a tuple."""
        found = self.expressions(self.expression)
        if self.token.kind != "end":
            self.unexpected()
        return found

    def expression(self, level: int = _ANYTHING) -> ast.expr:
        """One expression without `:=`."""
        left = self._operand(level)
        while self.token.kind in ("operator", "keyword"):
            text = self.token.text
            if text in _BINARY and _BINARY[text][0] >= level:
                left = self._binary(left)
            elif level <= _COMPARISON and self._at_comparison():
                left = self._comparison(left)
            elif text == "and" and level <= _AND:
                left = ast.BoolOp(ast.And(), self._operands_of("and", left, _NOT))
            elif text == "or" and level <= _OR:
                left = ast.BoolOp(ast.Or(), self._operands_of("or", left, _AND))
            elif text == "if" and level <= _ANYTHING:
                left = self._ternary(left)
            else:
                break
        return left

    def _inner(self, level: int) -> ast.expr:
        """An operand on the right, whose own right operands may go on and on."""
        self._operands += 1
        if self._operands > MAX_DEPTH:
            raise LimitExceeded("the expression has too many operators in a row", source=self.source)
        found = self.expression(level)
        self._operands -= 1
        return found

    def _binary(self, left: ast.expr) -> ast.expr:
        level, operator = _BINARY[self.advance().text]
        right = self._inner(_UNARY) if level == _POWER else self.expression(level + 1)
        return ast.BinOp(left, operator(), right)

    def _at_comparison(self) -> bool:
        return self.at(*_COMPARISONS, "not")

    def _comparison(self, left: ast.expr) -> ast.expr:
        operators: list[ast.cmpop] = []
        operands: list[ast.expr] = []
        while self._at_comparison():
            operators.append(self._comparison_operator())
            operands.append(self.expression(_BIT_OR))
        return ast.Compare(left, operators, operands)

    def _comparison_operator(self) -> ast.cmpop:
        if self.take("not"):
            self.expect("in")
            return ast.NotIn()
        text = self.advance().text
        return ast.IsNot() if text == "is" and self.take("not") else _COMPARISONS[text]()

    def _operands_of(self, word: str, first: ast.expr, level: int) -> list[ast.expr]:
        operands = [first]
        while self.take(word):
            operands.append(self.expression(level))
        return operands

    def _ternary(self, then: ast.expr) -> ast.expr:
        self.advance()
        test = self.expression(_OR)
        self.expect("else")
        return ast.IfExp(test, then, self._inner(_ANYTHING))

    def _operand(self, level: int) -> ast.expr:
        token = self.token
        if token.kind == "operator" and token.text in _UNARY_OPERATORS and level <= _UNARY:
            self.advance()
            return ast.UnaryOp(_UNARY_OPERATORS[token.text](), self._inner(_UNARY))
        if token.kind == "keyword" and token.text == "not" and level <= _NOT:
            self.advance()
            return ast.UnaryOp(ast.Not(), self._inner(_NOT))
        if token.kind == "keyword" and token.text == "lambda" and level <= _ANYTHING:
            return self._lambda()
        if self.take("await"):
            return ast.Await(self._primary())
        return self._primary()

    def _lambda(self) -> ast.expr:
        """Its parameters are looked at only as far as it takes to find the end."""
        self.advance()
        while not self.at(":"):
            starred = self.at("*", "**", "/") and self.advance()
            if self.token.kind == "name":
                self.advance()
                if self.take("="):
                    self._inner(_ANYTHING)
            elif not starred:
                self.unexpected()
            if not self.take(","):
                break
        self.expect(":")
        nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        return ast.Lambda(nothing, self._inner(_ANYTHING))

    # What stands between operators

    def _primary(self) -> ast.expr:
        left = self._atom()
        while self.token.kind == "operator":
            token = self.token
            if token.text == ".":
                left = self._attribute(left)
            elif token.text == "(":
                left = self._call(left)
            elif token.text == "[":
                self.advance()
                self.open()
                left = ast.Subscript(left, self._indexes(), _LOAD)
                self.close(token, "]")
            else:
                break
        return left

    def _atom(self) -> ast.expr:
        token = self.token
        if token.kind == "name":
            self.advance()
            return ast.Name(token.text, _LOAD)
        if token.kind == "number":
            self.advance()
            return ast.Constant(token.value)
        if token.kind in ("text", "f-string"):
            return self.literal()
        if token.kind == "keyword" and token.text in _CONSTANTS:
            self.advance()
            return ast.Constant(_CONSTANTS[token.text])
        if token.kind == "operator" and token.text in _DISPLAYS:
            self.advance()
            self.open()
            return _DISPLAYS[token.text](self, token)
        if self.take("..."):
            return ast.Constant(...)
        self.unexpected()

    def _attribute(self, left: ast.expr) -> ast.expr:
        """After a dot any word is a key."""
        self.advance()
        if self.token.kind not in ("name", "keyword"):
            self.unexpected()
        return ast.Attribute(left, self.advance().text, _LOAD)

    def _indexes(self) -> ast.expr:
        found = self.expressions(self._index, "]")
        return ast.Tuple([found], _LOAD) if isinstance(found, ast.Starred) else found

    def _index(self) -> ast.expr:
        if self.take("*"):
            return ast.Starred(self.expression(), _LOAD)
        lower = None if self.at(":") else self._named()
        if not self.take(":"):
            assert lower is not None
            return lower
        upper = self._bound()
        return ast.Slice(lower, upper, self._bound() if self.take(":") else None)

    def _bound(self) -> ast.expr | None:
        return None if self.at(":", "]", ",") else self.expression()

    # Lists of expressions

    def expressions(self, item: Callable[[], ast.expr], *ends: str) -> ast.expr:
        """One, or several as a tuple; after a comma one of `ends` may stand, or nothing more."""
        first = item()
        return ast.Tuple(self._more(first, item, *ends), _LOAD) if self.at(",") else first

    def _more(self, first: ast.expr, item: Callable[[], ast.expr], *ends: str) -> list[ast.expr]:
        items = [first]
        while self.take(","):
            if self.token.kind == "end" or self.at(*ends):
                break
            items.append(item())
        return items

    def _named(self) -> ast.expr:
        found = self.expression()
        if isinstance(found, ast.Name) and self.take(":="):
            return ast.NamedExpr(ast.Name(found.id, ast.Store()), self._inner(_ANYTHING))
        return found

    def _item(self) -> ast.expr:
        return self._starred() if self.at("*") else self._named()

    def _starred_or_plain(self) -> ast.expr:
        return self._starred() if self.at("*") else self.expression()

    def field_value(self) -> ast.expr:
        if self.at("yield"):
            return self._yielded()
        return self.expressions(self._starred_or_plain, "}", "!", ":", ":=", "=")

    def _starred(self) -> ast.expr:
        self.advance()
        return ast.Starred(self.expression(_BIT_OR), _LOAD)

    def _group(self, opening: Token) -> ast.expr:
        """`( )`: an expression, a tuple or a generator."""
        found: ast.expr
        if self.at(")"):
            found = ast.Tuple([], _LOAD)
        elif self.at("yield"):
            found = self._yielded()
        else:
            first = self._item()
            if self.at(","):
                found = ast.Tuple(self._more(first, self._item, ")"), _LOAD)
            elif self._at_clause():
                found = ast.GeneratorExp(self._element(first), self._clauses())
            elif isinstance(first, ast.Starred):
                self.unexpected(opening)
            else:
                found = first
        self.close(opening, ")")
        return found

    def _yielded(self) -> ast.expr:
        self.advance()
        if self.take("from"):
            return ast.YieldFrom(self._inner(_ANYTHING))
        return ast.Yield(None if self.at(")", "}") else self.expressions(self._starred_or_plain, ")", "}"))

    def _list(self, opening: Token) -> ast.expr:
        found: ast.expr
        if self.at("]"):
            found = ast.List([], _LOAD)
        else:
            first = self._item()
            if self._at_clause():
                found = ast.ListComp(self._element(first), self._clauses())
            else:
                found = ast.List(self._more(first, self._item, "]"), _LOAD)
        self.close(opening, "]")
        return found

    def _braces(self, opening: Token) -> ast.expr:
        """`{ }`: an object or a set."""
        found: ast.expr
        if self.at("}", "**"):
            found = self._object([], [])
        else:
            first = self._item()
            if self.at(":") and not isinstance(first, ast.Starred):
                self.advance()
                value = self.expression()
                if self._at_clause():
                    found = ast.DictComp(first, value, self._clauses())
                else:
                    found = self._object([first], [value])
            elif self._at_clause():
                found = ast.SetComp(self._element(first), self._clauses())
            else:
                found = ast.Set(self._more(first, self._item, "}"))
        self.close(opening, "}")
        return found

    def _object(self, keys: list[ast.expr | None], values: list[ast.expr]) -> ast.expr:
        while not self.at("}") and (not keys or self.take(",")):
            if self.at("}"):
                break
            if self.take("**"):
                keys.append(None)
                values.append(self.expression(_BIT_OR))
            else:
                keys.append(self.expression())
                self.expect(":")
                values.append(self.expression())
        return ast.Dict(keys, values)

    # Calls and comprehensions

    def _call(self, function: ast.expr) -> ast.expr:
        opening = self.advance()
        self.open()
        arguments: list[ast.expr] = []
        keywords: list[ast.keyword] = []
        while not self.at(")"):
            place = self.token
            if self.take("**"):
                keywords.append(ast.keyword(None, self.expression()))
            elif self.token.kind == "name" and _NAMED_ARGUMENT.match(self.source, self.position):
                name = self.advance().text
                self.advance()
                keywords.append(ast.keyword(name, self.expression()))
            else:
                argument = self._argument(is_only=not arguments and not keywords)
                is_late = any(keyword.arg is None or not isinstance(argument, ast.Starred) for keyword in keywords)
                if is_late:
                    self.fail("an argument without a name may not follow one with a name,", place.start)
                arguments.append(argument)
            if not self.take(","):
                break
        self.close(opening, ")")
        return ast.Call(function, arguments, keywords)

    def _argument(self, *, is_only: bool) -> ast.expr:
        if self.take("*"):
            return ast.Starred(self.expression(), _LOAD)
        found = self._named()
        if self._at_clause():
            clauses = self._clauses()
            if not is_only or not self.at(")"):
                self.fail("a comprehension beside other arguments needs brackets", self.token.start)
            return ast.GeneratorExp(found, clauses)
        return found

    def _at_clause(self) -> bool:
        return self.at("for", "async")

    def _element(self, element: ast.expr) -> ast.expr:
        if isinstance(element, ast.Starred):
            self.unexpected()
        return element

    def _clauses(self) -> list[ast.comprehension]:
        clauses: list[ast.comprehension] = []
        while self._at_clause():
            is_async = self.take("async")
            self.expect("for")
            target = self.expressions(self._target, "in")
            self.expect("in")
            iterable = self.expression(_OR)
            tests: list[ast.expr] = []
            while self.take("if"):
                tests.append(self.expression(_OR))
            clauses.append(ast.comprehension(target, iterable, tests, int(is_async)))
        return clauses

    def _target(self) -> ast.expr:
        token = self.token
        found = self._starred() if self.at("*") else self.expression(_BIT_OR)
        if not isinstance(found, _TARGETS):
            self.unexpected(token)
        return found


_TARGETS = (ast.Name, ast.Tuple, ast.List, ast.Starred, ast.Attribute, ast.Subscript)
_DISPLAYS: dict[str, Callable[[Grammar, Token], ast.expr]] = {
    "(": Grammar._group,
    "[": Grammar._list,
    "{": Grammar._braces,
}
